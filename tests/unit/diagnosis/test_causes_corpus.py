"""Every failure in tests/causes/ gets the right cause, package and quotation. `-s` prints the score."""

from __future__ import annotations

import tomllib
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from rollout.config.options import ROOT
from rollout.diagnosis import CAUSES, Diagnosis, Probes, classify
from rollout.process import Outcome, Request

CORPUS = ROOT / "tests" / "causes"
KEYS = {"command", "exit_code", "source", "cause", "quotes", "text"}
FEWEST, UNKNOWN = 80, 3
TOLD_BY_ERRORS_OF_OURS = {
    "bad_release", "engine_unfit", "in_the_way", "migration_blocks", "service_interrupted", "unfit_place",
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """One file of the corpus. `probes` are the answers of Probes; absent ones were not asked."""

    name: str
    outcome: Outcome
    probes: Probes
    cause: str
    package: str | None
    quotes: tuple[str, ...]

    def diagnosed(self) -> Diagnosis:
        return classify(self.outcome, self.probes)


def read(path: Path) -> Failure:
    data = tomllib.loads(path.read_text(encoding="utf-8"))
    assert set(data) >= KEYS, f"{path}: {KEYS - set(data)} missing"
    command = str(data["command"])
    return Failure(
        name=str(path.relative_to(CORPUS).with_suffix("")),
        outcome=Outcome(
            request=Request(argv=tuple(command.split()), label=command, cwd=Path("/srv/xavos")),
            exit_code=data["exit_code"], seconds=1, tail=data["text"],
        ),
        probes=_probes(data.get("probes", {})), cause=data["cause"], package=data.get("package"),
        quotes=tuple(data["quotes"]),
    )  # fmt: skip


def _probes(asked: Mapping[str, Any]) -> Probes:
    place = asked.get("database_at")
    return Probes(
        upstream=lambda: asked.get("upstream"), database_up=lambda: asked.get("database_up"),
        database_at=lambda: (place[0], place[1]) if place else None,
    )  # fmt: skip


FAILURES = tuple(map(read, sorted(CORPUS.rglob("*.toml"))))


@pytest.mark.parametrize("failure", FAILURES, ids=lambda failure: failure.name)
def test_a_failure_has_its_cause_and_quotes_the_right_lines(failure: Failure) -> None:
    found = failure.diagnosed()
    assert (failure.cause, failure.package) == (found.cause, found.package), found.message
    assert [] == [quote for quote in failure.quotes if quote not in found.message], found.message


def test_the_score() -> None:
    """The corpus has enough failures and causes. None is classified wrongly, and almost none as unknown."""
    told = [(failure, failure.diagnosed().cause) for failure in FAILURES]
    wrong = [failure.name for failure, cause in told if cause not in {failure.cause, "unknown"}]
    unknown = [failure.name for failure, cause in told if cause == "unknown"]
    right = sum(failure.cause == cause for failure, cause in told)
    print(f"{right} of {len(told)} causes are right, {len(wrong)} wrong, {len(unknown)} unknown.")
    assert len(FAILURES) >= FEWEST
    assert (wrong, len(unknown) <= UNKNOWN) == ([], True), (wrong, unknown)


def test_every_cause_that_an_output_can_show_is_in_the_corpus() -> None:
    counted = Counter(failure.cause for failure in FAILURES)
    assert set(CAUSES) - set(counted) == TOLD_BY_ERRORS_OF_OURS
