"""Builds the table of checks: one row per check, one column per path, with rollbacks and residue. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from rollout.journal.query import Event, last, number, text, texts
from rollout.report.commands import CommandView, command_view, ends_of_commands
from rollout.report.failures import FailureView
from rollout.report.wording import in_words, rollback_words
from rollout.results.outcomes import CHECK_OUTCOMES, PathVerdict, PhaseVerdict
from rollout.text.plain import duration, line, slug, tail

MOST_ROWS = 2000
_MOST_LEFT = 200
_OWN = "phase passed"  # the last words of a phase's own check


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """The result of one path in a row. `failure`: the failure of the phase, in the row of a phase's own check.

    `state`: of a check: passed, failed, blocked, skipped, not_asked (not selected), not_reached, not_attempted; of a
    rollback: restored, dirty, no_rollback; of residue: left, made, clean.
    """

    path: str
    state: str
    words: str
    note: str = ""
    message: str = ""
    cause: str = ""
    command: CommandView | None = None
    failure: FailureView | None = None

    @property
    def has_details(self) -> bool:
        """Whether the cell has a message that needs a row of its own."""
        return bool(self.message) and self.state not in {"blocked", "skipped"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A check, rollback or item of residue, with the result of each path in the order of the columns."""

    anchor: str
    title: str
    cells: tuple[Cell, ...]
    doc: str = ""

    @property
    def remarks(self) -> tuple[str, ...]:
        """The reasons why the check was skipped, each once."""
        return tuple(dict.fromkeys(line(cell.message, 300) for cell in self.cells if cell.state == "skipped"))

    @property
    def details(self) -> tuple[Cell, ...]:
        """The cells with details."""
        return tuple(cell for cell in self.cells if cell.has_details)


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """A group of rows. `heads`: the outcome of the phase of the same name, for each path."""

    anchor: str
    name: str
    description: str
    heads: tuple[Cell, ...]
    rows: tuple[Row, ...]


def grid(
    paths: Sequence[PathVerdict], events: Sequence[Event], failures: Sequence[FailureView], described: Mapping[str, str]
) -> tuple[Group, ...]:
    """The groups of checks, then rollbacks, then residue. `described`: phase → its description."""
    columns = tuple(_Column(path, events, failures, alone=len(paths) == 1) for path in paths)
    anchors = _Anchors()
    groups = [_checks(name, columns, anchors, described) for name in _merged(column.groups for column in columns)]
    nothing = tuple(Cell(path=column.name, state="", words="") for column in columns)
    for anchor, name, rows in (
        ("rollback", "Rollback", _rollbacks(columns, anchors)),
        ("left", "Residue", _left(columns)),
    ):
        groups.append(Group(anchor=anchor, name=name, description="", heads=nothing, rows=tuple(rows)))
    return tuple(group for group in groups if group.rows)


class _Column:
    """The data of one path for the grid."""

    def __init__(
        self, path: PathVerdict, events: Sequence[Event], failures: Sequence[FailureView], *, alone: bool
    ) -> None:
        mine = [event for event in events if event.get("path") == path.name]
        started = last(mine, "path.started")
        self.verdict = path
        self.name = path.name
        self.failures = tuple(failure for failure in failures if failure.path == path.name)
        self.left = last(mine, "path.left")
        self.phases: Mapping[str, PhaseVerdict] = {phase.name: phase for phase in path.phases}
        finished = [
            event
            for event in events
            if event["event"] == "check.finished"
            and (event.get("path") == path.name or (alone and not event.get("path")))
        ]
        self.checks: Mapping[str, Event] = {text(event, "nodeid"): event for event in finished}
        found = last(mine, "path.attempts")
        self.attempts = texts(found, "attempts") or texts(started, "attempts") or tuple(self.phases)
        self.groups = tuple(dict.fromkeys((*self.attempts, *(text(event, "phase") for event in finished))))
        self._commands = dict(_commands_of_checks(mine, ends_of_commands(events)))

    def cell(self, nodeid: str, group: str) -> Cell:
        """The result of a check."""
        event = self.checks.get(nodeid)
        if event is None:
            return self._without_result(group)
        outcome = text(event, "outcome")
        state = outcome if outcome in CHECK_OUTCOMES else "failed"
        failure = self._failure(event) if state == "failed" else None
        by = line(text(event, "by"), 60)
        return Cell(
            path=self.name,
            state=state,
            words=line(outcome, 20),
            note=f"by {by}" if by else duration(number(event, "seconds")) if state in {"passed", "failed"} else "",
            message=tail(text(event, "message"), lines=40, size=4000),
            cause=(failure.cause if failure else "check_failed") if state == "failed" else "",
            command=self._commands.get(nodeid) if state == "failed" and failure is None else None,
            failure=failure,
        )

    def _failure(self, event: Event) -> FailureView | None:
        """The failure of the phase, if the event is of the phase's own check."""
        if not text(event, "check").endswith(_OWN):
            return None
        group = text(event, "phase")
        named = [failure for failure in self.failures if failure.phase == group]
        return next(iter((*named, *self.failures)), None)

    def _without_result(self, group: str) -> Cell:
        if group not in self.groups:
            return Cell(path=self.name, state="not_attempted", words="not attempted")
        if any(text(event, "phase") == group for event in self.checks.values()):
            return Cell(path=self.name, state="not_asked", words="not run")
        return Cell(path=self.name, state="not_reached", words="not reached")


