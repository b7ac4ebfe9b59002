"""What a run can come to, as data. The words are those of `docs/verdict.schema.json`."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Rollback:
    """`outcome`: restored, dirty, or unfinished. `why`: failed, teardown, interrupted, recovery, undeploy."""

    outcome: str
    seconds: float
    residue: tuple[str, ...]
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PhaseVerdict:
    """`outcome`: passed, failed, refused, blocked, interrupted (begun, never ended) or not_reached."""

    name: str
    outcome: str = "not_reached"
    seconds: float = 0.0
    restored: bool = False
    attempts: int = 0
    optional: bool = False
    rollback: Rollback | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Checks:
    """How many checks ended how."""

    passed: int = 0
    failed: int = 0
    blocked: int = 0
    skipped: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """The first failure. `cause`: a cause of the classifier, or killed, interrupted, check_failed."""

    phase: str | None
    cause: str
    package: str | None
    message: str
    advice: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PathVerdict:
    """`outcome`: deployed, refused, failed, rolled_back, dirty, void. `through`: the last phase selected.

    `unanswered`: groups of checks of which none was answered, though the path may answer for them or `--require` names
    them; `unmet`: those that `--require` names and of which none has passed.
    `observed`: the path went its own way; what it left was only looked at, before its site was disposed of.
    `kept`: its site stays on purpose until it is undeployed; `failed` is the outcome of a path that failed and is kept.
    """

    name: str
    outcome: str
    through: str | None
    seconds: float
    phases: tuple[PhaseVerdict, ...]
    checks: Checks
    failure: Failure | None
    residue: tuple[str, ...]
    retries: int
    observed: bool = False
    kept: bool = False
    unanswered: tuple[str, ...] = ()
    unmet: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What a run came to. `exit_code` is None for a run that was killed; `signal` names the interrupt."""

    run: str
    source_kind: str
    source_detail: str
    forge_kind: str
    database_kind: str
    exit_code: int | None
    interrupted: bool
    signal: str | None
    killed: bool
    rehearsal: bool
    seconds: float
    reason: str
    paths: tuple[PathVerdict, ...]
