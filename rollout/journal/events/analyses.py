"""Events of `--blame` and `--matrix`, which find incompatible and compatible packages."""

from __future__ import annotations

from rollout.journal.events.base import Data, JournalEvent, Lists, Rows, Texts, event


@event("blame.started")
class BlameStarted(JournalEvent):
    """The search for the packages that fail together begins."""

    # failure: {cause, package?, message}
    path: str
    packages: Texts
    phase: str | None = None
    failure: Data | None = None


@event("blame.probe")
class BlameProbe(JournalEvent):
    """A subset of the packages was installed: passed, failed or unresolved."""

    path: str
    packages: Texts
    outcome: str
    cause: str | None = None
    package: str | None = None
    message: str | None = None
    seconds: float


@event("blame.finished")
class BlameFinished(JournalEvent):
    """The smallest sets of packages that fail, with their evidence."""

    # kind: conflict, missing, compile, none or unfinished; sets: the minimal sets, each with its kind, packages,
    # against, sentence, evidence and is_minimal
    path: str
    kind: str
    culprits: Texts
    sentence: str
    evidence: str
    probes: int
    seconds: float
    sets: Rows


@event("matrix.cell")
class MatrixCell(JournalEvent):
    """Whether one package goes with the application, or two go together."""

    # outcome: resolves, conflict, missing, implied, not_reached, compiles, does_not_compile or unresolved
    path: str | None = None
    packages: Texts
    outcome: str
    cause: str | None = None
    seconds: float


@event("matrix.finished")
class MatrixFinished(JournalEvent):
    """How much of the matrix was reached, and which pairs conflict."""

    path: str | None = None
    cells: int
    conflicts: Lists
    reached: int
    seconds: float
    sentence: str
