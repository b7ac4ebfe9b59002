"""The sentences about a campaign, shared by page and summary."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rollout.application import APPLICATION
from rollout.report.wording import in_words
from rollout.results.campaign.real_world import RealWorld, Stratum
from rollout.results.campaign.statistics import Difference, Kills
from rollout.results.campaign.summary import Summary
from rollout.results.rates import Rate
from rollout.text.plain import counted, duration, line

REHEARSAL = (
    f"Rehearsal: stand-in packages. {APPLICATION.title} was not deployed. "
    "The rates show how the paths handle trouble, not how likely a deployment with real packages is to succeed."
)
NO_WINNER = "no winner: the interval contains zero"
_SPACE = "\N{NO-BREAK SPACE}"


def share(value: float) -> str:
    """`97.1 %`. Values near 0 and 1 are not rounded to them: `< 0.1 %`, `> 99.9 %`."""
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
    rounded = f"{value * 100:+.1f}".replace("-", "−")
    return f"{'0.0' if rounded in {'+0.0', '−0.0'} else rounded}{_SPACE}points"


def between(low: float, high: float) -> str:
    """`95 % interval 86.2 % to 96.6 %`."""
    return f"95{_SPACE}% interval {share(low)} to {share(high)}"


def rate_words(rate: Rate) -> str:
    """`93 of 100: 93.0 %, 95 % interval 86.2 % to 96.6 %`."""
    return f"{rate.hits} of {rate.n}: {share(rate.share)}, {between(rate.low, rate.high)}"


def difference_words(one: Difference) -> str:
    """`+12.3 points, 95 % interval +1.0 points to +22.9 points`; for real-world success with the measured share."""
    over = f", over the {fine(one.covered)} of the mix measured on both" if one.covered is not None else ""
    return f"{points(one.estimate)}, 95{_SPACE}% interval {points(one.low)} to {points(one.high)}{over}"


def verdict(one: Difference) -> str:
    """Which path succeeds more often, if the interval excludes zero."""
    return f"{line(one.winner, 80)} succeeds more often" if one.winner else NO_WINNER


def control_words(one: Difference) -> str:
    """Whether the interval of the A/A control contains zero, as expected."""
    if not one.winner:
        return "contains zero, as expected"
    return f"excludes zero in favour of arm {line(one.winner, 20)}; one control in twenty does so by chance"


def headline(found: Summary, *, rehearsal: bool) -> str:
    """The result of the campaign in a few words."""
    if not found.trials:
        return "No trial was run"
    if not found.worlds:
        return f"{counted(len(found.trials), 'trial')} of {counted(len(found.paths), 'path')}"
    # The headline has intervals only, because the share of few trials looks more exact than it is.
    intervals = ", ".join(f"{line(one.path, 80)} {share(one.low)} to {share(one.high)}" for one in found.worlds)
    return f"{'Real-world success, in rehearsal' if rehearsal else 'Real-world success'}: {intervals}"


def counts(found: Summary, data: Mapping[str, object]) -> str:
    """Numbers of trials, void trials and unexpected trials, and the duration."""
    planned = data.get("planned")
    done = counted(len(found.trials), "trial") + (f" of {planned} planned" if planned is not None else "")
    parts = [f"{done}; {len(found.voids)} void, not counted" if found.voids else f"{done}; none void"]
    judged = [trial for trial in found.trials if trial.as_expected is not None]
    if found.unexpected:
        parts.append(f"{len(found.unexpected)} of {len(judged)} with an expected outcome were unexpected")
    elif judged:
        parts.append(f"all {len(judged)} with an expected outcome ended as expected")
    seconds = data.get("seconds")
    if isinstance(seconds, int | float) and found.trials:
        parts.append(f"{duration(seconds)} in total, {duration(found.median_seconds or 0)} for the median trial")
    return "; ".join(parts) + "."


def world_sentence(one: RealWorld) -> str:
    """The interval of a real-world success, and the measured share of the mix."""
    interval = f"{between(one.low, one.high)}, from {counted(one.n, 'trial')}"
    if not one.missing:
        return f"{interval}; all of the mix was measured."
    return (
        f"{interval}; {share(one.covered)} of the mix was measured, and its weights are divided by that. "
        f"Not measured: {counted(len(one.missing), 'part')} of the mix."
    )


def stratum_words(one: Stratum) -> str:
    """`registry_down, transient`."""
    return line(f"{one.fault}, {one.form}", 80) if one.form else "no trouble"


def kills_words(one: Kills) -> str:
    """`24 killed; recovery left nothing after 24 of them`."""
    if one.recovered is None:
        return f"none killed; {counted(one.missed, 'run')} ended before the kill"
    killed = f"{one.recovered.n} killed; recovery left nothing after {one.recovered.hits} of them"
    return killed + (f"; {counted(one.missed, 'run')} ended before the kill" if one.missed else "")


def after_recovery(outcome: str) -> str:
    """`rolled back after recovery`."""
    return f"{in_words(outcome)} after recovery"


def outcomes_words(outcomes: Mapping[str, int]) -> str:
    """`2 deployed, 1 rolled back`."""
    return ", ".join(f"{count} {in_words(name)}" for name, count in outcomes.items()) or "none"


def expected_words(expected: Sequence[str]) -> str:
    """`rolled back or refused`; `anything` if the path promises no outcome."""
    return " or ".join(in_words(name) for name in expected) or "anything"
