"""The vocabulary of the journal: event name → what it says. Every report is a function of these alone.

Each line of a journal is one JSON object with the envelope
`{"v": 1, "seq": int, "t": ISO-8601 UTC with ms, "mono": seconds (float, this process), "run": id, "event": name, …}`
and the keys listed here. Keys with a `?` may be absent or null. Durations are seconds, sizes bytes.
"""

from __future__ import annotations

from collections.abc import Mapping

SCHEMA = 1

EVENTS: Mapping[str, str] = {
    # the run
    "run.started": "pid argv options source forge database host versions paths gate? started_by? plan",
    #   options: the frozen Options as a mapping; source: {kind, detail, why, rehearsal?};
    #   forge: {kind, detail, why, engine?}; engine: the container engine, as Engine.settings has it;
    #   database: {kind, detail, why, version?}; host: {os, cpus, memory}; versions: {tool: version};
    #   paths: [name]; plan: {path: [{name, description, optional, packages: [{name, requirement}]}]}
    "run.interrupted": "signal",
    "run.finished": "exit_code seconds reason",
    # a path of a comparison is a run of its own; its folder is relative to that of the comparison's reports
    "path.run": "path folder site port",
    "path.aborted": "path exit_code message",  # its session died, or never began: what it printed last
    # a path
    "path.started": "path phases through? attempts?",  # attempts: the groups of checks that the path answers for
    "path.attempts": "path attempts",  # the same, once a step of the path's own has shown what there is
    # what the path's own steps had left on its site, before we disposed of that; failed: it is the path's residue
    "path.left": "path items failed",
    "path.finished": "path outcome seconds",  # deployed refused failed rolled_back dirty void
    # a phase
    "phase.started": "path phase before",  # before: digest of the fingerprint
    "phase.finished": "path phase outcome seconds restored failure? key? attempts",
    #   outcome: passed | failed | refused; restored: came from a checkpoint;
    #   failure: {cause, package?, message, advice, log?, tail?}
    "phase.blocked": "path phase by",
    "phase.note": "path phase text",  # decisions worth reading: "unlocked decimal", "assets: plain, because …"
    "phase.retry": "path phase attempt cause wait message",
    "phase.packages": "path phase packages",  # [{name, requirement, version, seconds, size?, licences?}]
    # undo, as data
    "act.intent": "id path? phase? text undo",  # undo: {kind, …}; journaled before the act
    "act.done": "id seconds",
    "act.failed": "id error",  # neither of both: it was cut off
    "undo.done": "id seconds text",
    "undo.retried": "id attempt error",
    "undo.failed": "id error",
    # rollback
    # why: failed | teardown | interrupted | settlement | recovery | undeploy; without a phase (""): of the whole path
    "rollback.started": "path phase why",
    "rollback.finished": "path phase why outcome seconds residue",  # outcome: restored | dirty; residue: [text]
    # commands (in the forge or on the host)
    "command.started": "id path? phase? label argv cwd deadline log",
    "command.running": "id identity",
    "command.finished": "id exit_code seconds timed_out tail",
    # waiting for a server to answer, or for the engine or the database server to do what was asked: counts as no
    # overhead of the suite; `seconds` lie directly before the event
    "wait.finished": "path? phase? text seconds",
    # why an installation failed: smallest sets of packages that fail; probes install subsets of the plan's packages.
    # A failure is {cause, package?, message}; a probe has passed, failed, or is unresolved
    "blame.started": "path packages phase? failure?",
    "blame.probe": "path packages outcome cause? package? message? seconds",
    # kind is one of conflict, missing, compile, none, unfinished; culprits are names, sets the minimal sets:
    # each with its kind, packages, against, sentence, evidence, is_minimal
    "blame.finished": "path kind culprits sentence evidence probes seconds sets",
    # which packages go together, one with the application or two. The outcome is one of resolves, conflict, missing,
    # implied, not_reached; or compiles, does_not_compile, unresolved
    "matrix.cell": "path? packages outcome cause? seconds",
    # how many cells there are and how many were reached; conflicts are [[name]]
    "matrix.finished": "path? cells conflicts reached seconds sentence",
    # checkpoints
    "checkpoint.saved": "path phase key seconds files bytes",
    "checkpoint.restored": "path phase key seconds files",
    "checkpoint.skipped": "path phase reason",
    # the gateway
    "gateway.summary": "path? requests from_cache bytes failures",  # bytes: sent
    # checks
    "check.finished": "nodeid path phase check outcome seconds message? by? doc?",
    #   outcome: passed failed blocked skipped; by: the phase that blocks; message: failure or reason
    # what stays; `forge` and `database` are command lines that enter them
    "kept": "path url directory manage remove first_operator? forge? database?",
    "undeployed": "path",
    # earlier runs on this machine that this one is compared with, oldest first: rows of rollout/results/history.py;
    # `skipped` lines could not be read
    "history.read": "runs skipped problem?",
    # the newest campaign on this machine of the same plan and packages: path → row of
    # rollout/campaign/newest_results.py
    "campaign.read": "campaigns",
    # a fault injected on purpose; `bit` is its first bite, journaled at once; `finished`: whether it struck, how often
    # it bit, and what shows that
    "fault.armed": "fault family path phase form seed at?",
    "fault.struck": "fault family path phase form seed at?",
    "fault.bit": "fault family path phase form seed at? evidence",
    "fault.finished": "fault family path phase form seed at? struck bites evidence",
    # a trial of a campaign is over; `bites` is how often its fault bit, `promised` whether it came to what was promised
    "trial.finished": "key kind trial path fault phase form seed outcome settled bites promised seconds",
    # what an earlier run had left and this one undid first; its own journal has the rollbacks
    "recovery.finished": "of outcome residue",  # outcome: restored | dirty
}

