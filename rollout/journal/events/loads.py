"""The event of a load: what became of every request while something else happened to the server."""

from __future__ import annotations

from rollout.journal.events.base import Data, JournalEvent, Rows, Texts, event


@event("load.finished")
class LoadFinished(JournalEvent):
    """A load on the server has ended: requests, lost and failed ones, latencies, sessions, second by second."""

    # Written and read by rollout/results/load. began: seconds since the epoch; totals and each row of windows and of
    # kinds: Figures; answered: instance → successful requests; errors: `500 from b1` → number; sessions:
    # SessionFigures; outages: the longest of them; long: kinds that take long on purpose; series: columns of equal
    # length, one value for each `step` seconds; lag: how late the generator itself was; too_slow: so late that the
    # latencies are not the server's
    path: str | None = None
    phase: str | None = None
    name: str
    began: float
    seconds: float
    totals: Data
    windows: Rows
    kinds: Rows
    answered: Data
    errors: Data
    sessions: Data
    outages: Rows
    marks: Rows
    long: Texts = ()
    step: int
    series: Data
    lag: Data
    too_slow: bool
