"""Collects the tables about releases: how one replaced another, and what became of those that were bad on purpose."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from rollout.journal.events import production, select
from rollout.journal.query import Event
from rollout.results.soak import read_soak
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
class MemoryRow:
    """The memory of one instance during a soak."""

    instance: str
    state: str
    words: str
    first: str
    last: str
    highest: str
    slope: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleasesView:
    """What one path did with releases. `soak`: a sentence about the soak, "" without one."""

    path: str
    lead: str
    rolls: tuple[RollRow, ...]
    bad: tuple[BadRow, ...]
    soak: str = ""
    memory: tuple[MemoryRow, ...] = ()


def releases(events: Sequence[Event], paths: Sequence[str]) -> tuple[ReleasesView, ...]:
    """One view for each path that has deployed a release."""
    return tuple(found for path in paths if (found := _of_path(path, [e for e in events if e.get("path") == path])))


def _of_path(path: str, mine: Sequence[Event]) -> ReleasesView | None:
    rolls, bad = tuple(_rolls(mine)), tuple(_bad(mine))
    stopped = list(select(production.InstanceStopped, mine))
    if not rolls and not bad:
        return None
    soak, memory = _soak(mine)
    killed = sum(each.how == "killed" for each in stopped)
    ended = f"{counted(len(stopped), 'instance')} stopped, {killed or 'none'} of them had to be killed."
    taken = sum(row.state == "passed" for row in bad)
    tried = f" {taken} of {counted(len(bad), 'bad release')} taken back." if bad else ""
    return ReleasesView(path=line(path, 80), lead=f"{ended}{tried}", rolls=rolls[:_MOST], bad=bad[:_MOST],
                        soak=soak, memory=memory)  # fmt: skip


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


def _soak(mine: Sequence[Event]) -> tuple[str, tuple[MemoryRow, ...]]:
    """A sentence about the last soak, and a row for each of its instances."""
    told = list(select(production.SoakFinished, mine))
    if not told:
        return "", ()
    rows = tuple(
        MemoryRow(
            instance=line(each.instance, 40),
            state="failed" if each.wrong(told[-1].bound) else "passed",
            words="not steady" if each.wrong(told[-1].bound) else "steady",
            first=_mb(each.first),
            last=_mb(each.last),
            highest=_mb(each.highest),
            slope="–" if each.slope is None else f"{each.slope / 1e6:+.2f} MB",
        )
        for each in read_soak(told[-1])[:_MOST]
    )
    bound = _mb(told[-1].bound)
    return f"Memory during {duration(told[-1].seconds)} under load. Each instance may use {bound}.", rows


def _mb(used: float) -> str:
    return f"{used / 1e6:.0f} MB"


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
