"""Failed phases: cause, what to do, and the command at fault. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rollout.journal.query import Event, last, mapping, text
from rollout.report.commands import CommandView, command_view, ends_of_commands, log_link, log_name
from rollout.results.outcomes import Failure, PathVerdict
from rollout.text.plain import line, tail

_MOST = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class FailureView:
    """A failed phase: cause, package, message, advice, the log's name and its tail, the command where there was one."""

    path: str
    phase: str
    cause: str
    package: str
    message: str
    advice: str
    log: str
    log_link: str
    tail: str
    optional: bool
    command: CommandView | None = None


def failure_of(finished: Event, events: Sequence[Event], *, optional: bool = False) -> FailureView:
    """What a `phase.finished` tells of a failure, with what the command at fault (or the last) printed."""
    told, path, phase = mapping(finished, "failure"), text(finished, "path"), text(finished, "phase")
    commands = [
        e for e in events if e["event"] == "command.started" and e.get("phase") == phase and text(e, "path") == path
    ]
    named = [command for command in commands if text(command, "log") == text(told, "log")]
    started: Event = (named or commands or [{}])[-1]
    command = command_view(started, ends_of_commands(events)) if started else None
    log = text(told, "log") or text(started, "log")
    return FailureView(
        path=line(path, 80),
        phase=line(phase, 60),
        cause=line(text(told, "cause") or "unknown", 60),
        log=line(log_name(log) or log, 200),
        package=line(text(told, "package"), 100),
        message=tail(text(told, "message"), lines=20, size=2000),
        advice=line(text(told, "advice"), 500),
        log_link=log_link(log),
        tail=tail(text(told, "tail")) or (command.tail if command is not None else ""),
        optional=optional,
        command=command,
    )


def failures_of(path: PathVerdict, mine: Sequence[Event], events: Sequence[Event]) -> tuple[FailureView, ...]:
    """Every failure of a path, required phases first told; the verdict's own where no phase failed."""
    optional = {phase.name for phase in path.phases if phase.optional}
    found = [
        failure_of(event, events, optional=text(event, "phase") in optional)
        for event in mine
        if event["event"] == "phase.finished" and text(event, "outcome") in {"failed", "refused"}
    ]
    if path.failure and not found:
        found.append(_from_verdict(path.name, path.failure, last(mine, "path.aborted")))
    return tuple(sorted(found, key=lambda failure: failure.optional)[:_MOST])


def _from_verdict(path: str, first: Failure, aborted: Event) -> FailureView:
    """What stopped a path of which no phase failed; `aborted` where its session died, with what that printed last."""
    died = f"The session of this path ended with exit code {text(aborted, 'exit_code')} before its time."
    return FailureView(
        path=line(path, 80),
        phase=line(first.phase or "", 60),
        cause=line(first.cause, 60),
        package=line(first.package or "", 100),
        message=died if aborted else tail(first.message, lines=20, size=2000),
        advice=line(first.advice, 500),
        log="",
        log_link="",
        tail=tail(text(aborted, "message")),
        optional=False,
    )
