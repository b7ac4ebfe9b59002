"""Parses scenarios: TOML files that list stand-in packages, their releases and their defects."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Literal, cast

from rollout import installation
from rollout.hex.errors import InvalidRequirement, InvalidVersion
from rollout.hex.version import Requirement as VersionRequirement
from rollout.hex.version import Version
from rollout.rehearsal.errors import InvalidScenario
from rollout.text.toml_records import InvalidRecord, read_toml, record, require_known

ROOT = installation.ROOT / "rehearsal"

Damage = Literal["none", "checksum"]
_HEAD_KEYS = {"name", "description", "extends", "packages"}
_DAMAGES = ("none", "checksum")
_REASONS = ("other", "invalid", "security", "deprecated", "renamed")


@dataclass(frozen=True, slots=True, kw_only=True)
class Requirement:
    """A dependency of a release. `requirement` is an Elixir version requirement such as `~> 1.2`."""

    name: str
    requirement: str
    optional: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Retirement:
    """Why a release was retired: one of Hex's reasons, and a message."""

    reason: str = "other"
    message: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """One release of a stand-in. `source` and `patch` are folders below rehearsal/; a patch replaces files.

    `applications` are the applications of Erlang and Elixir that it starts, `mod` is its application module. `damage`
    is how its tarball is changed after signing.
    """

    name: str
    version: str
    source: str
    requires: tuple[Requirement, ...] = ()
    applications: tuple[str, ...] = ()
    mod: str | None = None
    patch: str | None = None
    retired: Retirement | None = None
    damage: Damage = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """A scenario: all releases of the rehearsal's registry, ordered by name, then as in the file (newest first)."""

    name: str
    description: str
    releases: tuple[Release, ...]
    file: Path
    root: Path

    def versions(self, name: str) -> tuple[str, ...]:
        return tuple(release.version for release in self.releases if release.name == name)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Entry:
    """The keys of a release in a scenario file."""

    version: str
    requires: tuple[tuple[str, str], ...] = ()
    optional: tuple[tuple[str, str], ...] = ()
    applications: tuple[str, ...] = ()
    mod: str | None = None
    source: str = ""
    patch: str | None = None
    retired: Retirement | None = None
    damage: str = "none"


_PACKAGE_KEYS = {*(field.name for field in fields(_Entry)), "older", "absent"}


def scenario_names(root: Path = ROOT) -> tuple[str, ...]:
    """The names of all scenarios, in alphabetical order."""
    return tuple(sorted(file.stem for file in (root / "scenarios").glob("*.toml")))


def load_scenario(name: str, *, root: Path = ROOT) -> Scenario:
    """Read a scenario and those that it extends. Raises InvalidScenario with file, place and problem."""
    file = root / "scenarios" / f"{name}.toml"
    head, packages = _read(file, root, ())
    try:
        releases = tuple(
            release
            for package in sorted(packages)
            if not packages[package].get("absent", False)
            for release in _releases(root, package, packages[package])
        )
    except InvalidRecord as error:
        raise InvalidScenario(file=file, where=error.where, problem=error.problem) from None
    return Scenario(name=name, description=str(head.get("description", "")), releases=releases, file=file, root=root)


def _read(file: Path, root: Path, below: tuple[Path, ...]) -> tuple[Mapping[str, Any], dict[str, dict[str, Any]]]:
    try:
        data = read_toml(file)
        for key in data:
            require_known("the head", "key", key, _HEAD_KEYS)
    except InvalidRecord as error:
        known = f" (scenarios: {', '.join(scenario_names(root))})" if error.where == "file" else ""
        raise InvalidScenario(file=file, where=error.where, problem=f"{error.problem}{known}") from None
    own = {name: dict(entry) for name, entry in data.get("packages", {}).items()}
    if "extends" not in data:
        return data, own
    parent = root / "scenarios" / f"{data['extends']}.toml"
    if parent in (*below, file):
        raise InvalidScenario(file=file, where="extends", problem=f"{data['extends']} extends this one")
    _, packages = _read(parent, root, (*below, file))
    for name, entry in own.items():
        packages[name] = _merged(packages.get(name, {}), entry)
    return data, packages


def _merged(parent: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    """Merge an entry with its parent's. Keys replace the parent's; requirements are merged, and `false` removes one."""
    merged = {**parent, **own}
    for key in ("requires", "optional"):
        if key in own:
            merged[key] = {
                name: requirement
                for name, requirement in {**parent.get(key, {}), **own[key]}.items()
                if requirement is not False
            }
    return merged


def _releases(root: Path, name: str, entry: Mapping[str, Any]) -> tuple[Release, ...]:
    where = f"packages.{name}"
    for key in entry:
        require_known(where, "key", key, _PACKAGE_KEYS)
    newest = {key: value for key, value in entry.items() if key not in ("older", "absent")}
    inherited = {key: value for key, value in newest.items() if key not in ("retired", "damage", "patch")}
    older = [_merged(inherited, each) for each in entry.get("older", ())]
    releases = tuple(_release(root, name, each, where) for each in (newest, *older))
    if len({release.version for release in releases}) != len(releases):
        raise InvalidRecord(where, "has a version twice")
    return releases


def _release(root: Path, name: str, table: Mapping[str, Any], where: str) -> Release:
    entry = record(_Entry, table, where)
    source = entry.source or f"packages/{name}"
    for folder in filter(None, (source, entry.patch)):
        if not (root / folder).is_dir():
            raise InvalidRecord(where, f"there is no folder rehearsal/{folder}")
    reason = entry.retired.reason if entry.retired else _REASONS[0]
    for key, value, allowed in (("damage", entry.damage, _DAMAGES), ("reason", reason, _REASONS)):
        if value not in allowed:
            raise InvalidRecord(where, f"{key}={value!r} is none of: {', '.join(allowed)}")
    requires = tuple(
        Requirement(name=each, requirement=text, optional=is_optional)
        for pairs, is_optional in ((entry.requires, False), (entry.optional, True))
        for each, text in pairs
    )
    try:
        Version.parse(entry.version)
        for each in requires:
            VersionRequirement.parse(each.requirement)
    except (InvalidVersion, InvalidRequirement) as error:
        raise InvalidRecord(where, error.message.rstrip(".")) from None
    return Release(
        name=name, version=entry.version, source=source, requires=requires, applications=entry.applications,
        mod=entry.mod, patch=entry.patch, retired=entry.retired, damage=cast("Damage", entry.damage),
    )  # fmt: skip
