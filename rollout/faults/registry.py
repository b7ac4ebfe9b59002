"""Faults of the registry: it is gone, it is slow, it refuses, or what it answers is not what it should be.

All of them stand in the gateway's door (see door.py), so commands in the forge and our own look-ups meet the same.
"""

from __future__ import annotations

import asyncio
import functools
import hashlib
import re
from abc import abstractmethod
from collections.abc import Iterable

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from rollout.config.plan import PhasePlan, Plan
from rollout.faults import resigned_registry
from rollout.faults.fault import CannotInject, Kind, Wound, either_form
from rollout.faults.interceptor import ENTRIES, REGISTRY, TARBALLS, AtTheDoor, Broken, Trickle, Whole, taken
from rollout.hex.fetcher import fetch_uncached
from rollout.hex.registry import Package, read_package
from rollout.hex.routes import CAUSE_HEADER, Endpoint
from rollout.hex.sources import RehearsalSource, Source
from rollout.phases.step import Step
from rollout.site.site import Site

# Everything of a plan is resolved and fetched with phoenix_app. Later phases only ask whether the entries in Hex's
# cache are still true, and fetch no tarball any more.
_ASKING = ("asks_registry",)
_FETCHING = ("fetches",)
_OK, _NOT_FOUND, _TOO_MANY, _SERVER_ERROR, _BAD_GATEWAY, _UNAVAILABLE = 200, 404, 429, 500, 502, 503
_LATENCY_SECONDS = (0.3, 0.8)
_BYTES_PER_SECOND = 64 * 1024
_SLOW_SECONDS = (4.0, 12.0)
_MOST_BEFORE_GONE = 30
_FEWER_BEFORE_GONE = {"packages": 8, "archives": 3}  # phases that do not ask for more
_IMPOSSIBLE = ">= 99.0.0"
_A_FEW = "after a few requests (two or three, seeded)"
# Commands that ask the registry are tried four times. What lasts longer does not harm a phase after phoenix_app as long
# as Hex has every entry in its cache, which it has where phoenix_app was applied and not restored.
_RETRIED = {"transient": ("deployed",), "persistent": ("rolled_back", "deployed")}
_NOT_RETRIED = either_form("rolled_back")


class Answering(AtTheDoor):
    """Every request gets the same refusal."""

    def __init__(self, wound: Wound, status: int, cause: str, sentence: str, *, retry_after: int | None = None) -> None:
        super().__init__(wound)
        self._status, self._cause, self._sentence = status, cause, sentence
        self._more = {} if retry_after is None else {"retry-after": str(retry_after)}

    async def meddle(self, request: Request, proceed: Endpoint) -> Response:
        self.hit(f"{self._status} ({self._cause}) for {request.url.path}")
        said = {CAUSE_HEADER: self._cause, **self._more}
        return PlainTextResponse(f"{request.url.path}: {self._sentence}\n", self._status, said)


class Halfway(Answering):
    """The first requests are answered, and then the registry is gone."""

    def __init__(self, wound: Wound) -> None:
        super().__init__(wound, _BAD_GATEWAY, "unreachable", "the source cannot be reached any more")
        self._good = self.chance.randint(1, _FEWER_BEFORE_GONE.get(wound.phase or "", _MOST_BEFORE_GONE))

    async def meddle(self, request: Request, proceed: Endpoint) -> Response:
        if self._good > 0:
            self._good -= 1
            return await proceed(request)
        return await super().meddle(request, proceed)


class HungUp(AtTheDoor):
    """Connections are reset instead of answered."""

    async def meddle(self, request: Request, proceed: Endpoint) -> Response:
        self.hit(f"connection reset for {request.url.path}")
        return Broken(cause="unreachable")


class Slow(AtTheDoor):
    """Every answer comes late, and trickles."""

    def __init__(self, wound: Wound) -> None:
        super().__init__(wound)
        self._lasts = self.chance.uniform(*_SLOW_SECONDS)

    def strike(self, step: Step) -> None:
        if self.wound.is_transient:
            self.after(self._lasts, self.end)

    def hit(self, evidence: str) -> None:
        self.saw(evidence)

    async def meddle(self, request: Request, proceed: Endpoint) -> Response:
        late = self.chance.uniform(*_LATENCY_SECONDS)
        await asyncio.sleep(late)
        answer = await taken(request, proceed)
        self.hit(
            f"{late:.2f} s late, {len(answer.body)} bytes at {_BYTES_PER_SECOND // 1024} KiB/s: {request.url.path}"
        )
        return Trickle(answer, bytes_per_second=_BYTES_PER_SECOND, lasts=lambda: self.is_active)


