"""`--doctor`: what it says of programs that a run can do without."""

from __future__ import annotations

from pathlib import Path

import pytest

from rollout import doctor
from rollout.doctor import Finding


def programs(folder: Path, monkeypatch: pytest.MonkeyPatch, *names: str) -> Finding:
    """What the doctor finds of a browser where there are these programs and no others."""
    for name in names:
        folder.joinpath(name).write_text("#!/bin/sh\n")
        folder.joinpath(name).chmod(0o755)
    monkeypatch.setenv("PATH", str(folder))
    return next(finding for finding in doctor._tools() if finding.what == "Chromium")


def test_without_a_browser_a_run_can_start_and_the_board_is_not_looked_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    finding = programs(tmp_path, monkeypatch)

    assert ("optional", "apt-get install chromium") == (finding.state, finding.mend)
    assert "checks that look at pages will be skipped" in finding.detail


@pytest.mark.parametrize("name", doctor.BROWSERS)
def test_a_browser_of_any_known_name_is_found(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    finding = programs(tmp_path, monkeypatch, name)

    assert ("found", str(tmp_path / name), "") == (finding.state, finding.detail, finding.mend)


def test_the_first_known_name_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    finding = programs(tmp_path, monkeypatch, *reversed(doctor.BROWSERS))

    assert str(tmp_path / "chromium") == finding.detail
