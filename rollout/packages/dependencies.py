"""Installs Hex packages with Mix: resolves the whole plan first, then installs one package at a time.

On a conflict with the lock, `mix deps.get` fails. Without a lock, it installs older packages and reports nothing. So
the whole plan is resolved once in a scratch project, and every step installs from that lock. Where a step still
conflicts, only the packages that the solver names are unlocked. A step that downgrades an installed package fails.
"""

from __future__ import annotations

import re
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

from rollout.config.plan import Package
from rollout.diagnosis import failure
from rollout.errors import PhaseFailed, PostconditionFailed
from rollout.hex import dependency_facts, lock_changes, lockfile
from rollout.phases.step import Step
from rollout.process import Outcome

SCRATCH = ".home/resolve"
_LOCKED = re.compile(r'"the lock" specifies "(?P<name>[a-z0-9_]+) ')
_UNLOCKS = 3
AddPackage: TypeAlias = Callable[[Step, Package], None]
"""Declares a package in mix.exs and fetches it with its dependencies."""


class Downgraded(PhaseFailed):
    """Resolving a package downgrades or removes a package that is installed."""

    def __init__(self, *, package: str, changes: tuple[str, ...]) -> None:
        super().__init__(
            f"Installing {package} would downgrade installed packages: {'; '.join(changes)}.",
            cause="version_conflict",
            package=package,
            advice="Declare an override with its reason in the plan, or leave the package out.",
        )


def version_of(step: Step, package: Package) -> str:
    """The release that the lookup found for a package of the plan, else its requirement."""
    found: dict[str, str] = step.site.findings
    return found.get(package.name) or package.requirement


def resolve_whole_plan(step: Step) -> None:
    """Write the lock of the whole plan to `mix.lock`, and hoist what would otherwise make packages compile twice."""
    everything = [package for phase in step.plan.all_phases for package in phase.packages]
    required = [package for phase in step.plan.all_phases if not phase.optional for package in phase.packages]
    try:
        lock = _resolve(step, everything)
    except PhaseFailed as error:
        if len(required) == len(everything) or error.cause not in {"version_conflict", "package_missing"}:
            raise
        step.note(f"The plan with its optional phases does not resolve ({error.message}); resolved without them.")
        lock = _resolve(step, required)
    shutil.move(step.site.file(f"{SCRATCH}/mix.lock"), step.site.file("mix.lock"))
    shutil.rmtree(step.site.file(SCRATCH))
    _add_hoisted(step, lock)


def _add_hoisted(step: Step, lock: lockfile.Lock) -> None:
    """Declare optional dependencies that a later phase installs, so that no package compiles twice."""
    listed = step.edit("list-deps", "mix.exs").tail
    base = tuple(line.split("\t")[0] for line in listed.splitlines() if "\t" in line)
    phases = tuple(
        (phase.name, tuple(package.name for package in phase.packages))
        for phase in step.plan.all_phases
        if phase.packages
    )
    for hoist in lock_changes.hoists(lock, phases, dependencies=step.site.registry.dependencies, base=base):
        declared = next((package for package in step.plan.packages if package.name == hoist.package), None)
        add(step, declared or Package(name=hoist.package, requirement=hoist.requirement))
        step.note(f"{hoist.package} is installed early, because {hoist.because}.")


def _resolve(step: Step, packages: list[Package]) -> lockfile.Lock:
    """Resolve the application with `packages` in a scratch project, which shares the application's deps/."""
    scratch = step.site.file(SCRATCH)
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir(parents=True)
    shutil.copyfile(step.site.file("mix.exs"), scratch / "mix.exs")
    for package in packages:
        step.edit(*_add(package, f"{SCRATCH}/mix.exs"))
    step.must_retrying("mix", "deps.get", cwd=SCRATCH, label="resolve the whole plan", deadline=300,
                       env={"MIX_DEPS_PATH": str(step.site.in_forge.root / "deps")})  # fmt: skip
    return read_lock(scratch / "mix.lock")


