"""Faults of the package registry: it is unreachable or slow, or it sends errors or wrong data.

All of them act in the gateway (interceptor.py), so they affect commands in the forge and our own look-ups alike.
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
from rollout.faults.fault import CannotInject, FaultSpec, Kind, either_form
from rollout.faults.interceptor import (
    ENTRIES,
    REGISTRY,
    TARBALLS,
    BrokenResponse,
    GatewayFault,
    TrickleResponse,
    WholeResponse,
    receive_whole,
)
from rollout.hex.fetcher import fetch_uncached
from rollout.hex.registry import Package, read_package
from rollout.hex.routes import CAUSE_HEADER, Endpoint
from rollout.hex.sources import RehearsalSource, Source
from rollout.phases.step import Step
from rollout.site.site import Site

# phoenix_app resolves and fetches all packages of a plan. Later phases only revalidate the entries in Hex's cache.
_ASKING = ("asks_registry",)
_FETCHING = ("fetches",)
_OK, _NOT_FOUND, _TOO_MANY, _SERVER_ERROR, _BAD_GATEWAY, _UNAVAILABLE = 200, 404, 429, 500, 502, 503
_LATENCY_SECONDS = (0.3, 0.8)
_BYTES_PER_SECOND = 64 * 1024
_SLOW_SECONDS = (4.0, 12.0)
_MOST_BEFORE_GONE = 30
_FEWER_BEFORE_GONE = {"packages": 8, "archives": 3}  # these phases send no more requests
_IMPOSSIBLE = ">= 99.0.0"
_A_FEW = "after a few requests (two or three, seeded)"
# Commands that query the registry are tried four times. A longer outage does not harm a phase after phoenix_app if Hex
# has every entry in its cache, which it has if phoenix_app was applied and not restored.
_RETRIED = {"transient": ("deployed",), "persistent": ("rolled_back", "deployed")}
_NOT_RETRIED = either_form("rolled_back")


class ErrorResponse(GatewayFault):
    """Every request gets the same error response."""

    def __init__(
        self, spec: FaultSpec, status: int, cause: str, sentence: str, *, retry_after: int | None = None
    ) -> None:
        super().__init__(spec)
        self._status, self._cause, self._sentence = status, cause, sentence
        self._more = {} if retry_after is None else {"retry-after": str(retry_after)}

    async def tamper(self, request: Request, proceed: Endpoint) -> Response:
        self.hit(f"{self._status} ({self._cause}) for {request.url.path}")
        said = {CAUSE_HEADER: self._cause, **self._more}
        return PlainTextResponse(f"{request.url.path}: {self._sentence}\n", self._status, said)


class Halfway(ErrorResponse):
    """The first requests are answered, later ones fail."""

    def __init__(self, spec: FaultSpec) -> None:
        super().__init__(spec, _BAD_GATEWAY, "unreachable", "the source cannot be reached any more")
        self._still_answered = self.chance.randint(1, _FEWER_BEFORE_GONE.get(spec.phase or "", _MOST_BEFORE_GONE))

    async def tamper(self, request: Request, proceed: Endpoint) -> Response:
        if self._still_answered > 0:
            self._still_answered -= 1
            return await proceed(request)
        return await super().tamper(request, proceed)


class ConnectionReset(GatewayFault):
    """Every connection is reset."""

    async def tamper(self, request: Request, proceed: Endpoint) -> Response:
        self.hit(f"connection reset for {request.url.path}")
        return BrokenResponse(cause="unreachable")


class Slow(GatewayFault):
    """Every response is delayed and slow."""

    def __init__(self, spec: FaultSpec) -> None:
        super().__init__(spec)
        self._lasts = self.chance.uniform(*_SLOW_SECONDS)

    def strike(self, step: Step) -> None:
        if self.spec.is_transient:
            self.after(self._lasts, self.end)

    def hit(self, evidence: str) -> None:
        self.record_bite(evidence)

    async def tamper(self, request: Request, proceed: Endpoint) -> Response:
        late = self.chance.uniform(*_LATENCY_SECONDS)
        await asyncio.sleep(late)
        answer = await receive_whole(request, proceed)
        self.hit(
            f"{late:.2f} s late, {len(answer.body)} bytes at {_BYTES_PER_SECOND // 1024} KiB/s: {request.url.path}"
        )
        return TrickleResponse(answer, bytes_per_second=_BYTES_PER_SECOND, lasts=lambda: self.is_active)


class Altering(GatewayFault):
    """Changes responses that have a body."""

    async def tamper(self, request: Request, proceed: Endpoint) -> Response:
        answer = await receive_whole(request, proceed, unconditional=True)
        changed = self.change(request.url.path, answer) if self.is_active and answer.is_file else None
        return changed or answer.response()

    @abstractmethod
    def change(self, path: str, answer: WholeResponse) -> Response | None:
        """Call `hit` and return the changed response; None to leave the response unchanged."""


class Truncated(Altering):
    """A tarball breaks off in the middle: the connection ends before all announced bytes were sent."""

    def change(self, path: str, answer: WholeResponse) -> Response:
        half = len(answer.body) // 2
        self.hit(f"{half} of {len(answer.body)} promised bytes of {path}")
        return BrokenResponse(answer, sent=half, cause="truncated")


class WrongChecksum(Altering):
    """A complete tarball has another checksum than the registry's."""

    def change(self, path: str, answer: WholeResponse) -> Response:
        middle = len(answer.body) // 2
        body = answer.body[:middle] + bytes((answer.body[middle] ^ 1,)) + answer.body[middle + 1 :]
        self.hit(f"one bit of {path} flipped, SHA-256 {hashlib.sha256(body).hexdigest()[:16]}…")
        return answer.altered(body, cause="checksum_mismatch")


