"""Prepares each command of a run for the report, with its result and last output. Pure."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import quote

from rollout.journal.query import Event, number, text, texts
from rollout.text.plain import duration, line, tail

_LOG = re.compile(r"(?:paths/(?!\.\.?/)[^/\\\0]+/)?logs/(?!\.\.?$)[^/\\\0]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandView:
    """A command: its command line (`typed`), folder, result and last output. `log`: "" without a log."""

    label: str
    typed: str
    folder: str
    ended: str
    log: str
    tail: str


def log_name(log: str) -> str:
    """The name of a log relative to the run's folder; "" if it is not in a logs folder of the run."""
    return log if _LOG.fullmatch(log) else ""


def log_link(log: str) -> str:
    """The relative URL of a log; "" if it is not a log of the run."""
    return quote(log_name(log))


def command_view(started: Event, ends: Mapping[str, Event]) -> CommandView:
    """The view of a command. `ends`: see `ends_of_commands`."""
    finished = ends.get(text(started, "id"), {})
    return CommandView(
        label=line(text(started, "label"), 120),
        typed=line(shlex.join(texts(started, "argv")), 1000),
        folder=line(text(started, "cwd"), 200),
        ended=_ended(finished),
        log=log_name(text(started, "log")),
        tail=tail(text(finished, "tail")),
    )


def ends_of_commands(events: Sequence[Event]) -> dict[str, Event]:
    """Id of a command → its event `command.finished`."""
    return {text(event, "id"): event for event in events if event["event"] == "command.finished"}


def _ended(finished: Event) -> str:
    if not finished:
        return "did not end"
    time = duration(number(finished, "seconds"))
    return f"timed out after {time}" if finished.get("timed_out") else f"exit code {finished.get('exit_code')}, {time}"
