"""Names the cause of a failed command, from its output and independent probes.

Probes outrank the output: with an unreachable registry, Mix prints "No package with name …" for a package that exists.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field

from rollout.diagnosis import shells
from rollout.diagnosis.causes import ADVICE
from rollout.diagnosis.excerpt import lines_to_quote, said
from rollout.diagnosis.output import parts, plain
from rollout.diagnosis.signs import FALLBACKS, SIGNS, Sign
from rollout.errors import PhaseFailed
from rollout.process import Outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class Probes:
    """Probes to run after a failure. A result of None means that the probe could not run.

    `upstream` is what the gateway saw since the command began: None (fine), `unreachable`, `error`, `checksum` or
    `certificate`. `database_at` is the host and port that the suite itself reaches the database at.
    """

    upstream: Callable[[], str | None] = field(default=lambda: None)
    database_up: Callable[[], bool | None] = field(default=lambda: None)
    database_at: Callable[[], tuple[str, int] | None] = field(default=lambda: None)
    free_bytes: Callable[[], int | None] = field(default=lambda: None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnosis:
    """The result of a classification: one of CAUSES, the lines that show it, the package at fault."""

    cause: str
    message: str
    package: str | None = None

    @property
    def advice(self) -> str:
        return ADVICE[self.cause]


_COULD_NOT_COMPILE = re.compile(r"[Cc]ould not compile dependency :(?P<package>[a-z0-9_]+)")
# Causes that an unreachable registry can explain. It does not explain an error of a compiler.
_OF_THE_REGISTRY = frozenset({
    "package_missing", "version_conflict", "registry_unreachable", "registry_error", "checksum_mismatch",
})  # fmt: skip
_UPSTREAM = {"unreachable": "registry_unreachable", "error": "registry_error", "checksum": "checksum_mismatch",
             "certificate": "certificate_untrusted"}  # fmt: skip
# Exit code → cause. 9: SIGKILL, as `setsid --wait` reports it for commands in a container.
_ENDED = {
    **dict.fromkeys((137, -9, 9, 143, -15), "killed"),
    **dict.fromkeys((132, 134, 135, 136, 139, -4, -6, -7, -8, -11), "crashed"),
    124: "timeout",  # of coreutils' `timeout`
}
_ASKED_FOR = re.compile(
    r"(?:tcp|ssl) connect \((?P<host>[^()\s]*):(?P<port>\d+)\).*:(?P<reason>[a-z]+)"
    r"|connection to server at \"(?P<name>[^\"]*)\".*?, port (?P<number>\d+) failed: (?P<why>.*)"
)
_NEVER = {"nxdomain", "ehostunreach", "enetunreach", "eafnosupport", "eaddrnotavail"}
_LOCAL = {"localhost", "127.0.0.1", "::1", ""}


def classify(outcome: Outcome, probes: Probes | None = None) -> Diagnosis:
    """Name the cause of a command that failed."""
    asked = probes or Probes()
    text = plain(outcome.tail)
    free = asked.free_bytes()
    if free is not None and free < 1024**2:
        return Diagnosis(cause="disk_full", message=f"Less than 1 MiB is free. {said(text)}")
    package = _package(text)
    if outcome.timed_out:
        return Diagnosis(cause="timeout", message=f"{outcome.describe()}. {said(text)}", package=package)
    if spoken := shells.could_not_run(outcome.tail, outcome.exit_code):
        return Diagnosis(cause=spoken.cause, message=spoken.line)
    upstream = _UPSTREAM.get(asked.upstream() or "")
    found = _read(text, SIGNS)
    if found is not None:
        if upstream and found.cause in _OF_THE_REGISTRY:
            return Diagnosis(cause=upstream, message=found.message, package=found.package or package)
        return Diagnosis(cause=_checked_with_database(found.cause, text, asked), message=found.message,
                         package=found.package or package)  # fmt: skip
    if upstream is not None:
        return Diagnosis(cause=upstream, message=said(text), package=package)
    return _without_sign(outcome, text, package, asked)


def named(text: str) -> Diagnosis | None:
    """The cause that the text alone shows; None if it shows none."""
    return _read(plain(text), SIGNS)


def failure(outcome: Outcome, probes: Probes | None = None) -> PhaseFailed:
    """The error for a failed command."""
    found = classify(outcome, probes)
    return PhaseFailed(
        f"{outcome.request.label}: {found.message}",
        cause=found.cause,
        advice=found.advice,
        package=found.package,
        log=outcome.log,
    )


def _read(text: str, signs: tuple[Sign, ...]) -> Diagnosis | None:
    """The diagnosis of the first sign that matches, most relevant part of the text first."""
    for part in parts(text):
        for sign in signs:
            match = sign.pattern.search(part)
            if match is not None:
                alike = [other.pattern for other in signs if other.cause == sign.cause]
                package = next((value for value in match.groupdict().values() if value), None)
                return Diagnosis(cause=sign.cause, message=lines_to_quote(part, match, alike, text), package=package)
    return None


def _without_sign(outcome: Outcome, text: str, package: str | None, asked: Probes) -> Diagnosis:
    """The cause if no sign matches: by exit code, by the database probe, or by a general sign of an error."""
    if spoken := shells.complaint(outcome.tail):
        return Diagnosis(cause=spoken.cause, message=spoken.line)
    if spoken := shells.by_exit_code(outcome.tail, outcome.exit_code):
        return Diagnosis(cause=spoken.cause, message=spoken.line)
    ended = _ENDED.get(outcome.exit_code or 0)
    if ended == "killed":
        return Diagnosis(cause=ended, message=outcome.describe(), package=package)
    if ended is not None:
        return Diagnosis(cause=ended, message=said(text) or outcome.describe(), package=package)
    if asked.database_up() is False:
        return Diagnosis(cause="database_unreachable", message=said(text), package=package)
    found = _read(text, FALLBACKS)
    if found is not None:
        return Diagnosis(cause=found.cause, message=found.message, package=found.package or package)
    return Diagnosis(cause="unknown", message=said(text) or outcome.describe(), package=package)


def _checked_with_database(cause: str, text: str, asked: Probes) -> str:
    """The cause, corrected by a probe of the database."""
    if cause == "database_denied" and asked.database_up() is False:
        return "database_unreachable"
    if cause == "database_unreachable" and _uses_other_address(text, asked):
        return "database_misconfigured"
    return cause


def _uses_other_address(text: str, asked: Probes) -> bool:
    """Whether the server answers us while the application uses another address, or cannot connect for its own reasons.

    A refusal by the place that we reach is one that has passed: the server is back.
    """
    tried = list(_ASKED_FOR.finditer(text))
    if not tried or asked.database_up() is not True:
        return False
    last = tried[-1]
    if (last["reason"] or "") in _NEVER or "could not translate" in (last["why"] or ""):
        return True
    place = asked.database_at()
    if place is None:
        return False
    host, port = last["host"] or last["name"] or "", int(last["port"] or last["number"])
    is_same_host = host == place[0] or {host, place[0]} <= _LOCAL
    return port != place[1] or not is_same_host


def _package(text: str) -> str | None:
    match = _COULD_NOT_COMPILE.search(text)
    return match.group("package") if match else None