MEANINGS: Mapping[str, str] = {
    "run.started": "A run begins, with the options, source, forge, database and plans that it uses.",
    "run.interrupted": "A signal stops the run.",
    "run.finished": "The run has ended.",
    "path.run": "A path of a comparison begins as a run of its own.",
    "path.aborted": "The session of a path died, or never began. `message` is what it printed last.",
    "path.started": "A path begins. `attempts` are the groups of checks that it answers for.",
    "path.attempts": "The groups of checks, once a step of the path has shown what there is to ask about.",
    "path.left": "The residue of the path's own steps, listed before its site is disposed of.",
    "path.finished": "A path has ended, with its outcome.",
    "phase.started": "A phase begins. `before` is the digest of the fingerprint.",
    "phase.finished": "A phase has ended, with its outcome and its failure.",
    "phase.blocked": "A phase cannot begin because an earlier one has failed.",
    "phase.note": "A decision worth reading.",
    "phase.retry": "A transient failure. The phase waits and tries again.",
    "phase.packages": "The packages that the phase has installed.",
    "act.intent": "The suite is about to change something. `undo` says how it is taken back.",
    "act.done": "The act has ended.",
    "act.failed": "The act has failed. An act with neither event was cut off.",
    "undo.done": "An act is undone.",
    "undo.retried": "An undo has failed and is tried again.",
    "undo.failed": "An undo has failed for good.",
    "rollback.started": "The rollback of a phase begins, or of the whole path if `phase` is empty.",
    "rollback.finished": "The rollback has ended. `residue` lists what differs from before.",
    "command.started": "A command begins, in the forge or on this machine.",
    "command.running": "The command has a process, known by `identity`.",
    "command.finished": "The command has ended. `tail` is the end of its output.",
    "wait.finished": "The suite waited for a server or an engine. The time directly before the event is no overhead.",
    "blame.started": "The search for the packages that fail together begins.",
    "blame.probe": "A subset of the packages was installed: passed, failed or unresolved.",
    "blame.finished": "The smallest sets of packages that fail, with their evidence.",
    "matrix.cell": "Whether one package goes with the application, or two go together.",
    "matrix.finished": "How much of the matrix was reached, and which pairs conflict.",
    "checkpoint.saved": "The state after a phase is saved.",
    "checkpoint.restored": "A phase was restored from a checkpoint.",
    "checkpoint.skipped": "A checkpoint could not be used, and why.",
    "gateway.summary": "How many requests the gateway answered. `bytes` are those sent.",
    "check.finished": "A check has ended: passed, failed, blocked or skipped.",
    "kept": "The deployment stays up: where it is, how to manage and how to remove it.",
    "undeployed": "A kept deployment is removed.",
    "history.read": "The earlier runs on this machine that this one is compared with, oldest first.",
    "campaign.read": "The newest campaigns on this machine with the same plan and packages, by path.",
    "fault.armed": "An injected fault waits for its phase or moment.",
    "fault.struck": "The fault is injected.",
    "fault.bit": "The fault has taken effect for the first time.",
    "fault.finished": "Whether the fault struck, how often it took effect, and what shows that.",
    "trial.finished": "A trial of a campaign has ended.",
    "recovery.finished": "The run has undone what an interrupted run left behind.",
}
"""What each event says. docs/reference/journal-events.md is generated from both tables."""

REQUIRED: Mapping[str, frozenset[str]] = {
    name: frozenset(key for key in keys.split() if not key.endswith("?")) for name, keys in EVENTS.items()
}
