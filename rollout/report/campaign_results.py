"""The result of each path's newest campaign, from the run's journal. Pure."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rollout.journal.query import Event, last, mapping, text
from rollout.results.measures import Measurement
from rollout.results.rates import Estimate, Rate
from rollout.text.plain import line

EVENT = "campaign.read"
# To the page of a run beside or above ours, and nowhere else.
_HREF = re.compile(r"(?:\.\./)+(?:[A-Za-z0-9_.~%-]+/)*report\.html")


@dataclass(frozen=True, slots=True, kw_only=True)
class Campaigned:
    """`at`: its day; `href`: its report as seen from the run's folder, "" where there is none; measures by name."""

    run: str
    at: str
    href: str
    measures: Mapping[str, Measurement]

    def measurement(self, name: str) -> Measurement:
        """What its trials say to a measure."""
        return self.measures.get(name, Measurement(reason="the campaign's trials do not answer this"))


def campaigns_of(events: Sequence[Event]) -> dict[str, Campaigned]:
    """Path → the campaign that decides its claims; malformed rows are left out."""
    told = mapping(last(events, EVENT), "campaigns")
    return {line(path, 80): found for path, row in told.items() if (found := _read(row)) is not None}


def without_dead_links(events: Sequence[Event], is_there: Any) -> tuple[Event, ...]:
    """The same events; a campaign whose report is gone has no link. `is_there` is asked with the link."""

    def living(row: Any) -> Any:
        return {**row, "href": ""} if isinstance(row, Mapping) and not is_there(str(row.get("href") or "")) else row

    return tuple(
        {**event, "campaigns": {path: living(row) for path, row in mapping(event, "campaigns").items()}}
        if event["event"] == EVENT
        else event
        for event in events
    )


def _read(row: object) -> Campaigned | None:
    if not isinstance(row, Mapping) or not isinstance(row.get("measures"), Mapping):
        return None
    href = text(row, "href")
    measures = {str(name): found for name, told in row["measures"].items() if (found := _measurement(told)) is not None}
    return Campaigned(
        run=line(text(row, "run"), 60),
        at=line(text(row, "at")[:10], 20),
        href=href if _HREF.fullmatch(href) else "",
        measures=measures,
    )


def _measurement(told: object) -> Measurement | None:
    if not isinstance(told, Mapping):
        return None
    try:
        n, low, high = int(told["n"]), float(told["low"]), float(told["high"])
        if not (n > 0 and 0 <= low <= high <= 1):
            return None
        if "hits" in told:
            hits = int(told["hits"])
            found: Rate | Estimate = Rate(hits=hits, n=n, low=low, high=high)
            return Measurement(rate=found, n=n) if 0 <= hits <= n else None
        share = float(told["share"])
    except (KeyError, TypeError, ValueError, OverflowError):
        return None
    if not (math.isfinite(share) and 0 <= share <= 1):
        return None
    return Measurement(rate=Estimate(share=share, n=n, low=low, high=high), n=n)
