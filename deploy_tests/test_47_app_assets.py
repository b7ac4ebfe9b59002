"""Checks of the styles and scripts that were built."""

from __future__ import annotations

import pytest

from deploy_tests.support.commands import Ask
from rollout.phases.phase import PhaseResult
from rollout.site.views import CheckedSite

pytestmark = [pytest.mark.phase("app_assets"), pytest.mark.timeout(60)]

BUILT = ("priv/static/assets", "apps/*/priv/static/assets")


def test_assets_phase_passed(phase: PhaseResult) -> None:
    """The application's own commands build its styles and scripts."""
    phase.require()


def test_styles_and_scripts_are_there(site: CheckedSite, bundles: bool) -> None:
    if not bundles:
        pytest.skip("the stand-ins for esbuild and Tailwind build nothing")
    patterns = [f"{place}/**/*.{kind}" for place in BUILT for kind in ("css", "js")]
    built = [path for pattern in patterns for path in site.application.glob(pattern)]
    assert [path for path in built if path.stat().st_size], f"nothing below {BUILT[0]}"


def test_git_ignores_what_was_built(ask: Ask) -> None:
    """Else every build is a change of the repository."""
    listed = ask("git", "-c", "safe.directory=*", "status", "--porcelain", "--untracked-files=all", "--", *BUILT[:1],
                 label="what building has changed", repeatable=True)  # fmt: skip
    assert listed.ok, listed.tail
    assert listed.tail.strip() == ""
