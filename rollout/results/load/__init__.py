"""Computes the figures of a load from its records: lost, failed and slow requests, gaps, broken sessions. Pure.

Percentiles are those of successful answers, by nearest rank: the smallest latency that at least this share of them does
not exceed. Nothing is interpolated. A latency counts from the intended start. Lost and failed requests have none: they
are counted. Kinds of requests that take long on purpose have latencies of their own and are left out of those of the
whole load. A request belongs to the second, and to the window, of its intended start.
"""

from rollout.results.load.figures import Figures, Lag, Window, longest_gap, percentile
from rollout.results.load.series import Series
from rollout.results.load.sessions import BROKEN_AFTER, Outage, SessionFigures
from rollout.results.load.summary import LoadSummary, around, read_summary, release_of, summarise

__all__ = [
    "BROKEN_AFTER",
    "Figures",
    "Lag",
    "LoadSummary",
    "Outage",
    "Series",
    "SessionFigures",
    "Window",
    "around",
    "longest_gap",
    "percentile",
    "read_summary",
    "release_of",
    "summarise",
]
