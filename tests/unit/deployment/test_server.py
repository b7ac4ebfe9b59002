"""Waiting for the server: ready, never ready, ended, or another program on its port."""

from __future__ import annotations

import contextlib
import http.server
import json
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from rollout.deployment import server
from rollout.errors import PhaseFailed
from rollout.phases.step import Step
from rollout.site import processes
from tests.unit.fakes import Stage, plan

GONE = json.dumps({"status": "unavailable", "database": "unreachable", "reason": "econnrefused"})
PENDING = json.dumps({"status": "unavailable", "database": "ok", "pending_migrations": ["1_a"]})


@contextlib.contextmanager
def answering(*answers: tuple[int, str], given: list[int] | None = None) -> Iterator[int]:
    """A server on a free port: these answers one after the other, then the last again and again; for 0 it hangs up.

    The status of each answer is put into `given` before it is sent.
    """
    left = list(answers)

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, body = left.pop(0) if len(left) > 1 else left[0]
            if given is not None:
                given.append(status)
            if not status:
                return
            self.send_response(status)
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, *args: object) -> None:
            """Silence."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as listener:
        thread = threading.Thread(target=listener.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield listener.server_address[1]
        finally:
            listener.shutdown()
            thread.join()


def wait(folder: Path, port: int, *, log: str = "") -> None:
    stage = Stage(folder, plan("server"), port=str(port))
    stage.site.file("log").mkdir(parents=True)
    stage.site.file("log/server.log").write_text(log)
    try:
        server.wait_until_ready(Step(stage.site, stage.plan, stage.plan.phase("server")))
    finally:
        stage.run.close(settled=True)


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "READY_WITHIN", 0.5)


@pytest.fixture(autouse=True)
def ours(monkeypatch: pytest.MonkeyPatch) -> set[int]:
    """The ports with a listener of ours. All ports, unless a test sets them."""
    ports = set(range(65536))
    monkeypatch.setattr(processes, "listener_marked", lambda port, marker: "XAVOS_" in marker and port in ports)
    return ports


@pytest.fixture(autouse=True)
def alive(monkeypatch: pytest.MonkeyPatch) -> dict[int, str]:
    """The processes of our server. One, unless a test sets them."""
    found = {1: "mix phx.server"}
    monkeypatch.setattr(processes, "running", lambda marker: found if "XAVOS_" in marker else {})
    monkeypatch.setattr(server, "_ALIVE_SECONDS", 0.1)
    return found


def test_it_waits_until_readiness_answers_200(tmp_path: Path) -> None:
    given: list[int] = []
    with answering((503, GONE), (404, "not yet"), (200, '{"status": "ready"}'), given=given) as port:
        wait(tmp_path, port)
        assert given == [503, 404, 200]


def test_an_answer_of_another_program_does_not_count(tmp_path: Path, ours: set[int]) -> None:
    """Nobody else is taken for the deployment, however ready it is."""
    ours.clear()
    with answering((200, "")) as port, pytest.raises(PhaseFailed, match=f"port {port} is taken by another") as failed:
        wait(tmp_path, port)
    assert failed.value.cause == "port_taken"
    assert "--port" in failed.value.advice


@pytest.mark.parametrize(
    ("answer", "cause"),
    [
        ((503, GONE), "database_unreachable"),
        ((503, PENDING), "timeout"),
        ((500, "Internal Server Error"), "timeout"),
        ((503, '"database"'), "timeout"),
    ],
)
def test_the_cause_is_the_one_that_readiness_reports(tmp_path: Path, answer: tuple[int, str], cause: str) -> None:
    with answering(answer) as port, pytest.raises(PhaseFailed) as failed:
        wait(tmp_path, port)
    assert failed.value.cause == cause
    assert answer[1] in str(failed.value)
    assert "log/server.log" in failed.value.advice


def test_an_answer_from_before_the_server_ended_is_not_the_cause(tmp_path: Path) -> None:
    """It said that the database is gone, and has gone itself since."""
    with answering((503, GONE), (0, "")) as port, pytest.raises(PhaseFailed, match="RemoteProtocolError") as failed:
        wait(tmp_path, port)
    assert failed.value.cause == "timeout"
    assert "Start the database" not in failed.value.advice


def test_a_server_that_never_answers_is_reported(tmp_path: Path) -> None:
    with answering((200, "")) as port:
        pass
    with pytest.raises(PhaseFailed, match="ConnectError") as failed:
        wait(tmp_path, port)
    assert failed.value.cause == "timeout"


def test_the_wait_continues_while_the_engine_does_not_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An engine that is too busy to list processes proves nothing about the server."""

    def running(marker: str) -> dict[int, str]:
        raise TimeoutError("no answer from the engine")

    monkeypatch.setattr(processes, "running", running)
    monkeypatch.setattr(server, "_ALIVE_SECONDS", 0)
    with answering((404, "not yet"), (404, "not yet"), (200, "")) as port:
        wait(tmp_path, port)


@pytest.mark.parametrize(
    ("log", "cause"),
    [
        ("[info] Running\n** (Mix) Could not start application xavos: it raised", "program_error"),
        ("** (EXIT) shutdown: failed to start child\n** (EXIT) :eaddrinuse\n", "port_taken"),
        ("", "unknown"),
    ],
)
def test_a_server_that_has_ended_is_not_waited_for(
    tmp_path: Path, alive: dict[int, str], monkeypatch: pytest.MonkeyPatch, log: str, cause: str
) -> None:
    """Whether nothing answers or another program does. The cause is in its log."""
    monkeypatch.setattr(server, "READY_WITHIN", 30)
    alive.clear()
    with answering((404, "not yet")) as port, pytest.raises(PhaseFailed, match="ended before") as failed:
        wait(tmp_path, port, log=log)
    assert failed.value.cause == cause
    assert (log.splitlines() or [""])[-1].strip() in str(failed.value)
    assert "log/server.log" in failed.value.advice
