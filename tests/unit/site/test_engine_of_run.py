"""A run is undone on the engine that it used, even if the environment names another."""

from __future__ import annotations

from pathlib import Path

import pytest

from rollout.config.run import Run
from rollout.journal import Journal
from rollout.rollback import recovery
from rollout.site.engine.address import Tls
from rollout.site.engine.client import Engine, NoEngine
from rollout.site.engine.discovery import engine_of_run, find_engine, selection_key
from rollout.site.store.objects import Store
from tests.unit.fakes import options
from tests.unit.site.tls_engine import make_certificates, serving


@pytest.fixture(autouse=True)
def elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", "unix:///nowhere.sock")


def engine(url: str, tls: Tls | None = None) -> Engine:
    return Engine(url=url, kind="podman", version="1", rootless=False, os="debian", tls=tls)


def test_only_the_engine_of_the_run_is_used(tmp_path: Path) -> None:
    folder = make_certificates(tmp_path / "certificates")
    with serving(folder) as port:
        url = f"tcp://127.0.0.1:{port}"
        ca, cert, key = (str(folder / name) for name in ("ca.pem", "cert.pem", "key.pem"))
        tls = Tls(folder=str(folder), ca=ca, cert=cert, key=key)
        with engine_of_run(engine(url, tls).settings()):
            found = find_engine()

    assert isinstance(found, Engine), found
    assert (url, tls) == (found.url, found.tls)
    assert isinstance(find_engine(), NoEngine)


def test_an_engine_that_is_gone_is_not_replaced(tmp_path: Path) -> None:
    with engine_of_run(engine(f"unix://{tmp_path}/gone.sock").settings()):
        found = find_engine()
    spoilt = engine("tcp://h:1", Tls(folder=str(tmp_path), verify=False)).settings()
    (tmp_path / "cert.pem").write_text("x")
    with engine_of_run(spoilt):
        without = find_engine()

    assert isinstance(found, NoEngine)
    assert found.reason.startswith(f"the engine of that run, unix://{tmp_path}/gone.sock: ")
    assert isinstance(without, NoEngine)
    assert "are both needed" in without.reason


def test_engines_are_cached_separately(tmp_path: Path) -> None:
    here = selection_key()
    with engine_of_run(engine("unix:///a.sock").settings()):
        first = selection_key()
    with engine_of_run({}):
        nothing = selection_key()

    assert here == nothing != first


@pytest.mark.parametrize("with_engine", [True, False])
def test_recovery_uses_the_engine_of_the_run(
    with_engine: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = Run(options(tmp_path))
    settings = engine(f"unix://{tmp_path}/theirs.sock").settings() if with_engine else {}
    forge = {"kind": "container", "detail": "", "why": "", "engine": settings}
    run.journal.record("run.started", pid=1, argv=[], options={}, source={}, database={}, host={}, versions={},
                       paths=[], plan={}, forge=forge)  # fmt: skip
    run.close(settled=False)
    asked: list[str] = []

    def undo(acts: object, journal: Journal, context: object) -> tuple[str, ...]:
        found = find_engine()
        assert isinstance(found, NoEngine)
        asked.append(found.reason)
        return ()

    monkeypatch.setattr(recovery, "roll_back", undo)
    recovery.recover(run.options.state, run.options.reports, Store(run.options.cache), print)

    expected = (
        f"the engine of that run, unix://{tmp_path}/theirs.sock" if with_engine else "DOCKER_HOST=unix:///nowhere"
    )
    assert [True] == [reason.startswith(expected) for reason in asked]
