"""The proxy's configuration, the statistics that it prints, and its runtime API."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from rollout.production.proxy_config import configuration, statuses
from rollout.production.runtime_api import ProxyFailed, ask, tell

# Columns of HAProxy 3.0, shortened.
STATS = """\
# pxname,svname,scur,stot,econ,eresp,status,hrsp_5xx,check_status,
public,FRONTEND,3,120,,,OPEN,4,,
app,a1,1,60,0,0,UP,0,L7OK,
app,a2,0,55,2,1,DRAIN,4,L7OK,
app,b1,0,0,0,0,DOWN,0,L7STS,
app,b2,0,0,0,0,UP,0,* L7OK,
app,BACKEND,1,115,2,1,UP,4,,
"""


def test_every_instance_has_a_status() -> None:
    assert list(statuses(STATS)) == ["a1", "a2", "b1", "b2"]


@pytest.mark.parametrize(("name", "is_up"), [("a1", True), ("a2", False), ("b1", False), ("b2", True)])
def test_an_instance_is_up_if_its_check_succeeds_and_it_is_not_drained(name: str, is_up: bool) -> None:
    assert statuses(STATS)[name].is_up is is_up


def test_counters_are_numbers() -> None:
    found = statuses(STATS)["a2"]
    assert (found.requests, found.answers_5xx, found.connection_errors, found.response_errors) == (55, 4, 2, 1)


def test_the_configuration_hides_no_loss() -> None:
    text = configuration(address="127.0.0.1", port=4001, host="localhost", ready="/health/ready", socket="admin.sock")
    lines = [line.strip() for line in text.splitlines()]
    assert "retries 0" in lines
    assert "no option redispatch" in lines
    assert "bind 127.0.0.1:4001" in lines
    assert "$" not in text


def test_the_client_cannot_choose_its_address_or_scheme() -> None:
    text = configuration(address="127.0.0.1", port=4001, host="localhost", ready="/", socket="s")
    assert "http-request set-header x-forwarded-for %[src]" in text
    assert "http-request set-header x-forwarded-proto https" in text


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Path]:
    """A runtime API deep in a file system, where the path of a socket is longer than the system allows."""
    folder = tmp_path / ("deep" * 20) / ("deeper" * 15)
    folder.mkdir(parents=True)
    short = tmp_path / "s"
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(short))
    listener.listen()
    (folder / "admin.sock").symlink_to(short)
    thread = threading.Thread(target=_serve, args=(listener,), daemon=True)
    thread.start()
    yield folder / "admin.sock"
    listener.close()


def _serve(listener: socket.socket) -> None:
    answers = {b"show stat\n": STATS.encode(), b"set server app/a1 state drain\n": b"\n",
               b"del server app/a1\n": b"Server deleted.\n"}  # fmt: skip
    while True:
        try:
            connection, _ = listener.accept()
        except OSError:
            return
        with connection:
            asked = b""
            while chunk := connection.recv(1024):
                asked += chunk
            connection.sendall(answers.get(asked, b"No such server.\n"))


def test_an_answer_is_read_to_its_end(server: Path) -> None:
    assert statuses(ask(server, "show stat"))["a1"].sessions == 1


def test_an_empty_answer_is_a_success(server: Path) -> None:
    tell(server, "set server app/a1 state drain")


def test_an_expected_text_is_a_success(server: Path) -> None:
    tell(server, "del server app/a1", accepted=("Server deleted",))


def test_any_other_text_is_an_error_that_names_the_command(server: Path) -> None:
    with pytest.raises(ProxyFailed, match=r"No such server.*set server app/x state drain"):
        tell(server, "set server app/x state drain")


def test_without_a_proxy_the_error_says_so(tmp_path: Path) -> None:
    with pytest.raises(ProxyFailed, match="FileNotFoundError"):
        ask(tmp_path / "admin.sock", "show info")
