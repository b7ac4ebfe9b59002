"""Probe that resolves, fetches and compiles a subset of packages in a scratch project."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Sequence
from pathlib import Path

from rollout.diagnosis import Diagnosis, Probes, classify
from rollout.hex import lockfile
from rollout.hex.registry import Dependency
from rollout.packages.blame.build_cache import LIB, BuildCache, LockedPackages, select_locked
from rollout.packages.blame.probe import FAILED, PACKAGE_CAUSES, PASSED, UNRESOLVED, ProbeResult, Symptom
from rollout.packages.blame.requirements import RootRequirement
from rollout.packages.blame.scratch_project import ScratchProject

PROJECT = "compile"
_FETCH_SECONDS, _COMPILE_SECONDS = 300.0, 1800.0


class CompileProbe:
    """A Probe that compiles a subset of `plan` together with `core`. It reuses the builds of the project `site`.

    All subsets share the lock of the whole plan, so that a package has the same version in every probe. If the whole
    plan cannot be fetched, each subset is resolved separately.
    """

    def __init__(
        self,
        scratch: ScratchProject,
        core: Sequence[RootRequirement],
        plan: Sequence[RootRequirement],
        *,
        site: Path | None = None,
    ) -> None:
        self._scratch = scratch
        # An override is part of every subset; without it, other packages would conflict.
        self._always = (*core, *(each for each in plan if each.override))
        self._plan = tuple(plan)
        self._site = site
        self._project = scratch.place(PROJECT)
        self._builds = BuildCache(self._project)
        self._dependencies: dict[tuple[str, str], tuple[Dependency, ...]] = {}
        self._broken: dict[str, Symptom] = {}
        self._whole: lockfile.Lock | None = None
        self._is_prepared = False

    def __call__(self, packages: tuple[RootRequirement, ...]) -> ProbeResult:
        began = time.monotonic()
        self._prepare()
        wanted = tuple(dict.fromkeys((*self._always, *packages)))
        lock = self._whole if self._whole is not None else self._fetch_anew(wanted)
        if isinstance(lock, Diagnosis):
            return _probed(lock, began)
        picked = self._locked(lock, wanted)
        known = next((self._broken[key] for key in picked.keys.values() if key in self._broken), None)
        if known is not None:
            return ProbeResult(outcome=FAILED, seconds=time.monotonic() - began, symptom=known)
        diagnosis = self._compile(picked, wanted)
        if diagnosis is None:
            return ProbeResult(outcome=PASSED, seconds=time.monotonic() - began)
        return _probed(diagnosis, began)

    def suspects(self, symptom: Symptom) -> tuple[RootRequirement, ...]:
        """The packages of the plan that need the failing package, or one of its optional dependencies."""
        failing = (self._whole or {}).get(symptom.package or "")
        if self._whole is None or failing is None:
            return ()
        reached = self._locked(self._whole, (*self._always, *self._plan)).reached
        optional = {each.package for each in self._depends(failing.name, failing.version) if each.optional}
        return tuple(each for each in self._plan if ({failing.name} | optional) & reached.get(each.name, frozenset()))

    # -- the project ------------------------------------------------------------------------------

    def _prepare(self) -> None:
        """Resolve and fetch the whole plan and import the site's builds. Runs once."""
        if self._is_prepared:
            return
        self._is_prepared = True
        self._project.mkdir(exist_ok=True)
        if self._site is not None:
            self._take_sources(self._site)
        wanted = (*self._always, *self._plan)
        lock = self._fetch(wanted)
        if isinstance(lock, Diagnosis):
            return
        self._whole = lock
        if self._site is not None:
            theirs = self._locked(lockfile.read(self._site / "mix.lock"), wanted)
            self._builds.import_builds(theirs, self._site / LIB)

    def _take_sources(self, site: Path) -> None:
        """Copy the site's fetched sources. Mix fetches only what differs from the lock."""
        if (site / "deps").is_dir() and (site / "mix.lock").is_file():
            shutil.copytree(site / "deps", self._project / "deps", symlinks=True)
            shutil.copyfile(site / "mix.lock", self._project / "mix.lock")

    def _fetch_anew(self, wanted: Sequence[RootRequirement]) -> lockfile.Lock | Diagnosis:
        """Resolve and fetch without a lock."""
        (self._project / "mix.lock").unlink(missing_ok=True)
        return self._fetch(wanted)

    def _fetch(self, wanted: Sequence[RootRequirement]) -> lockfile.Lock | Diagnosis:
        """Resolve and fetch. Returns the lock, or the diagnosis of the failure."""
        diagnosis = self._mix(wanted, "deps.get", label="fetch for a probe", deadline=_FETCH_SECONDS)
        return diagnosis or lockfile.read(self._project / "mix.lock")

    def _compile(self, picked: LockedPackages, wanted: Sequence[RootRequirement]) -> Diagnosis | None:
        missing = self._builds.restore(picked)
        try:
            if not missing:
                return None
            diagnosis = self._mix(wanted, "deps.compile", *missing, label="compile for a probe",
                                  deadline=_COMPILE_SECONDS)  # fmt: skip
            key = picked.keys.get(diagnosis.package or "") if diagnosis else None
            if diagnosis is not None and key is not None and diagnosis.cause == "compile_error":
                self._broken[key] = Symptom.from_diagnosis(diagnosis)
            if diagnosis is None and (missing := self._builds.missing(picked)):
                message = f"`mix deps.compile` succeeded, but {', '.join(missing)} are not compiled."
                return Diagnosis(cause="unknown", message=message)
            return diagnosis
        finally:
            self._builds.save(picked)

    def _mix(self, wanted: Sequence[RootRequirement], *argv: str, label: str, deadline: float) -> Diagnosis | None:
        """Run a Mix task in the scratch project. Returns the diagnosis of a failure."""
        (self._project / "mix.exs").write_text(_mix_exs(wanted), encoding="utf-8")
        with self._scratch.step.watching_gateway() as upstream:
            outcome = self._scratch.run("mix", *argv, label=label, cwd=PROJECT, deadline=deadline, env={})
            return None if outcome.ok else classify(outcome, Probes(upstream=upstream))

    # -- its packages -----------------------------------------------------------------------------

    def _locked(self, lock: lockfile.Lock, wanted: Sequence[RootRequirement]) -> LockedPackages:
        return select_locked(lock, [each.name for each in wanted if not each.only or "dev" in each.only], self._depends)

    def _depends(self, name: str, version: str) -> tuple[Dependency, ...]:
        key = (name, version)
        if key not in self._dependencies:
            self._dependencies[key] = self._scratch.step.site.registry.dependencies(name, version)
        return self._dependencies[key]


def _probed(diagnosis: Diagnosis, began: float) -> ProbeResult:
    """FAILED where the packages can be the cause. A probe that timed out is UNRESOLVED."""
    outcome = FAILED if diagnosis.cause in PACKAGE_CAUSES - {"timeout"} else UNRESOLVED
    return ProbeResult(outcome=outcome, seconds=time.monotonic() - began, symptom=Symptom.from_diagnosis(diagnosis))


def _mix_exs(wanted: Sequence[RootRequirement]) -> str:
    dependencies = ",\n      ".join(map(_dependency, wanted))
    return f"""defmodule Blame.MixProject do
  use Mix.Project

  def project, do: [app: :blame_probe, version: "0.1.0", deps: deps()]

  defp deps do
    [
      {dependencies}
    ]
  end
end
"""


def _dependency(wanted: RootRequirement) -> str:
    only = f", only: [{', '.join(f':{name}' for name in wanted.only)}]" if wanted.only else ""
    override = ", override: true" if wanted.override else ""
    return f"{{:{wanted.name}, {json.dumps(wanted.requirement)}{only}{override}}}"
