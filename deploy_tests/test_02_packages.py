"""Checks that the package source offers every package of the plan."""

from __future__ import annotations

import pytest

from rollout.config.plan import Package
from rollout.hex import lookup
from rollout.hex.version import Requirement, Version
from rollout.phases.phase import PhaseResult
from rollout.site.views import CheckedSite

pytestmark = [pytest.mark.phase("packages"), pytest.mark.timeout(60)]


def test_packages_phase_passed(phase: PhaseResult) -> None:
    phase.require()


def test_package_has_a_release_that_matches(any_package: Package, site: CheckedSite) -> None:
    version = site.findings.get(any_package.name)
    assert version is not None, f"{any_package.name} {any_package.requirement}: no release fits"
    assert Requirement.parse(any_package.requirement).matches(Version.parse(version))


def test_a_missing_package_is_reported_as_missing(site: CheckedSite) -> None:
    (finding,) = lookup.look_up(
        site.registry, (lookup.WantedPackage(name="xavos_no_such_package", requirement=">= 0.0.0"),), timeout=20
    )
    assert finding.status == "missing"
