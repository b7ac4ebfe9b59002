"""Package lookup: checks concurrently whether every package of a plan exists and has a matching release."""

from __future__ import annotations

import difflib
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import Protocol, cast

from rollout.errors import PhaseFailed
from rollout.hex.errors import BadSignature, HexError, RegistryPayloadInvalid, SourceUnavailable
from rollout.hex.fetcher import GatewayResponse, fetch_uncached
from rollout.hex.http_client import UNTRUSTED
from rollout.hex.registry import Package, PublicKey, read_names, read_package
from rollout.hex.request_record import UNREACHABLE_CAUSES
from rollout.hex.sources import Source
from rollout.hex.version import Requirement, Version

WORKERS = 16
LOOKUP_SECONDS = 30.0
_OK, _ABSENT, _MOST_SUGGESTIONS, _MOST_SHOWN = 200, (404, 410), 3, 5
_ABOUT_THE_PACKAGE = ("missing", "no_matching_release", "only_retired")
_CAUSES = {
    "unreachable": ("registry_unreachable", "Check the network, or name another source with --source."),
    "untrusted": ("certificate_untrusted", "Install the CA of the source here; SSL_CERT_FILE names a file with it."),
    "rate_limited": ("registry_error", "Wait a minute and run again; the cache keeps what was fetched."),
    "bad_signature": ("checksum_mismatch", "Give the right key with --source-key, or another --source."),
    "registry_error": ("registry_error", "Try again, or name another source with --source."),
    "missing": ("package_missing", "Correct the name in the plan, or use a source that has the package."),
    "no_matching_release": ("version_conflict", "Correct the requirement in the plan."),
    "only_retired": ("version_conflict", "Require a release that is not retired."),
}
"""Status → (cause, advice), the most general first: an unreachable registry hides every other problem."""


class Registry(Protocol):
    """A registry that lookup can query instead of a Source, such as `Gateway`."""

    def fetch(self, path: str, /) -> GatewayResponse: ...

    @property
    def public_key(self) -> bytes: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class WantedPackage:
    """A package to look up, and the requirement that a release must match."""

    name: str
    requirement: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LookupResult:
    """The result for one package.

    `status`: found (`version` is the newest matching release that is not retired), no_matching_release, only_retired,
    missing (`suggestions` has similar names), unreachable, untrusted, rate_limited (`retry_after` in seconds, where
    known), bad_signature, registry_error. `reason` has details. `releases` are newest first. `prerelease` is the newest
    pre-release that would match if the requirement named one.
    """

    want: WantedPackage
    status: str
    version: str | None = None
    releases: tuple[str, ...] = ()
    retired: tuple[str, ...] = ()
    prerelease: str | None = None
    suggestions: tuple[str, ...] = ()
    reason: str = ""
    retry_after: float | None = None
    package: Package | None = None

    @property
    def is_satisfied(self) -> bool:
        return self.status == "found"

    def sentence(self) -> str:
        """The result as one line of text."""
        wanted = f"{self.want.name} {self.want.requirement}"
        match self.status:
            case "found":
                return f"{wanted}: {self.version}"
            case "missing":
                near = f"; did you mean {' or '.join(self.suggestions)}?" if self.suggestions else ""
                return f"{wanted}: there is no package of that name{near}"
            case "no_matching_release":
                only = (
                    f"; the requirement would have to name the pre-release {self.prerelease}" if self.prerelease else ""
                )
                newest = ", ".join(self.releases[:5]) or "none"
                return f"{wanted}: no release matches (newest: {newest}){only}"
            case "only_retired":
                return f"{wanted}: every matching release is retired ({', '.join(self.retired)}): {self.reason}"
        return f"{wanted}: {self.status.replace('_', ' ')}: {self.reason}"


def look_up(
    registry: Registry | Source, wants: tuple[WantedPackage, ...], *, timeout: float = LOOKUP_SECONDS
) -> tuple[LookupResult, ...]:
    """Look up packages. Returns one result for each of `wants`, in their order.

    A package without a response within `timeout` seconds is unreachable. Raises InvalidRequirement, before any request,
    where the plan has an invalid requirement.
    """
    requirements = [Requirement.parse(want.requirement) for want in wants]
    registry = _as_registry(registry)
    try:
        key = PublicKey.from_pem(registry.public_key, source="the source")
    except SourceUnavailable as error:
        return tuple(LookupResult(want=want, status="unreachable", reason=error.message) for want in wants)
    until = time.monotonic() + timeout
    pool = ThreadPoolExecutor(max_workers=min(WORKERS, max(1, len(wants))), thread_name_prefix="lookup")
    try:
        names = _Names(registry, key)
        findings = [
            pool.submit(_find, registry, key, want, requirement, names.near)
            for want, requirement in zip(wants, requirements, strict=True)
        ]
        wait(findings, timeout=max(0.0, until - time.monotonic()))
        late = f"no response within {timeout:.0f} s"
        return tuple(
            future.result() if future.done() else LookupResult(want=want, status="unreachable", reason=late)
            for want, future in zip(wants, findings, strict=True)
        )
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def require(findings: tuple[LookupResult, ...], *, optional: frozenset[str] = frozenset()) -> None:
    """Raise PackagesUnavailable for unsatisfied results.

    A package in `optional` may be missing or have no matching release.
    """
    wrong = [
        each
        for each in findings
        if not each.is_satisfied and not (each.want.name in optional and each.status in _ABOUT_THE_PACKAGE)
    ]
    if wrong:
        raise PackagesUnavailable(findings=tuple(wrong))


