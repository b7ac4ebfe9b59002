"""What became of the LiveView sessions of a load: lost, rejoined, broken, forms kept and lost."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rollout.journal.query import number, text
from rollout.load.records import SessionEvent
from rollout.results.load.figures import optional_number

BROKEN_AFTER = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Outage:
    """A time without the view.

    `seconds` until it was joined again, None if it never was; `waited`: until then, or until the load ended.
    `form`: `kept` or `lost` after the rejoin, "" without a form. `reloaded`: the page was loaded again.
    """

    kind: str
    session: int
    at: float
    why: str
    seconds: float | None
    waited: float
    form: str = ""
    reloaded: bool = False

    @property
    def is_broken(self) -> bool:
        """Not joined again within 5 s. A load that ended earlier does not show it."""
        return (self.waited if self.seconds is None else self.seconds) > BROKEN_AFTER

    @classmethod
    def read(cls, row: Mapping[str, Any]) -> Outage:
        """The outage of a row in the journal."""
        return cls(
            kind=text(row, "kind"), session=int(number(row, "session")), at=number(row, "at"), why=text(row, "why"),
            seconds=optional_number(row, "seconds"), waited=number(row, "waited"), form=text(row, "form"),
            reloaded=row.get("reloaded") is True,
        )  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionFigures:
    """Numbers of sessions, and seconds.

    `never_joined`: sessions that never joined. `lost`: how often a joined session was lost. `rejoined`: how often it
    came back. `broken`: sessions that never joined, or once did not come back within 5 s. `forms_kept`, `forms_lost`:
    rejoins after which the answer showed, or did not show, what had been typed. `p50`, `longest`: seconds to a rejoin.
    """

    sessions: int = 0
    never_joined: int = 0
    lost: int = 0
    rejoined: int = 0
    broken: int = 0
    reloaded: int = 0
    forms_kept: int = 0
    forms_lost: int = 0
    p50: float | None = None
    longest: float | None = None

    @classmethod
    def read(cls, row: Mapping[str, Any]) -> SessionFigures:
        """The figures of a mapping in the journal."""
        counts = {key: int(number(row, key)) for key in cls.__slots__ if key not in {"p50", "longest"}}
        return cls(**counts, p50=optional_number(row, "p50"), longest=optional_number(row, "longest"))


def session_figures(events: Sequence[SessionEvent], found: Sequence[Outage]) -> SessionFigures:
    """The figures of all sessions. `found`: their outages."""
    everyone = {_who(event) for event in events}
    joined = {_who(event) for event in events if event.event == "joined"}
    back = sorted(one.seconds for one in found if one.seconds is not None)
    broken = {(one.kind, one.session) for one in found if one.is_broken}
    return SessionFigures(
        sessions=len(everyone),
        never_joined=len(everyone - joined),
        lost=len(found),
        rejoined=len(back),
        broken=len(broken | (everyone - joined)),
        reloaded=sum(one.reloaded for one in found),
        forms_kept=sum(one.form == "kept" for one in found),
        forms_lost=sum(one.form == "lost" for one in found),
        p50=back[(len(back) - 1) // 2] if back else None,
        longest=back[-1] if back else None,
    )


def outages(events: Sequence[SessionEvent]) -> Iterator[Outage]:
    """Every time in which a session that had joined was without its view."""
    lost: dict[tuple[str, int], SessionEvent] = {}
    for event in events:
        began = lost.get(_who(event))
        if event.event == "lost":
            lost[_who(event)] = event
        elif began and event.event in {"rejoined", "left"}:
            del lost[_who(event)]
            is_back = event.event == "rejoined"
            yield Outage(
                kind=event.kind, session=event.session, at=began.at, why=began.why,
                seconds=round(event.seconds, 4) if is_back else None,
                waited=round(event.seconds if is_back else event.at - began.at, 4),
                form=event.form if is_back else "", reloaded=event.reloaded,
            )  # fmt: skip


def _who(event: SessionEvent) -> tuple[str, int]:
    return event.kind, event.session
