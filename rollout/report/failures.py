"""Prepares each failure for the report, with its cause, advice and failed command. Pure."""

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
    """A failed phase: cause, package, message, advice, name and tail of its log, and its command, if any."""

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
    """The failure in an event `phase.finished`, with the output of the command that failed, or of the last one."""
    failure, path, phase = mapping(finished, "failure"), text(finished, "path"), text(finished, "phase")
    commands = [
        e for e in events if e["event"] == "command.started" and e.get("phase") == phase and text(e, "path") == path
    ]
    named = [command for command in commands if text(command, "log") == text(failure, "log")]
    started: Event = (named or commands or [{}])[-1]
    command = command_view(started, ends_of_commands(events)) if started else None
    log = text(failure, "log") or text(started, "log")
    return FailureView(
        path=line(path, 80),
        phase=line(phase, 60),
        cause=line(text(failure, "cause") or "unknown", 60),
        log=line(log_name(log) or log, 200),
        package=line(text(failure, "package"), 100),
        message=tail(text(failure, "message"), lines=20, size=2000),
        advice=line(text(failure, "advice"), 500),
        log_link=log_link(log),
        tail=tail(text(failure, "tail")) or (command.tail if command is not None else ""),
        optional=optional,
        command=command,
    )


def failures_of(path: PathVerdict, mine: Sequence[Event], events: Sequence[Event]) -> tuple[FailureView, ...]:
    """All failures of a path, required phases first; the failure in the verdict if no phase failed."""
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
    """A failure without a failed phase. `aborted`: the event with the last output of a session that crashed."""
    died = f"The session of this path ended early, with exit code {text(aborted, 'exit_code')}."
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
