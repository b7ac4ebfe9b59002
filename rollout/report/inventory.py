"""Builds the table of packages: version, size and duration of each package on every path. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from rollout.journal.query import Event, last, mapping, number, rows, text, texts
from rollout.text.plain import duration, line, size

MOST_PACKAGES = 400


@dataclass(frozen=True, slots=True, kw_only=True)
class PackageView:
    """A package of a phase: its requirement in the plan, and its resolved version; "" if it was not installed."""

    path: str
    phase: str
    name: str
    requirement: str
    version: str
    seconds: str
    size: str
    licences: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PackageRow:
    """One package, with its view for each path; None if the plan of a path does not have it."""

    name: str
    size: str
    licences: str
    by_path: tuple[PackageView | None, ...]


def packages_of(path: str, events: Sequence[Event]) -> tuple[PackageView, ...]:
    """Every package in the plan of a path, in order, with the facts that its phases journaled."""
    installed = dict(_installed(path, events))
    plan = rows(mapping(last(events, "run.started"), "plan"), path)
    found: dict[str, PackageView] = {}
    for phase in plan:
        for row in rows(phase, "packages"):
            name = line(text(row, "name"), 100)
            found[name] = installed.pop(name) if name in installed else _package(path, text(phase, "name"), row)
    return tuple([*found.values(), *installed.values()][:MOST_PACKAGES])


def inventory(by_path: Sequence[Sequence[PackageView]]) -> tuple[PackageRow, ...]:
    """One row for each package of any path. `by_path`: packages of each path, in the order of the columns."""
    columns = [{package.name: package for package in packages} for packages in by_path]
    names = dict.fromkeys(name for column in sorted(columns, key=len, reverse=True) for name in column)
    return tuple(_row(name, [column.get(name) for column in columns]) for name in names)


def _row(name: str, found: Sequence[PackageView | None]) -> PackageRow:
    known = [package for package in found if package]
    return PackageRow(
        name=name,
        size=next((package.size for package in known if package.size), ""),
        licences=next((package.licences for package in known if package.licences), ""),
        by_path=tuple(found),
    )


def _installed(path: str, events: Sequence[Event]) -> Iterator[tuple[str, PackageView]]:
    for event in events:
        if event["event"] == "phase.packages" and event.get("path") == path:
            for row in rows(event, "packages"):
                package = _package(path, text(event, "phase"), row)
                yield package.name, package


def _package(path: str, phase: str, row: Mapping[str, object]) -> PackageView:
    return PackageView(
        path=path,
        phase=line(phase, 60),
        name=line(text(row, "name"), 100),
        requirement=line(text(row, "requirement"), 60),
        version=line(text(row, "version"), 60),
        seconds=duration(number(row, "seconds")) if row.get("seconds") is not None else "",
        size=size(number(row, "size")) if row.get("size") else "",
        licences=line(", ".join(texts(row, "licences")), 100),
    )
