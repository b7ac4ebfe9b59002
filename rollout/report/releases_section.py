"""Collects the tables about releases: how one replaced another, and what became of those that were bad on purpose."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from rollout.journal.events import production, select
from rollout.journal.query import Event
from rollout.text.plain import counted, duration, line

_MOST = 60
_OUTCOMES: Mapping[str, tuple[str, str]] = {
    "replaced": ("passed", "replaced"),
    "taken_back": ("failed", "taken back"),
    "accepted": ("failed", "accepted"),
}
_STEPS: Mapping[str, str] = {
    "migrate": "its migrations",
    "start": "its start",
    "pages": "its pages",
    "observation": "observation",
    "roll": "the roll",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class RollRow:
    """One release that replaced another, or was taken back."""

    title: str
    state: str
    words: str
    seconds: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BadRow:
    """One release that was bad on purpose. A good outcome is that it was taken back."""

    kind: str
    state: str
    words: str
    noticed: str
    seconds: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleasesView:
    """What one path did with releases."""

    path: str
    lead: str
    rolls: tuple[RollRow, ...]
    bad: tuple[BadRow, ...]


def releases(events: Sequence[Event], paths: Sequence[str]) -> tuple[ReleasesView, ...]:
    """One view for each path that has deployed a release."""
    return tuple(found for path in paths if (found := _of_path(path, [e for e in events if e.get("path") == path])))


def _of_path(path: str, mine: Sequence[Event]) -> ReleasesView | None:
    rolls, bad = tuple(_rolls(mine)), tuple(_bad(mine))
    stopped = list(select(production.InstanceStopped, mine))
    if not rolls and not bad:
        return None
    killed = sum(each.how == "killed" for each in stopped)
    ended = f"{counted(len(stopped), 'instance')} stopped, {killed or 'none'} of them had to be killed."
    taken = sum(row.state == "passed" for row in bad)
    tried = f" {taken} of {counted(len(bad), 'bad release')} taken back." if bad else ""
    return ReleasesView(path=line(path, 80), lead=f"{ended}{tried}", rolls=rolls[:_MOST], bad=bad[:_MOST])


def _rolls(mine: Sequence[Event]) -> Iterator[RollRow]:
    """The rolls of the upgrade. Those of bad releases have a table of their own."""
    for each in select(production.RollFinished, mine):
        if each.phase == "bad_release":
            continue
        state, words = _OUTCOMES.get(each.outcome, ("skipped", each.outcome))
        yield RollRow(
            title=f"{line(each.old, 20).upper()} → {line(each.new, 20).upper()}",
            state=state,
            words=line(words, 40),
            seconds=duration(each.seconds),
            message=line(each.message, 400),
        )


def _bad(mine: Sequence[Event]) -> Iterator[BadRow]:
    for each in select(production.BadReleaseTried, mine):
        is_back = each.outcome == "taken_back"
        yield BadRow(
            kind=line(each.kind, 60).replace("_", " "),
            state="passed" if is_back else "failed",
            words=line(_OUTCOMES.get(each.outcome, ("", each.outcome))[1], 40),
            noticed=line(_STEPS.get(each.noticed, each.noticed), 60),
            seconds=duration(each.seconds),
            message=line(each.message, 400),
        )
