"""What a run has found about migrations, from its events. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rollout.journal.events import select
from rollout.journal.events.migrations import (
    MigrationsJudged,
    MigrationsMeasured,
    MigrationsRaced,
    MigrationsReversed,
)
from rollout.journal.query import Event, mapping, number, text, texts

SEVERITIES = ("breaks_old_code", "rewrites", "scans_under_lock", "locks", "other")


@dataclass(frozen=True, slots=True, kw_only=True)
class MigrationsResult:
    """All about the migrations of a path. What a run has not asked is None."""

    judged: MigrationsJudged | None
    measured: MigrationsMeasured | None
    reversed: MigrationsReversed | None
    raced: MigrationsRaced | None


def migrations_of(events: Sequence[Event], path: str) -> MigrationsResult | None:
    """The last events of each kind about a path; None if there are none."""
    mine = [event for event in events if event.get("path") == path]
    found = MigrationsResult(
        judged=next(iter([*select(MigrationsJudged, mine)][-1:]), None),
        measured=next(iter([*select(MigrationsMeasured, mine)][-1:]), None),
        reversed=next(iter([*select(MigrationsReversed, mine)][-1:]), None),
        raced=next(iter([*select(MigrationsRaced, mine)][-1:]), None),
    )
    return found if found != MigrationsResult(judged=None, measured=None, reversed=None, raced=None) else None


def as_json(found: MigrationsResult) -> dict[str, Any]:
    """The key `migrations` of a path in verdict.json."""
    judged, measured = found.judged, found.measured
    return {
        "judged": len(judged.migrations) if judged else 0,
        "findings": count_findings(judged) if judged else {},
        "allowed": sum(1 for each in judged.findings if "allowed" in each) if judged else 0,
        "measured": len(measured.versions) if measured else 0,
        "rewritten": sorted({name for each in every_version(measured) for name in texts(each, "rewritten")}),
        "longest_blocked_seconds": longest_blocked(measured),
        "reversible": found.reversed.reversible if found.reversed else None,
        "once": found.raced.once if found.raced else None,
    }


def count_findings(judged: MigrationsJudged) -> dict[str, int]:
    """Severity → number of findings that no comment allows, in the order of SEVERITIES."""
    standing = [text(each, "severity") for each in judged.findings if "allowed" not in each]
    return {severity: standing.count(severity) for severity in SEVERITIES}


def every_version(measured: MigrationsMeasured | None) -> tuple[Mapping[str, Any], ...]:
    """What was measured of each version, and of what came after the last."""
    if measured is None:
        return ()
    return (*measured.versions, *((measured.after,) if measured.after else ()))


def longest_blocked(measured: MigrationsMeasured | None) -> float | None:
    """How long the statement that waited longest has waited, in seconds. None if nothing was measured."""
    if measured is None:
        return None
    return max((number(mapping(each, "blocked"), "seconds") for each in every_version(measured)), default=0.0)
