"""Collects all texts and numbers of a report, limits their length and removes terminal codes. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rollout.journal.query import Event, last, mapping, number, rows, text, texts, well_formed
from rollout.report.blame_section import BlameView, MatrixView, blames, matrices
from rollout.report.campaign_results import campaigns_of
from rollout.report.comparison_table import Comparison, comparison
from rollout.report.failures import FailureView, failure_of, failures_of
from rollout.report.grid import Group, grid
from rollout.report.inventory import PackageRow, PackageView, inventory, packages_of
from rollout.report.load_section import LoadView, loads
from rollout.report.migrations_section import MigrationsView, migrations
from rollout.report.releases_section import ReleasesView, releases
from rollout.report.timeline import Bar, Tick, bars, kinds, scale, span, ticks
from rollout.report.trends import Trends, past_of, trends
from rollout.results.attempts import attempts, population
from rollout.results.outcomes import PathVerdict, Verdict
from rollout.results.verdict import verdict
from rollout.text.plain import duration, line, size, tail

__all__ = ["CheckView", "FailureView", "PathView", "View", "failure_of", "view"]
MAX_ROWS = 400


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckView:
    """A check and its outcome. `by`: the phase that blocks it."""

    nodeid: str
    phase: str
    check: str
    outcome: str
    seconds: str
    message: str
    by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PathView:
    """All content about a path. `descriptions`: phase → its text. `gates`: the path decides the exit code."""

    verdict: PathVerdict
    gates: bool
    bars: tuple[Bar, ...]
    descriptions: dict[str, str]
    failures: tuple[FailureView, ...]
    packages: tuple[PackageView, ...]
    notes: tuple[tuple[str, str], ...]
    retries: tuple[tuple[str, str], ...]
    checks: tuple[CheckView, ...]
    kept: Event


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """All content about a run. `facts`: pairs of label and value. `gate`: the paths that decide the exit code."""

    verdict: Verdict
    started: str
    gate: tuple[str, ...]
    facts: tuple[tuple[str, str], ...]
    paths: tuple[PathView, ...]
    recovered: tuple[str, ...]
    comparison: Comparison
    ticks: tuple[Tick, ...]
    kinds: tuple[str, ...]
    grid: tuple[Group, ...]
    inventory: tuple[PackageRow, ...]
    blames: tuple[BlameView, ...]
    matrices: tuple[MatrixView, ...]
    migrations: tuple[MigrationsView, ...]
    trends: Trends
    loads: tuple[LoadView, ...]
    releases: tuple[ReleasesView, ...]


def view(events: Sequence[Event]) -> View:
    """The view of a run from its events."""
    judged = verdict(events)
    own = well_formed(events)
    gate = texts(last(own, "run.started"), "gate") or tuple(path.name for path in judged.paths)
    by_path = {path.name: [event for event in own if event.get("path") == path.name] for path in judged.paths}
    seconds = scale([span(mine) for mine in by_path.values()])
    shown = tuple(
        _path(path, by_path[path.name], own, alone=len(judged.paths) == 1, gates=path.name in gate, seconds=seconds)
        for path in judged.paths
    )
    now, past = attempts(events), past_of(own)
    started = last(own, "run.started")
    return View(
        verdict=judged,
        started=text(started, "t")[:16].replace("T", " ") + " UTC" if started else "",
        gate=tuple(line(name, 80) for name in gate),
        facts=_facts(own, judged),
        paths=shown,
        recovered=_recovered(events),
        comparison=comparison(now, past, population(own), campaigns_of(own)),
        ticks=ticks(seconds),
        kinds=kinds({path.verdict.name: path.bars for path in shown}),
        grid=grid(
            judged.paths,
            own,
            [failure for path in shown for failure in path.failures],
            {name: words for path in reversed(shown) for name, words in path.descriptions.items()},
        ),
        inventory=inventory([path.packages for path in shown]),
        blames=blames(own),
        matrices=matrices(own),
        migrations=migrations(own, [path.name for path in judged.paths]),
        trends=trends(now, past, own),
        loads=loads(own),
        releases=releases(own, [path.name for path in judged.paths]),
    )


def _facts(events: Sequence[Event], judged: Verdict) -> tuple[tuple[str, str], ...]:
    started, finished = last(events, "run.started"), last(events, "run.finished")
    host = mapping(started, "host")
    versions = ", ".join(f"{name} {version}" for name, version in mapping(started, "versions").items())
    machine = [text(host, "os"), f"{text(host, 'cpus')} CPUs", f"{size(number(host, 'memory'))} of memory"]
    code = "none (killed)" if judged.exit_code is None else str(judged.exit_code)
    facts = {
        "Run": judged.run,
        "Started": text(started, "t")[:19].replace("T", " ") + " UTC" if started else "",
        "Source": _selected(started, "source"),
        "Forge": _selected(started, "forge"),
        "Database": _selected(started, "database"),
        "Machine": ", ".join(machine) if host else "",
        "Versions": versions,
        "Gateway": _gateway(events),
        "Duration": duration(judged.seconds),
        "Exit code": f"{code}: {text(finished, 'reason')}" if text(finished, "reason") else code,
    }
    return tuple((label, line(value, 500)) for label, value in facts.items() if value)


def _gateway(events: Sequence[Event]) -> str:
    summaries = [event for event in events if event["event"] == "gateway.summary"]
    if not summaries:
        return ""
    requests, cached, size_of, failed = (
        sum(number(event, key) for event in summaries) for key in ("requests", "from_cache", "bytes", "failures")
    )
    return f"{requests:.0f} requests, {cached:.0f} from cache, {size(size_of)}, {failed:.0f} failed"


def _selected(started: Event, what: str) -> str:
    selected = mapping(started, what)
    kind, detail = text(selected, "kind"), text(selected, "detail")
    parts = ["" if detail.startswith(kind) else kind, detail, text(selected, "version")]
    because = f" (because {text(selected, 'why')})" if text(selected, "why") else ""
    return " ".join(part for part in parts if part) + because


def _path(
    path: PathVerdict, mine: Sequence[Event], events: Sequence[Event], *, alone: bool, gates: bool, seconds: float
) -> PathView:
    plan = rows(mapping(last(events, "run.started"), "plan"), path.name)
    notes = [(line(text(e, "phase"), 60), line(text(e, "text"), 1000)) for e in mine if e["event"] == "phase.note"]
    retries = [(line(text(e, "phase"), 60), _retry(e)) for e in mine if e["event"] == "phase.retry"]
    return PathView(
        verdict=path,
        gates=gates,
        bars=bars(path, mine, within=span(mine), seconds=seconds),
        descriptions={text(item, "name"): line(text(item, "description"), 200) for item in plan},
        failures=failures_of(path, mine, events),
        packages=packages_of(path.name, events),
        notes=tuple(notes[:MAX_ROWS]),
        retries=tuple(retries[:MAX_ROWS]),
        checks=tuple(
            _check(e)
            for e in events
            if e["event"] == "check.finished" and (e.get("path") == path.name or (alone and not e.get("path")))
        ),
        kept={key: line(value, 400) for key, value in last(mine, "kept").items()} if path.kept else {},
    )


def _retry(event: Event) -> str:
    return (
        f"attempt {line(text(event, 'attempt'), 10)} failed ({line(text(event, 'cause'), 60)}), "
        f"repeated after {duration(number(event, 'wait'))}: {line(text(event, 'message'))}"
    )


def _check(event: Event) -> CheckView:
    return CheckView(
        nodeid=line(text(event, "nodeid")),
        phase=line(text(event, "phase"), 60),
        check=line(text(event, "check")),
        outcome=line(text(event, "outcome"), 20),
        seconds=duration(number(event, "seconds")),
        message=tail(text(event, "message"), lines=40, size=4000),
        by=line(text(event, "by"), 60),
    )


def _recovered(events: Sequence[Event]) -> tuple[str, ...]:
    """One line for each earlier run that this one recovered first."""
    lines = []
    for event in events:
        if event.get("event") == "recovery.finished":
            left = "; ".join(texts(event, "residue"))
            lines.append(
                line(
                    f"{text(event, 'of')}: {text(event, 'outcome')}" + (f", left: {left}" if left else ""),
                    1000,
                )
            )
    return tuple(lines)
