"""Aspect × path: what was claimed beside what was measured. Pure, apart from reading the claims."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

from rollout.report.campaign_results import Campaigned
from rollout.results.attempts import REAL, Attempt
from rollout.results.claims import LEAST_TIMES, NOT_MEASURED, Claim, InvalidClaims, Judgement, judge, load_claims
from rollout.results.measures import MEASURES, Measure, Measurement, is_measurable, measure
from rollout.results.rates import Estimate, Rate
from rollout.text.plain import duration, line, percent

NOT_ENOUGH = "not measured enough"
ONLY_A_CAMPAIGN = "only a campaign decides this (make campaign), and there is none of this plan and these packages yet"
_NO_CAMPAIGN = Measurement(reason="no campaign")
_REHEARSAL = "a rehearsal's stand-in packages cannot answer this"


_NONE: Mapping[str, Campaigned] = MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """One aspect of one path. `verdict`: confirmed, refuted, not_measured, or "" where nothing was claimed.

    `spread` says how sure the measurement is: the interval of a share, or the range of a number, with n. `rate` is
    there where a picture of it helps: the claim is itself a share. `campaign` is what it was measured by, where that
    were trials; `beside` what this and earlier runs came to, which then decides nothing.
    """

    path: str
    measured: str
    spread: str = ""
    rate: Rate | Estimate | None = None
    campaign: Campaigned | None = None
    beside: str = ""
    claim: str = ""
    claimed: float | None = None
    source: str = ""
    reading: str = ""
    verdict: str = ""
    verdict_words: str = ""
    because: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Aspect:
    """A row of the comparison."""

    name: str
    cells: tuple[Compared, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """`paths` are the columns: those of this run, then those of the history that something was claimed of.

    `runs` tells for each path how many earlier runs are counted, `origins` where what is known of it is from; `problem`
    why there are no claims.
    """

    paths: tuple[str, ...]
    runs: tuple[int, ...]
    origins: tuple[str, ...]
    aspects: tuple[Aspect, ...]
    document: str = ""
    problem: str = ""

    @property
    def has_claims(self) -> bool:
        return any(cell.verdict for aspect in self.aspects for cell in aspect.cells)


def comparison(
    now: Sequence[Attempt], past: Sequence[Attempt], population: str, campaigns: Mapping[str, Campaigned] = _NONE
) -> Comparison:
    """Every claimed aspect for every path of this run; all attempts are of one `population`, and so are campaigns."""
    try:
        claims = load_claims()
    except InvalidClaims as error:
        return Comparison(paths=(), runs=(), origins=(), aspects=(), problem=line(error, 500))
    claimed = {claim.path for claim in claims}
    here = [attempt.path for attempt in now]
    earlier = [attempt.path for attempt in past if attempt.path in claimed]
    tried = [path for path in campaigns if path in claimed]
    paths = tuple(dict.fromkeys((*here, *earlier, *tried))) if here else ()
    sample = {path: [one for one in (*past, *now) if one.path == path] for path in paths}
    aspects: dict[str, list[Claim]] = {}
    for claim in claims:
        aspects.setdefault(claim.aspect, []).append(claim)
    return Comparison(
        paths=paths,
        runs=tuple(sum(one.path == path for one in past) for path in paths),
        origins=tuple(
            "this run" if path in here else "earlier runs only" if path in earlier else "campaign only"
            for path in paths
        ),
        aspects=tuple(
            Aspect(
                name=line(name, 80),
                cells=tuple(_compared(path, stated, sample[path], population, campaigns.get(path)) for path in paths),
            )
            for name, stated in aspects.items()
        ),
        document=line(claims[0].source.partition(":")[0], 100) if claims else "",
    )


def _compared(
    path: str, stated: Sequence[Claim], sample: Sequence[Attempt], population: str, campaign: Campaigned | None
) -> Compared:
    claim = next((claim for claim in stated if claim.path == path), None)
    asked = claim or stated[0]
    measuring = MEASURES[asked.measure]
    found, beside = measure(asked.measure, sample, asked.package), ""
    if measuring.trials:
        beside = _beside(measuring, found)
        found = campaign.measurement(asked.measure) if campaign else _NO_CAMPAIGN
        measuring = replace(measuring, cases=measuring.trials)
    else:
        campaign = None
    answers = is_measurable(asked.measure, population)
    measured, spread = told(measuring, found) if found.has_data else ("–", found.reason)
    rate = found.rate if any(claim.is_of_a_share for claim in stated) else None
    if found.has_data and population != REAL:
        spread = f"{spread}, in rehearsal" if spread else "in rehearsal"
    if claim is None:
        return Compared(path=path, measured=measured, spread=spread, rate=rate, campaign=campaign, beside=beside)
    judged = judge(claim, found) if answers else NOT_MEASURED
    return Compared(
        path=path,
        measured=measured,
        spread=spread,
        rate=rate,
        campaign=campaign,
        beside=beside,
        claim=line(claim.text, 200),
        claimed=claim.value,
        source=line(claim.source, 200),
        reading=line(claim.reading, 200),
        verdict=judged.verdict,
        verdict_words=_words(judged),
        because=_REHEARSAL
        if not answers
        else ONLY_A_CAMPAIGN
        if found is _NO_CAMPAIGN
        else because(claim, found, judged),
    )


def _why(claim: Claim, found: Measurement, judged: Judgement) -> str:
    return ONLY_A_CAMPAIGN if found is _NO_CAMPAIGN else because(claim, found, judged)


def _beside(measuring: Measure, found: Measurement) -> str:
    """What this and earlier runs came to, as a count: they are no sample, so no interval is drawn around it."""
    rate = found.rate
    return f"{rate.hits} of {rate.n} {measuring.cases} {measuring.hit}" if isinstance(rate, Rate) else ""


def told(measuring: Measure, found: Measurement) -> tuple[str, str]:
    """A measurement in words, and how sure it is: the interval of a share, the range of a number, and n."""
    if found.rate is not None:
        rate = found.rate
        cases = f"{rate.hits} of {rate.n}" if isinstance(rate, Rate) else f"{percent(rate.share)} of"
        return (
            f"{cases} {measuring.cases} {measuring.hit}",
            f"95\N{NO-BREAK SPACE}% interval {percent(rate.low)} to {percent(rate.high)}, n={rate.n}",
        )
    number = found.number or 0.0
    if measuring.unit == "packages":
        return f"{number:.0f} packages asked for", ""
    if found.n == 1:
        return f"{duration(number)} in its phases", "n=1"
    return (
        f"{duration(number)} in its phases, the median",
        f"{duration(found.low)} to {duration(found.high)}, n={found.n}",
    )


def because(claim: Claim, found: Measurement, judged: Judgement) -> str:
    """Why the verdict is what it is, in a few words."""
    if judged.is_enough and judged.verdict == "not_measured":
        return ""
    if found.rate is None:
        if not judged.is_enough and (claim.least, claim.most) != (None, None):
            return f"n={found.n}: a time needs at least {LEAST_TIMES} runs from nothing"
        return "" if judged.is_enough else "the claim names no number"
    if claim.expects is not None and isinstance(found.rate, Rate):
        return _always_or_never(claim, found)
    if not judged.is_enough:
        few = f"n={found.rate.n} is too few to decide"
        return f"{few}: the interval holds {_claimed(claim)}, and much besides"
    if judged.verdict == "refuted":
        return f"the interval excludes {_claimed(claim)}"
    return f"the whole interval is within {_near(claim)}"


def _always_or_never(claim: Claim, found: Measurement) -> str:
    assert isinstance(found.rate, Rate)
    if claim.expects:
        against = found.rate.n - found.rate.hits
        return f"{against} of {found.rate.n} not" if against else f"so in every case seen, n={found.rate.n}"
    return f"{found.rate.hits} of {found.rate.n} did" if found.rate.hits else f"in no case seen, n={found.rate.n}"


def _claimed(claim: Claim) -> str:
    if claim.value is not None:
        return percent(claim.value)
    return _near(claim)


def _near(claim: Claim) -> str:
    if claim.value is not None:
        return f"{percent(max(0, claim.value - claim.tolerance))} to {percent(min(1, claim.value + claim.tolerance))}"
    return f"{percent(max(0, claim.bounds[0]))} to {percent(min(1, claim.bounds[1]))}"


def _words(judged: Judgement) -> str:
    if not judged.is_enough:
        return NOT_ENOUGH
    return judged.verdict.replace("_", " ")
