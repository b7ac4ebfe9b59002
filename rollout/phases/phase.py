"""Defines PhaseCode (the functions of a phase) and PhaseResult (its outcome)."""

from __future__ import annotations

import errno
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rollout.config.plan import PhasePlan
from rollout.diagnosis import ADVICE, named
from rollout.errors import PhaseFailed, RolloutError
from rollout.phases.sources import sources_of
from rollout.phases.step import Step
from rollout.site.site import Site

_CAUSES_BY_ERRNO = {
    errno.ENOSPC: "disk_full", errno.EDQUOT: "disk_full", errno.EACCES: "permission_denied",
    errno.EPERM: "permission_denied", errno.EROFS: "permission_denied", errno.EADDRINUSE: "port_taken",
    errno.EMFILE: "limit_reached", errno.ENFILE: "limit_reached", errno.EAGAIN: "limit_reached",
    errno.E2BIG: "limit_reached", errno.ENAMETOOLONG: "limit_reached", errno.ENOMEM: "out_of_memory",
    errno.ETXTBSY: "in_use", errno.EBUSY: "in_use", errno.ENOENT: "file_missing", errno.ENOTDIR: "file_missing",
    errno.EEXIST: "already_exists", errno.ENOTEMPTY: "already_exists", errno.ENOEXEC: "not_executable",
}  # fmt: skip


def _nothing(_: Any) -> None:
    """The default of a function that a phase does not need."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PhaseCode:
    """The functions of a phase. `prepare` always runs, `apply` only if the phase is not restored from a checkpoint.

    `publish` always runs after them. It makes what no checkpoint holds from what one holds: images from folders.
    `hand_over` runs before the phase's fingerprint. It stops what an earlier phase runs and this phase replaces.
    `overlays` are those that it may lay beyond the plan's.
    `depends_on` is what else decides what the phase makes, as part of the checkpoint's key.
    `furnish` lays out the input of an observed phase; the input is no residue of the path.
    `adopt` updates the site after the phase was applied or restored, `forget` after it was rolled back.
    A phase can be `checkpointed` if it changes nothing but the site's folder and databases.
    """

    name: str
    apply: Callable[[Step], None]
    overlays: tuple[str, ...] = ()
    prepare: Callable[[Step], None] = _nothing
    publish: Callable[[Step], None] = _nothing
    hand_over: Callable[[Site], None] = _nothing
    furnish: Callable[[Step], None] | None = None
    adopt: Callable[[Site], None] = _nothing
    forget: Callable[[Site], None] = _nothing
    depends_on: Callable[[Site], str] = lambda site: ""
    checkpointed: bool = True

    @property
    def publishes(self) -> bool:
        """Whether the phase makes more than its checkpoint holds, from what that holds."""
        return self.publish is not _nothing

    @property
    def sources(self) -> tuple[Path, ...]:
        """The files with the code that decides what the phase makes."""
        functions = (
            self.apply, self.prepare, self.publish, self.hand_over, self.furnish, self.adopt, self.forget
        )  # fmt: skip
        return sources_of(function for function in functions if function not in {None, _nothing})


@dataclass(frozen=True, slots=True, kw_only=True)
class PhaseResult:
    """How a phase ended. `outcome` is passed, failed, refused or blocked (`by` the phase that failed)."""

    name: str
    outcome: str
    site: Site
    plan: PhasePlan
    optional: bool = False
    error: BaseException | None = None
    by: PhaseResult | None = None
    restored: bool = False

    @property
    def passed(self) -> bool:
        return self.outcome == "passed"

    @property
    def allows_next(self) -> bool:
        """True if the next phase may start: this one passed, or is optional and was undone."""
        return self.passed or (self.optional and self.outcome == "failed")

    @property
    def culprit(self) -> PhaseResult:
        """The phase that failed first: itself, or the one that blocks it."""
        return self.by.culprit if self.by else self

    def require(self) -> None:
        """Raise the error of a phase that failed."""
        if self.error is not None:
            raise self.error


def describe(error: BaseException, folder: Path) -> dict[str, Any]:
    """An error as data for the journal: cause, package, message, advice, log (relative to the run's folder)."""
    if isinstance(error, KeyboardInterrupt):
        return {"cause": "killed", "package": None, "message": "The run was interrupted.", "advice": "Run again."}
    if not isinstance(error, RolloutError):
        cause = _cause_of(error)
        return {
            "cause": cause,
            "package": None,
            "message": f"{type(error).__name__}: {error}",
            "advice": ADVICE[cause]
            if cause != "unknown"
            else "Read the message. If it is a bug of this suite, report it with the journal.",
        }
    log = error.log if isinstance(error, PhaseFailed) else None
    return {
        "cause": error.cause or "unknown",
        "package": error.package,
        "message": error.message,
        "advice": error.advice,
        "log": str(log.relative_to(folder)) if log and log.is_relative_to(folder) else None,
    }


def _cause_of(error: BaseException) -> str:
    """The cause of an error that is not ours: by its errno, else by its text."""
    if isinstance(error, OSError) and error.errno in _CAUSES_BY_ERRNO:
        return _CAUSES_BY_ERRNO[error.errno]
    if isinstance(error, MemoryError):
        return "out_of_memory"
    found = named(str(error))
    return found.cause if found else "unknown"
