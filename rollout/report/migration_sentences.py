"""What measurement, reversal and race of migrations have shown, in sentences. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rollout.journal.events.migrations import MigrationsMeasured, MigrationsRaced, MigrationsReversed
from rollout.journal.query import number
from rollout.results.migrations import MigrationsResult, longest_blocked
from rollout.text.plain import duration


def sentences(found: MigrationsResult) -> tuple[tuple[str, str], ...]:
    """Pairs of state and sentence, one for each question that was asked."""
    return (*_measured(found.measured), *_reversed(found.reversed), *_raced(found.raced))


def held(seconds: Any) -> str:
    """How long, as far as samples can tell."""
    if not isinstance(seconds, int | float) or seconds < 0.02:
        return "< 20 ms"
    return f"{seconds * 1000:.0f} ms" if seconds < 1 else duration(seconds)


def _measured(found: MigrationsMeasured | None) -> Sequence[tuple[str, str]]:
    if found is None:
        return ()
    most = max((int(number(found.rows, table)) for table in found.rows), default=0)
    longest = longest_blocked(found) or 0.0
    waited = f"the statement that waited longest waited {held(longest)}" if longest else "no statement waited"
    head = f"Measured on a copy, with up to {most:,} rows in a table: {waited}"
    if found.failure:
        return (("failed", f"{head}. The migrate command failed: {found.failure}"),)
    if found.errors:
        return (("failed", f"{head}. Statements of the old release failed."),)
    return (("failed" if found.invalid_indexes else "passed", f"{head}."),)


def _reversed(found: MigrationsReversed | None) -> Sequence[tuple[str, str]]:
    if found is None:
        return ()
    if found.reversible:
        emptied = f" These columns came back empty: {', '.join(found.emptied)}." if found.emptied else ""
        return (("passed", f"Up, down, up on a copy: schema and rows were kept.{emptied}"),)
    if found.failure:
        return (("failed", f"Up, down, up on a copy: {found.failure}"),)
    wrong = (*found.after_down, *found.after_second_up, *(f"values lost: {each}" for each in found.lost))
    return (("failed", f"Up, down, up on a copy did not come back: {'; '.join(wrong[:10])}"),)


def _raced(found: MigrationsRaced | None) -> Sequence[tuple[str, str]]:
    if found is None:
        return ()
    head = f"{found.migrators} migrators at once"
    if found.once:
        failed = f"; {len(found.failures)} of them failed: {found.failures[0]}" if found.failures else ""
        return (("blocked" if failed else "passed", f"{head} did the work once{failed}."),)
    return (("failed", f"{head} did not do the work once: {'; '.join(found.problems[:10])}"),)