class BadSignature(Altering):
    """A registry entry has an invalid signature."""

    def change(self, path: str, answer: WholeResponse) -> Response:
        self.hit(f"signature of {path} spoilt")
        return answer.altered(resigned_registry.with_bad_signature(answer.body), cause="bad_signature")


class OnePackage(GatewayFault):
    """Affects requests about one package that the struck phase needs."""

    def __init__(self, spec: FaultSpec, paths: re.Pattern[str] = REGISTRY) -> None:
        super().__init__(spec, paths)
        self.package = ""

    def strike(self, step: Step) -> None:
        names = [name for group in needed(step.plan, step.phase) for name in self.chance.sample(group, len(group))]
        self.choose(step.site.source, names)

    def choose(self, source: Source, names: list[str]) -> None:
        """Set `package` to the first suitable name."""
        self.package = names[0]

    def concerns(self, path: str) -> bool:
        return bool(self.package) and path == f"/packages/{self.package}"


class Missing(OnePackage):
    """The registry answers 404 for the package."""

    def concerns(self, path: str) -> bool:
        return super().concerns(path) or (bool(self.package) and path.startswith(f"/tarballs/{self.package}-"))

    async def tamper(self, request: Request, proceed: Endpoint) -> Response:
        self.hit(f"404 for {request.url.path}")
        return PlainTextResponse("not found\n", _NOT_FOUND)


class Resigned(OnePackage, Altering):
    """Changes the registry's entry about one package and signs it again."""

    def __init__(self, spec: FaultSpec) -> None:
        super().__init__(spec, ENTRIES)
        self._altered = b""
        self._change = ""

    def arm(self, site: Site) -> None:
        super().arm(site)
        if not isinstance(site.source, RehearsalSource):
            raise CannotInject(
                fault=self.spec.kind.name,
                why=f"registry entries are signed, and the key of {site.source.description} is not available",
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
                payload, self._change = altered
                self.package, self._altered = name, resigned_registry.signed(payload, key)
                return

    @abstractmethod
    def alter(self, payload: bytes, package: Package) -> tuple[bytes, str] | None:
        """The changed payload and a description of the change; None if this package is unsuitable."""

    def change(self, path: str, answer: WholeResponse) -> Response:
        self.hit(f"{path} says: {self._change}")
        return answer.altered(self._altered)


class Retired(Resigned):
    """The newest release of a package is retired."""

    def alter(self, payload: bytes, package: Package) -> tuple[bytes, str]:
        version = resigned_registry.newest(package)
        altered = resigned_registry.retire(payload, version, reason="security", message="injected by a fault")
        return altered, f"{package.name} {version} is retired"


class Conflicting(Resigned):
    """All releases of a package require a version that does not exist."""

    def alter(self, payload: bytes, package: Package) -> tuple[bytes, str] | None:
        required = [each for release in package.releases for each in release.dependencies if not each.optional]
        if not required:
            return None
        dependency = required[0].package
        altered = resigned_registry.set_requirement(payload, dependency, _IMPOSSIBLE)
        return altered, f"{package.name} requires {dependency} {_IMPOSSIBLE}"


def needed(plan: Plan, phase: PhasePlan) -> tuple[list[str], list[str]]:
    """Packages that the phase needs: its own, and those of all other phases that are not optional."""
    own = _names((phase,))
    return own, [name for name in _names(each for each in plan.all_phases if not each.optional) if name not in own]


def _names(phases: Iterable[PhasePlan]) -> list[str]:
    return list(dict.fromkeys(each.name for phase in phases for each in (*phase.archives, *phase.packages)))


def _unreachable(spec: FaultSpec) -> ErrorResponse:
    return ErrorResponse(spec, _BAD_GATEWAY, "unreachable", "the source cannot be reached")


def _rate_limited(spec: FaultSpec) -> ErrorResponse:
    return ErrorResponse(spec, _TOO_MANY, "rate_limited", "upstream answers 429", retry_after=1)


def _failing(status: int, spec: FaultSpec) -> ErrorResponse:
    return ErrorResponse(spec, status, "server_error", f"upstream answers {status}")


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
        make=ConnectionReset,
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
        make=lambda spec: Truncated(spec, TARBALLS),
        traits=_FETCHING,
        expects={"transient": ("deployed",), "persistent": ("rolled_back",)},
    ),
    _kind(
        name="wrong_checksum",
        alters=True,
        text="tarballs are not those that the registry has signed for",
        bites="tarballs that were altered",
        make=lambda spec: WrongChecksum(spec, TARBALLS),
        traits=_FETCHING,
        expects=_NOT_RETRIED,
    ),
    _kind(
        name="bad_signature",
        alters=True,
        text="registry entries carry a signature that is not the registry's",
        bites="entries whose signature was spoilt",
        make=lambda spec: BadSignature(spec, ENTRIES),
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
