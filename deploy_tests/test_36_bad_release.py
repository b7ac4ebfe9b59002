"""Checks that every bad release was noticed and taken back."""

from __future__ import annotations

import pytest

from rollout.phases.phase import PhaseResult

pytestmark = [pytest.mark.phase("bad_release"), pytest.mark.timeout(120)]


def test_bad_release_phase_passed(phase: PhaseResult) -> None:
    phase.require()
