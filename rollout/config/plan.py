"""Parses the TOML of a path into a frozen `Plan`. Pure."""

from __future__ import annotations

import difflib
import hashlib
import json
import tomllib
from collections.abc import Collection, Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from rollout.assembly import load
from rollout.config.options import ROOT
from rollout.config.traits import TRAITS
from rollout.config.values import SCRIPT
from rollout.errors import InvalidOption, InvalidPlan

INSTALLERS = ("mix", "igniter")
EDITIONS = ("real", "rehearsal")
PLAN_KEYS: Mapping[str, str] = {
    "name": "The name of the path.",
    "description": "One line that says what the path does.",
    "installer": "How packages are put into the application: `mix` (the default) or `igniter`.",
}
"""The keys of `[plan]`, with their meaning."""

PHASE_KEYS: Mapping[str, str] = {
    "name": "The name of the phase. Its code is `fixtures/NAME.py`.",
    "description": "One line that says what the phase does.",
    "packages": "Packages that the phase installs, in order.",
    "archives": "Mix archives that the phase installs, with the same keys as packages.",
    "overlay_first": "Overlays that are laid before the packages: settings that those read to compile.",
    "overlay": "Overlays of `assembly/manifest.toml` that are laid after the packages.",
    "overlay_with": "`{ phase = 'overlay' }`: an overlay that is laid too if that earlier, optional phase has passed.",
    "optional": "`true`: the path goes on if this phase fails.",
    "timeout_seconds": "How long the phase may take. The default is 600.",
    "observed": "`true`: the phase is only observed. It is neither retried nor rolled back; its residue is listed.",
    "answers_for": "Groups of checks that are asked of this phase. The default is the group of its own name.",
    "may_answer_for": "Groups of checks that are asked as well if the phase has found something to ask about.",
    "arguments": "Words for the command that the phase runs.",
    "edition": "`real`: only with real packages. `rehearsal`: only with stand-ins. Without it the phase is in both.",
    "because": "The reason of `edition`. Reports print it.",
    "traits": "What the phase does. Faults strike phases by their traits.",
}
"""The keys of a `[[phase]]`, with their meaning."""