class PackagesUnavailable(PhaseFailed):
    """The source does not provide every package of the plan. `findings` are the unsatisfied results."""

    def __init__(self, *, findings: tuple[LookupResult, ...]) -> None:
        first = min(findings, key=lambda each: tuple(_CAUSES).index(each.status))
        cause, advice = _CAUSES[first.status]
        about_one = first.want.name if first.status in _ABOUT_THE_PACKAGE else None
        shown = [each.sentence() for each in findings[:_MOST_SHOWN]]
        more = [f"and {len(findings) - _MOST_SHOWN} more"] if len(findings) > _MOST_SHOWN else []
        super().__init__("; ".join((*shown, *more)) + ".", cause=cause, advice=advice, package=about_one)
        self.findings = findings


def _as_registry(registry: Registry | Source) -> Registry:
    return cast("Registry", registry) if hasattr(registry, "public_key") else _Direct(registry)


class _Direct:
    """A source as a registry, without a gateway: no cache, no request log."""

    def __init__(self, source: Source) -> None:
        self._source = source

    @property
    def public_key(self) -> bytes:
        return self._source.key.pem

    def fetch(self, path: str, /) -> GatewayResponse:
        return fetch_uncached(self._source, path)


class _Names:
    """The names of all packages in the registry, fetched once, and only where a package is missing."""

    def __init__(self, registry: Registry, key: PublicKey) -> None:
        self._registry = registry
        self._key = key
        self._lock = threading.Lock()
        self._names: tuple[str, ...] | None = None

    def near(self, name: str) -> tuple[str, ...]:
        with self._lock:
            if self._names is None:
                self._names = self._fetched()
        others = [each for each in self._names if each != name]  # the list can contain names without an entry
        return tuple(difflib.get_close_matches(name, others, n=_MOST_SUGGESTIONS, cutoff=0.7))

    def _fetched(self) -> tuple[str, ...]:
        served = self._registry.fetch("/names")
        if served.status != _OK:
            return ()
        try:
            return read_names(served.read(), self._key)
        except HexError:
            return ()


def _find(
    registry: Registry,
    key: PublicKey,
    want: WantedPackage,
    requirement: Requirement,
    near: Callable[[str], tuple[str, ...]],
) -> LookupResult:
    served = registry.fetch(f"/packages/{want.name}")
    failed = _failed(want, served)
    if failed is not None:
        return failed
    if served.status in _ABSENT:
        return LookupResult(want=want, status="missing", suggestions=near(want.name))
    try:
        package = read_package(served.read(), key, name=want.name)
    except BadSignature as error:
        return LookupResult(want=want, status="bad_signature", reason=str(error))
    except RegistryPayloadInvalid as error:
        return LookupResult(want=want, status="registry_error", reason=str(error))
    return match_releases(want, requirement, package)


def match_releases(want: WantedPackage, requirement: Requirement, package: Package) -> LookupResult:
    """Find the release of a package that matches a requirement. Pure."""
    releases = {Version.parse(each.version): each for each in package.releases}
    ordered = sorted(releases, reverse=True)
    retired = {version for version in ordered if releases[version].retired is not None}
    best = requirement.newest(version for version in ordered if version not in retired)
    names = tuple(releases[version].version for version in ordered)
    if best is not None:
        return LookupResult(want=want, status="found", version=releases[best].version, releases=names, package=package)
    fits = [version for version in ordered if version in retired and requirement.matches(version)]
    if fits:
        retirement = releases[fits[0]].retired
        reason = f"{retirement.reason}{': ' + retirement.message if retirement.message else ''}" if retirement else ""
        return LookupResult(
            want=want,
            status="only_retired",
            releases=names,
            reason=reason,
            package=package,
            retired=tuple(releases[version].version for version in fits),
        )
    early = max(
        (version for version in ordered if version not in retired and _fits_early(requirement, version)),
        default=None,
    )
    return LookupResult(
        want=want,
        status="no_matching_release",
        releases=names,
        package=package,
        prerelease=releases[early].version if early else None,
    )


def _fits_early(requirement: Requirement, version: Version) -> bool:
    release = Version(major=version.major, minor=version.minor, patch=version.patch)
    return bool(version.pre) and requirement.matches(release)


def _failed(want: WantedPackage, served: GatewayResponse) -> LookupResult | None:
    if served.cause in UNREACHABLE_CAUSES:
        return LookupResult(want=want, status="unreachable", reason=served.detail)
    if served.cause == UNTRUSTED:
        return LookupResult(want=want, status=UNTRUSTED, reason=served.detail)
    if served.cause == "rate_limited":
        after = served.headers.get("retry-after", "")
        return LookupResult(
            want=want,
            status="rate_limited",
            reason=served.detail,
            retry_after=float(after) if after.isdigit() else None,
        )
    if served.cause == "bad_signature":
        return LookupResult(want=want, status="bad_signature", reason=served.detail)
    if served.cause is not None or (served.status != _OK and served.status not in _ABSENT):
        return LookupResult(
            want=want, status="registry_error", reason=served.detail or f"it responds with {served.status}"
        )
    return None
