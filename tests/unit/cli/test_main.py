"""`python -m rollout`: shows deployments, and removes only the named ones."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from rollout.__main__ import main
from rollout.config.run import Run
from rollout.rollback import recovery
from rollout.site.store.objects import FOLDER
from tests.unit.fakes import options


class _Server(HTTPServer):
    answer: tuple[int, bytes] = (200, b"")


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def do_GET(self) -> None:
        status, body = self.server.answer
        self.send_response(status)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None: ...


@pytest.fixture
def server() -> Iterator[_Server]:
    with _Server(("127.0.0.1", 0), _Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("CACHE", "STATE", "REPORTS"):
        monkeypatch.setenv(f"XAVOS_{name}_DIR", str(tmp_path / name.lower()))
    return tmp_path


def deployed(monkeypatch: pytest.MonkeyPatch, *names: str, url: str = "") -> list[str]:
    """Fake kept deployments. Returns the names that `undeploy` removes."""
    asked: list[str] = []
    found = tuple(
        recovery.Kept(run=f"run-{n}", name=n, path="realistic", url=url, directory=Path("/x") / n, manage="")
        for n in names
    )

    def undeploy(*_: Any, names: list[str]) -> tuple[recovery.Recovered, ...]:
        asked.extend(names)
        return tuple(recovery.Recovered(run=name, left=()) for name in names)

    monkeypatch.setattr(recovery, "kept", lambda state: found)
    monkeypatch.setattr(recovery, "undeploy", undeploy)
    return asked


@pytest.mark.usefixtures("place")
def test_status_names_release_and_instances(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    kept = recovery.Kept(run="r", name="shop", path="realistic", url="", directory=Path("/x"), manage="", release="B",
                         instances=("b1", "b2"))  # fmt: skip
    monkeypatch.setattr(recovery, "kept", lambda state: (kept,))
    assert 0 == main(["status"])
    assert "  release B, instances b1, b2 behind HAProxy\n" in capsys.readouterr().out


@pytest.mark.parametrize("arguments", [[], ["deploy"], ["status", "x"]])
def test_an_unknown_command_is_an_error(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert 2 == main(arguments)
    assert "usage" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("status", "body", "said"),
    [
        (200, json.dumps({"status": "ready"}), "  running\n"),
        (503, json.dumps({"status": "unavailable"}), "running, but not ready"),
        (200, "<html>something else</html>", "not running: the port is held by"),
        (200, "[]", "not running: the port is held by"),
    ],
)
def test_status_queries_xavos(
    place: Path,
    server: _Server,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    status: int,
    body: str,
    said: str,
) -> None:
    """Another program on its port is not XAVOS."""
    server.answer = (status, body.encode())
    deployed(monkeypatch, "xavos", url=f"http://127.0.0.1:{server.server_port}")
    assert 0 == main(["status"])
    assert said in capsys.readouterr().out


def test_the_only_deployment_needs_no_name(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = deployed(monkeypatch, "xavos")
    assert 0 == main(["undeploy"])
    assert ["xavos"] == asked


@pytest.mark.parametrize(
    ("given", "said"),
    [((), "xavos xavos2"), (("xavos", "xavo"), "Not xavo;"), (("", "a\nb"), r"Not '', 'a\nb';")],
)
def test_undeploy_needs_an_unambiguous_name(
    place: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    given: tuple[str, ...],
    said: str,
) -> None:
    """With two deployments, or an unknown name, nothing is removed."""
    asked = deployed(monkeypatch, "xavos", "xavos2")
    assert 2 == main(["undeploy", *given])
    assert said in capsys.readouterr().err
    assert [] == asked
    assert 0 == main(["undeploy", "xavos2"])
    assert ["xavos2"] == asked


def test_the_cache_is_emptied_only_between_runs(
    place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A running run may need the cache to roll back."""
    precious = place / "cache" / FOLDER / "a.pack"
    former = place / "cache" / "objects" / "ab" / "c"
    bundle = place / "cache" / "bundles" / "default"
    for path in (precious, former, bundle):
        path.parent.mkdir(parents=True)
        path.touch()
    run = Run(options(place))
    assert 1 == main(["clean-cache"])
    assert run.id in capsys.readouterr().err
    assert precious.exists()
    run.close(settled=True)
    assert 0 == main(["clean-cache"])
    assert (False, False, True) == (precious.exists(), former.exists(), bundle.exists())


@pytest.mark.parametrize("asked", ["status", "undeploy"])
def test_state_folder_that_cannot_be_listed_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], asked: str
) -> None:
    """Root can list every folder, so the answer of the system is replaced."""

    def closed(folder: Path) -> list[str]:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setenv("XAVOS_STATE_DIR", str(tmp_path))
    monkeypatch.setattr("rollout.config.run.os.listdir", closed)
    assert 1 == main([asked])
    assert f"ERROR: The folder {tmp_path}/open cannot be written: Permission denied." in capsys.readouterr().err


def test_journal_of_another_user_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Root may read every file, so the answer of the system is replaced."""
    (tmp_path / "open").mkdir()
    (tmp_path / "open" / "20260102-030405-abcdef.jsonl").write_text("")
    monkeypatch.setenv("XAVOS_STATE_DIR", str(tmp_path))
    monkeypatch.setattr("os.access", lambda path, mode: False)
    assert 1 == main(["status"])
    assert "20260102-030405-abcdef.jsonl in it belongs to another user" in capsys.readouterr().err
