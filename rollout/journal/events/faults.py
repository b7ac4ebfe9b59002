"""Events of an injected fault."""

from __future__ import annotations

from rollout.journal.events.base import JournalEvent, Texts, event


@event("fault.armed")
class FaultArmed(JournalEvent):
    """An injected fault waits for its phase or moment."""

    fault: str
    family: str
    path: str
    phase: str
    form: str
    seed: int
    at: str | None = None


@event("fault.struck")
class FaultStruck(JournalEvent):
    """The fault is injected."""

    fault: str
    family: str
    path: str
    phase: str
    form: str
    seed: int
    at: str | None = None


@event("fault.bit")
class FaultBit(JournalEvent):
    """The fault has taken effect for the first time."""

    fault: str
    family: str
    path: str
    phase: str
    form: str
    seed: int
    at: str | None = None
    evidence: str


@event("fault.finished")
class FaultFinished(JournalEvent):
    """Whether the fault struck, how often it took effect, and what shows that."""

    # struck: whether the fault was injected; bites: how often it took effect
    fault: str
    family: str
    path: str
    phase: str
    form: str
    seed: int
    at: str | None = None
    struck: bool
    bites: int
    evidence: Texts
