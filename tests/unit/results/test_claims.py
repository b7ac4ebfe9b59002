"""Claims beside measurements: each verdict by its rule, and none without a measurement."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from rollout.results.attempts import REAL, Attempt, attempts, population
from rollout.results.claims import CONFIRMED, NOT_MEASURED, REFUTED, UNDECIDED, Claim, InvalidClaims, judge, load_claims
from rollout.results.measures import MEASURES, Measurement, can_answer, measure
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
    """Confirmed, refuted, not measured, not measured enough."""
    assert expected == judge(stated, found)


def test_the_claims_of_both_scripts_are_there() -> None:
    """Every aspect of the document, for each script, with its source and a measure that exists."""
    claims = load_claims()
    by_path = {path: {claim.aspect for claim in claims if claim.path == path} for path in ("ambitious", "realistic")}
    assert by_path["realistic"] | {"The archive igniter_new"} == by_path["ambitious"]
    assert {
        "Success probability", "Deployment success rate", "Deployment time", "Package count", "Error handling",
        "Validation", "Database set-up", "Dependencies", "Error recovery", "Package conflicts", "Development ready",
        "Production viability",
    } == by_path["realistic"]  # fmt: skip
    assert all(claim.source.startswith("deployment comparison document: ") for claim in claims)
    said = {claim.text for claim in claims}
    assert {"2/10 (Extremely Low)", "8/10 (High)", "2 %", "85 %", "None", "Full cleanup", "Guaranteed"} <= said


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("[[claim]]\nid = 'x'", "needs aspect"),
        ("[[claim]]\nid = 'x'\naspect = 'a'\npath = 'p'\ntext = 't'\nsource = 's'\nmeasure = 'guess'", "no measure"),
        ("[[claim]]\nid = 'x'\ncolour = 'red'", "unknown key 'colour'"),
        ("[[claim]", "syntax"),
        ("claim = 3", "no list"),
    ],
)
def test_a_claim_that_cannot_be_meant_is_refused(text: str, problem: str, tmp_path: Path) -> None:
    """The error names the file, the claim and what is wrong."""
    (tmp_path / "claims.toml").write_text(text)
    with pytest.raises(InvalidClaims, match=r"claims\.toml") as refused:
        load_claims(tmp_path / "claims.toml")
    assert problem in str(refused.value)


def test_two_forms_of_one_claim_are_refused(tmp_path: Path) -> None:
    """A claim comes to one thing."""
    whole = "[[claim]]\nid='x'\naspect='a'\npath='p'\ntext='t'\nsource='s'\nmeasure='success'\n"
    for more in ("value=0.8\nexpects=true", "most=1\nvalue=0.1", "value='much'", "expects=1", "value=true"):
        (tmp_path / "claims.toml").write_text(whole + more)
        with pytest.raises(InvalidClaims):
            load_claims(tmp_path / "claims.toml")


def attempt(story: str) -> Attempt:
    (found,) = attempts(golden.STORIES[story]())
    return found


def test_attempts_say_what_the_journal_says() -> None:
    """Of a comparison: one record a path, by which every claim is measured."""
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
def test_what_counts_as_a_try(story: str, counts: bool, succeeded: bool, failed: bool) -> None:
    """A run that a person stopped, that was refused, or that a checkpoint spared, says nothing about the path."""
    one = attempt(story)
    assert (counts, succeeded, failed) == (one.counts, one.succeeded, one.failed)


def test_a_part_of_the_plan_is_no_deployment() -> None:
    """--through stops early; that is neither a success nor a failure of the path."""
    story = golden.Story(through="database")
    story.all_pass_before("ash_core")
    (one,) = attempts(story.ends("deployed", 0))
    assert not one.complete
    assert not measure("success", [one]).is_there


def test_a_scenario_is_a_population_of_its_own() -> None:
    """Rehearsals are told apart from real packages, and from each other."""
    assert population(golden.passed()) == REAL
    assert population(golden.rehearsal()) == "rehearsal:default"
    assert can_answer("success", REAL)
    assert not can_answer("success", "rehearsal:default")
    assert can_answer("failures_clean", "rehearsal:default")


def test_shares_are_of_the_cases_alone() -> None:
    """Refused, interrupted and partial runs are none; failed ones are the cases of clean-up."""
    runs = [attempt(story) for story in ("passed", "failed", "dirty", "refused", "interrupted", "check_failed")]
    assert share(1, 4) == measure("success", runs)
    assert share(1, 2) == measure("failures_clean", runs)
    assert share(1, 2) == measure("failures_undone", runs)
    assert Measurement(reason="no run has failed") == measure("failures_clean", runs[:1])
    assert not measure("success", []).is_there


def test_times_are_of_runs_from_nothing_that_succeeded() -> None:
    """A checkpoint spares work, and a failure takes no time to succeed."""
    runs = [attempt("passed"), attempt("restored"), attempt("failed")]
    found = measure("seconds", runs)
    assert (1, runs[0].working_seconds) == (found.n, found.number)
    slower = replace(runs[0], phases=tuple(replace(p, seconds=p.seconds * 3) for p in runs[0].phases))
    spread = measure("seconds", [*runs, slower])
    assert (2, runs[0].working_seconds, 3 * runs[0].working_seconds) == (spread.n, spread.low, spread.high)


def test_a_database_that_was_never_asked_again_is_no_robust_set_up() -> None:
    """Asked first, and retried where it did not answer."""
    good = attempt("passed")
    hit = replace(good, database_asked=True)
    broken = replace(hit, database_failed=True, cause="database_unreachable", outcome="rolled_back")
    assert share(1, 1) == measure("database", [hit])
    assert share(0, 1) == measure("database", [broken])
    assert share(1, 1) == measure("database", [replace(broken, database_retries=2)])
    assert share(1, 1) == measure("database", [replace(broken, failed_at="server")])  # which is asked until it is ready


def test_whether_a_package_exists_is_what_the_source_said() -> None:
    """An archive that was installed exists; a package that the source does not have does not."""
    there, missing = replace(attempt("passed"), exists={"igniter_new": True}), attempt("passed")
    assert share(1, 1) == measure("existence", [there, missing], "igniter_new")
    assert share(0, 1) == measure("existence", [replace(there, exists={"igniter_new": False})], "igniter_new")
    assert not measure("existence", [missing], "igniter_new").is_there


def test_a_script_tells_nothing_of_its_steps() -> None:
    """Somebody's own script may validate or not: it is not seen, so it is not said."""
    events = [dict(event) for event in golden.passed()]
    for event in events:
        if event.get("path"):
            event["path"] = "script:mine.sh"
        if event["event"] == "run.started":
            event["plan"] = {"script:mine.sh": event["plan"]["realistic"]}
            event["paths"] = ["script:mine.sh"]
    (one,) = attempts(events)
    assert (None, None) == (one.validated, one.database_asked)
    assert not measure("validation", [one]).is_there


@pytest.mark.parametrize("name", MEASURES)
def test_every_measure_answers_every_story(name: str) -> None:
    """No journal makes one fail; what cannot be measured has a reason."""
    for story in golden.STORIES.values():
        found = measure(name, attempts(story()), "igniter_new")
        assert found.is_there or found.reason


def test_blocked_checks_are_no_success() -> None:
    """Deployed, but something could not even be asked."""
    assert not replace(attempt("passed"), checks=Checks(passed=8, blocked=1)).succeeded
