"""Events → everything a report shows, as plain values: already bounded and free of terminal codes. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import quote

from rollout.journal.questions import (
    Event,
    last,
    mapping,
    number,
    rows,
    text,
    texts,
    without_recovery_of_others,
)
from rollout.outcomes import PathVerdict, Verdict
from rollout.report.text import duration, line, size, tail
from rollout.report.timeline import Bar, bars
from rollout.verdict import verdict

MAX_ROWS = 400
_LOG = re.compile(r"(?:^|/)(logs/[^/\\]+)$")


@dataclass(frozen=True, slots=True, kw_only=True)
class FailureView:
    """A failed phase: cause, package, message, advice, the log's name and its tail."""

    phase: str
    cause: str
    package: str
    message: str
    advice: str
    log: str
    log_link: str
    tail: str
    optional: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class PackageView:
    """A package as it was asked for and as it was resolved."""

    phase: str
    name: str
    requirement: str
    version: str
    seconds: str
    size: str
    licences: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckView:
    """A check with its answer. `by`: the phase that blocks it."""

    nodeid: str
    phase: str
    check: str
    outcome: str
    seconds: str
    message: str
    by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PathView:
    """A path with all that is shown of it. `descriptions`: phase → what it does."""

    verdict: PathVerdict
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
    """A run. `facts`: label and value, in the order they are read."""

    verdict: Verdict
    facts: tuple[tuple[str, str], ...]
    paths: tuple[PathView, ...]
    recovered: tuple[str, ...]


def view(events: Sequence[Event]) -> View:
    """Everything that a report says about a run."""
    judged = verdict(events)
    own = without_recovery_of_others(events)
    return View(
        verdict=judged,
        facts=_facts(own, judged),
        paths=tuple(_path(path, own, alone=len(judged.paths) == 1) for path in judged.paths),
        recovered=_recovered(events, judged.run),
    )


def failure_of(finished: Event, events: Sequence[Event], *, optional: bool = False) -> FailureView:
    """What a `phase.finished` tells of a failure, with what the command at fault (or the last) printed."""
    told, phase = mapping(finished, "failure"), text(finished, "phase")
    commands = [e for e in events if e["event"] == "command.started" and e.get("phase") == phase]
    named = [command for command in commands if text(command, "log") == text(told, "log")]
    command = (named or commands or [{}])[-1]
    ends = [e for e in events if e["event"] == "command.finished" and e.get("id") == command.get("id")]
    log = text(told, "log") or text(command, "log")
    return FailureView(
        phase=line(phase, 60),
        cause=line(text(told, "cause") or "unknown", 60),
        log=line(log, 200),
        package=line(text(told, "package"), 100),
        message=tail(text(told, "message"), lines=20, size=2000),
        advice=line(text(told, "advice"), 500),
        log_link=log_link(log),
        tail=tail(text(told, "tail") or text(last(ends, "command.finished"), "tail")),
        optional=optional,
    )


def log_link(log: str) -> str:
    """The address of a command's log from inside the run's folder, "" where it is not one of ours."""
    match = _LOG.search(log)
    return quote(match.group(1)) if match else ""


def _facts(events: Sequence[Event], judged: Verdict) -> tuple[tuple[str, str], ...]:
    started, finished = last(events, "run.started"), last(events, "run.finished")
    gateway, host = last(events, "gateway.summary"), mapping(started, "host")
    versions = ", ".join(f"{name} {version}" for name, version in mapping(started, "versions").items())
    machine = [text(host, "os"), f"{text(host, 'cpus')} CPUs", f"{size(number(host, 'memory'))} of memory"]
    code = "none (killed)" if judged.exit_code is None else str(judged.exit_code)
    facts = {
        "Run": judged.run,
        "Started": text(started, "t")[:19].replace("T", " ") + " UTC" if started else "",
        "Source": _chosen(started, "source"),
        "Forge": _chosen(started, "forge"),
        "Database": _chosen(started, "database"),
        "Machine": ", ".join(machine) if host else "",
        "Versions": versions,
        "Gateway": (
            f"{number(gateway, 'requests'):.0f} requests, {number(gateway, 'from_cache'):.0f} from cache, "
            f"{size(number(gateway, 'bytes'))}, {number(gateway, 'failures'):.0f} failed"
            if gateway
            else ""
        ),
        "Duration": duration(judged.seconds),
        "Exit code": f"{code}: {text(finished, 'reason')}" if text(finished, "reason") else code,
    }
    return tuple((label, line(value, 500)) for label, value in facts.items() if value)