class Altering(AtTheDoor):
    """An answer that has a body is changed on its way."""

    async def meddle(self, request: Request, proceed: Endpoint) -> Response:
        answer = await taken(request, proceed, anew=True)
        changed = self.change(request.url.path, answer) if self.is_active and answer.is_file else None
        return changed or answer.response()

    @abstractmethod
    def change(self, path: str, answer: Whole) -> Response | None:
        """What goes out instead, after `hit` was told; None where this answer stays as it is."""


class Truncated(Altering):
    """A tarball breaks off in the middle: the connection ends before everything has come that was promised."""

    def change(self, path: str, answer: Whole) -> Response:
        half = len(answer.body) // 2
        self.hit(f"{half} of {len(answer.body)} promised bytes of {path}")
        return Broken(answer, sent=half, cause="truncated")


class WrongChecksum(Altering):
    """A tarball is whole, and not the one that the registry has signed for."""

    def change(self, path: str, answer: Whole) -> Response:
        middle = len(answer.body) // 2
        body = answer.body[:middle] + bytes((answer.body[middle] ^ 1,)) + answer.body[middle + 1 :]
        self.hit(f"one bit of {path} turned over, SHA-256 {hashlib.sha256(body).hexdigest()[:16]}…")
        return answer.altered(body, cause="checksum_mismatch")


class BadSignature(Altering):
    """A registry entry's signature is not the registry's."""

    def change(self, path: str, answer: Whole) -> Response:
        self.hit(f"signature of {path} spoilt")
        return answer.altered(resigned_registry.spoilt(answer.body), cause="bad_signature")


class AboutOne(AtTheDoor):
    """Meddles with what is asked about one package, that the struck phase cannot do without."""

    def __init__(self, wound: Wound, paths: re.Pattern[str] = REGISTRY) -> None:
        super().__init__(wound, paths)
        self.package = ""

    def strike(self, step: Step) -> None:
        names = [name for group in needed(step.plan, step.phase) for name in self.chance.sample(group, len(group))]
        self.choose(step.site.source, names)

    def choose(self, source: Source, names: list[str]) -> None:
        """Take the first of them that will do as `package`."""
        self.package = names[0]

    def concerns(self, path: str) -> bool:
        return bool(self.package) and path == f"/packages/{self.package}"


class Missing(AboutOne):
    """There is no such package."""

    def concerns(self, path: str) -> bool:
        return super().concerns(path) or (bool(self.package) and path.startswith(f"/tarballs/{self.package}-"))

    async def meddle(self, request: Request, proceed: Endpoint) -> Response:
        self.hit(f"404 for {request.url.path}")
        return PlainTextResponse("not found\n", _NOT_FOUND)


class Resigned(AboutOne, Altering):
    """The registry itself says something else about one package: its entry is altered and signed again."""

    def __init__(self, wound: Wound) -> None:
        super().__init__(wound, ENTRIES)
        self._altered = b""
        self._told = ""

    def arm(self, site: Site) -> None:
        super().arm(site)
        if not isinstance(site.source, RehearsalSource):
            raise CannotInject(
                fault=self.wound.kind.name,
                why=f"what the registry says is signed, and the key of {site.source.description} is not ours",
                option="run with --source=rehearsal",
            )

    def choose(self, source: Source, names: list[str]) -> None:
        key = resigned_registry.private_key(source)
        for name in names:
            served = fetch_uncached(source, f"/packages/{name}")
            if key is None or served.status != _OK:
                continue
            body = served.read()
            altered = self.alter(resigned_registry.payload_of(body), read_package(body, source.key, name=name))
            if altered is not None:
                payload, self._told = altered
                self.package, self._altered = name, resigned_registry.signed(payload, key)
                return

    @abstractmethod
    def alter(self, payload: bytes, package: Package) -> tuple[bytes, str] | None:
        """The altered payload and what is different in it; None where this package gives no occasion."""

    def change(self, path: str, answer: Whole) -> Response:
        self.hit(f"{path} says: {self._told}")
        return answer.altered(self._altered)


class Retired(Resigned):
    """The newest release of a package is retired."""

    def alter(self, payload: bytes, package: Package) -> tuple[bytes, str]:
        version = resigned_registry.newest(package)
        altered = resigned_registry.retire(payload, version, reason="security", message="injected by a fault")
        return altered, f"{package.name} {version} is retired"


