"""Builds the table of claims and measurements: one row per aspect, one column per path. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

from rollout.installation import command
from rollout.report import wording
from rollout.report.campaign_results import CampaignRates
from rollout.results.attempts import REAL, Attempt
from rollout.results.claims import LEAST_TIMES, NOT_MEASURED, Claim, InvalidClaims, Judgement, judge, load_claims
from rollout.results.measures import MEASURES, Measure, Measurement, is_measurable, measure
from rollout.results.rates import Estimate, Rate
from rollout.text.plain import duration, line, percent

NOT_ENOUGH = "measured too little"
ONLY_A_CAMPAIGN = (
    f"only a campaign decides this ({command('campaign')}); there is none with this plan and these packages yet"
)
_NO_CAMPAIGN = Measurement(reason="no campaign")
_REHEARSAL = "a rehearsal cannot measure this, because it uses stand-in packages"


_NONE: Mapping[str, CampaignRates] = MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparisonCell:
    """One aspect of one path. `verdict`: confirmed, refuted, not_measured, or "" without a claim.

    `spread`: the interval of a share, or the range of a number, with n. `rate`: the share to draw, if the claim is
    about a share. `campaign`: the campaign that measured the value, if one did. `beside`: the result of this and
    earlier runs, which is shown beside that of a campaign and decides nothing.
    """

    path: str
    measured: str
    spread: str = ""
    rate: Rate | Estimate | None = None
    campaign: CampaignRates | None = None
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
    cells: tuple[ComparisonCell, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """The table. `paths`: the columns, first the paths of this run, then paths of the history that have claims.

    `runs`: number of earlier runs of each path. `origins`: for each path, where its data comes from. `problem`: why the
    claims could not be read.
    """

    paths: tuple[str, ...]
    runs: tuple[int, ...]
    origins: tuple[str, ...]
    aspects: tuple[Aspect, ...]
    document: str = ""
    problem: str = ""


def comparison(
    now: Sequence[Attempt], past: Sequence[Attempt], population: str, campaigns: Mapping[str, CampaignRates] = _NONE
) -> Comparison:
    """The table of every aspect in the claims. All attempts and campaigns are of one `population`."""
    try:
        claims = load_claims()
    except InvalidClaims as error:
        return Comparison(paths=(), runs=(), origins=(), aspects=(), problem=line(error, 500))
    claimed = {claim.path for claim in claims}
    current = [attempt.path for attempt in now]
    earlier = [attempt.path for attempt in past if attempt.path in claimed]
    measured = [path for path in campaigns if path in claimed]
    paths = tuple(dict.fromkeys((*current, *earlier, *measured))) if current else ()
    sample = {path: [one for one in (*past, *now) if one.path == path] for path in paths}
    aspects: dict[str, list[Claim]] = {}
    for claim in claims:
        aspects.setdefault(claim.aspect, []).append(claim)
    return Comparison(
        paths=paths,
        runs=tuple(sum(one.path == path for one in past) for path in paths),
        origins=tuple(
            "this run" if path in current else "earlier runs only" if path in earlier else "campaign only"
            for path in paths
        ),
        aspects=tuple(
            Aspect(
                name=line(name, 80),
                cells=tuple(_cell(path, stated, sample[path], population, campaigns.get(path)) for path in paths),
            )
            for name, stated in aspects.items()
        ),
        document=line(claims[0].source.partition(":")[0], 100) if claims else "",
    )


def _cell(
    path: str, stated: Sequence[Claim], sample: Sequence[Attempt], population: str, campaign: CampaignRates | None
) -> ComparisonCell:
    claim = next((claim for claim in stated if claim.path == path), None)
    definition = claim or stated[0]
    measuring = MEASURES[definition.measure]
    found, beside = measure(definition.measure, sample, definition.package), ""
    if measuring.trials:
        beside = _beside(measuring, found)
        found = campaign.measurement(definition.measure) if campaign else _NO_CAMPAIGN
        measuring = replace(measuring, cases=measuring.trials)
    else:
        campaign = None
    can_decide = is_measurable(definition.measure, population)
    measured, spread = in_words(measuring, found) if found.has_data else ("–", found.reason)
    rate = found.rate if any(claim.is_of_a_share for claim in stated) else None
    if found.has_data and population != REAL:
        spread = f"{spread}, in rehearsal" if spread else "in rehearsal"
    if claim is None:
        return ComparisonCell(path=path, measured=measured, spread=spread, rate=rate, campaign=campaign, beside=beside)
    judged = judge(claim, found) if can_decide else NOT_MEASURED
    return ComparisonCell(
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
        because=_because(claim, found, judged) if can_decide else _REHEARSAL,
    )


def _because(claim: Claim, found: Measurement, judged: Judgement) -> str:
    return ONLY_A_CAMPAIGN if found is _NO_CAMPAIGN else because(claim, found, judged)


def _beside(measuring: Measure, found: Measurement) -> str:
    """The result of this and earlier runs as a count. It has no interval, because these runs are not randomised."""
    rate = found.rate
    return f"{rate.hits} of {rate.n} {measuring.cases} {measuring.hit}" if isinstance(rate, Rate) else ""


def in_words(measuring: Measure, found: Measurement) -> tuple[str, str]:
    """A measurement in words, and its spread: the interval of a share or the range of a number, with n."""
    if found.rate is not None:
        rate = found.rate
        cases = f"{rate.hits} of {rate.n}" if isinstance(rate, Rate) else f"{percent(rate.share)} of"
        return (
            f"{cases} {measuring.cases} {measuring.hit}",
            f"95\N{NO-BREAK SPACE}% interval {percent(rate.low)} to {percent(rate.high)}, n={rate.n}",
        )
    number = found.number or 0.0
    if measuring.unit == "packages":
        return f"{number:.0f} packages in the plan", ""
    if found.n == 1:
        return f"{duration(number)} in its phases", "n=1"
    return (
        f"{duration(number)} in its phases, the median",
        f"{duration(found.low)} to {duration(found.high)}, n={found.n}",
    )


def because(claim: Claim, found: Measurement, judged: Judgement) -> str:
    """The reason for a verdict, in a few words."""
    if judged.is_enough and judged.verdict == "not_measured":
        return ""
    if found.rate is None:
        if not judged.is_enough and (claim.least, claim.most) != (None, None):
            return f"n={found.n}: a time needs at least {LEAST_TIMES} runs from nothing"
        return "" if judged.is_enough else "the claim has no number"
    if claim.expects is not None and isinstance(found.rate, Rate):
        return _always_or_never(claim, found)
    if not judged.is_enough:
        few = f"n={found.rate.n} is too few to decide"
        return f"{few}: the interval contains {_claimed(claim)} but is too wide"
    if judged.verdict == "refuted":
        return f"the interval excludes {_claimed(claim)}"
    return f"the whole interval is within {_near(claim)}"


def _always_or_never(claim: Claim, found: Measurement) -> str:
    assert isinstance(found.rate, Rate)
    if claim.expects:
        misses = found.rate.n - found.rate.hits
        return f"not in {misses} of {found.rate.n} cases" if misses else f"in every case, n={found.rate.n}"
    hits = found.rate.hits
    return f"in {hits} of {found.rate.n} cases" if hits else f"in no case, n={found.rate.n}"


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
    return wording.in_words(judged.verdict)
