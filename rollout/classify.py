"""A failed command plus what independent probes say becomes one named cause, with one sentence of what to do.

The texts are those that Mix, Hex, Ecto and Git really print (see docs/findings.md). Probes come first: an unreachable
registry prints "No package with name …" for a package that exists, so the text alone would lie.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field

from rollout import shells
from rollout.errors import PhaseFailed
from rollout.process import Outcome

CAUSES = (
    "package_missing", "registry_unreachable", "registry_error", "checksum_mismatch", "version_conflict",
    "compile_error", "database_unreachable", "database_denied", "port_taken", "disk_full", "permission_denied",
    "toolchain_too_old", "command_missing", "not_executable", "engine_unfit", "engine_failed", "timeout", "killed",
    "in_the_way", "unfit_place", "unknown",
)  # fmt: skip
TRANSIENT = frozenset({"registry_unreachable", "registry_error", "database_unreachable"})

ADVICE = {
    "package_missing": "Check its name and spelling in the plan; no release of it is at the source.",
    "registry_unreachable": "Check the network, or deploy from a mirror or a bundle with --source.",
    "registry_error": "The registry answers with errors; wait and run again, or use a bundle.",
    "checksum_mismatch": "Do not trust the package; clear the gateway's cache (make clean-cache) or change the source.",
    "version_conflict": "Relax a requirement in the plan, or declare an override there with its reason.",
    "compile_error": "Read the compiler's message in the log; the package or the overlay needs a change.",
    "database_unreachable": "Start the database server, or choose another with --database.",
    "database_denied": "Give the user of --database the right to create roles and databases, and check its password.",
    "in_the_way": "Remove it yourself, or choose another --directory, --name or --port; ours goes with make undeploy.",
    "unfit_place": "Choose another folder with --directory.",
    "port_taken": "Stop the program on that port, or choose another with --port.",
    "disk_full": "Free some space (make clean-cache helps) and run again.",
    "permission_denied": "Make the folder writable for you, or choose another with --directory.",
    "toolchain_too_old": "Install a newer Elixir/Erlang, or use --forge=container.",
    "command_missing": "Install that program where the commands run, put the file beside the script (--script-root says what goes along), or take the call out. A forge has no sudo: everything in it runs as you.",
    "not_executable": "Make the file one that can be executed: its execute bit (chmod +x), line ends without CR (sed -i 's/\\r$//'), a first line that names a program which is there.",
    "engine_unfit": "Use a container engine of this machine and user, or --forge=host --database=embedded.",
    "engine_failed": "See what the container engine says of it, or go without: --forge=host --database=embedded.",
    "timeout": "Look at what it waited for in the log; raise timeout_seconds in the plan if the machine is slow.",
    "killed": "Something ended the process from outside (memory? an operator?); run again.",
    "unknown": "Read the log; the suite has no name for this failure yet.",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Probes:
    """Independent answers, asked only when something has failed. None: nobody could ask.

    `upstream` is what the gateway saw since the command began: None (fine), `unreachable`, `error` or `checksum`.
    """

    upstream: Callable[[], str | None] = field(default=lambda: None)
    database_up: Callable[[], bool | None] = field(default=lambda: None)
    free_bytes: Callable[[], int | None] = field(default=lambda: None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnosis:
    """What went wrong: one of CAUSES, the line that says so, the package it is about."""

    cause: str
    message: str
    package: str | None = None

    @property
    def advice(self) -> str:
        return ADVICE[self.cause]


@dataclass(frozen=True, slots=True)
class _Sign:
    cause: str
    pattern: re.Pattern[str]


def _sign(cause: str, pattern: str) -> _Sign:
    return _Sign(cause, re.compile(pattern, re.MULTILINE))


# In order: a sign that names the deeper cause stands before one that names its consequence.
_SIGNS = (
    _sign("disk_full", r"^.*(?:[Nn]o space left on device|:enospc|ENOSPC|could not extend file).*$"),
    _sign("permission_denied", r"^.*(?:Permission denied|permission denied for file|: permission denied$|:eacces|:erofs|[Rr]ead-only file system).*$"),
    _sign("port_taken", r"^.*(?:eaddrinuse|address already in use|[Pp]ort \d+ is taken by another).*$"),
    _sign("checksum_mismatch", r"^.*(?:checksum mismatch|Checksum mismatch|Could not verify authenticity|bad_checksum).*$"),
    _sign("database_denied", r"^.*(?:28P01|28000|invalid_password|42501|insufficient_privilege|permission denied to create|permission denied for (?:schema|table|database)).*$"),
    _sign("database_unreachable", r"^.*(?:DBConnection\.ConnectionError|\(Postgrex\.Error\).*(?:57P0|08006)|3D000|tcp connect .*(?:econnrefused|nxdomain|timeout)|couldn't be created: killed).*$"),
    _sign("registry_unreachable", r"^.*(?:failed_connect|Could not resolve host|unable to access 'http|Failed to connect to).*$"),
    _sign("registry_error", r"^.*(?:Request failed \((?:429|5\d\d)\)|HTTP (?:429|5\d\d)).*$"),
    _sign("toolchain_too_old", r"^.*(?:You're trying to run .* on Elixir .* but it has declared|requires Elixir).*$"),
    _sign("package_missing", r"^.*(?:The Git repository [\w.-]+/(?P<package>[\w.-]+) cannot be had from|fatal: repository '.*/(?P<other>[\w.-]+)\.git/?' not found).*$"),
    _sign("package_missing", r"^.*Failed to automatically determine latest version for `(?P<package>[a-z0-9_]+).*$"),
    _sign("package_missing", r"^.*(?:No package with name (?P<package>[a-z0-9_]+)|depends on \"(?P<other>[a-z0-9_]+)\" which doesn't exist|Unknown package (?P<third>[a-z0-9_]+)).*$"),
    _sign("version_conflict", r"^.*(?:Hex dependency resolution failed|[Vv]ersion solving failed|the dependency :?(?P<package>[a-z0-9_]+) .* is overriding|No matching version for (?P<other>[a-z0-9_]+)|the :only option for dependency (?P<third>[a-z0-9_]+)).*$"),
    _sign("compile_error", r"^.*(?:\*\* \((?:CompileError|SyntaxError|TokenMissingError|MismatchedDelimiterError|Spark\.Error\.DslError)\)|== Compilation error|could not compile dependency :?(?P<package>[a-z0-9_]+)|Compilation failed due to warnings).*$|^\s*error: .*$"),
    _sign("timeout", r"^.*XAVOS did not answer within \d+ s.*$"),
)  # fmt: skip
_SOLVERS_WORDS = re.compile(r"^Because .*?version solving failed\.", re.MULTILINE | re.DOTALL)
_COULD_NOT_COMPILE = re.compile(r"could not compile dependency :(?P<package>[a-z0-9_]+)")
_ANSI = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
# Hex asks for newer versions of itself, whatever it was called for; not to reach that page stops nothing.
_VERSION_CHECK = "Failed to check for new Hex version"
_NOISE = re.compile(rf"^(?:\{{.*\}}\n{_VERSION_CHECK}\n?|{_VERSION_CHECK}\n(?:\{{.*\}}\n)?)", re.MULTILINE)
_OVERWRITTEN = re.compile(r"[^\n]*\r(?!\n)|[\u2800-\u28ff]+")  # a line begun anew, a spinner's frame
_REGISTRY_SIGNS = {
    "package_missing", "version_conflict", "registry_unreachable", "registry_error", "checksum_mismatch",
}  # fmt: skip
# 9: what `setsid --wait`, which is around a command in a container, makes of SIGKILL.
_KILLED = frozenset({137, -9, 9, 143, -15})
_UPSTREAM = {"unreachable": "registry_unreachable", "error": "registry_error", "checksum": "checksum_mismatch"}


def classify(outcome: Outcome, probes: Probes | None = None) -> Diagnosis:  # noqa: PLR0911 - one for each kind of end
    """Name the cause of a command that failed."""
    asked = probes or Probes()
    text = _plain(outcome.tail)
    said = _said(text)
    free = asked.free_bytes()
    if free is not None and free < 1024**2:
        return Diagnosis(cause="disk_full", message=f"Less than 1 MiB is free. {said}")
    package = _package(text)
    upstream = _UPSTREAM.get(asked.upstream() or "")
    if outcome.timed_out:
        return Diagnosis(cause="timeout", message=f"{outcome.describe()}. {said}", package=package)
    if spoken := shells.could_not_run(outcome.tail, outcome.exit_code):
        return Diagnosis(cause=spoken.cause, message=spoken.line)
    for sign in _SIGNS:
        match = sign.pattern.search(text)
        if match is None:
            continue
        # What the registry could not give explains a missing package; it does not explain a compiler's error.
        cause = upstream if upstream and sign.cause in _REGISTRY_SIGNS else sign.cause
        if cause == "database_denied" and asked.database_up() is False:
            cause = "database_unreachable"
        named = next((value for value in match.groupdict().values() if value), None) or package
        why = _solvers_words(text) if cause == "version_conflict" else ""
        return Diagnosis(cause=cause, message=why or _message(match.group(0), said), package=named)
    if upstream is not None:
        return Diagnosis(cause=upstream, message=said, package=package)
    if spoken := shells.complaint(outcome.tail):
        return Diagnosis(cause=spoken.cause, message=spoken.line)
    if outcome.exit_code in _KILLED:
        return Diagnosis(cause="killed", message=outcome.describe(), package=package)
    if asked.database_up() is False:
        return Diagnosis(cause="database_unreachable", message=said, package=package)
    return Diagnosis(cause="unknown", message=said or outcome.describe(), package=package)


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


def _plain(tail: str) -> str:
    """What is there to read once the terminal has done what it was told."""
    return _NOISE.sub("", _OVERWRITTEN.sub("\n", _ANSI.sub("", tail)))


def _package(text: str) -> str | None:
    match = _COULD_NOT_COMPILE.search(text)
    return match.group("package") if match else None


def _solvers_words(text: str) -> str:
    """Why requirements contradict each other, in the solver's own sentences."""
    match = _SOLVERS_WORDS.search(text)
    return " ".join(match.group(0).split())[:900] if match else ""


def _message(line: str, said: str) -> str:
    line = line.strip()
    return line if line in said or not said else f"{line} ({said})"


def _said(text: str) -> str:
    """The line that a person would quote: Mix's own last error line, else the last line."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    errors = [line for line in lines if line.startswith("** (") or line.startswith("FATAL")]
    return (errors or lines or [""])[-1][:500]
