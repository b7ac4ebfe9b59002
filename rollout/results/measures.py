"""What is measured: each measure is a function from the attempts of one path to a measurement. Pure."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from rollout.results.attempts import REAL, Attempt
from rollout.results.rates import Estimate, Rate, rate


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """A share of cases (`rate`), or a number with its spread over `n` runs, or nothing, for a `reason`."""

    rate: Rate | Estimate | None = None
    number: float | None = None
    low: float = 0.0
    high: float = 0.0
    n: int = 0
    reason: str = ""

    @property
    def is_there(self) -> bool:
        return self.n > 0


Ask = Callable[[Sequence[Attempt], str], Measurement]


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """How a measurement is made and told.

    `unit`: share, seconds or packages. `cases` and `hit` tell a share: "2 of 3 `cases` `hit`". `needs_real`: stand-in
    packages of a rehearsal cannot answer it. `trials`: it differs from run to run, so that only trials of a campaign,
    which are these, are a sample of it.
    """

    ask: Ask
    unit: str = "share"
    cases: str = ""
    hit: str = ""
    needs_real: bool = False
    trials: str = ""


def measure(name: str, attempts: Sequence[Attempt], package: str = "") -> Measurement:
    """Measure `attempts`, all of one path and one population, oldest first. Raises KeyError for an unknown measure."""
    return MEASURES[name].ask(attempts, package)


def can_answer(name: str, population: str) -> bool:
    """Whether runs of this population can answer the measure at all."""
    return population == REAL or not MEASURES[name].needs_real


def _share(
    cases: Callable[[Attempt], bool], hit: Callable[[Attempt], bool | None], reason: str
) -> Callable[[Sequence[Attempt], str], Measurement]:
    """The share of the cases that are hits; a case whose answer is None is none."""

    def ask(attempts: Sequence[Attempt], _: str) -> Measurement:
        answers = [answer for one in attempts if cases(one) and (answer := hit(one)) is not None]
        found = rate(sum(answers), len(answers))
        return Measurement(rate=found, n=len(answers)) if found else Measurement(reason=reason)

    return ask


def _seconds(attempts: Sequence[Attempt], _: str) -> Measurement:
    took = [one.working_seconds for one in attempts if one.counts and one.succeeded]
    if not took:
        return Measurement(reason="no whole run from nothing has succeeded")
    return Measurement(number=statistics.median(took), low=min(took), high=max(took), n=len(took))


def _packages(attempts: Sequence[Attempt], _: str) -> Measurement:
    asked = [one.asked for one in attempts if one.asked]
    if not asked:
        return Measurement(reason="its packages are not in a plan")
    return Measurement(number=asked[-1], low=asked[-1], high=asked[-1], n=1)


def _existence(attempts: Sequence[Attempt], package: str) -> Measurement:
    answers = [one.exists[package] for one in attempts if package in one.exists]
    found = rate(sum(answers), len(answers))
    return Measurement(rate=found, n=len(answers)) if found else Measurement(reason=f"no run asked for {package}")


def _nothing(_: Sequence[Attempt], __: str) -> Measurement:
    return Measurement(reason="nothing here runs in production")


def _validated(one: Attempt) -> bool | None:
    return one.validated


def _asks_database(one: Attempt) -> bool | None:
    # A server that does not get ready is asked again and again, without a word of it.
    if one.failed_at == "server":
        return one.database_asked
    if one.database_asked and one.database_failed and not one.database_retries and one.cause == "database_unreachable":
        return False
    return one.database_asked


_NO_RUN = "no whole run from nothing yet"
_NO_FAILURE = "no run has failed"
MEASURES: Mapping[str, Measure] = {
    "success": Measure(
        ask=_share(lambda one: one.counts, lambda one: one.succeeded, _NO_RUN),
        cases="runs from nothing",
        hit="deployed with every check passed",
        trials="trials under the mix of troubles",
        needs_real=True,
    ),
    "seconds": Measure(ask=_seconds, unit="seconds", needs_real=True),
    "packages": Measure(ask=_packages, unit="packages"),
    "failures_undone": Measure(
        ask=_share(
            lambda one: one.failed, lambda one: not one.residue and one.cause not in {None, "unknown"}, _NO_FAILURE
        ),
        cases="failed runs",
        hit="had a named cause and were undone",
        trials="trials that a fault has failed",
    ),
    "failures_clean": Measure(
        ask=_share(lambda one: one.failed, lambda one: not one.residue, _NO_FAILURE),
        cases="failed runs",
        hit="left nothing behind",
        trials="trials that a fault has failed",
    ),
    "validation": Measure(
        ask=_share(lambda _: True, _validated, "its steps cannot be told apart"),
        cases="runs",
        hit="looked every package up before installing one",
    ),
    "database": Measure(
        ask=_share(lambda _: True, _asks_database, "its steps cannot be told apart"),
        cases="runs",
        hit="asked the database before using it",
    ),
    "combination": Measure(
        ask=_share(lambda one: one.counts and one.asked > 0, lambda one: one.succeeded and one.installed == one.asked,
                   _NO_RUN),
        cases="runs from nothing",
        hit="installed every package and passed every check",
        trials="trials without a fault",
        needs_real=True,
    ),
    "conflicts": Measure(
        ask=_share(lambda one: one.counts, lambda one: one.conflict, _NO_RUN),
        cases="runs from nothing",
        hit="met a version conflict",
        trials="trials without a fault",
        needs_real=True,
    ),
    "ready": Measure(
        ask=_share(lambda one: one.counts, lambda one: one.ready, _NO_RUN),
        cases="runs from nothing",
        hit="ended with XAVOS answering and every check of the server passed",
        trials="trials without a fault",
        needs_real=True,
    ),
    "existence": Measure(ask=_existence, cases="runs that asked", hit="found it", needs_real=True),
    "production": Measure(ask=_nothing),
}  # fmt: skip
