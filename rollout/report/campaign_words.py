"""The sentences of a campaign: one place, so that page and summary say the same."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rollout.results.campaign.real_world import RealWorld, Stratum
from rollout.results.campaign.statistics import Difference, Kills
from rollout.results.campaign.summary import Summary
from rollout.results.rates import Rate
from rollout.text.plain import counted, duration, line

REHEARSAL = (
    "Rehearsal: stand-in packages. XAVOS was not deployed, and every rate here is about stand-ins: it shows how the "
    "paths deal with trouble, not how likely the real packages are to go in."
)
NO_WINNER = "no winner: the interval holds zero"
_SPACE = "\N{NO-BREAK SPACE}"


def share(value: float) -> str:
    """`97.1 %`; what is not quite 0 or 1 is not said to be: `< 0.1 %`, `> 99.9 %`."""
    if value in {0.0, 1.0}:
        return f"{value * 100:.0f}{_SPACE}%"
    if value < 0.0005:
        return f"<{_SPACE}0.1{_SPACE}%"
    if value > 0.9995:
        return f">{_SPACE}99.9{_SPACE}%"
    return f"{value * 100:.1f}{_SPACE}%"


def fine(value: float) -> str:
    """A small probability: `0.14 %`, `0.008 %`."""
    return f"{value * 100:.2g}{_SPACE}%" if value < 0.01 else share(value)


def points(value: float) -> str:
    """A difference of shares: `+12.3 points`; a true minus sign."""
    told = f"{value * 100:+.1f}".replace("-", "−")
    return f"{'0.0' if told in {'+0.0', '−0.0'} else told}{_SPACE}points"


def between(low: float, high: float) -> str:
    """`95 % interval 86.2 % to 96.6 %`."""
    return f"95{_SPACE}% interval {share(low)} to {share(high)}"


def rate_words(rate: Rate) -> str:
    """`93 of 100: 93.0 %, 95 % interval 86.2 % to 96.6 %`."""
    return f"{rate.hits} of {rate.n}: {share(rate.share)}, {between(rate.low, rate.high)}"


def difference_words(one: Difference) -> str:
    """`+12.3 points, 95 % interval +1.0 points to +22.9 points`; of the real world, over which part of the mix."""
    over = f", over the {fine(one.covered)} of the mix that was measured on both" if one.covered is not None else ""
    return f"{points(one.estimate)}, 95{_SPACE}% interval {points(one.low)} to {points(one.high)}{over}"


def verdict(one: Difference) -> str:
    """Who succeeds more often, where the interval excludes zero."""
    return f"{line(one.winner, 80)} succeeds more often" if one.winner else NO_WINNER


def control_words(one: Difference) -> str:
    """Whether the control is as it should be."""
    if not one.winner:
        return "holds zero, as it should"
    arm = line(one.winner, 20)
    return f"excludes zero: arm {arm} came out better than its twin; one such interval in twenty does so by chance"


def headline(found: Summary, *, rehearsal: bool) -> str:
    """The campaign in a few words."""
    if not found.trials:
        return "No trial was made"
    if not found.worlds:
        return f"{counted(len(found.trials), 'trial')} of {counted(len(found.paths), 'path')}"
    # What is believed is an interval: a share of few trials looks like more than it is.
    told = ", ".join(f"{line(one.path, 80)} {share(one.low)} to {share(one.high)}" for one in found.worlds)
    return (
        f"{'Success in rehearsal, troubles as in the real world' if rehearsal else 'Success in the real world'}: {told}"
    )


def counts(found: Summary, data: Mapping[str, object]) -> str:
    """How many trials there were, and what of them counts."""
    planned = data.get("planned")
    done = counted(len(found.trials), "trial") + (f" of {planned} planned" if planned is not None else "")
    told = [f"{done}; {len(found.voids)} void, counted for nothing" if found.voids else f"{done}; none void"]
    promised = [trial for trial in found.trials if trial.as_expected is not None]
    if found.unexpected:
        told.append(f"{len(found.unexpected)} of {len(promised)} with a promise did not come to what was promised")
    elif promised:
        told.append(f"all {len(promised)} with a promise came to what was promised")
    seconds = data.get("seconds")
    if isinstance(seconds, int | float) and found.trials:
        told.append(f"{duration(seconds)} in all, the median trial {duration(found.median_seconds or 0)}")
    return "; ".join(told) + "."


def world_sentence(one: RealWorld) -> str:
    """How sure the success in the real world is, and what of the mix it stands on."""
    told = f"{between(one.low, one.high)}, from {counted(one.n, 'trial')}"
    if not one.missing:
        return f"{told}; all of the mix was measured."
    return (
        f"{told}; measured was {share(one.covered)} of the mix, and its weights are divided by that. "
        f"{counted(len(one.missing), 'part')} of the mix not measured."
    )


def stratum_words(one: Stratum) -> str:
    """`registry_down, transient`."""
    return line(f"{one.fault}, {one.form}", 80) if one.form else "no trouble at all"


def kills_words(one: Kills) -> str:
    """`24 killed, 24 recovered to nothing left`."""
    if one.recovered is None:
        return f"none was killed; {counted(one.missed, 'run')} ended before"
    told = f"{one.recovered.n} killed, after {one.recovered.hits} of them recovery left nothing"
    return told + (f"; {counted(one.missed, 'run')} ended before the kill" if one.missed else "")


def outcomes_words(outcomes: Mapping[str, int]) -> str:
    """`2 deployed, 1 rolled back`."""
    return ", ".join(f"{count} {name.replace('_', ' ')}" for name, count in outcomes.items()) or "none"


def promised_words(expected: Sequence[str]) -> str:
    """`rolled back or refused`; `nothing` where nothing is promised."""
    return " or ".join(line(name, 20).replace("_", " ") for name in expected) or "nothing"
