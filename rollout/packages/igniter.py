"""Installs a package with `mix igniter.install`, and verifies the result.

Igniter writes mix.exs, fetches the package and runs its installer, which generates code. Its exit code is 0 even where
an installer fails, and it leaves mix.exs unchanged where fetching fails. So the phase verifies mix.exs, lock, build and
generated files, and fails where one is missing. Igniter always gets a version: without one it requests hex.pm's API at
a hard-coded address that no mirror replaces.
"""

from __future__ import annotations

import re

from rollout.config.plan import Package
from rollout.errors import PostconditionFailed
from rollout.packages import dependencies
from rollout.phases.step import Step

ITSELF = "igniter"
_VERSION = re.compile(r"(?P<minor>\d+\.\d+)(?:\.\d+(?P<pre>-[0-9A-Za-z.-]+)?)?")


def install(step: Step, package: Package) -> None:
    """Install one package and run its installer. Raises PhaseFailed."""
    if not supports(package):
        dependencies.install(step, package)
        return
    dependencies.install(step, package, add_package=_add_with_igniter)
    _require_created_files(step, package)


def supports(package: Package) -> bool:
    """Whether `igniter.install` can install the package as the plan declares it.

    It cannot install itself, and has no options for an override, `runtime: false` or an environment.
    """
    return package.name != ITSELF and not package.override and not package.only and package.runtime


def after_overlays(step: Step) -> None:
    """Format the application, because Ash's installers add a formatter that orders sections."""
    step.must("mix", "format", label="mix format", deadline=120)


def specification(package: Package, version: str) -> str:
    """Igniter's argument `NAME@MAJOR.MINOR` for a version or requirement; Igniter writes `~> MAJOR.0` to mix.exs.

    A pre-release is named in full, because no other requirement matches it.
    """
    found = _VERSION.search(version)
    if found is None:
        return f"{package.name}@{version}"
    return f"{package.name}@{found.group(0) if found.group('pre') else found.group('minor')}"


def _add_with_igniter(step: Step, package: Package) -> None:
    wanted = specification(package, dependencies.version_of(step, package))
    command = ("mix", "igniter.install", wanted, "--yes", *package.arguments)
    dependencies.run_resolving(step, package, *command, label=f"mix igniter.install {wanted}", deadline=900)
    declared = step.edit("list-deps", "mix.exs").tail
    if not any(line.split("\t")[0] == package.name for line in declared.splitlines()):
        raise PostconditionFailed(
            expected=f"{package.name} in mix.exs", found="no such dependency", package=package.name
        )


def _require_created_files(step: Step, package: Package) -> None:
    """Raise PostconditionFailed where a file is missing that the package's installer generates."""
    missing = [pattern for pattern in package.creates if not any(step.site.directory.glob(pattern))]
    if missing:
        raise PostconditionFailed(
            expected=f"{', '.join(missing)} from the installer of {package.name}", found="no such file",
            package=package.name,
        )  # fmt: skip