class Conflicting(Resigned):
    """All releases of a package require what does not exist."""

    def alter(self, payload: bytes, package: Package) -> tuple[bytes, str] | None:
        required = [each for release in package.releases for each in release.dependencies if not each.optional]
        if not required:
            return None
        dependency = required[0].package
        altered = resigned_registry.demand(payload, dependency, _IMPOSSIBLE)
        return altered, f"{package.name} requires {dependency} {_IMPOSSIBLE}"


def needed(plan: Plan, phase: PhasePlan) -> tuple[list[str], list[str]]:
    """Packages that the phase asks for and cannot do without: its own, and the others of phases that must pass."""
    own = _names((phase,))
    return own, [name for name in _names(each for each in plan.whole if not each.optional) if name not in own]


def _names(phases: Iterable[PhasePlan]) -> list[str]:
    return list(dict.fromkeys(each.name for phase in phases for each in (*phase.archives, *phase.packages)))


def _unreachable(wound: Wound) -> Answering:
    return Answering(wound, _BAD_GATEWAY, "unreachable", "the source cannot be reached")


def _rate_limited(wound: Wound) -> Answering:
    return Answering(wound, _TOO_MANY, "rate_limited", "upstream answers 429", retry_after=1)


def _failing(status: int, wound: Wound) -> Answering:
    return Answering(wound, status, "server_error", f"upstream answers {status}")


_kind = functools.partial(Kind, family="registry", traits=_ASKING, lasts=_A_FEW)

KINDS: tuple[Kind, ...] = (
    _kind(
        name="registry_down",
        text="nothing behind the gateway can be reached",
        bites="requests that got 502",
        make=_unreachable,
        expects=_RETRIED,
    ),
    _kind(
        name="registry_refused",
        text="connections to the registry are reset before any answer",
        bites="connections that were reset",
        make=HungUp,
        expects=_RETRIED,
    ),
    _kind(
        name="registry_slow",
        text=f"every answer comes {_LATENCY_SECONDS[0]} to {_LATENCY_SECONDS[1]} s late and trickles at "
        f"{_BYTES_PER_SECOND // 1024} KiB/s",
        bites="answers that were delayed",
        make=Slow,
        lasts=f"after {_SLOW_SECONDS[0]:.0f} to {_SLOW_SECONDS[1]:.0f} s (seeded)",
        expects=either_form("deployed"),
    ),
    _kind(
        name="registry_429",
        text="the registry limits its rate: 429 with retry-after",
        bites="requests that got 429",
        make=_rate_limited,
        expects=_RETRIED,
    ),
    _kind(
        name="registry_500",
        text="the registry answers 500",
        bites="requests that got 500",
        make=functools.partial(_failing, _SERVER_ERROR),
        expects=_RETRIED,
    ),
    _kind(
        name="registry_503",
        text="the registry answers 503",
        bites="requests that got 503",
        make=functools.partial(_failing, _UNAVAILABLE),
        expects=_RETRIED,
    ),
    _kind(
        name="registry_halfway",
        text="the registry answers the first requests and is then gone",
        bites="requests after those that got 502",
        make=Halfway,
        expects=_RETRIED,
    ),
    _kind(
        name="truncated_tarball",
        text="tarballs break off in the middle",
        bites="tarballs that were cut",
        make=lambda wound: Truncated(wound, TARBALLS),
        traits=_FETCHING,
        expects={"transient": ("deployed",), "persistent": ("rolled_back",)},
    ),
    _kind(
        name="wrong_checksum",
        alters=True,
        text="tarballs are not those that the registry has signed for",
        bites="tarballs that were altered",
        make=lambda wound: WrongChecksum(wound, TARBALLS),
        traits=_FETCHING,
        expects=_NOT_RETRIED,
    ),
    _kind(
        name="bad_signature",
        alters=True,
        text="registry entries carry a signature that is not the registry's",
        bites="entries whose signature was spoilt",
        make=lambda wound: BadSignature(wound, ENTRIES),
        expects=_NOT_RETRIED,
    ),
    _kind(
        name="package_missing",
        alters=True,
        text="a package that the phase needs is not at the registry",
        bites="requests that got 404",
        make=Missing,
        expects=_NOT_RETRIED,
    ),
    _kind(
        name="release_retired",
        alters=True,
        text="the newest release of a package that the phase needs is retired",
        bites="entries that say so, signed by the registry's own key",
        make=Retired,
        needs=("key",),
        expects=either_form("deployed", "rolled_back"),
    ),
    _kind(
        name="requirement_conflict",
        alters=True,
        text="a package that the phase needs requires what does not exist",
        bites="entries that say so, signed by the registry's own key",
        make=Conflicting,
        needs=("key",),
        traits=("resolves",),
        expects=either_form("deployed", "rolled_back"),
    ),
)
