"""What became of a load: its records, its figures, and data that are missing or there twice."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from rollout.diagnosis.causes import ADVICE
from rollout.errors import PhaseFailed
from rollout.load.generator import Load
from rollout.load.records import LoadResult, RequestRecord
from rollout.production.load_plan import LoadPlan
from rollout.results.load import LoadSummary, release_of


@dataclass(slots=True, kw_only=True)
class Loaded:
    """A load and, after it, its result. `missing` and `doubled` are the keys of data that are wrong.

    `database_log`: what the database server has logged meanwhile; None for a server whose log cannot be read.
    """

    plan: LoadPlan
    load: Load
    result: LoadResult | None = None
    summary: LoadSummary | None = None
    missing: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    database_log: str | None = None


class ServiceInterrupted(PhaseFailed):
    """Users noticed that a release was replaced. `found` says how."""

    def __init__(self, found: str) -> None:
        cause = "service_interrupted"
        super().__init__(f"Under load, {found}.", cause=cause, advice=ADVICE[cause])


def require_untouched(loaded: Loaded) -> None:
    """Raise ServiceInterrupted if a request was lost or failed, a session broke, or a datum is missing or doubled."""
    summary = loaded.summary
    assert summary is not None
    wrong = [
        f"{count} {what}"
        for count, what in (
            (summary.totals.lost, "request(s) lost"),
            (summary.totals.failed, "request(s) failed"),
            (summary.sessions.broken, "session(s) broken"),
            (summary.sessions.forms_lost, "form(s) lost"),
            (len(loaded.missing), "data missing"),
            (len(loaded.doubled), "data doubled"),
        )
        if count
    ]
    if wrong:
        raise ServiceInterrupted(", ".join(wrong))


def require_harm_only_by(loaded: Loaded, labels: Collection[str]) -> None:
    """Raise ServiceInterrupted if a request was lost, or failed anywhere but on an instance of these releases.

    Data has to be whole, as always.
    """
    assert loaded.result is not None
    bad = [each for each in loaded.result.requests if each.outcome != "ok" and release_of(each.instance) not in labels]
    if bad or loaded.missing or loaded.doubled:
        raise ServiceInterrupted(
            f"{len(bad)} requests lost or failed on no bad release ({_first(bad)}), {len(loaded.missing)} data "
            f"missing, {len(loaded.doubled)} data doubled"
        )


def _first(records: Sequence[RequestRecord]) -> str:
    return f"{records[0].kind}: {records[0].error or records[0].status}" if records else "none"