PACKAGE_KEYS: Mapping[str, str] = {
    "name": "The name of the Hex package.",
    "requirement": "The versions that fit, in Elixir's words: `~> 3.0`.",
    "override": "`true`: the requirement wins over those of other packages. Needs a `reason`.",
    "reason": "Why the package is in the plan, or is overridden.",
    "only": "The Mix environments that get the package. The default is all.",
    "runtime": "`false`: the package is not started with the application.",
    "verify_module": "A module that has to be loadable afterwards.",
    "group": "The group of checks that asks about the package, if its phase answers for several.",
    "arguments": "Words for its installer. Only with Igniter.",
    "creates": "Files that its installer promises, as patterns below the application. Only with Igniter.",
}
"""The keys of a package, with their meaning. docs/reference/plan-files.md is generated from these tables."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Package:
    """A Hex package as the plan asks for it. `override` needs a `reason`; `only` lists Mix environments.

    `group` names the checks that ask about it, where its phase answers for several groups ("" for the last of them).
    `arguments` go to its installer, `creates` are the files that the installer promises, as patterns below the
    application; both mean something with Igniter only.
    """

    name: str
    requirement: str
    override: bool = False
    reason: str = ""
    only: tuple[str, ...] = ()
    runtime: bool = True
    verify_module: str | None = None
    group: str = ""
    arguments: tuple[str, ...] = ()
    creates: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PhasePlan:
    """One step of a path. `timeout_seconds` bounds its apply; `overlay` names overlays of assembly/manifest.toml.

    `overlay_first` names those laid before its packages go in: configuration that they read while they compile.
    `overlay_with` holds (phase, overlay): laid as well where that earlier, optional phase has passed.
    `observed`: the path does this step in its own way; we neither retry it nor take it back, only see what it leaves.
    `answers_for` names the groups of checks that are asked of this phase; none means the group of its own name.
    `may_answer_for`: groups that are asked as well, where the phase has found out that there is something to ask about.
    `arguments` are words for the command that the phase is about.
    `edition` ("real" or "rehearsal"): the phase belongs to deployments from real packages, or to rehearsals, only; what
    has no edition belongs to both. `because` says why.
    `traits` say what the phase does (rollout/config/traits.py): what faults match.
    """

    name: str
    description: str = ""
    packages: tuple[Package, ...] = ()
    archives: tuple[Package, ...] = ()
    overlay_first: tuple[str, ...] = ()
    overlay: tuple[str, ...] = ()
    overlay_with: tuple[tuple[str, str], ...] = ()
    optional: bool = False
    timeout_seconds: float = 600.0
    observed: bool = False
    answers_for: tuple[str, ...] = ()
    may_answer_for: tuple[str, ...] = ()
    arguments: tuple[str, ...] = ()
    edition: str = ""
    because: str = ""
    traits: tuple[str, ...] = ()

    @property
    def groups(self) -> tuple[str, ...]:
        """The groups of checks that are asked of this phase, in order; those last that it only may answer for."""
        return (*(self.answers_for or (self.name,)), *self.may_answer_for)

    def overlays(self, passed: Container[str]) -> tuple[str, ...]:
        """What is laid once the packages are in, where the phases `passed` have passed."""
        return (*self.overlay, *(name for phase, name in self.overlay_with if phase in passed))

    @property
    def needs(self) -> str:
        """What a phase of one edition needs, in words."""
        return {"real": "real packages", "rehearsal": "a rehearsal"}.get(self.edition, "nothing")

    def packages_of(self, group: str) -> tuple[Package, ...]:
        """The packages of this phase that the checks of `group` ask about."""
        last = (self.answers_for or (self.name,))[-1]
        return tuple(package for package in self.packages if (package.group or last) == group)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A path: its phases in order, as far as this run goes; `beyond` are those it stops before.

    `left_out` are those that the plan has for the other edition only, such as what no rehearsal can do.

    `installer`: how packages are put into the application, with Mix alone or with Igniter's installers.
    Packages are always those of the whole path: what goes in early depends on what comes later, in a later run too.
    """

    name: str
    description: str
    phases: tuple[PhasePlan, ...]
    file: Path
    beyond: tuple[PhasePlan, ...] = ()
    left_out: tuple[PhasePlan, ...] = ()
    installer: str = "mix"

    @property
    def identity(self) -> str:
        """A digest of its phases and their packages: plans of one identity deploy the same."""
        told = [[phase.name, [[p.name, p.requirement] for p in (*phase.archives, *phase.packages)]]
                for phase in self.whole]  # fmt: skip
        return hashlib.blake2b(json.dumps([self.installer, told]).encode(), digest_size=10).hexdigest()

    @property
    def groups(self) -> tuple[str, ...]:
        """The groups of checks that this path attempts, in order."""
        return tuple(group for phase in self.phases for group in phase.groups)

    def laid(self, passed: Container[str]) -> tuple[str, ...]:
        """The overlays that the phases of this path have laid, of those that have passed."""
        return self._laid(self.phases, passed)

    def laid_before(self, phase: PhasePlan, passed: Container[str]) -> tuple[str, ...]:
        """The overlays that the phases before this one have laid, of those that have passed."""
        names = self.phase_names
        return self._laid(self.phases[: names.index(phase.name)] if phase.name in names else (), passed)

    @staticmethod
    def _laid(phases: Iterable[PhasePlan], passed: Container[str]) -> tuple[str, ...]:
        done = (phase for phase in phases if phase.name in passed)
        return tuple(name for phase in done for name in (*phase.overlay_first, *phase.overlays(passed)))

    @property
    def is_observed(self) -> bool:
        """True where the path takes steps in its own way: its site is looked at, and disposed of as a whole."""
        return any(phase.observed for phase in self.whole)

    def answering(self, group: str) -> PhasePlan | None:
        """The phase that the checks of a group are asked of; None where the path does not attempt it."""
        return next((phase for phase in self.phases if group in phase.groups), None)

    def leaving_out(self, group: str) -> PhasePlan | None:
        """The phase of the other edition that would answer for a group; None where there is none."""
        return next((phase for phase in self.left_out if group in phase.groups), None)

    def before(self, name: str) -> PhasePlan | None:
        """The phase that comes before phase `name`; None for the first."""
        place = self.phase_names.index(name)
        return self.phases[place - 1] if place else None

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
        if left_out := next((phase for phase in self.left_out if phase.name == name), None):
            needs = f"this one needs {left_out.needs}: {left_out.because}"
            raise InvalidOption(option="--through", value=name, expected=f"a phase that this run has; {needs}")
        if name not in self.phase_names:
            near = difflib.get_close_matches(name, self.phase_names, n=1)
            hint = f" (did you mean {near[0]}?)" if near else ""
            raise InvalidOption(option="--through", value=name, expected=", ".join(self.phase_names) + hint)
        last = self.phase_names.index(name)
        return replace(self, phases=self.phases[: last + 1], beyond=(*self.phases[last + 1 :], *self.beyond))


