"""Common errors of the suite. Each class takes facts and writes the message: what, where, and how to go on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

from rollout.installation import command
from rollout.text.masking import mask_credentials

_MOST_SHOWN = 200  # characters of a value


class RolloutError(Exception):
    """Base of every error that the suite raises on purpose.

    `cause` is one of `rollout.diagnosis.CAUSES`, or None if it is not known yet. `advice` is one sentence that says how
    to go on. `package` is the Hex package that causes the error, if any.
    Credentials in URLs are masked, because an error may be printed before a run with its redactor exists.
    """

    cause: str | None = None
    package: str | None = None

    def __init__(self, message: str, *, advice: str = "") -> None:
        message = mask_credentials(message)
        super().__init__(message)
        self.message = message
        self.advice = mask_credentials(advice)

    def __str__(self) -> str:
        return f"{self.message} {self.advice}".strip()

    def __reduce__(self) -> tuple[Any, ...]:
        """Make the error picklable for Dask. `_rebuild` is needed because each class has its own constructor."""
        return _rebuild, (type(self), self.args, self.__dict__)


def _rebuild(kind: type[RolloutError], args: tuple[Any, ...], facts: Mapping[str, Any]) -> RolloutError:
    error = kind.__new__(kind, *args)
    error.__dict__.update(facts)
    return error


class UsageError(RolloutError):
    """An invalid option, plan or environment variable."""


class InvalidOption(UsageError):
    """The value of an option is invalid. `option` is the flag (`--port`) or variable (`XAVOS_PORT`) that set it."""

    def __init__(self, *, option: str, value: str, expected: str) -> None:
        self.option, self.value, self.expected = option, value, expected
        shown = mask_credentials(value)  # masked before it is cut, because half a URL is not recognised
        shown = shown if len(shown) <= _MOST_SHOWN else f"{shown[:_MOST_SHOWN]}…"
        super().__init__(f"{option}={shown!r} is not valid.", advice=f"Expected: {expected}.")

    def given_as(self, option: str) -> Self:
        """The same error with the flag or variable that set the option."""
        return type(self)(option=option, value=self.value, expected=self.expected)


class InvalidPlan(UsageError):
    def __init__(self, *, path: Path, where: str, problem: str) -> None:
        super().__init__(f"{path}: {where}: {problem}.", advice="Correct the plan; nothing was changed.")


class Refused(RolloutError):
    """The run stopped before it changed anything, because something that the suite did not make is in the way."""

    cause = "in_the_way"


class AlreadyExists(Refused):
    """`owner`: a sentence about the owner, if known. `stays`: the advice does not suggest to remove it."""

    def __init__(self, *, what: str, name: str, option: str, owner: str = "", stays: bool = False) -> None:
        remove = "" if stays else f", or remove it yourself; a deployment of ours goes with `{command('undeploy')}`"
        super().__init__(
            f"The {what} {name} exists already, and this suite never touches what it did not make."
            + (f" {owner}" if owner else ""),
            advice=f"Choose another with {option}{remove}.",
        )


class UnfitPlace(Refused):
    """The folder is free, but it cannot hold a deployment."""

    cause = "unfit_place"

    def __init__(self, *, directory: Path, reason: str) -> None:
        self.reason = reason
        super().__init__(
            f"The deployment cannot go to {directory}: {reason}.", advice="Choose another folder with --directory."
        )


class PlaceUnwritable(Refused):
    """The folder of the deployment cannot be made or read."""

    cause = "permission_denied"

    def __init__(self, *, directory: Path, parent: Path, reason: str) -> None:
        self.reason = f"{parent}: {reason}"
        super().__init__(
            f"The folder {directory} cannot be made: {parent}: {reason}.",
            advice=f"Choose another folder with --directory, or make {parent} writable.",
        )


class PortTaken(Refused):
    cause = "port_taken"

    def __init__(self, *, port: int, holder: str) -> None:
        super().__init__(
            f"Port {port} is already in use ({holder}).",
            advice="Stop that program, or choose another port with --port.",
        )


class DatabasePortTaken(Refused):
    cause = "port_taken"

    def __init__(self, *, port: int, holder: str) -> None:
        super().__init__(
            f"Port {port} is already in use ({holder}). A script may expect its own database there and would "
            "find another one.",
            advice="Stop that server while the script runs.",
        )


class PhaseFailed(RolloutError):
    """A phase could not be applied. `cause` is always one of `rollout.diagnosis.CAUSES`."""

    def __init__(
        self, message: str, *, cause: str, advice: str = "", package: str | None = None, log: Path | None = None
    ) -> None:
        super().__init__(message, advice=advice)
        self.cause = cause
        self.package = package
        self.log = log


class PostconditionFailed(PhaseFailed):
    """A command reported success, but its result is missing. Exit codes are not trusted."""

    def __init__(
        self,
        *,
        expected: str,
        found: str,
        cause: str = "unknown",
        package: str | None = None,
        advice: str = "The command reported success, but its result is missing. Read its log.",
    ) -> None:
        super().__init__(f"Expected {expected}, found {found}.", cause=cause, package=package, advice=advice)


class RollbackIncomplete(RolloutError):
    """A rollback left residue. `left` has one line for each remaining thing."""

    def __init__(self, *, phase: str, left: Sequence[str]) -> None:
        self.left = tuple(left)
        super().__init__(
            f"Rolling back {phase} left {len(self.left)} thing(s): " + "; ".join(self.left),
            advice=f"Remove the obstacle, then run `{command('recover')}`. It repeats the journal's pending undos.",
        )


class FolderUnwritable(RolloutError):
    """A folder of the suite cannot be made or written to."""

    cause = "permission_denied"

    def __init__(self, *, folder: Path, reason: str, variable: str) -> None:
        super().__init__(
            f"The folder {folder} cannot be written: {reason}.",
            advice=f"Make it writable, or choose another with {variable}.",
        )


class StateUnusable(RolloutError):
    """A file or folder of the suite is of another kind than the suite makes."""

    cause = "data_corrupt"

    def __init__(self, *, path: Path, reason: str, variable: str = "XAVOS_STATE_DIR") -> None:
        super().__init__(
            f"{path} cannot be used: {reason}.", advice=f"Move it away, or choose another folder with {variable}."
        )


class NoEngine(RolloutError):
    """No container engine answers, and the run needs one."""

    def __init__(self, *, reason: str, commands: Sequence[str] = (), to: str = "To install one") -> None:
        steps = "".join(f"\n    {command}" for command in commands)
        super().__init__(
            f"No container engine answers: {reason}.",
            advice=(f"{to}:{steps}\n  " if steps else "") + "Or go without: --forge=host --database=embedded.",
        )


class EngineUnfit(RolloutError):
    """A container engine answers, but does not share files or network with this process."""

    cause = "engine_unfit"

    def __init__(self, *, engine: str, tried: Sequence[str], advice: str = "") -> None:
        self.tried = tuple(tried)
        super().__init__(
            f"The container engine ({engine}) cannot run a deployment from here: {'; then '.join(tried)}.",
            advice=f"{advice} Or go without containers: --forge=host --database=embedded.".strip(),
        )


class EngineFailed(RolloutError):
    """A request to the container engine failed."""

    cause = "engine_failed"

    def __init__(self, *, asked: str, reason: str) -> None:
        super().__init__(
            f"The container engine failed to {asked}: {' '.join(reason.split())[:500]}.",
            advice="Read the engine's log and `docker info`, "
            "or go without containers: --forge=host --database=embedded.",
        )


class ToolMissing(RolloutError):
    cause = "toolchain_too_old"

    def __init__(self, *, tool: str, found: str, needed: str, command: str) -> None:
        super().__init__(f"{tool}: found {found}, needed {needed}.", advice=f"To fix it: {command}")
