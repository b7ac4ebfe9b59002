"""Defines the outcomes of runs, paths, phases, rollbacks and checks.

Names and values are those of verdict.json (`docs/verdict.schema.json`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rollout.application import APPLICATION
from rollout.installation import command
from rollout.results.load import Figures, SessionFigures

CHECK_OUTCOMES = ("passed", "failed", "blocked", "skipped")
FAILED_PATH = frozenset({"failed", "rolled_back", "dirty"})  # those of OUTCOMES that mean that a phase failed

OUTCOMES: Mapping[str, str] = {
    "deployed": "Every required phase passed.",
    "refused": "The run stopped before anything was changed.",
    "failed": "A phase failed, and the site is kept on purpose (`--keep=failed` or `always`) until "
    f"`{command('undeploy')}`.",
    "rolled_back": "A phase failed, and the site is proven to be restored.",
    "dirty": "Something is left, or may be left. `residue` lists it.",
    "void": "An injected fault never took effect.",
}
"""The outcomes of a path."""

PHASE_OUTCOMES: Mapping[str, str] = {
    "passed": "The phase was applied, or restored from a checkpoint.",
    "failed": "The phase was applied and did not come to its result.",
    "refused": "Something was in its way. It changed nothing.",
    "blocked": "An earlier phase that it needs has failed.",
    "interrupted": "A signal ended it.",
    "not_reached": "The run ended before it.",
}
"""The outcomes of a phase."""

ROLLBACK_OUTCOMES: Mapping[str, str] = {
    "restored": "The site looks as it did before the phase.",
    "dirty": "Something differs. `residue` lists it.",
    "unfinished": "The rollback was cut off. The next run finishes it.",
}
"""The outcomes of a rollback."""

EXIT_CODES: Mapping[str, Mapping[int, str]] = {
    "pytest": {
        0: "The selected path is deployed and every check passed (in a rehearsal: rehearsed).",
        1: "A phase or a check failed, a required group has no passed check, or the run was refused before it started. "
        "With `--baseline`: and something is worse than in the baseline.",
        2: "The run was interrupted, and rolled back.",
        3: "An internal error of the suite.",
        4: "An option or plan is invalid, or a source cannot be reached. Nothing was changed.",
        5: "No check was selected.",
    },
    "pytest --doctor": {0: "The machine is ready.", 1: "Something that a run needs is missing."},
    "pytest --recover": {0: "Everything is undone.", 1: "Something is left."},
    "pytest --campaign": {0: "Every trial kept its promise.", 1: "A trial broke a promise."},
    "python -m rollout undeploy": {
        0: "Everything is removed.",
        1: "Something is left.",
        2: "The name is unknown, or missing where several deployments are up.",
    },
    "python -m rollout init": {
        0: "rollout.toml is written, or is as it would be written, or the difference is shown.",
        1: "The repository cannot be read, or the file cannot be written. Nothing was changed.",
        2: "An unknown option, or more than one folder.",
    },
    "python -m rollout.cli.setup": {
        0: "Everything that a run needs is there.",
        2: "An engine is needed and cannot be started. The commands that help are printed.",
        130: "Interrupted.",
    },
}
"""The exit codes of each command, with their meaning."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rollback:
    """`outcome`: restored, dirty, or unfinished. `why`: failed, teardown, interrupted, recovery, undeploy."""

    outcome: str
    seconds: float
    residue: tuple[str, ...]
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PhaseVerdict:
    """`outcome`: passed, failed, refused, blocked, interrupted (started, never finished) or not_reached."""

    name: str
    outcome: str = "not_reached"
    seconds: float = 0.0
    restored: bool = False
    attempts: int = 0
    optional: bool = False
    rollback: Rollback | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Checks:
    """Number of checks by outcome."""

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
class LoadVerdict:
    """What became of a load. `too_slow`: the generator was so late that the latencies are not the server's."""

    name: str
    phase: str | None
    too_slow: bool
    totals: Figures
    windows: tuple[Figures, ...]
    sessions: SessionFigures


@dataclass(frozen=True, slots=True, kw_only=True)
class PathVerdict:
    """`outcome`: deployed, refused, failed, rolled_back, dirty, void. `through`: the last phase selected.

    `unanswered`: groups of checks in which no check passed or failed, although the path can answer them or `--require`
    names them. `unmet`: groups that `--require` names and in which no check passed.
    `observed`: the suite did not control the path. It recorded the residue, then removed the site.
    `migrations`: what was found about them (rollout/results/migrations.py), None if nobody asked.
    `kept`: the site stays until `make undeploy`. `failed` is the outcome of a path that failed and is kept.
    `load`: the loads on the server, in order.
    `failing`: the checks that failed or were blocked, by the ids of pytest, sorted.
    `soak`: the memory of instances under a long load (rollout/results/soak.py), None without one.
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
    load: tuple[LoadVerdict, ...] = ()
    migrations: Mapping[str, Any] | None = None
    soak: Mapping[str, Any] | None = None
    failing: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """The verdict of a run. `exit_code` is None for a killed run. `signal` names the signal that interrupted it.

    `baseline`: `{run, worse}`, the run of --baseline and what became worse since; None without one.
    `application`: the title of what was deployed.
    """

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
    baseline: Mapping[str, Any] | None = None
    application: str = APPLICATION.title
