"""Checks of every package that a phase installs. `suite.phases` supplies the packages."""

from __future__ import annotations

from rollout.config.plan import Package
from rollout.hex.version import Requirement, Version
from rollout.packages.dependencies import read_lock
from rollout.site.views import CheckedSite


def test_package_is_locked_as_the_plan_requires(package: Package, site: CheckedSite) -> None:
    locked = read_lock(site.file("mix.lock"))[package.name]
    assert Requirement.parse(package.requirement).matches(Version.parse(locked.version))


def test_package_is_compiled(package: Package, site: CheckedSite) -> None:
    assert list(site.file(f"_build/dev/lib/{package.name}/ebin").glob("*.app"))