def load_plan(path_name: str, *, rehearsal: bool = False, root: Path = ROOT, called: str | None = None) -> Plan:
    """Read `plans/<path_name>.toml`, for `script:FILE` `plans/script.toml`; the plan's name is the path's.

    `called`: the name of the path of a script where its file's is not enough (see rollout.config.comparison).
    `rehearsal`: the edition for stand-in packages. Raises InvalidPlan that names file, place and problem.
    """
    if path_name.startswith(SCRIPT):
        plan = read_plan(root / "plans" / "script.toml", overlays=load(root).overlays, rehearsal=rehearsal)
        return replace(plan, name=called or f"{SCRIPT}{Path(path_name.removeprefix(SCRIPT)).name}")
    return read_plan(root / "plans" / f"{path_name}.toml", overlays=load(root).overlays, rehearsal=rehearsal)


def read_plan(file: Path, *, overlays: Collection[str], rehearsal: bool = False) -> Plan:
    """Read a plan file and check it, both editions, against itself and the overlays that there are."""
    try:
        data = tomllib.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InvalidPlan(path=file, where="file", problem="does not exist") from None
    except tomllib.TOMLDecodeError as error:
        raise InvalidPlan(path=file, where="syntax", problem=str(error)) from None
    head = data.get("plan", {})
    if not isinstance(head, dict) or not isinstance(head.get("name"), str):
        raise InvalidPlan(path=file, where="[plan]", problem="needs a name")
    _refuse_unknown(file, "[plan]", head, PLAN_KEYS)
    installer = head.get("installer", INSTALLERS[0])
    if installer not in INSTALLERS:
        raise InvalidPlan(
            path=file, where="[plan]", problem=f"installer={installer!r} is not {' or '.join(INSTALLERS)}"
        )
    phases = tuple(_phase(file, index, entry, overlays) for index, entry in enumerate(data.get("phase", []), 1))
    if not phases:
        raise InvalidPlan(path=file, where="[[phase]]", problem="there is none")
    editions = {edition: tuple(p for p in phases if p.edition in {"", edition}) for edition in EDITIONS}
    for kept in editions.values():
        _refuse_twins(file, "phase", [phase.name for phase in kept])
        _refuse_twins(file, "package", [package.name for phase in kept for package in phase.packages])
        _refuse_twins(file, "answers_for", [group for phase in kept for group in phase.groups])
    kept = editions["rehearsal" if rehearsal else "real"]
    names = {phase.name for phase in kept}
    return Plan(name=head["name"], description=str(head.get("description", "")), phases=kept, file=file,
                left_out=tuple(phase for phase in phases if phase.name not in names),
                installer=installer)  # fmt: skip


