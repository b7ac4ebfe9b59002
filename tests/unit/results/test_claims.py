"""Claims are compared with measurements: one rule for each verdict, and no verdict without a measurement."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from rollout.results.attempts import REAL, Attempt, attempts, population
from rollout.results.claims import CONFIRMED, NOT_MEASURED, REFUTED, UNDECIDED, Claim, InvalidClaims, judge, load_claims
from rollout.results.measures import MEASURES, Measurement, is_measurable, measure
from rollout.results.outcomes import Checks
from rollout.results.rates import rate
from tests.unit.report import golden, journals


def claim(**facts: Any) -> Claim:
    return Claim(id="x", aspect="a", path="realistic", text="t", source="s", measure="success", **facts)


def share(hits: int, n: int) -> Measurement:
    return Measurement(rate=rate(hits, n), n=n)


def number(value: float) -> Measurement:
    return Measurement(number=value, low=value, high=value, n=1)


@pytest.mark.parametrize(
    ("stated", "found", "expected"),
    [
        # a share with a value: the interval decides, not its middle
        (claim(value=0.8, tolerance=0.1), share(1, 1), UNDECIDED),
        (claim(value=0.8, tolerance=0.1), share(8, 10), UNDECIDED),
        (claim(value=0.8, tolerance=0.1), share(160, 200), CONFIRMED),
        (claim(value=0.8, tolerance=0.1), share(0, 4), REFUTED),
        (claim(value=0.02, tolerance=0.02), share(3, 3), REFUTED),
        (claim(value=0.02, tolerance=0.02), share(0, 3), UNDECIDED),
        (claim(value=0.85, tolerance=0.05), share(500, 500), REFUTED),
        # a share with an end
        (claim(most=0.1), share(0, 40), CONFIRMED),
        (claim(most=0.1), share(0, 3), UNDECIDED),
        (claim(most=0.1), share(9, 10), REFUTED),
        # always, never
        (claim(expects=True), share(3, 3), CONFIRMED),
        (claim(expects=True), share(2, 3), REFUTED),
        (claim(expects=False), share(0, 1), CONFIRMED),
        (claim(expects=False), share(1, 9), REFUTED),
        # numbers
        (claim(least=300, most=600), number(351), CONFIRMED),
        (claim(least=300, most=600), number(299), REFUTED),
        (claim(least=20), number(24), CONFIRMED),
        (claim(), number(24), UNDECIDED),
        # nothing to decide with
        (claim(), share(1, 1), UNDECIDED),
        (claim(value=0.8), Measurement(reason="no run"), NOT_MEASURED),
        (claim(expects=True), Measurement(reason="no run"), NOT_MEASURED),
    ],
)
def test_each_verdict_has_its_rule(stated: Claim, found: Measurement, expected: object) -> None:
    """Confirmed, refuted, not measured, measured too little."""
    assert expected == judge(stated, found)


def test_the_claims_of_both_scripts_are_complete() -> None:
    """The file has every aspect of the document for each script, with a source and a known measure."""
    claims = load_claims()
    by_path = {path: {claim.aspect for claim in claims if claim.path == path} for path in ("ambitious", "realistic")}
    assert by_path["realistic"] | {"The archive igniter_new"} == by_path["ambitious"]
    assert {
        "Success probability", "Deployment success rate", "Deployment time", "Package count", "Error handling",
        "Validation", "Database set-up", "Dependencies", "Error recovery", "Package conflicts", "Development ready",
        "Production viability",
    } == by_path["realistic"]  # fmt: skip
    assert all(claim.source.startswith("deployment comparison document: ") for claim in claims)
    texts = {claim.text for claim in claims}
    assert {"2/10 (Extremely Low)", "8/10 (High)", "2 %", "85 %", "None", "Full cleanup", "Guaranteed"} <= texts


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("[[claim]]\nid = 'x'", "missing: aspect"),
        ("[[claim]]\nid = 'x'\naspect = 'a'\npath = 'p'\ntext = 't'\nsource = 's'\nmeasure = 'x'", "unknown measure"),
        ("[[claim]]\nid = 'x'\ncolour = 'red'", "unknown key 'colour'"),
        ("[[claim]", "syntax"),
        ("claim = 3", "no list"),
    ],
)
def test_an_invalid_claim_is_rejected(text: str, problem: str, tmp_path: Path) -> None:
    """The error names the file, the claim and the problem."""
    (tmp_path / "claims.toml").write_text(text)
    with pytest.raises(InvalidClaims, match=r"claims\.toml") as refused:
        load_claims(tmp_path / "claims.toml")
    assert problem in str(refused.value)


def test_a_claim_with_two_forms_or_a_wrong_type_is_rejected(tmp_path: Path) -> None:
    """value, least/most and expects exclude each other."""
    whole = "[[claim]]\nid='x'\naspect='a'\npath='p'\ntext='t'\nsource='s'\nmeasure='success'\n"
    for more in ("value=0.8\nexpects=true", "most=1\nvalue=0.1", "value='much'", "expects=1", "value=true"):
        (tmp_path / "claims.toml").write_text(whole + more)
        with pytest.raises(InvalidClaims):
            load_claims(tmp_path / "claims.toml")


def attempt(story: str) -> Attempt:
    (found,) = attempts(golden.STORIES[story]())
    return found


def test_attempts_hold_the_facts_of_the_journal() -> None:
    """A comparison has one attempt for each path."""
    ambitious, incremental, realistic = attempts(journals.comparison())

    assert ("dirty", "version_conflict", True, 24, 0) == (
        ambitious.outcome, ambitious.cause, ambitious.conflict, ambitious.asked, ambitious.installed,
    )  # fmt: skip
    assert {"igniter_new": True} == ambitious.exists
    assert (False, False) == (ambitious.validated, ambitious.database_asked)
    assert (3, 3) == (ambitious.left, ambitious.residue)
    assert ("rolled_back", 0, None) == (incremental.outcome, incremental.residue, incremental.left)
    assert incremental.failed
    assert realistic.succeeded
    assert realistic.ready
    assert realistic.complete
    assert realistic.restored
    assert (9, 9, True) == (realistic.asked, realistic.installed, realistic.validated)
    assert {"real"} == {one.population for one in (ambitious, incremental, realistic)}


@pytest.mark.parametrize(
    ("story", "counts", "succeeded", "failed"),
    [
        ("passed", True, True, False),
        ("check_failed", True, False, False),
        ("failed", True, False, True),
        ("dirty", True, False, True),
        ("refused", False, False, False),
        ("interrupted", False, False, False),
        ("killed", False, False, False),
        ("restored", False, True, False),
        ("extras_failed", True, False, False),
    ],
)
def test_which_attempts_count(story: str, counts: bool, succeeded: bool, failed: bool) -> None:
    """Interrupted, refused and restored attempts do not count."""
    one = attempt(story)
    assert (counts, succeeded, failed) == (one.counts, one.succeeded, one.failed)


def test_an_attempt_that_ends_early_is_not_complete() -> None:
    """With --through the attempt is neither a success nor a failure of the path."""
    story = golden.Story(through="database")
    story.all_pass_before("ash_core")
    (one,) = attempts(story.ends("deployed", 0))
    assert not one.complete
    assert not measure("success", [one]).has_data


def test_a_scenario_is_a_population_of_its_own() -> None:
    """Rehearsals are not counted with real packages, nor with another scenario."""
    assert population(golden.passed()) == REAL
    assert population(golden.rehearsal()) == "rehearsal:default"
    assert is_measurable("success", REAL)
    assert not is_measurable("success", "rehearsal:default")
    assert is_measurable("failures_clean", "rehearsal:default")


def test_shares_count_cases_only() -> None:
    """Refused, interrupted and partial runs are not cases. Failed runs are the cases of the clean-up measures."""
    runs = [attempt(story) for story in ("passed", "failed", "dirty", "refused", "interrupted", "check_failed")]
    assert share(1, 4) == measure("success", runs)
    assert share(1, 2) == measure("failures_clean", runs)
    assert share(1, 2) == measure("failures_undone", runs)
    assert Measurement(reason="no run has failed") == measure("failures_clean", runs[:1])
    assert not measure("success", []).has_data


def test_times_are_measured_on_successful_runs_from_nothing() -> None:
    """Restored and failed runs are left out."""
    runs = [attempt("passed"), attempt("restored"), attempt("failed")]
    found = measure("seconds", runs)
    assert (1, runs[0].working_seconds) == (found.n, found.number)
    slower = replace(runs[0], phases=tuple(replace(p, seconds=p.seconds * 3) for p in runs[0].phases))
    spread = measure("seconds", [*runs, slower])
    assert (2, runs[0].working_seconds, 3 * runs[0].working_seconds) == (spread.n, spread.low, spread.high)


def test_robust_database_set_up_needs_a_query_and_retries() -> None:
    """The path queries the server first and retries if it is unreachable."""
    good = attempt("passed")
    hit = replace(good, database_asked=True)
    broken = replace(hit, database_failed=True, cause="database_unreachable", outcome="rolled_back")
    assert share(1, 1) == measure("database", [hit])
    assert share(0, 1) == measure("database", [broken])
    assert share(1, 1) == measure("database", [replace(broken, database_retries=2)])
    # The server phase polls the server until it is ready.
    assert share(1, 1) == measure("database", [replace(broken, failed_at="server")])


def test_existence_of_a_package_follows_the_source() -> None:
    """An installed archive exists. A package that the source does not have does not exist."""
    there, missing = replace(attempt("passed"), exists={"igniter_new": True}), attempt("passed")
    assert share(1, 1) == measure("existence", [there, missing], "igniter_new")
    assert share(0, 1) == measure("existence", [replace(there, exists={"igniter_new": False})], "igniter_new")
    assert not measure("existence", [missing], "igniter_new").has_data


def test_the_steps_of_a_script_are_unknown() -> None:
    """The suite cannot see whether a script validates, so those measures have no data."""
    events = [dict(event) for event in golden.passed()]
    for event in events:
        if event.get("path"):
            event["path"] = "script:mine.sh"
        if event["event"] == "run.started":
            event["plan"] = {"script:mine.sh": event["plan"]["realistic"]}
            event["paths"] = ["script:mine.sh"]
    (one,) = attempts(events)
    assert (None, None) == (one.validated, one.database_asked)
    assert not measure("validation", [one]).has_data


@pytest.mark.parametrize("name", MEASURES)
def test_every_measure_accepts_every_story(name: str) -> None:
    """No journal raises an error. A measurement without data has a reason."""
    for story in golden.STORIES.values():
        found = measure(name, attempts(story()), "igniter_new")
        assert found.has_data or found.reason


def test_an_attempt_with_blocked_checks_has_not_succeeded() -> None:
    """Even if it was deployed."""
    assert not replace(attempt("passed"), checks=Checks(passed=8, blocked=1)).succeeded
