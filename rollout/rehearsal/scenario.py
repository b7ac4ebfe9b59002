"""Parser for scenarios, the TOML files that list the stand-ins of a rehearsal, their releases, and what is broken."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, cast

from rollout.hex.errors import InvalidRequirement, InvalidVersion
from rollout.hex.version import Requirement as VersionRequirement
from rollout.hex.version import Version
from rollout.rehearsal.errors import InvalidScenario

ROOT = Path(__file__).resolve().parents[2] / "rehearsal"

Damage = Literal["none", "checksum"]
_HEAD_KEYS = {"name", "description", "extends", "packages"}
_RELEASE_KEYS = {"version", "requires", "optional", "applications", "mod", "source", "patch", "retired", "damage"}
_PACKAGE_KEYS = _RELEASE_KEYS | {"older", "absent"}
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

    reason: str
    message: str


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


def scenario_names(root: Path = ROOT) -> tuple[str, ...]:
    """The names of all scenarios, in alphabetical order."""
    return tuple(sorted(file.stem for file in (root / "scenarios").glob("*.toml")))


def load_scenario(name: str, *, root: Path = ROOT) -> Scenario:
    """Read `scenarios/<name>.toml` and the scenario that it extends. Raises InvalidScenario."""
    file = root / "scenarios" / f"{name}.toml"
    head, packages = _read(file, root, ())
    releases = tuple(
        release
        for package in sorted(packages)
        if not packages[package].get("absent", False)
        for release in _releases(file, root, package, packages[package])
    )
    return Scenario(name=name, description=str(head.get("description", "")), releases=releases, file=file, root=root)


def _read(file: Path, root: Path, below: tuple[Path, ...]) -> tuple[Mapping[str, Any], dict[str, dict[str, Any]]]:
    try:
        data = tomllib.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        known = ", ".join(scenario_names(root))
        raise InvalidScenario(file=file, where="file", problem=f"does not exist (scenarios: {known})") from None
    except tomllib.TOMLDecodeError as error:
        raise InvalidScenario(file=file, where="syntax", problem=str(error)) from None
    _known(file, "the head", data, _HEAD_KEYS)
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


def _releases(file: Path, root: Path, name: str, entry: Mapping[str, Any]) -> tuple[Release, ...]:
    _known(file, f"packages.{name}", entry, _PACKAGE_KEYS)
    newest = {key: value for key, value in entry.items() if key in _RELEASE_KEYS}
    inherited = {key: value for key, value in newest.items() if key not in ("retired", "damage", "patch")}
    older = [_merged(inherited, each) for each in entry.get("older", ())]
    releases = tuple(_release(file, root, name, each) for each in (newest, *older))
    versions = [release.version for release in releases]
    if len(set(versions)) != len(versions):
        raise InvalidScenario(file=file, where=f"packages.{name}", problem="has a version twice")
    return releases


def _release(file: Path, root: Path, name: str, entry: Mapping[str, Any]) -> Release:
    where = f"packages.{name}"
    _known(file, where, entry, _RELEASE_KEYS)
    if "version" not in entry:
        raise InvalidScenario(file=file, where=where, problem="needs a version")
    version = str(entry["version"])
    source = str(entry.get("source", f"packages/{name}"))
    patch = entry.get("patch")
    for folder in filter(None, (source, patch)):
        if not (root / folder).is_dir():
            raise InvalidScenario(file=file, where=where, problem=f"there is no folder rehearsal/{folder}")
    damage = entry.get("damage", "none")
    if damage not in ("none", "checksum"):
        raise InvalidScenario(file=file, where=where, problem=f"damage={damage!r} is none of: none, checksum")
    required = [(each, text, False) for each, text in entry.get("requires", {}).items()]
    optional = [(each, text, True) for each, text in entry.get("optional", {}).items()]
    requires = tuple(
        Requirement(name=each, requirement=text, optional=flag) for each, text, flag in required + optional
    )
    try:
        Version.parse(version)
        for each in requires:
            VersionRequirement.parse(each.requirement)
    except (InvalidVersion, InvalidRequirement) as error:
        raise InvalidScenario(file=file, where=where, problem=error.message.rstrip(".")) from None
    return Release(
        name=name,
        version=version,
        source=source,
        requires=requires,
        applications=tuple(entry.get("applications", ())),
        mod=entry.get("mod"),
        patch=patch,
        retired=_retirement(file, where, entry["retired"]) if "retired" in entry else None,
        damage=cast("Damage", damage),
    )


def _retirement(file: Path, where: str, entry: Mapping[str, Any]) -> Retirement:
    _known(file, f"{where}.retired", entry, {"reason", "message"})
    reason = str(entry.get("reason", "other"))
    if reason not in _REASONS:
        raise InvalidScenario(file=file, where=where, problem=f"reason={reason!r} is none of: {', '.join(_REASONS)}")
    return Retirement(reason=reason, message=str(entry.get("message", "")))


def _known(file: Path, where: str, entry: Mapping[str, Any], keys: set[str]) -> None:
    unknown = sorted(set(entry) - keys)
    if unknown:
        raise InvalidScenario(
            file=file, where=where, problem=f"unknown key {unknown[0]!r} (known: {', '.join(sorted(keys))})"
        )
