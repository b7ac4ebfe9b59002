"""Reads the success rates of each path's newest campaign from the events of a run. Pure."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rollout.journal.query import Event, last, mapping, text
from rollout.results.measures import Measurement
from rollout.results.rates import Estimate, Rate
from rollout.text.plain import line

EVENT = "campaign.read"
# A link may lead to the report.html of another run only.
_HREF = re.compile(r"(?:\.\./)+(?:[A-Za-z0-9_.~%-]+/)*report\.html")


@dataclass(frozen=True, slots=True, kw_only=True)
class CampaignRates:
    """The newest campaign of a path. `at`: its date. `href`: relative link to its report, "" without one.

    `measures`: name of a measure → its rate.
    """

    run: str
    at: str
    href: str
    measures: Mapping[str, Measurement]

    def measurement(self, name: str) -> Measurement:
        """The rate of a measure, or the reason why the campaign has none."""
        return self.measures.get(name, Measurement(reason="the campaign does not measure this"))


def campaigns_of(events: Sequence[Event]) -> dict[str, CampaignRates]:
    """Path → the campaign that decides its claims. Invalid rows are ignored."""
    rows = mapping(last(events, EVENT), "campaigns")
    return {line(path, 80): found for path, row in rows.items() if (found := _read(row)) is not None}


def without_dead_links(events: Sequence[Event], exists: Callable[[str], bool]) -> tuple[Event, ...]:
    """The events with the links removed whose report does not exist any more. `exists` gets the link."""

    def checked(row: Any) -> Any:
        return {**row, "href": ""} if isinstance(row, Mapping) and not exists(str(row.get("href") or "")) else row

    return tuple(
        {**event, "campaigns": {path: checked(row) for path, row in mapping(event, "campaigns").items()}}
        if event["event"] == EVENT
        else event
        for event in events
    )


def _read(row: object) -> CampaignRates | None:
    if not isinstance(row, Mapping) or not isinstance(row.get("measures"), Mapping):
        return None
    href = text(row, "href")
    measures = {str(name): found for name, rate in row["measures"].items() if (found := _measurement(rate)) is not None}
    return CampaignRates(
        run=line(text(row, "run"), 60),
        at=line(text(row, "at")[:10], 20),
        href=href if _HREF.fullmatch(href) else "",
        measures=measures,
    )


def _measurement(row: object) -> Measurement | None:
    if not isinstance(row, Mapping):
        return None
    try:
        n, low, high = int(row["n"]), float(row["low"]), float(row["high"])
        if not (n > 0 and 0 <= low <= high <= 1):
            return None
        if "hits" in row:
            hits = int(row["hits"])
            found: Rate | Estimate = Rate(hits=hits, n=n, low=low, high=high)
            return Measurement(rate=found, n=n) if 0 <= hits <= n else None
        share = float(row["share"])
    except (KeyError, TypeError, ValueError, OverflowError):
        return None
    if not (math.isfinite(share) and 0 <= share <= 1):
        return None
    return Measurement(rate=Estimate(share=share, n=n, low=low, high=high), n=n)
