"""Computes the outcome of a path from its events, for example deployed or rolled_back. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from rollout.installation import command
from rollout.journal.events.base import select
from rollout.journal.events.loads import LoadFinished
from rollout.journal.events.production import SoakFinished
from rollout.journal.query import Event, elapsed, last, lifetime, mapping, number, rows, text, texts
from rollout.results.load import read_summary
from rollout.results.migrations import as_json, migrations_of
from rollout.results.outcomes import CHECK_OUTCOMES, Checks, Failure, LoadVerdict, PathVerdict, PhaseVerdict, Rollback
from rollout.results.soak import as_json as soak_as_json


def judge_path(name: str, events: Sequence[Event], *, alone: bool) -> PathVerdict:
    """The verdict of one path. `alone`: the run has no other path, so events without a path belong to it."""
    mine = [event for event in events if event.get("path") == name]
    began, ended = last(mine, "path.started"), last(mine, "path.finished")
    recovery = _later_rollback(mine)
    closed = bool(ended or last(events, "run.finished"))
    plan = rows(mapping(last(events, "run.started"), "plan"), name)
    selected = list(texts(began, "phases")) or [text(item, "name") for item in plan]
    through = text(began, "through") or (selected[-1] if selected else None)
    if through in selected:
        selected = selected[: selected.index(through) + 1]
    optional = {text(item, "name") for item in plan if item.get("optional")}
    phases = tuple(_judge_phase(phase, mine, optional=phase in optional) for phase in selected)
    touched = {text(event, "phase") for event in mine if event["event"] in {"act.intent", "checkpoint.restored"}} & set(
        selected
    )
    recovered = text(recovery, "outcome") in {"restored", "rolled_back"}
    residue = () if recovered else _residue(phases, events, name, closed=closed, alone=alone)
    if recovery and not recovered:
        residue = tuple(dict.fromkeys((*residue, *texts(recovery, "residue"))))
    left = last(mine, "path.left")
    if left.get("failed") is True:  # an observed path left these items; the suite has removed the site since
        residue = tuple(dict.fromkeys((*texts(left, "items"), *residue)))
    checks = [
        event
        for event in events
        if event["event"] == "check.finished" and (event.get("path") == name or (alone and not event.get("path")))
    ]
    required = texts(began, "requires")
    judged = PathVerdict(
        name=name,
        outcome="",
        through=through,
        phases=phases,
        residue=residue,
        seconds=number(ended, "seconds") or elapsed(lifetime(mine)),
        checks=_count(checks),
        failing=_failing(checks),
        failure=_failure(phases, mine, checks, events, closed=closed),
        retries=sum(event["event"] == "phase.retry" for event in mine),
        observed=bool(left),
        kept=bool(last(mine, "kept")) and not recovered,
        unanswered=_without((*texts(began, "may_answer"), *required), checks, {"passed", "failed"}),
        unmet=_without(required, checks, {"passed"}),
        load=tuple(map(_judge_load, select(LoadFinished, mine))),
        migrations=as_json(found) if (found := migrations_of(mine, name)) else None,
        soak=next((soak_as_json(event) for event in select(SoakFinished, mine)), None),
    )
    return replace(judged, outcome=_outcome(judged, touched, ended, closed=closed, recovered=recovered))


def _judge_load(event: LoadFinished) -> LoadVerdict:
    summary = read_summary(event)
    return LoadVerdict(
        name=summary.name,
        phase=event.phase,
        too_slow=event.too_slow,
        totals=summary.totals,
        windows=summary.windows,
        sessions=summary.sessions,
    )


def _later_rollback(mine: Sequence[Event]) -> Event:
    """The event with which recovery or undeploy finished the rollback of the whole path; {} if there is none."""
    return last([event for event in mine if not event.get("phase")], "rollback.finished")


def _outcome(path: PathVerdict, touched: set[str], ended: Event, *, closed: bool, recovered: bool) -> str:
    if ended.get("outcome") == "void":
        return "void"
    if path.residue or not (closed or recovered):
        return "dirty"
    required = [phase for phase in path.phases if not phase.optional]
    stopped = next((phase for phase in required if phase.outcome != "passed"), None)
    cut_short = any(phase.rollback and phase.rollback.why in {"interrupted", "recovery"} for phase in path.phases)
    pending = {
        phase.name
        for phase in path.phases
        if phase.name in touched and not (phase.rollback and phase.rollback.outcome == "restored")
    }
    if required and not stopped and closed and not cut_short:
        undone = pending.isdisjoint(phase.name for phase in path.phases if phase.outcome != "passed")
        return "deployed" if undone or recovered else "dirty"
    if pending and not recovered:
        return "failed" if path.kept else "dirty"
    return "refused" if not touched or (stopped and stopped.outcome == "refused") else "rolled_back"


def _judge_phase(name: str, mine: Sequence[Event], *, optional: bool) -> PhaseVerdict:
    own = [event for event in mine if event.get("phase") == name]
    began, ended = last(own, "phase.started"), last(own, "phase.finished")
    blocked, retries = last(own, "phase.blocked"), sum(event["event"] == "phase.retry" for event in own)
    outcome = text(ended, "outcome") or ("interrupted" if began else "blocked" if blocked else "not_reached")
    attempts = ended.get("attempts")
    return PhaseVerdict(
        name=name,
        outcome=outcome,
        optional=optional,
        seconds=number(ended, "seconds") or (elapsed(own) if began and not ended else 0.0),
        restored=bool(ended.get("restored")),
        attempts=attempts if isinstance(attempts, int) else (1 + retries if began else 0),
        rollback=_rollback(own),
    )


def _rollback(own: Sequence[Event]) -> Rollback | None:
    end = next(
        (event for event in reversed(own) if event["event"] in {"rollback.started", "rollback.finished"}),
        None,
    )
    if end is None:
        return None
    if end["event"] == "rollback.started":
        return Rollback(outcome="unfinished", seconds=0.0, residue=(), why=text(end, "why"))
    return Rollback(
        outcome=text(end, "outcome") or "dirty",
        seconds=number(end, "seconds"),
        residue=texts(end, "residue"),
        why=text(end, "why"),
    )


def _residue(
    phases: Sequence[PhaseVerdict], events: Sequence[Event], name: str, *, closed: bool, alone: bool
) -> tuple[str, ...]:
    """Residue of the last rollback of each phase; else the undo records that failed and were not repeated."""
    left: list[str] = []
    for phase in phases:
        if phase.rollback is None or phase.rollback.outcome == "restored":
            left += phase.rollback.residue if phase.rollback else ()
        elif phase.rollback.outcome == "unfinished":
            left += [f"the rollback of {phase.name} did not finish"] if closed else []
        else:
            left += phase.rollback.residue or [f"the rollback of {phase.name} did not restore everything"]
    intents = {text(event, "id"): event for event in events if event["event"] == "act.intent"}
    failed = {text(event, "id"): event for event in events if event["event"] == "undo.failed"}
    for event in events:
        if event["event"] == "undo.done":
            failed.pop(text(event, "id"), None)
    for identity, event in failed.items() if not left else ():
        act = intents.get(identity, {})
        if act.get("path") == name or (alone and not act.get("path")):
            left.append(f"{text(act, 'text') or identity}: {text(event, 'error')}")
    return tuple(dict.fromkeys(left))


def _failure(
    phases: Sequence[PhaseVerdict],
    mine: Sequence[Event],
    checks: Sequence[Event],
    events: Sequence[Event],
    *,
    closed: bool,
) -> Failure | None:
    """The first failure: of a required phase, an optional one, the run itself, or a check, in this order."""
    failed = sorted((phase for phase in phases if phase.outcome in {"failed", "refused"}), key=lambda p: p.optional)
    open_phase = next((phase.name for phase in phases if phase.outcome == "interrupted"), None)
    if failed and not (failed[0].optional and open_phase):
        failure = mapping(
            last([event for event in mine if event.get("phase") == failed[0].name], "phase.finished"),
            "failure",
        )
        return Failure(
            phase=failed[0].name,
            cause=text(failure, "cause") or "unknown",
            package=text(failure, "package") or None,
            message=text(failure, "message") or f"{failed[0].name} {failed[0].outcome}.",
            advice=text(failure, "advice"),
        )
    stopped = last(events, "run.interrupted")
    if stopped and (open_phase or any(phase.outcome != "passed" and not phase.optional for phase in phases)):
        return Failure(
            phase=open_phase,
            cause="interrupted",
            package=None,
            advice="Run it again; passed phases are restored.",
            message=f"The run was interrupted by {text(stopped, 'signal') or 'a signal'}.",
        )
    if not closed:
        return Failure(
            phase=open_phase,
            cause="killed",
            package=None,
            message="The run was killed. Its journal has no end.",
            advice=f"Run `{command('recover')}`: it executes the pending undos in the journal.",
        )
    for check in checks:
        if check.get("outcome") == "failed":
            return Failure(
                phase=text(check, "phase") or None,
                cause="check_failed",
                package=None,
                advice="",
                message=f"{text(check, 'check')}: {text(check, 'message')}",
            )
    reason = text(last(mine, "path.aborted"), "message") or text(last(events, "run.finished"), "reason")
    if any(phase.outcome != "passed" and not phase.optional for phase in phases) or not phases:
        return Failure(
            phase=open_phase,
            cause="unknown",
            package=None,
            message=reason or "The path was not completed.",
            advice="",
        )
    return None


def _without(groups: Sequence[str], checks: Sequence[Event], outcomes: set[str]) -> tuple[str, ...]:
    """The groups in which no check has one of these outcomes."""
    answered = {text(check, "phase") for check in checks if text(check, "outcome") in outcomes}
    return tuple(group for group in dict.fromkeys(groups) if group not in answered)


def _outcomes(checks: Sequence[Event]) -> dict[str, str]:
    """Id of a check → its outcome. One that is unknown counts as failed."""
    outcomes = {text(check, "nodeid"): text(check, "outcome") for check in checks}
    return {nodeid: outcome if outcome in CHECK_OUTCOMES else "failed" for nodeid, outcome in outcomes.items()}


def _failing(checks: Sequence[Event]) -> tuple[str, ...]:
    return tuple(sorted(nodeid for nodeid, outcome in _outcomes(checks).items() if outcome in {"failed", "blocked"}))


def _count(checks: Sequence[Event]) -> Checks:
    counted = Counter(_outcomes(checks).values())
    return Checks(**{outcome: counted[outcome] for outcome in CHECK_OUTCOMES})
