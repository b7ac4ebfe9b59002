"""Checks what the upgrade under load did to requests and data."""

from __future__ import annotations

import pytest

from rollout.phases.phase import PhaseResult

pytestmark = [pytest.mark.phase("upgrade"), pytest.mark.timeout(120)]


def test_upgrade_phase_passed(phase: PhaseResult) -> None:
    phase.require()
