"""Events of the production stage: releases, their instances, and how one release replaces another."""

from __future__ import annotations

from rollout.journal.events.base import JournalEvent, Rows, Texts, event


@event("release.built")
class ReleaseBuilt(JournalEvent):
    """A release is built. `folder` is where, below the application; `bytes` is the size of its files."""

    path: str
    phase: str
    release: str
    version: str
    folder: str
    bytes: int
    seconds: float


@event("instance.started")
class InstanceStarted(JournalEvent):
    """An instance of a release is started."""

    path: str
    phase: str
    instance: str
    release: str
    port: int


@event("instance.ready")
class InstanceReady(JournalEvent):
    """An instance answers its readiness, `seconds` after its start."""

    path: str
    phase: str
    instance: str
    seconds: float


@event("instance.drained")
class InstanceDrained(JournalEvent):
    """The proxy sends an instance nothing new any more. `left`: the sessions that were still open after `seconds`."""

    path: str
    phase: str
    instance: str
    left: int
    seconds: float


@event("instance.stopped")
class InstanceStopped(JournalEvent):
    """An instance has ended. `exit_code` is None if nothing tells it. `log` is relative to the run's folder."""

    path: str
    phase: str
    instance: str
    exit_code: int | None = None
    seconds: float
    how: str
    log: str


@event("migrations.ran")
class MigrationsRan(JournalEvent):
    """The release's migrate command has ended. `applied` are the versions that it added."""

    path: str
    phase: str
    release: str
    outcome: str
    seconds: float
    applied: Texts
    message: str = ""


@event("roll.finished")
class RollFinished(JournalEvent):
    """One release has replaced another, or was taken back. `outcome`: replaced, taken_back or failed."""

    path: str
    phase: str
    old: str
    new: str
    outcome: str
    seconds: float
    cause: str = ""
    message: str = ""


@event("data.proven")
class DataProven(JournalEvent):
    """The answers of a load were compared with the database. `missing` and `doubled` are at most 20 keys each."""

    path: str
    phase: str
    load: str
    acknowledged: int
    missing: Texts
    doubled: Texts


@event("soak.finished")
class SoakFinished(JournalEvent):
    """Instances have served under load for a while. `instances`: the memory of each, `bound`: bytes it may use."""

    # Each row: MemoryFigures of rollout/results/soak.
    path: str
    phase: str
    load: str
    seconds: float
    bound: int
    instances: Rows


@event("bad_release.tried")
class BadReleaseTried(JournalEvent):
    """A bad release was deployed on purpose. `outcome`: taken_back or accepted. `noticed`: the step that saw it."""

    path: str
    phase: str
    kind: str
    outcome: str
    noticed: str
    seconds: float
    message: str = ""
