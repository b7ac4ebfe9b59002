"""Events of changes to the site (acts), of their undo, and of rollbacks."""

from __future__ import annotations

from rollout.journal.events.base import Data, JournalEvent, Texts, event


@event("act.intent")
class ActIntent(JournalEvent):
    """The suite is about to change something. `undo` says how it is taken back."""

    # undo: {kind, …}; journaled before the act
    id: str
    path: str | None = None
    phase: str | None = None
    text: str
    undo: Data


@event("act.done")
class ActDone(JournalEvent):
    """The act has ended."""

    id: str
    seconds: float
    path: str | None = None


@event("act.failed")
class ActFailed(JournalEvent):
    """The act has failed. An act with neither event was cut off."""

    id: str
    error: str
    path: str | None = None


@event("undo.done")
class UndoDone(JournalEvent):
    """An act is undone."""

    id: str
    seconds: float
    text: str
    path: str | None = None
    phase: str | None = None


@event("undo.retried")
class UndoRetried(JournalEvent):
    """An undo has failed and is tried again."""

    id: str
    attempt: int
    error: str
    path: str | None = None
    phase: str | None = None


@event("undo.failed")
class UndoFailed(JournalEvent):
    """An undo has failed for good."""

    id: str
    error: str
    path: str | None = None
    phase: str | None = None


@event("rollback.started")
class RollbackStarted(JournalEvent):
    """The rollback of a phase begins, or of the whole path if `phase` is empty."""

    # why: failed, teardown, interrupted, settlement, recovery or undeploy
    path: str
    phase: str
    why: str


@event("rollback.finished")
class RollbackFinished(JournalEvent):
    """The rollback has ended. `residue` lists what differs from before."""

    path: str
    phase: str
    why: str
    outcome: str  # restored or dirty
    seconds: float
    residue: Texts
