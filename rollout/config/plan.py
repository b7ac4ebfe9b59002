"""Plans: reads the TOML file of a path into a frozen `Plan` of phases and packages."""

from __future__ import annotations

import difflib
import hashlib
import json
from collections.abc import Collection, Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from rollout.assembly import load
from rollout.config.flags import option
from rollout.config.options import ROOT
from rollout.config.traits import TRAITS
from rollout.config.values import SCRIPT, STAGES
from rollout.errors import InvalidOption, InvalidPlan
from rollout.text.toml_records import InvalidRecord, read_toml, record, require_known, require_unique

INSTALLERS = ("mix", "igniter")
EDITIONS = ("real", "rehearsal")
PLAN_KEYS: Mapping[str, str] = {
    "name": "The name of the path.",
    "description": "One line that says what the path does.",
    "code": "The package below `fixtures/` with the code of phases that other paths do otherwise.",
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
    "optional": "`true`: the path continues if this phase fails.",
    "timeout_seconds": "How long the phase may take. The default is 600.",
    "observed": "`true`: the phase is only observed. It is neither retried nor rolled back; its residue is listed.",
    "answers_for": "Groups of checks for this phase. The default is the group of its own name.",
    "may_answer_for": "Groups of checks that apply only if the phase finds at run time that they do.",
    "arguments": "Words for the command that the phase runs.",
    "edition": "`real`: only with real packages. `rehearsal`: only with stand-ins. Without it the phase is in both.",
    "because": "The reason of `edition`. Reports print it.",
    "stage": "`production`: only in a run of that stage. Such phases come last. The default is `development`.",
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
    """A Hex package that the plan requires. `override` needs a `reason`; `only` lists Mix environments.

    `group` is the group of checks for this package, if its phase has several groups ("" means the last of them).
    `arguments` are passed to its installer. `creates` are the files that the installer must create, as patterns below
    the application. Both are used with Igniter only.
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
    """One step of a path. `timeout_seconds` limits its apply.

    `overlay` names overlays of assembly/manifest.toml that the phase copies. `overlay_first` names overlays that are
    copied before the packages are installed, because the packages read that configuration while they compile.
    `overlay_with` holds (phase, overlay): it is copied only if that earlier, optional phase has passed.
    `observed`: the path does this step by itself. The suite does not retry it or roll it back; it lists the residue.
    `answers_for` are the groups of checks for this phase; none means the group of its own name. `may_answer_for` are
    groups that apply only if the phase finds at run time that they do.
    `arguments` are passed to the command of the phase.
    `edition` ("real" or "rehearsal"): the phase is only for real packages, or only for rehearsals. A phase without an
    edition is for both. `because` gives the reason.
    `stage` ("development" or "production"): a run of the production stage has the phases of both.
    `traits` say what the phase does (rollout/config/traits.py). Faults are injected by trait.
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
    stage: str = STAGES[0]
    traits: tuple[str, ...] = ()

    @property
    def groups(self) -> tuple[str, ...]:
        """The groups of checks for this phase, in order; the groups of `may_answer_for` come last."""
        return (*(self.answers_for or (self.name,)), *self.may_answer_for)

    def overlays(self, passed: Container[str]) -> tuple[str, ...]:
        """What is laid once the packages are in, where the phases `passed` have passed."""
        return (*self.overlay, *(name for phase, name in self.overlay_with if phase in passed))

    @property
    def why_left_out(self) -> str:
        """Why a phase that is left out is not run, as a clause."""
        return f"it needs {self.needs}: {self.because}" if self.edition else self.because

    @property
    def needs(self) -> str:
        """What a phase with an edition needs, in words."""
        return {"real": "real packages", "rehearsal": "a rehearsal"}.get(self.edition, "nothing")

    def packages_of(self, group: str) -> tuple[Package, ...]:
        """The packages of this phase that the checks of `group` are about."""
        last = (self.answers_for or (self.name,))[-1]
        return tuple(package for package in self.packages if (package.group or last) == group)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A path: its phases in order, up to the last phase of this run. `beyond` are the phases after that.

    `left_out` are the phases of the other edition, as a rehearsal leaves out what needs real packages, and those that
    do not fit the application. `code`: the package below `fixtures/` with the code of its own phases; "" has none.
    `installer`: how packages are added to the application, with Mix alone or with Igniter's installers.
    `packages` are always those of the whole path, because an early phase resolves versions for all later ones.
    """

    name: str
    description: str
    phases: tuple[PhasePlan, ...]
    file: Path
    beyond: tuple[PhasePlan, ...] = ()
    left_out: tuple[PhasePlan, ...] = ()
    installer: str = "mix"
    code: str = ""

    @property
    def identity(self) -> str:
        """A digest of its phases and their packages. Plans with equal digests deploy the same packages."""
        phases = [[phase.name, [[p.name, p.requirement] for p in (*phase.archives, *phase.packages)]]
                  for phase in self.all_phases]  # fmt: skip
        return hashlib.blake2b(json.dumps([self.installer, phases]).encode(), digest_size=10).hexdigest()

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
        """True if the path has observed phases. Its site is compared as a whole and then removed as a whole."""
        return any(phase.observed for phase in self.all_phases)

    def phase_for(self, group: str) -> PhasePlan | None:
        """The phase that a group of checks is about; None if the path does not attempt it."""
        return next((phase for phase in self.phases if group in phase.groups), None)

    def left_out_phase_for(self, group: str) -> PhasePlan | None:
        """The phase of the other edition that a group of checks is about; None without one."""
        return next((phase for phase in self.left_out if group in phase.groups), None)

    def before(self, name: str) -> PhasePlan | None:
        """The phase before phase `name`; None for the first."""
        place = self.phase_names.index(name)
        return self.phases[place - 1] if place else None

    @property
    def phase_names(self) -> tuple[str, ...]:
        return tuple(phase.name for phase in self.phases)

    @property
    def all_phases(self) -> tuple[PhasePlan, ...]:
        """Every phase of the path, including those after the last phase of this run."""
        return (*self.phases, *self.beyond)

    @property
    def packages(self) -> tuple[Package, ...]:
        """Every dependency that the path installs, in order, without archives."""
        return tuple(package for phase in self.all_phases for package in phase.packages)

    @property
    def archives(self) -> tuple[Package, ...]:
        return tuple(package for phase in self.all_phases for package in phase.archives)

    def without(self, reasons: Mapping[str, str]) -> Plan:
        """The plan without the phases of `reasons`, which has a clause for each. A phase that it has not is ignored."""
        left = tuple(replace(phase, because=reasons[phase.name]) for phase in self.phases if phase.name in reasons)
        kept = tuple(phase for phase in self.phases if phase.name not in reasons)
        return replace(self, phases=kept, left_out=(*self.left_out, *left))

    def at(self, stage: str) -> Plan:
        """The plan up to the last phase of a stage."""
        own = tuple(phase for phase in self.phases if STAGES.index(phase.stage) <= STAGES.index(stage))
        return replace(self, phases=own, beyond=(*self.phases[len(own) :], *self.beyond))

    def phase(self, name: str) -> PhasePlan:
        return next(phase for phase in self.phases if phase.name == name)

    def through(self, name: str | None) -> Plan:
        """The plan that stops after phase `name` (the whole plan for None). Raises InvalidOption."""
        if name is None:
            return self
        if any(phase.name == name and phase.stage != STAGES[0] for phase in self.beyond):
            wanted = f"a phase of this stage; add {option('stage')}={STAGES[-1]}"
            raise InvalidOption(option=option("through"), value=name, expected=wanted)
        if left_out := next((phase for phase in self.left_out if phase.name == name), None):
            expected = f"a phase of this run; this one is left out: {left_out.why_left_out}"
            raise InvalidOption(option="--through", value=name, expected=expected)
        if name not in self.phase_names:
            near = difflib.get_close_matches(name, self.phase_names, n=1)
            hint = f" (did you mean {near[0]}?)" if near else ""
            raise InvalidOption(option="--through", value=name, expected=", ".join(self.phase_names) + hint)
        last = self.phase_names.index(name)
        return replace(self, phases=self.phases[: last + 1], beyond=(*self.phases[last + 1 :], *self.beyond))


def load_plan(
    path_name: str,
    *,
    rehearsal: bool = False,
    stage: str = STAGES[0],
    root: Path = ROOT,
    name: str | None = None,
) -> Plan:
    """Read `plans/<path_name>.toml`, or `plans/script.toml` for `script:FILE`. The plan has the name of the path.

    `name`: another name for the path of a script (see rollout.config.comparison.path_names).
    `rehearsal`: the edition for stand-in packages. `stage`: the last stage of the run; phases of later stages are
    `beyond`. Raises InvalidPlan with file, place and problem.
    """
    file = root / "plans" / f"{'script' if path_name.startswith(SCRIPT) else path_name}.toml"
    plan = read_plan(file, overlays=load(root).overlays, rehearsal=rehearsal).at(stage)
    if path_name.startswith(SCRIPT):
        return replace(plan, name=name or f"{SCRIPT}{Path(path_name.removeprefix(SCRIPT)).name}")
    return plan


def read_plan(file: Path, *, overlays: Collection[str], rehearsal: bool = False) -> Plan:
    """Read a plan file and check both of its editions, including that the overlays exist."""
    try:
        data = read_toml(file)
        head = record(_Head, data.get("plan", {}), "[plan]")
        _require_one_of("[plan]", "installer", head.installer, INSTALLERS)
        phases = tuple(_phase(index, entry, overlays) for index, entry in enumerate(data.get("phase", []), 1))
        if not phases:
            raise InvalidRecord("[[phase]]", "there is none")
        editions = {edition: tuple(p for p in phases if p.edition in {"", edition}) for edition in EDITIONS}
        for kept in editions.values():
            require_unique("phase", (phase.name for phase in kept))
            require_unique("package", (package.name for phase in kept for package in phase.packages))
            require_unique("answers_for", (group for phase in kept for group in phase.groups))
            _require_stages_in_order(kept)
    except InvalidRecord as error:
        raise InvalidPlan(path=file, where=error.where, problem=error.problem) from None
    kept = editions["rehearsal" if rehearsal else "real"]
    names = {phase.name for phase in kept}
    return Plan(name=head.name, description=head.description, installer=head.installer, code=head.code, phases=kept,
                file=file,
                left_out=tuple(phase for phase in phases if phase.name not in names))  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class _Head:
    name: str
    description: str = ""
    installer: str = INSTALLERS[0]
    code: str = ""


def _phase(index: int, entry: Any, overlays: Collection[str]) -> PhasePlan:
    name = entry.get("name", "without a name") if isinstance(entry, dict) else "not a table"
    where = f"phase {index} ({name})"
    phase = record(PhasePlan, entry, where)
    for overlay in (*phase.overlay_first, *phase.overlay, *(name for _, name in phase.overlay_with)):
        require_known(where, "overlay", overlay, overlays)
    if phase.timeout_seconds <= 0:
        raise InvalidRecord(where, f"timeout_seconds={phase.timeout_seconds:g} is not a positive number")
    _require_one_of(where, "edition", phase.edition, ("", *EDITIONS))
    _require_one_of(where, "stage", phase.stage, STAGES)
    if phase.edition and not phase.because:
        raise InvalidRecord(where, f"edition={phase.edition!r} needs its reason (because)")
    for trait in phase.traits:
        require_known(where, "trait", trait, TRAITS)
    for package in (*phase.packages, *phase.archives):
        if package.override and not package.reason:
            raise InvalidRecord(where, f"{package.name}: an override needs its reason")
    return phase


def _require_stages_in_order(phases: Sequence[PhasePlan]) -> None:
    """Raise InvalidRecord if a phase of development comes after one of production."""
    order = [STAGES.index(phase.stage) for phase in phases]
    for phase, stage, before in zip(phases[1:], order[1:], order, strict=False):
        if stage < before:
            raise InvalidRecord(f"phase {phase.name}", "it comes after a phase with stage='production'")


def _require_one_of(where: str, key: str, value: str, allowed: Sequence[str]) -> None:
    if value not in allowed:
        raise InvalidRecord(where, f"{key}={value!r} is not {' or '.join(filter(None, allowed))}")
