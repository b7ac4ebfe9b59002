"""Events of phases: their start, their end and what happens in between."""

from __future__ import annotations

from rollout.journal.events.base import Data, JournalEvent, Rows, Texts, event


@event("phase.started")
class PhaseStarted(JournalEvent):
    """A phase begins. `before` is the digest of the fingerprint."""

    path: str
    phase: str
    before: str


@event("phase.finished")
class PhaseFinished(JournalEvent):
    """A phase has ended, with its outcome and its failure."""

    # outcome: passed, failed or refused; failure: {cause, package?, message, advice, log?, tail?}
    path: str
    phase: str
    outcome: str
    seconds: float
    restored: bool
    failure: Data | None = None
    key: str | None = None
    attempts: int


@event("phase.blocked")
class PhaseBlocked(JournalEvent):
    """A phase cannot begin because an earlier one has failed."""

    path: str
    phase: str
    by: str


@event("phase.note")
class PhaseNote(JournalEvent):
    """A decision worth reading."""

    path: str
    phase: str
    text: str


@event("phase.retry")
class PhaseRetry(JournalEvent):
    """A transient failure. The phase waits and tries again."""

    path: str
    phase: str
    attempt: int
    cause: str
    wait: float
    message: str


@event("phase.packages")
class PhasePackages(JournalEvent):
    """The packages that the phase has installed."""

    # packages: [{name, requirement, version, seconds, size?, licences?}]
    path: str
    phase: str
    packages: Rows


@event("command.started")
class CommandStarted(JournalEvent):
    """A command begins, in the forge or on this machine."""

    id: str
    path: str | None = None
    phase: str | None = None
    label: str
    argv: Texts
    cwd: str
    deadline: float
    log: str


@event("command.running")
class CommandRunning(JournalEvent):
    """The command has a process, known by `identity`."""

    id: str
    identity: Data
    path: str | None = None


@event("command.finished")
class CommandFinished(JournalEvent):
    """The command has ended. `tail` is the end of its output."""

    id: str
    exit_code: int | None
    seconds: float
    timed_out: bool
    tail: str
    path: str | None = None


@event("wait.finished")
class WaitFinished(JournalEvent):
    """The suite waited for a server or an engine. The time directly before the event is no overhead."""

    path: str | None = None
    phase: str | None = None
    text: str
    seconds: float


@event("checkpoint.saved")
class CheckpointSaved(JournalEvent):
    """The state after a phase is saved."""

    path: str
    phase: str
    key: str
    seconds: float
    files: int
    bytes: int


@event("checkpoint.restored")
class CheckpointRestored(JournalEvent):
    """A phase was restored from a checkpoint."""

    path: str
    phase: str
    key: str
    seconds: float
    files: int


@event("checkpoint.skipped")
class CheckpointSkipped(JournalEvent):
    """A checkpoint could not be used, and why."""

    path: str
    phase: str
    reason: str