def _chosen(started: Event, what: str) -> str:
    chosen = mapping(started, what)
    kind, detail = text(chosen, "kind"), text(chosen, "detail")
    parts = ["" if detail.startswith(kind) else kind, detail, text(chosen, "version")]
    because = f" (because {text(chosen, 'why')})" if text(chosen, "why") else ""
    return " ".join(part for part in parts if part) + because


def _path(path: PathVerdict, events: Sequence[Event], *, alone: bool) -> PathView:
    mine = [event for event in events if event.get("path") == path.name]
    plan = rows(mapping(last(events, "run.started"), "plan"), path.name)
    return PathView(
        verdict=path,
        bars=bars(path, mine),
        descriptions={text(item, "name"): line(text(item, "description"), 200) for item in plan},
        failures=tuple(_failures(path, mine, events)),
        packages=tuple(_packages(mine))[:MAX_ROWS],
        notes=tuple(
            (line(text(e, "phase"), 60), line(text(e, "text"), 1000)) for e in mine if e["event"] == "phase.note"
        )[:MAX_ROWS],
        retries=tuple((line(text(e, "phase"), 60), _retry(e)) for e in mine if e["event"] == "phase.retry")[:MAX_ROWS],
        checks=tuple(
            _check(e)
            for e in events
            if e["event"] == "check.finished" and (e.get("path") == path.name or (alone and not e.get("path")))
        ),
        kept={key: line(value, 400) for key, value in last(mine, "kept").items()},
    )


def _failures(path: PathVerdict, mine: Sequence[Event], events: Sequence[Event]) -> list[FailureView]:
    optional = {phase.name for phase in path.phases if phase.optional}
    found = [
        failure_of(event, events, optional=text(event, "phase") in optional)
        for event in mine
        if event["event"] == "phase.finished" and text(event, "outcome") in {"failed", "refused"}
    ]
    first = path.failure
    if first and not found:
        found.append(
            FailureView(
                phase=line(first.phase or "", 60),
                cause=line(first.cause, 60),
                package=line(first.package or "", 100),
                message=tail(first.message, lines=20, size=2000),
                advice=line(first.advice, 500),
                log="",
                log_link="",
                tail="",
                optional=False,
            )
        )
    return found[:20]


def _packages(mine: Sequence[Event]) -> list[PackageView]:
    return [
        PackageView(
            phase=line(text(event, "phase"), 60),
            name=line(text(row, "name"), 100),
            requirement=line(text(row, "requirement"), 60),
            version=line(text(row, "version"), 60),
            seconds=duration(number(row, "seconds")) if row.get("seconds") is not None else "",
            size=size(number(row, "size")) if row.get("size") else "",
            licences=line(", ".join(texts(row, "licences")), 100),
        )
        for event in mine
        if event["event"] == "phase.packages"
        for row in rows(event, "packages")
    ]


def _retry(event: Event) -> str:
    return (
        f"attempt {line(text(event, 'attempt'), 10)} failed ({line(text(event, 'cause'), 60)}), "
        f"tried again after {duration(number(event, 'wait'))}: {line(text(event, 'message'))}"
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


def _recovered(events: Sequence[Event], run: str) -> tuple[str, ...]:
    """One line for each earlier run that this one recovered first."""
    told = []
    for event in events:
        if event.get("event") == "recovery.finished" and event.get("of") != run:
            left = "; ".join(texts(event, "residue"))
            told.append(
                line(
                    f"{text(event, 'of')}: {text(event, 'outcome')}" + (f", left: {left}" if left else ""),
                    1000,
                )
            )
    return tuple(told)
