"""`--doctor`: optional programs, engines, and how to fix what is missing."""

from __future__ import annotations

from pathlib import Path

import pytest

from rollout.cli import doctor
from rollout.cli.doctor import Finding
from rollout.errors import EngineUnfit
from rollout.site.engine.client import Engine, NoEngine
from rollout.site.engine.sharing import Sharing
from tests.unit.fakes import options


def programs(folder: Path, monkeypatch: pytest.MonkeyPatch, *names: str) -> Finding:
    """The doctor's finding about the browser if only these programs exist."""
    for name in names:
        folder.joinpath(name).write_text("#!/bin/sh\n")
        folder.joinpath(name).chmod(0o755)
    monkeypatch.setenv("PATH", str(folder))
    return next(finding for finding in doctor._tools() if finding.what == "Chromium")


def test_without_a_browser_a_run_can_start_and_skips_checks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    finding = programs(tmp_path, monkeypatch)

    assert ("optional", "apt-get install chromium") == (finding.state, finding.fix)
    assert "checks that look at pages will be skipped" in finding.detail


@pytest.mark.parametrize("name", doctor.BROWSERS)
def test_a_browser_is_found_by_each_known_name(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    finding = programs(tmp_path, monkeypatch, name)

    assert ("found", str(tmp_path / name), "") == (finding.state, finding.detail, finding.fix)


def test_the_first_known_name_wins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    finding = programs(tmp_path, monkeypatch, *reversed(doctor.BROWSERS))

    assert str(tmp_path / "chromium") == finding.detail


@pytest.mark.parametrize(
    ("sharing", "state", "detail"),
    [
        (Sharing(user="0:0"), "found", "shared, as user 0:0 on the network of the host"),
        (
            EngineUnfit(engine="docker 28", tried=("as user 0:0: no",), advice="Use another."),
            "missing",
            "as user 0:0: no",
        ),
    ],
)
def test_an_engine_that_answers_has_to_be_usable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sharing: Sharing | EngineUnfit, state: str, detail: str
) -> None:
    monkeypatch.setattr(doctor, "choose_sharing", lambda options, engine: sharing)
    engine = Engine(url="unix:///x", kind="docker", version="28", rootless=False, os="")
    (finding,) = doctor._fit(options(tmp_path), engine, without="missing")

    assert state == finding.state
    assert detail in finding.detail
    assert ("Use another." in finding.fix) is (state == "missing")


def test_a_named_engine_that_does_not_answer_is_reported_with_the_command_that_unsets_it() -> None:
    """It does not suggest to install another engine."""
    named = NoEngine(reason="DOCKER_CONTEXT=x: there is no such context", named=True, mend="unset DOCKER_CONTEXT")

    assert "unset DOCKER_CONTEXT" == doctor._engine_fix(named)
    assert "start your Docker/Podman" in doctor._engine_fix(NoEngine(reason="no socket"))