def install(step: Step, package: Package, *, add_package: AddPackage | None = None) -> None:
    """Install one package. Raises PhaseFailed; the phase is then rolled back."""
    began = time.monotonic()
    before = read_lock(step.site.file("mix.lock"))
    installed = set(_built(step, before))
    (add_package or add_with_mix)(step, package)
    after = read_lock(step.site.file("mix.lock"))
    _require_no_downgrade(package, before, after, installed)
    if package.name not in after:
        raise PostconditionFailed(
            expected=f"{package.name} in mix.lock", found="no such entry", cause="package_missing", package=package.name
        )
    _compile(step, package)
    step.facts.setdefault("compiled", {})[package.name] = round(time.monotonic() - began, 1)


def add_with_mix(step: Step, package: Package) -> None:
    """Edit mix.exs, then `mix deps.get`."""
    add(step, package)
    run_resolving(step, package, "mix", "deps.get", label=f"fetch {package.name}")


def _compile(step: Step, package: Package) -> None:
    """Compile, and load the package's module in the same command."""
    verify: tuple[str, ...] = ()
    if package.verify_module and not package.only:
        verify = ("+", "run", "--no-start", "-e", f"IO.inspect(Code.ensure_loaded({package.verify_module}))")
    compiling = ("mix", "do", "deps.compile", "+", "compile", *verify)
    outcome = step.must(*compiling, label=f"compile {package.name}", deadline=900, repeatable=True)
    if verify and f"{{:module, {package.verify_module}}}" not in outcome.tail:
        raise PostconditionFailed(
            expected=f"module {package.verify_module} loaded", found=outcome.tail.strip()[-200:], package=package.name
        )


def add(step: Step, package: Package) -> None:
    """Add the package to mix.exs through the syntax tree."""
    step.edit(*_add(package, "mix.exs"))


def _add(package: Package, file: str) -> tuple[str, ...]:
    return (
        "add-dep",
        file,
        package.name,
        package.requirement,
        *(("--only", ",".join(package.only)) if package.only else ()),
        *(("--override",) if package.override else ()),
        *(("--runtime", "false") if not package.runtime else ()),
    )


def run_resolving(step: Step, package: Package, *command: str, **how: Any) -> Outcome:
    """Run a resolving command. On a conflict with the lock, unlock only the packages that the solver names."""
    for attempt in range(_UNLOCKS + 1):
        try:
            return step.must_retrying(*command, **how)
        except PhaseFailed as error:
            text = error.log.read_text(encoding="utf-8", errors="replace") if error.log else ""
            named = tuple(dict.fromkeys(match.group("name") for match in _LOCKED.finditer(text)))
            if error.cause != "version_conflict" or not named or attempt == _UNLOCKS:
                raise
            step.note(f"{package.name} conflicts with the lock; unlocked what the solver names: {', '.join(named)}.")
            unlocked = step.run("mix", "deps.unlock", *named, label=f"unlock {' '.join(named)}", deadline=60)
            if not unlocked.ok:
                raise failure(unlocked) from error
    raise AssertionError("the last attempt returns or raises")


def _require_no_downgrade(package: Package, before: lockfile.Lock, after: lockfile.Lock, installed: set[str]) -> None:
    changes = lock_changes.changes(before, after)
    lost = tuple(
        f"{change.package} {change.before} → {change.after or 'removed'}"
        for change in (*changes.downgraded, *changes.removed)
        if change.package in installed
    )
    if lost:
        raise Downgraded(package=package.name, changes=lost)


def _built(step: Step, lock: lockfile.Lock) -> tuple[str, ...]:
    """The installed packages: those of the lock that are fetched and built."""
    built = step.site.file("_build/dev/lib")
    return tuple(name for name in lock if (built / name).is_dir())


def read_lock(path: Path) -> lockfile.Lock:
    """The parsed lock. A missing file is an empty lock."""
    return lockfile.read(path)


def record_packages(step: Step) -> None:
    """Record the phase's packages for the report: requirement, version, seconds, size, licences."""
    lock = read_lock(step.site.file("mix.lock"))
    seconds = step.facts.get("compiled", {})
    step.facts["packages"] = [
        {"name": package.name, "requirement": package.requirement, "version": lock[package.name].version,
         "seconds": seconds.get(package.name), "size": dependency_facts.size(sources),
         "licences": dependency_facts.licences(sources)}
        for package in step.phase.packages
        if package.name in lock
        for sources in (step.site.file(f"deps/{package.name}"),)
    ]  # fmt: skip
