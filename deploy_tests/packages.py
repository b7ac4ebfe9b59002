"""What is asked of every package that a phase installs, whichever phase it is."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from rollout.dependencies import read_lock
from rollout.hex.version import Requirement, Version
from rollout.plan import Package, load_plan
from rollout.site.site import Site

Check = Callable[[Package, Site], None]


def package_checks(phase: str) -> tuple[Check, Check]:
    """Two checks, each for every package of the phase: locked as the plan requires, and compiled."""
    each = pytest.mark.parametrize(
        "package", load_plan("realistic").phase(phase).packages, ids=lambda package: str(package.name)
    )

    @each
    def test_package_is_locked_as_the_plan_requires(package: Package, site: Site) -> None:
        locked = read_lock(site.file("mix.lock"))[package.name]
        assert Requirement.parse(package.requirement).matches(Version.parse(locked.version))

    @each
    def test_package_is_compiled(package: Package, site: Site) -> None:
        assert list(site.file(f"_build/dev/lib/{package.name}/ebin").glob("*.app"))

    return test_package_is_locked_as_the_plan_requires, test_package_is_compiled