class _Anchors:
    """Makes anchors unique."""

    def __init__(self) -> None:
        self._taken: set[str] = set()

    def new(self, wanted: str) -> str:
        """An unused anchor: the wanted one, or one with a number."""
        name, number = wanted, 2
        while name in self._taken:
            name, number = f"{wanted}-{number}", number + 1
        self._taken.add(name)
        return name


def _merged(lists: Iterable[Sequence[str]]) -> tuple[str, ...]:
    """Merge lists into one that keeps the order of the longest. A new name is inserted after its predecessor."""
    order: list[str] = []
    for names in sorted(lists, key=len, reverse=True):
        position = 0
        for name in names:
            if name not in order:
                order.insert(position, name)
            position = order.index(name) + 1
    return tuple(order)


def _commands_of_checks(mine: Sequence[Event], ends: Mapping[str, Event]) -> Iterator[tuple[str, CommandView]]:
    """Pairs of a failed check and the last command that ran since the previous check or phase."""
    current: Event | None = None
    for event in mine:
        if event["event"] == "command.started":
            current = event
        elif event["event"] == "check.finished":
            if current is not None and event.get("outcome") == "failed":
                yield text(event, "nodeid"), command_view(current, ends)
            current = None
        elif event["event"] in {"phase.finished", "rollback.finished"}:
            current = None


def _checks(name: str, columns: Sequence[_Column], anchors: _Anchors, described: Mapping[str, str]) -> Group:
    known: dict[str, Event] = {}
    for column in sorted(columns, key=lambda column: len(column.checks), reverse=True):
        for nodeid, event in column.checks.items():
            if text(event, "phase") == name:
                known.setdefault(nodeid, event)
    rows = (
        Row(
            anchor=anchors.new(f"check-{slug(name)}-{slug(text(event, 'check'))}"),
            title=line(text(event, "check")),
            doc=line(text(event, "doc")),
            cells=tuple(column.cell(nodeid, name) for column in columns),
        )
        for nodeid, event in list(known.items())[:MOST_ROWS]
    )
    return Group(
        anchor=anchors.new(f"phase-{slug(name)}"),
        name=line(name, 60),
        description=described.get(name, ""),
        heads=tuple(_head(column, name) for column in columns),
        rows=tuple(rows),
    )


def _head(column: _Column, group: str) -> Cell:
    phase = column.phases.get(group)
    if phase is None:
        # A phase of another name answers for the group, or the path does not attempt it.
        word = "" if group in column.attempts else "not attempted"
        return Cell(path=column.name, state="not_attempted" if word else "", words=word)
    notes = [duration(phase.seconds)] if phase.outcome not in {"blocked", "not_reached"} else []
    notes += ["restored"] if phase.restored else []
    notes += [f"{phase.attempts} attempts"] if phase.attempts > 1 else []
    return Cell(path=column.name, state=phase.outcome, words=in_words(phase.outcome), note=", ".join(notes))


def _rollbacks(columns: Sequence[_Column], anchors: _Anchors) -> list[Row]:
    names = _merged([phase.name for phase in column.verdict.phases if phase.rollback] for column in columns)
    return [
        Row(
            anchor=anchors.new(f"rollback-{slug(name)}"),
            title=f"rollback of {line(name, 60)}",
            cells=tuple(_rollback(column, name) for column in columns),
        )
        for name in reversed(names)  # last in, first out
    ]


def _rollback(column: _Column, name: str) -> Cell:
    phase = column.phases.get(name)
    if phase is None or phase.rollback is None:
        return Cell(path=column.name, state="no_rollback", words="none")
    good = phase.rollback.outcome == "restored"
    return Cell(
        path=column.name,
        state="restored" if good else "dirty",
        words=rollback_words(phase),
        note=line(phase.rollback.why, 20),
        message=tail("\n".join(phase.rollback.residue[:50]), size=4000),
    )


def _left(columns: Sequence[_Column]) -> list[Row]:
    """One row for each item: the residue of failed paths, and what deployed observed paths created."""
    things: dict[str, dict[str, str]] = {}
    for column in columns:
        for item in column.verdict.residue:
            things.setdefault(line(item, 500), {})[column.name] = "left"
        if column.left.get("failed") is False:
            for item in texts(column.left, "items"):
                things.setdefault(line(item, 500), {}).setdefault(column.name, "made")
    if len(things) > _MOST_LEFT:
        more = len(things) - _MOST_LEFT
        things = dict(list(things.items())[:_MOST_LEFT])
        things[f"and {more} more, in the journal"] = {}
    return [
        Row(anchor=f"left-{number}", title=thing, cells=tuple(_thing(column.name, by) for column in columns))
        for number, (thing, by) in enumerate(things.items(), 1)
    ]


def _thing(path: str, by: Mapping[str, str]) -> Cell:
    state = by.get(path, "clean")
    return Cell(path=path, state=state, words={"left": "left", "made": "created", "clean": "–"}[state])
