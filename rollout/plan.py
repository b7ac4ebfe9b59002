"""A path's TOML becomes a frozen `Plan`. Pure: nothing here looks at the world."""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from rollout.errors import InvalidOption, InvalidPlan
from rollout.options import ROOT

_PHASE_KEYS = {"name", "description", "packages", "archives", "overlay", "overlay_with", "optional", "timeout_seconds"}
_PACKAGE_KEYS = {"name", "requirement", "override", "reason", "only", "runtime", "verify_module"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Package:
    """A Hex package as the plan asks for it. `override` needs a `reason`; `only` lists Mix environments."""

    name: str
    requirement: str
    override: bool = False
    reason: str = ""
    only: tuple[str, ...] = ()
    runtime: bool = True
    verify_module: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PhasePlan:
    """One step of a path. `timeout_seconds` bounds its apply; `overlay` names folders below overlay/.

    `overlay_with` holds (phase, folder): laid as well where that earlier, optional phase has passed.
    """

    name: str
    description: str = ""
    packages: tuple[Package, ...] = ()
    archives: tuple[Package, ...] = ()
    overlay: tuple[str, ...] = ()
    overlay_with: tuple[tuple[str, str], ...] = ()
    optional: bool = False
    timeout_seconds: float = 600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A path: its phases in order, as far as this run goes; `beyond` are those it stops before.

    Packages are always those of the whole path: what goes in early depends on what comes later, in a later run too.
    """

    name: str
    description: str
    phases: tuple[PhasePlan, ...]
    file: Path
    beyond: tuple[PhasePlan, ...] = ()

    @property
    def phase_names(self) -> tuple[str, ...]:
        return tuple(phase.name for phase in self.phases)

    @property
    def whole(self) -> tuple[PhasePlan, ...]:
        """Every phase of the path, wherever this run stops."""
        return (*self.phases, *self.beyond)

    @property
    def packages(self) -> tuple[Package, ...]:
        """Every dependency the path installs, in order, archives not included."""
        return tuple(package for phase in self.whole for package in phase.packages)

    @property
    def archives(self) -> tuple[Package, ...]:
        return tuple(package for phase in self.whole for package in phase.archives)

    def phase(self, name: str) -> PhasePlan:
        return next(phase for phase in self.phases if phase.name == name)

    def through(self, name: str | None) -> Plan:
        """The plan that stops after phase `name` (the whole plan for None). Raises InvalidOption."""
        if name is None:
            return self
        if name not in self.phase_names:
            near = difflib.get_close_matches(name, self.phase_names, n=1)
            hint = f" (did you mean {near[0]}?)" if near else ""
            raise InvalidOption(option="--through", value=name, expected=", ".join(self.phase_names) + hint)
        last = self.phase_names.index(name)
        return replace(self, phases=self.phases[: last + 1], beyond=(*self.phases[last + 1 :], *self.beyond))


def load_plan(path_name: str, *, root: Path = ROOT) -> Plan:
    """Read `plans/<path_name>.toml`. Raises InvalidPlan that names file, place and problem."""
    return read_plan(root / "plans" / f"{path_name}.toml", overlay=root / "overlay")


def read_plan(file: Path, *, overlay: Path) -> Plan:
    """Read a plan file and check it against itself and the overlay folders it names."""
    try:
        data = tomllib.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InvalidPlan(path=file, where="file", problem="does not exist") from None
    except tomllib.TOMLDecodeError as error:
        raise InvalidPlan(path=file, where="syntax", problem=str(error)) from None
    head = data.get("plan", {})
    if not isinstance(head, dict) or not isinstance(head.get("name"), str):
        raise InvalidPlan(path=file, where="[plan]", problem="needs a name")
    phases = tuple(_phase(file, index, entry, overlay) for index, entry in enumerate(data.get("phase", []), 1))
    if not phases:
        raise InvalidPlan(path=file, where="[[phase]]", problem="there is none")
    _refuse_twins(file, "phase", [phase.name for phase in phases])
    _refuse_twins(file, "package", [package.name for phase in phases for package in phase.packages])
    return Plan(name=head["name"], description=str(head.get("description", "")), phases=phases, file=file)


def _phase(file: Path, index: int, entry: Mapping[str, Any], overlay: Path) -> PhasePlan:
    where = f"phase {index} ({entry.get('name', 'without a name')})"
    _refuse_unknown(file, where, entry, _PHASE_KEYS)
    if not isinstance(entry.get("name"), str):
        raise InvalidPlan(path=file, where=where, problem="needs a name")
    folders = tuple(entry.get("overlay", ()))
    conditional = tuple((str(phase), str(folder)) for phase, folder in entry.get("overlay_with", {}).items())
    for folder in (*folders, *(folder for _phase, folder in conditional)):
        if not (overlay / folder).is_dir():
            raise InvalidPlan(path=file, where=where, problem=f"overlay/{folder} is not a folder")
    timeout = entry.get("timeout_seconds", 600)
    if not isinstance(timeout, int | float) or timeout <= 0:
        raise InvalidPlan(path=file, where=where, problem=f"timeout_seconds={timeout!r} is not a positive number")
    return PhasePlan(
        name=entry["name"],
        description=str(entry.get("description", "")),
        packages=tuple(_package(file, where, package) for package in entry.get("packages", ())),
        archives=tuple(_package(file, where, package) for package in entry.get("archives", ())),
        overlay=folders,
        overlay_with=conditional,
        optional=bool(entry.get("optional", False)),
        timeout_seconds=float(timeout),
    )


def _package(file: Path, where: str, entry: Mapping[str, Any]) -> Package:
    _refuse_unknown(file, where, entry, _PACKAGE_KEYS)
    name, requirement = entry.get("name"), entry.get("requirement")
    if not isinstance(name, str) or not isinstance(requirement, str) or not name or not requirement:
        raise InvalidPlan(path=file, where=where, problem=f"package {entry!r} needs name and requirement")
    if entry.get("override") and not entry.get("reason"):
        raise InvalidPlan(path=file, where=where, problem=f"{name}: an override needs its reason")
    return Package(
        name=name,
        requirement=requirement,
        override=bool(entry.get("override", False)),
        reason=str(entry.get("reason", "")),
        only=tuple(entry.get("only", ())),
        runtime=bool(entry.get("runtime", True)),
        verify_module=entry.get("verify_module"),
    )


def _refuse_unknown(file: Path, where: str, entry: Mapping[str, Any], allowed: set[str]) -> None:
    for key in entry:
        if key not in allowed:
            near = difflib.get_close_matches(key, allowed, n=1)
            hint = f"; did you mean {near[0]!r}?" if near else f"; known: {', '.join(sorted(allowed))}"
            raise InvalidPlan(path=file, where=where, problem=f"unknown key {key!r}{hint}")


def _refuse_twins(file: Path, what: str, names: Sequence[str]) -> None:
    for name in names:
        if names.count(name) > 1:
            raise InvalidPlan(path=file, where=what, problem=f"{name} is named twice")
