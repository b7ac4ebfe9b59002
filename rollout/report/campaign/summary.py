"""Builds summary.md of a campaign, which a CI server can show on its job page. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from rollout.application import APPLICATION
from rollout.report.campaign import wording as words
from rollout.report.campaign.view import CampaignView, view
from rollout.report.markdown import bounded, cell, code, row
from rollout.text.plain import counted

_MOST = 50


def campaign_summary(data: Mapping[str, Any]) -> str:
    """The whole summary as GitHub-flavoured Markdown. Raises ValueError for trials of several populations."""
    return summary_of(view(data))


def summary_of(shown: CampaignView) -> str:
    """The summary of a view, in Markdown."""
    return bounded("\n".join(_parts(shown)) + "\n")


def _parts(shown: CampaignView) -> Iterator[str]:
    yield f"# {APPLICATION.title} campaign {cell(shown.run)}\n"
    if shown.rehearsal:
        yield f"> **{shown.rehearsal}**\n"
    yield f"**{cell(shown.headline, 600)}**\n"
    yield f"{cell(shown.counts, 600)}\n"
    yield from (f"- {label}: {cell(value)}" for label, value in shown.facts)
    yield from _world(shown)
    yield from _rates(shown)
    yield from _differences(shown)
    yield from _grid(shown)
    yield from _kills(shown)
    yield from _trials(shown)


def _world(shown: CampaignView) -> Iterator[str]:
    if not shown.found.worlds:
        return
    yield "\n## Real-world success\n"
    assumed = sum(one.assumption for one in shown.found.mix.troubles)
    yield f"The mix has {counted(len(shown.found.mix.troubles), 'trouble')}; {assumed} of them are assumptions.\n"
    for one in shown.found.worlds:
        yield f"- {cell(one.path)}: **{cell(words.share(one.share))}**, {cell(words.world_sentence(one), 600)}"
    for pair in shown.found.world_differences:
        difference = f"{words.difference_words(pair)}; {words.verdict(pair)}"
        yield f"- {cell(pair.first)} − {cell(pair.second)}: {cell(difference)}"


def _rates(shown: CampaignView) -> Iterator[str]:
    found = shown.found
    if not (found.without or found.under_faults):
        return
    yield "\n## Success rates\n"
    yield row(("Path", "Deployed without a fault", "Deployed under faults", "Left no residue"))
    yield row(("---", "---", "---", "---"))
    for path in found.paths:
        rates = (by_path.get(path) for by_path in (found.without, found.under_faults, found.clean))
        yield row((path, *(words.rate_words(rate) if rate else "not measured" for rate in rates)))


def _differences(shown: CampaignView) -> Iterator[str]:
    found = shown.found
    if found.differences or found.controls:
        yield "\n## Differences\n"
    for one in found.differences:
        difference = f"{words.difference_words(one)}; {words.verdict(one)}"
        yield f"- {cell(one.first)} − {cell(one.second)}, {counted(one.n, 'pair')} under faults: {cell(difference)}"
    for path, one in found.controls:
        difference = f"{words.difference_words(one)}; the interval {words.control_words(one)}"
        yield f"- A/A control of {cell(path)}, {counted(one.n, 'trial')}: {cell(difference)}"


def _grid(shown: CampaignView) -> Iterator[str]:
    if not shown.families:
        return
    paths = shown.found.paths
    yield "\n## Path × fault\n"
    yield row(("Fault", *paths))
    yield row(("---", *("---" for _ in paths)))
    for _, faults in shown.families:
        for fault in faults:
            yield row((fault.name, *(f"{one.found}: {one.remark}" if one else "no trial" for one in fault.overview)))


def _kills(shown: CampaignView) -> Iterator[str]:
    if shown.found.kills:
        yield "\n## Kills\n"
    for one in shown.found.kills:
        yield f"- {cell(one.path)}: {cell(words.kills_words(one))}"
        for left in one.remaining[:_MOST]:
            things = "; ".join((*left.changed, *left.owed)) or words.after_recovery(left.settled)
            yield f"  - {cell(left.specification.fault_option)}: {cell(things)}"


def _trials(shown: CampaignView) -> Iterator[str]:
    if shown.unexpected:
        yield "\n## Unexpected trials\n"
    for one in shown.unexpected[:_MOST]:
        notes = f" ({'; '.join(one.notes)})" if one.notes else ""
        trial = f"{one.path}, {one.what}: {one.outcome}, expected: {one.expected}{notes}"
        yield f"- {cell(trial, 600)}" + (f"; repeat: {code(one.repeat, 1000)}" if one.repeat else "")
    if len(shown.unexpected) > _MOST:
        yield f"- and {len(shown.unexpected) - _MOST} more, in report.html"
    if shown.voids:
        yield f"\n## Void trials\n\n{counted(len(shown.voids), 'trial')} not counted.\n"
        yield from (f"- {cell(one.path)}, {cell(one.what)}: {cell(why)}" for one, why in shown.voids[:_MOST])