def _phase(file: Path, index: int, entry: Mapping[str, Any], overlays: Collection[str]) -> PhasePlan:
    where = f"phase {index} ({entry.get('name', 'without a name')})"
    _refuse_unknown(file, where, entry, PHASE_KEYS)
    if not isinstance(entry.get("name"), str):
        raise InvalidPlan(path=file, where=where, problem="needs a name")
    first, named = tuple(entry.get("overlay_first", ())), tuple(entry.get("overlay", ()))
    conditional = tuple((str(phase), str(name)) for phase, name in entry.get("overlay_with", {}).items())
    for name in (*first, *named, *(name for _phase, name in conditional)):
        if name not in overlays:
            raise InvalidPlan(path=file, where=where, problem=f"unknown overlay {name!r}{_nearest(name, overlays)}")
    timeout = entry.get("timeout_seconds", 600)
    if not isinstance(timeout, int | float) or timeout <= 0:
        raise InvalidPlan(path=file, where=where, problem=f"timeout_seconds={timeout!r} is not a positive number")
    edition = entry.get("edition", "")
    if edition not in {"", *EDITIONS}:
        raise InvalidPlan(path=file, where=where, problem=f"edition={edition!r} is not {' or '.join(EDITIONS)}")
    if edition and not entry.get("because"):
        raise InvalidPlan(path=file, where=where, problem=f"edition={edition!r} needs its reason (because)")
    return PhasePlan(
        name=entry["name"],
        description=str(entry.get("description", "")),
        packages=tuple(_package(file, where, package) for package in entry.get("packages", ())),
        archives=tuple(_package(file, where, package) for package in entry.get("archives", ())),
        overlay_first=first,
        overlay=named,
        overlay_with=conditional,
        optional=bool(entry.get("optional", False)),
        timeout_seconds=float(timeout),
        observed=bool(entry.get("observed", False)),
        answers_for=tuple(map(str, entry.get("answers_for", ()))),
        may_answer_for=tuple(map(str, entry.get("may_answer_for", ()))),
        arguments=tuple(map(str, entry.get("arguments", ()))),
        edition=edition,
        because=str(entry.get("because", "")),
        traits=_traits(file, where, entry.get("traits", [])),
    )


def _traits(file: Path, where: str, named: object) -> tuple[str, ...]:
    if not isinstance(named, list):
        raise InvalidPlan(path=file, where=where, problem=f"traits={named!r} is not a list of {', '.join(TRAITS)}")
    for name in named:
        if name not in TRAITS:
            hint = _nearest(str(name), TRAITS)
            raise InvalidPlan(path=file, where=where, problem=f"unknown trait {name!r}{hint}")
    return tuple(named)


def _package(file: Path, where: str, entry: Mapping[str, Any]) -> Package:
    _refuse_unknown(file, where, entry, PACKAGE_KEYS)
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
        group=str(entry.get("group", "")),
        arguments=tuple(map(str, entry.get("arguments", ()))),
        creates=tuple(map(str, entry.get("creates", ()))),
    )


def _refuse_unknown(file: Path, where: str, entry: Mapping[str, Any], allowed: Iterable[str]) -> None:
    known = frozenset(allowed)
    for key in entry:
        if key not in known:
            raise InvalidPlan(path=file, where=where, problem=f"unknown key {key!r}{_nearest(key, known)}")


def _nearest(word: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(word, known := sorted(known), n=1)
    return f"; did you mean {near[0]!r}?" if near else f"; known: {', '.join(known)}"


def _refuse_twins(file: Path, what: str, names: Sequence[str]) -> None:
    for name in names:
        if names.count(name) > 1:
            raise InvalidPlan(path=file, where=what, problem=f"{name} is named twice")
