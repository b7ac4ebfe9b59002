"""The copy of the repository that the path `app` deploys."""

from __future__ import annotations

import pytest

from rollout.phases.phase import PhaseResult

pytestmark = pytest.mark.phase("app_tests")


def test_tests_phase_passed(phase: PhaseResult) -> None:
    """The working tree or the revision was copied, and points at this deployment."""
    phase.require()
