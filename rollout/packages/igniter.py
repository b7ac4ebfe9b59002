"""Installing a package with `mix igniter.install`: its version from our own look-up, its promises checked afterwards.

Igniter writes mix.exs, fetches, and runs the package's installer, which generates code. It exits 0 where an installer
has given up, and leaves mix.exs as it is where fetching fails; so what counts is what is there afterwards, and what is
not goes back with the phase. Without a version it asks hex.pm's API by an address that is written in, which no mirror
answers: it is always given one.
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
    """Install one package and have its installer generate what it generates. Raises PhaseFailed."""
    if not speaks_of(package):
        dependencies.install(step, package)
        return
    dependencies.install(step, package, put=_put)
    _require_promises(step, package)


def speaks_of(package: Package) -> bool:
    """Whether `igniter.install` can install the package as the plan wants it.

    It refuses to install itself, and it has no words for an override, for `runtime: false`, nor for an environment
    that it does not itself run in.
    """
    return package.name != ITSELF and not package.override and not package.only and package.runtime


def settle(step: Step) -> None:
    """Format the application: Ash's installers bring a formatter of their own, with an order of sections."""
    step.must("mix", "format", label="mix format", deadline=120)


def specification(package: Package, version: str) -> str:
    """`NAME@MAJOR.MINOR` of a version (or, where none was found, of a requirement): `~> MAJOR.0` in mix.exs.

    A pre-release is named in full: nothing else accepts one.
    """
    found = _VERSION.search(version)
    if found is None:
        return f"{package.name}@{version}"
    return f"{package.name}@{found.group(0) if found.group('pre') else found.group('minor')}"


def _put(step: Step, package: Package) -> None:
    wanted = specification(package, dependencies.version_of(step, package))
    command = ("mix", "igniter.install", wanted, "--yes", *package.arguments)
    dependencies.resolving(step, package, *command, label=f"mix igniter.install {wanted}", deadline=900)
    declared = step.edit("list-deps", "mix.exs").tail
    if not any(line.split("\t")[0] == package.name for line in declared.splitlines()):
        raise PostconditionFailed(
            expected=f"{package.name} in mix.exs", found="no such dependency", package=package.name
        )


def _require_promises(step: Step, package: Package) -> None:
    """Every file that the package's installer generates is there."""
    missing = [pattern for pattern in package.creates if not any(step.site.directory.glob(pattern))]
    if missing:
        raise PostconditionFailed(
            expected=f"{', '.join(missing)} from the installer of {package.name}", found="no such file",
            package=package.name,
        )  # fmt: skip
