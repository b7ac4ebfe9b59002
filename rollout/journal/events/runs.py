"""Events of a whole run, such as its checks, its gateway and its leftovers."""

from __future__ import annotations

from rollout.journal.events.base import Data, JournalEvent, Rows, Texts, event


@event("run.started")
class RunStarted(JournalEvent):
    """A run begins, with the options, source, forge, database and plans that it uses."""

    # options: the frozen Options; source and database: {kind, detail, why, …}; forge: {kind, detail, why, engine?},
    # where engine is Engine.settings; host: {os, cpus, memory}; versions: {tool: version};
    # plan: {path: [{name, description, optional, packages: [{name, requirement}]}]}
    pid: int
    argv: Texts
    options: Data
    source: Data
    forge: Data
    database: Data
    host: Data
    versions: Data
    paths: Texts
    gate: Texts = ()
    started_by: str | None = None
    application: str = ""  # the title of the user's own; "" for the one that comes with the suite
    plan: Data


@event("run.interrupted")
class RunInterrupted(JournalEvent):
    """A signal stops the run."""

    signal: str


@event("baseline.compared")
class BaselineCompared(JournalEvent):
    """The results were compared with those of an earlier run. `worse` has a line for each thing that became worse."""

    # against: the run of the baseline
    against: str
    worse: Texts


@event("run.finished")
class RunFinished(JournalEvent):
    """The run has ended."""

    exit_code: int
    seconds: float
    reason: str


@event("path.run")
class PathRun(JournalEvent):
    """A path of a comparison starts as a separate run."""

    # folder: relative to the folder of the comparison's reports
    path: str
    folder: str
    site: str
    port: int


@event("path.aborted")
class PathAborted(JournalEvent):
    """The session of a path died, or never began. `message` is what it printed last."""

    path: str
    exit_code: int | None
    message: str


@event("path.started")
class PathStarted(JournalEvent):
    """A path begins. `attempts` are the groups of checks that it answers for."""

    path: str
    phases: Texts
    through: str | None = None
    attempts: Texts = ()
    requires: Texts = ()
    may_answer: Texts = ()


@event("path.attempts")
class PathAttempts(JournalEvent):
    """The groups of checks, once a step of the path has shown what there is to ask about."""

    path: str
    attempts: Texts


@event("path.left")
class PathLeft(JournalEvent):
    """The residue of the path's own steps, listed before its site is disposed of."""

    path: str
    items: Texts
    failed: bool


@event("path.finished")
class PathFinished(JournalEvent):
    """A path has ended, with its outcome."""

    # outcome: deployed, refused, failed, rolled_back, dirty or void
    path: str
    outcome: str
    seconds: float


@event("gateway.summary")
class GatewaySummary(JournalEvent):
    """How many requests the gateway answered. `bytes` are those sent."""

    path: str | None = None
    requests: int
    from_cache: int
    bytes: int
    failures: int


@event("check.finished")
class CheckFinished(JournalEvent):
    """A check has ended: passed, failed, blocked or skipped."""

    # by: the phase that blocks; message: failure or reason
    nodeid: str
    path: str
    phase: str
    check: str
    outcome: str
    seconds: float
    message: str | None = None
    by: str | None = None
    doc: str | None = None


@event("kept")
class Kept(JournalEvent):
    """The deployment stays up: where it is, how to manage and how to remove it."""

    # forge and database: command lines that enter them. release and instances: of the production stage
    path: str
    url: str
    directory: str
    manage: str
    remove: str
    first_operator: str | None = None
    forge: str | None = None
    database: str | None = None
    release: str | None = None
    instances: Texts = ()


@event("undeployed")
class Undeployed(JournalEvent):
    """A kept deployment is removed."""

    path: str


@event("history.read")
class HistoryRead(JournalEvent):
    """The earlier runs on this machine that this one is compared with, oldest first."""

    # runs: rows of rollout/results/history.py; skipped: lines that could not be read
    runs: Rows
    skipped: int
    problem: str | None = None


@event("campaign.read")
class CampaignRead(JournalEvent):
    """The newest campaigns on this machine with the same plan and packages, by path."""

    # campaigns: path → row of rollout/campaign/newest_results.py
    campaigns: Data


@event("trial.finished")
class TrialFinished(JournalEvent):
    """A trial of a campaign has ended."""

    # bites: how often the fault took effect; promised: whether the trial ended as promised
    key: str
    kind: str
    trial: int
    path: str
    fault: str
    phase: str
    form: str
    seed: int
    outcome: str
    settled: str
    bites: int
    promised: bool
    seconds: float


@event("recovery.finished")
class RecoveryFinished(JournalEvent):
    """The run has undone what an interrupted run left behind."""

    of: str
    outcome: str  # restored or dirty
    residue: Texts
