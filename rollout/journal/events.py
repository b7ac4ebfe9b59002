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
    "run.started": "pid argv options source forge database host versions paths started_by? plan",
    #   options: the frozen Options as a mapping; source: {kind, detail, why, rehearsal?}; forge: {kind, detail, why};
    #   database: {kind, detail, why, version?}; host: {os, cpus, memory}; versions: {tool: version};
    #   paths: [name]; plan: {path: [{name, description, optional, packages: [{name, requirement}]}]}
    "run.interrupted": "signal",
    "run.finished": "exit_code seconds reason",
    "run.overhead": "wall_seconds child_seconds",
    # a path
    "path.started": "path phases through? attempts?",  # attempts: the groups of checks that the path answers for
    # what the path's own steps had left on its site, before we disposed of that; failed: it is the path's residue
    "path.left": "path items failed",
    "path.finished": "path outcome seconds",  # deployed refused rolled_back dirty void
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
    "undo.done": "id seconds text",
    "undo.failed": "id error",
    # rollback
    "rollback.started": "path phase why",  # why: failed | teardown | interrupted | recovery | undeploy
    "rollback.finished": "path phase why outcome seconds residue",  # outcome: restored | dirty; residue: [text]
    # commands (in the forge or on the host)
    "command.started": "id path? phase? label argv cwd deadline log",
    "command.running": "id identity",
    "command.finished": "id exit_code seconds timed_out tail",
    # waiting for a server to answer, or for the engine or the database server to do what was asked: counts as no
    # overhead of the suite; `seconds` lie directly before the event
    "wait.finished": "path? phase? text seconds",
    # checkpoints
    "checkpoint.saved": "path phase key seconds files bytes",
    "checkpoint.restored": "path phase key seconds files",
    "checkpoint.skipped": "path phase reason",
    # the gateway
    "gateway.summary": "requests from_cache bytes failures",
    # checks
    "check.finished": "nodeid path phase check outcome seconds message? by? doc?",
    #   outcome: passed failed blocked skipped; by: the phase that blocks; message: failure or reason
    # what stays
    "kept": "path url directory manage remove",
    "undeployed": "path",
    # recovery of an earlier run, in the journal of the run that recovers
    "recovery.started": "of",
    "recovery.finished": "of outcome residue",
}

REQUIRED: Mapping[str, frozenset[str]] = {
    name: frozenset(key for key in keys.split() if not key.endswith("?")) for name, keys in EVENTS.items()
}
