"""From results to events, verdict, page and summary."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema

from rollout.journal import Journal, Redactor
from rollout.migrations import recording
from rollout.migrations.measurement import Blocked, HeldLock, Measurement, VersionMeasured
from rollout.migrations.reversible import Reversal
from rollout.migrations.rule import SEVERITIES, Finding, Settings
from rollout.migrations.rules import judge
from rollout.migrations.seed import Seeded
from rollout.migrations.several import Several
from rollout.report import page, summary
from rollout.results import migrations as results
from rollout.results.verdict import as_json, verdict
from tests.elixir.migration_cases import BEFORE, CASES, read_case
from tests.unit.report.golden import Story
from tests.unit.report.journals import HOSTILE

SETTINGS = Settings(server_major=17, applied=frozenset({BEFORE}))
VERSION = VersionMeasured(
    version=20250101000000,
    direction="up",
    schema="public",
    seconds=1.25,
    locks=(
        HeldLock(table="public.users", mode="AccessExclusiveLock", seconds=1.2),
        HeldLock(table="public.schema_migrations", mode="ShareUpdateExclusiveLock", seconds=1.2),
        HeldLock(table="public.teams", mode="RowExclusiveLock", seconds=0.0),
    ),
    rewritten=("public.users",),
    blocked=Blocked(statement=HOSTILE, who="probe", target="public.users", seconds=1.19),
    waited=0.0,
)
MEASUREMENT = Measurement(
    database="copy",
    rows={"public.users": 20_000},
    seconds=2.0,
    samples=200,
    versions=(VERSION,),
    after=None,
    failure=None,
    errors={"SELECT public.users": {"0A000": 3}},
    longest_probe={"SELECT public.users": 1.19},
    invalid_indexes=("public.once on users",),
    unvalidated=("public.users: grown",),
    rewrites_seen_by="files",
)
SEEDED = (Seeded(table="public.odd", before=0, after=0, problem="no value for point"),)


def journal_of(tmp_path: Path, *recorded: Any) -> tuple[dict[str, Any], ...]:
    """A run with these events, as they are read again."""
    journal = Journal(tmp_path / "journal.jsonl", run="r", redactor=Redactor())
    story = Story()
    for each in recorded:
        event = journal.record(each)
        story.say(event["event"], **{key: value for key, value in event.items() if key in set(event) - _COMMON})
    journal.close()
    return tuple(json.loads(json.dumps(event)) for event in story.events)


_COMMON = {"v", "seq", "t", "mono", "run", "event"}


def findings_of(rule: str) -> tuple[Any, tuple[Finding, ...]]:
    read = read_case(next(case for case in CASES if case.rule == rule), "unsafe")
    return read, judge(read, SETTINGS)


def all_events(tmp_path: Path) -> tuple[dict[str, Any], ...]:
    read, found = findings_of("change_type")
    found = (*found, replace(found[0], detail=HOSTILE), replace(found[0], allowed=HOSTILE))
    several = Several(
        failures={1: "Postgrex.Error"}, repeated=(), missing=(), invalid_indexes=(), unvalidated=(), schema=(), hung=()
    )
    return journal_of(
        tmp_path,
        recording.judged("realistic", read, found, SETTINGS),
        recording.measured("realistic", MEASUREMENT, SEEDED),
        recording.reversal("realistic", Reversal(lost=("public.users.age",))),
        recording.raced("realistic", 3, several),
    )


def test_severities_are_the_same_everywhere() -> None:
    assert tuple(SEVERITIES) == results.SEVERITIES


def test_verdict_has_the_numbers_and_keeps_its_contract(tmp_path: Path) -> None:
    judged = as_json(verdict(all_events(tmp_path)))

    schema = json.loads((Path(__file__).parents[3] / "docs/verdict.schema.json").read_text(encoding="utf-8"))
    jsonschema.validate(judged, schema)
    found = judged["paths"]["realistic"]["migrations"]
    assert {"rewrites": 3, "locks": 1, "other": 1, "breaks_old_code": 0, "scans_under_lock": 0} == found["findings"]
    assert (1, 1, 1) == (found["judged"], found["allowed"], found["measured"])
    assert ["public.users"] == found["rewritten"]
    assert (1.19, False, True) == (found["longest_blocked_seconds"], found["reversible"], found["once"])


def test_run_that_has_not_asked_has_no_such_key() -> None:
    assert "migrations" not in as_json(verdict(tuple(Story().events)))["paths"]["realistic"]


def test_page_shows_verdict_locks_rewrite_and_the_safer_way_and_escapes_what_others_wrote(tmp_path: Path) -> None:
    html = page(all_events(tmp_path))

    for shown in (
        'id="migrations"',
        '<b>users</b> ACCESS EXCLUSIVE <span class="nowrap">1.2 s</span>',
        "<b>public.users</b>",
        "change_type",
        "<code>modify</code> a <code>from:</code>",
        "cached plan must not change result type",
        "Up, down, up on a copy did not come back: values lost: public.users.age",
        "3 migrators at once did the work once; 1 of them failed",
        "Could not be filled: public.odd: no value for point.",
        "Rewrites are known by files alone",
        "SELECT public.users: 0A000",
    ):
        assert shown in html, shown
    assert "<script>alert" not in html
    assert "schema_migrations" not in html


def test_summary_has_the_table_and_every_finding_that_stands(tmp_path: Path) -> None:
    text = summary(all_events(tmp_path))

    assert "## Migrations: realistic" in text
    assert "ACCESS EXCLUSIVE users 1.2 s" in text
    assert 3 == text.count("- `change_type` (")
    assert "<script>" not in text


def test_events_are_bounded_whatever_is_found(tmp_path: Path) -> None:
    read, found = findings_of("remove_column")
    many = tuple(replace(found[0], detail="x" * 5000) for _ in range(1000))

    event = recording.judged("realistic", read, many, SETTINGS)
    measured = recording.measured(
        "realistic",
        replace(MEASUREMENT, versions=(VERSION,) * 1000, invalid_indexes=("i" * 5000,) * 1000),
    )

    assert (recording.MOST_FINDINGS, 1000 - recording.MOST_FINDINGS) == (len(event.findings), event.left_out)
    assert recording.MOST_VERSIONS == len(measured.versions)
    sizes = [len(json.dumps(each)) for each in journal_of(tmp_path, event, measured)]
    assert max(sizes) < 300_000
