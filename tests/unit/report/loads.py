"""Made-up loads for reports: an upgrade without losses, a bad one, and one whose generator was too slow."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from rollout.journal.events.base import encode
from rollout.load.profile import RequestKind
from rollout.load.records import GeneratorReport, LoadResult, Mark, RequestRecord, SessionEvent
from rollout.load.schedule import arrivals
from rollout.results.load import LoadSummary, around, summarise

BEGAN = 1_795_000_000.0
SECONDS = 60.0
KINDS = (
    RequestKind(name="page", rate=40),
    RequestKind(name="write", rate=8, method="POST", expect=(201,)),
    RequestKind(name="report", rate=1, deadline=20, is_long=True),
)
STEPS: tuple[tuple[float, str], ...] = (
    (15.0, "upgrade to b started"), (15.4, "b1 started"), (20.8, "b1 ready"), (21.0, "a1 drained"),
    (24.6, "a1 stopped"),
    (25.0, "b2 started"), (31.2, "b2 ready"), (31.4, "a2 drained"), (35.0, "a2 stopped"), (35.6, "upgrade finished"),
)  # fmt: skip
Outcome = Callable[[RequestKind, float, int], Mapping[str, Any]]


def instance_at(at: float, number: int) -> str:
    """The instance that answers at a time of the upgrade, in turns."""
    up = [name for name, start, end in (("a1", 0, 21), ("a2", 0, 31.4), ("b1", 20.8, 99), ("b2", 31.2, 99))
          if start <= at < end]  # fmt: skip
    return up[number % len(up)]


def well(kind: RequestKind, at: float, number: int) -> Mapping[str, Any]:
    """Every request is answered; a little slower while there is one instance less."""
    usual = {"page": 0.018, "write": 0.035, "report": 4.8}[kind.name] * (1 + (number * 7919 % 17) / 20)
    slower = 1.8 if 15 <= at < 36 else 1.0
    return {"latency": usual * slower + (0.25 if number % 97 == 0 else 0), "instance": instance_at(at, number)}


def badly(kind: RequestKind, at: float, number: int) -> Mapping[str, Any]:
    """What is in flight when a1 stops is lost, b1 answers 500 at first, a2 is stopped without a drain."""
    found = well(kind, at, number)
    if 24.4 <= at < 24.9 and number % 2:
        return {"latency": 0.05, "error": "reset_before_bytes", "reused": bool(number % 3)}
    if 20.8 <= at < 22 and found["instance"] == "b1":
        return {**found, "status": 500}
    if 35.0 <= at < 36.5 and number % 2:
        return {"latency": 0.001, "error": "refused"}
    return found


def result(outcome: Outcome, *, late: float = 0.0, marks: tuple[tuple[float, str], ...] = STEPS) -> LoadResult:
    """The records of a load."""
    kinds = {kind.name: list(_records(kind, outcome, late)) for kind in KINDS}
    report = GeneratorReport(
        pid=1, offset=0.0, began=BEGAN, ended=BEGAN + SECONDS, arrivals={name: len(of) for name, of in kinds.items()},
        lag=(0.002 + late,) * int(SECONDS), long=tuple(kind.name for kind in KINDS if kind.is_long),
    )  # fmt: skip
    return LoadResult(
        requests=tuple(itertools.chain.from_iterable(kinds.values())),
        sessions=tuple(_sessions(broken=outcome is badly)),
        marks=tuple(Mark(at=BEGAN + at, text=text) for at, text in marks),
        generator=report,
    )


def summary(outcome: Outcome = well, *, name: str = "Upgrade from a to b", late: float = 0.0) -> LoadSummary:
    """The summary with the windows before, during and after the upgrade."""
    load = result(outcome, late=late)
    return summarise(load, name=name, windows=around(load, BEGAN + 15, BEGAN + 35.6))


def event(made: LoadSummary, *, path: str = "realistic", phase: str = "server") -> dict[str, Any]:
    """The keys of the event."""
    return encode(made.event(path=path, phase=phase))[1]


def _records(kind: RequestKind, outcome: Outcome, late: float) -> Iterator[RequestRecord]:
    for arrival in itertools.takewhile(lambda one: one.at < SECONDS, arrivals(kind, seed=1, token="story")):
        found = outcome(kind, arrival.at, arrival.number)
        due, error = BEGAN + arrival.at, found.get("error")
        status = None if error else found.get("status", kind.expect[0])
        end = due + late + found["latency"]
        yield RequestRecord(
            kind=kind.name, key=arrival.key, intended=due, started=due + late, sent=due + late,
            first_byte=None if error else end, end=end, status=status, error=error, is_expected=status in kind.expect,
            instance="" if error else found["instance"], bytes=0 if error else 900, reused=found.get("reused", False),
            reopened=False,
        )  # fmt: skip


def _sessions(*, broken: bool) -> Iterator[SessionEvent]:
    def event(number: int, at: float, name: str, **facts: Any) -> SessionEvent:
        return SessionEvent(kind="board", session=number, at=BEGAN + at, event=name, **facts)

    for number in range(1, 11):
        yield event(number, number / 10, "joined", form="kept", seconds=0.2)
        lost = 24.0 if number % 2 else 34.5
        yield event(number, lost, "lost", why="closed with code 1012")
        seconds = 9.0 if broken and number == 4 else 0.1 + number / 20
        kept = "lost" if broken and number == 4 else "kept"
        yield event(number, lost + seconds, "rejoined", seconds=seconds, form=kept, reloaded=kept == "lost")
        yield event(number, SECONDS, "left")
