"""Measures: each function computes one value from the attempts of a path, which a claim is compared with. Pure."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from rollout.application import APPLICATION
from rollout.results.attempts import REAL, Attempt
from rollout.results.rates import Estimate, Rate, rate


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """A share (`rate`), a number (median, `low` and `high` over `n` runs), or no data and the `reason`."""

    rate: Rate | Estimate | None = None
    number: float | None = None
    low: float = 0.0
    high: float = 0.0
    n: int = 0
    reason: str = ""

    @property
    def has_data(self) -> bool:
        """Whether at least one run was measured."""
        return self.n > 0


Compute = Callable[[Sequence[Attempt], str], Measurement]


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """How a value is computed and worded.

    `unit`: share, seconds or packages. `cases` and `hit` are parts of the sentence "2 of 3 `cases` `hit`".
    `needs_real`: a rehearsal cannot measure it, because it uses stand-in packages. `trials`: the measure varies between
    runs, so only a campaign decides it; the text names the trials that count.
    """

    compute: Compute
    unit: str = "share"
    cases: str = ""
    hit: str = ""
    needs_real: bool = False
    trials: str = ""


def measure(name: str, attempts: Sequence[Attempt], package: str = "") -> Measurement:
    """Measure `attempts`, all of one path and one population, oldest first. Raises KeyError for an unknown measure."""
    return MEASURES[name].compute(attempts, package)


def is_measurable(name: str, population: str) -> bool:
    """Whether runs of this population can be used for the measure."""
    return population == REAL or not MEASURES[name].needs_real


def _share(
    cases: Callable[[Attempt], bool], hit: Callable[[Attempt], bool | None], reason: str
) -> Callable[[Sequence[Attempt], str], Measurement]:
    """The share of hits among the cases. An attempt for which `hit` returns None is not a case."""

    def compute(attempts: Sequence[Attempt], _: str) -> Measurement:
        hits = [is_hit for one in attempts if cases(one) and (is_hit := hit(one)) is not None]
        found = rate(sum(hits), len(hits))
        return Measurement(rate=found, n=len(hits)) if found else Measurement(reason=reason)

    return compute


def _seconds(attempts: Sequence[Attempt], _: str) -> Measurement:
    seconds = [one.working_seconds for one in attempts if one.counts and one.succeeded and one.viable is None]
    if not seconds:
        return Measurement(reason="no whole run from nothing has succeeded")
    return Measurement(number=statistics.median(seconds), low=min(seconds), high=max(seconds), n=len(seconds))


def _packages(attempts: Sequence[Attempt], _: str) -> Measurement:
    planned = [one.asked for one in attempts if one.asked]
    if not planned:
        return Measurement(reason="its packages are not in a plan")
    return Measurement(number=planned[-1], low=planned[-1], high=planned[-1], n=1)


def _existence(attempts: Sequence[Attempt], package: str) -> Measurement:
    exists = [one.exists[package] for one in attempts if package in one.exists]
    found = rate(sum(exists), len(exists))
    return Measurement(rate=found, n=len(exists)) if found else Measurement(reason=f"no run looked for {package}")


def _validated(one: Attempt) -> bool | None:
    return one.validated


def _queries_database(one: Attempt) -> bool | None:
    # The server phase polls the server until it is ready and journals no retry.
    if one.failed_at == "server":
        return one.database_asked
    if one.database_asked and one.database_failed and not one.database_retries and one.cause == "database_unreachable":
        return False
    return one.database_asked


_NO_RUN = "no whole run from nothing yet"
_NO_FAILURE = "no run has failed"
_NO_PRODUCTION = "no run of the production stage yet"
_UNSEEN = "its steps are not visible"
MEASURES: Mapping[str, Measure] = {
    "success": Measure(
        compute=_share(lambda one: one.counts, lambda one: one.succeeded, _NO_RUN),
        cases="runs from nothing",
        hit="deployed with every check passed",
        trials="trials under the mix of troubles",
        needs_real=True,
    ),
    "seconds": Measure(compute=_seconds, unit="seconds", needs_real=True),
    "packages": Measure(compute=_packages, unit="packages"),
    "failures_undone": Measure(
        compute=_share(
            lambda one: one.failed, lambda one: not one.residue and one.cause not in {None, "unknown"}, _NO_FAILURE
        ),
        cases="failed runs",
        hit="had a named cause and were undone",
        trials="trials that failed because of a fault",
    ),
    "failures_clean": Measure(
        compute=_share(lambda one: one.failed, lambda one: not one.residue, _NO_FAILURE),
        cases="failed runs",
        hit="left nothing behind",
        trials="trials that failed because of a fault",
    ),
    "validation": Measure(
        compute=_share(lambda _: True, _validated, _UNSEEN),
        cases="runs",
        hit="looked up every package before the first installation",
    ),
    "database": Measure(
        compute=_share(lambda _: True, _queries_database, _UNSEEN),
        cases="runs",
        hit="queried the database server before using it",
    ),
    "combination": Measure(
        compute=_share(lambda one: one.counts and one.asked > 0,
                       lambda one: one.succeeded and one.installed == one.asked, _NO_RUN),
        cases="runs from nothing",
        hit="installed every package and passed every check",
        trials="trials without a fault",
        needs_real=True,
    ),
    "conflicts": Measure(
        compute=_share(lambda one: one.counts, lambda one: one.conflict, _NO_RUN),
        cases="runs from nothing",
        hit="had a version conflict",
        trials="trials without a fault",
        needs_real=True,
    ),
    "ready": Measure(
        compute=_share(lambda one: one.counts, lambda one: one.ready, _NO_RUN),
        cases="runs from nothing",
        hit=f"ended with {APPLICATION.title} running and every check of the server passed",
        trials="trials without a fault",
        needs_real=True,
    ),
    "existence": Measure(compute=_existence, cases="runs that looked", hit="found it", needs_real=True),
    "production": Measure(
        compute=_share(lambda one: one.viable is not None, lambda one: one.viable, _NO_PRODUCTION),
        cases="runs of the production stage",
        hit="lost no request and no datum in the upgrade, and took every bad release back",
        trials="trials of the production stage",
        needs_real=True,
    ),
}  # fmt: skip
