"""The proxy's configuration, the statistics that it prints, and its runtime API."""

from __future__ import annotations

import socket
import threading
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from rollout.production import runtime_api
from rollout.production.instances import Instance
from rollout.production.proxy import Proxy
from rollout.production.proxy_config import Server, configuration, statuses
from rollout.production.release import Release
from rollout.production.runtime_api import ProxyFailed, ProxySilent, ask, tell

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


def test_a_proxy_that_starts_has_the_present_instances() -> None:
    """A drained one stays drained: its weight is zero."""
    servers = (Server(name="a1", address="10.0.0.2:4100", is_drained=True), Server(name="b1", address="10.0.0.3:4101"))
    text = configuration(address="127.0.0.1", port=4001, host="localhost", ready="/", socket="s", servers=servers)
    check = "check inter 500ms fall 2 rise 1 observe layer4 error-limit 1 on-error mark-down"
    assert text.endswith(f"    server a1 10.0.0.2:4100 {check} weight 0\n    server b1 10.0.0.3:4101 {check}\n")


@pytest.mark.parametrize(("status", "is_down"), [("UP", False), ("UP 1/2", False), ("DOWN 1/2", True), ("MAINT", True)])
def test_one_failed_check_does_not_take_an_instance_down(status: str, is_down: bool) -> None:
    assert statuses(STATS.replace("0,UP,0,L7OK", f"0,{status},0,L4CON"))["a1"].is_down is is_down


class Api:
    """The runtime API of a proxy: what it was told, and how often it does not answer."""

    def __init__(self, silent: int = 0) -> None:
        self.said: list[str] = []
        self.silent = silent

    def ask(self, path: Path, command: str) -> str:
        if self.silent:
            self.silent -= 1
            raise ProxySilent(command=command, answer="ConnectionRefusedError")
        return STATS if command == "show stat" else "Uptime_sec: 3\nVersion: 3.0\n"

    def tell(self, path: Path, command: str, *, accepted: tuple[str, ...]) -> None:
        self.ask(path, command)
        self.said.append(command)


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> Api:
    api = Api()
    monkeypatch.setattr(runtime_api, "ask", api.ask)
    monkeypatch.setattr(runtime_api, "tell", api.tell)
    return api


def _proxy(folder: Path) -> Proxy:
    site = types.SimpleNamespace(options=types.SimpleNamespace(port=4001), run=types.SimpleNamespace(id="r"))
    step: Any = types.SimpleNamespace(site=site)
    return Proxy(step, folder, host="localhost")


def _a1() -> Instance:
    release = Release(label="a", version="1", folder=Path("a"))
    return Instance(name="a1", release=release, address="10.0.0.2:4100", port=1)


def test_every_change_is_in_the_configuration_before_the_proxy_is_told(tmp_path: Path, api: Api) -> None:
    """A proxy that is killed right then starts with the change."""
    proxy, file = _proxy(tmp_path), tmp_path / "haproxy.cfg"
    proxy._inside = {"address": "127.0.0.1", "socket": "admin.sock"}
    proxy.add(_a1())
    assert "mark-down\n" in file.read_text()
    proxy.drain("a1")
    assert "mark-down weight 0\n" in file.read_text()
    proxy.remove("a1")
    assert "server a1" not in file.read_text()
    assert [command.split()[:2] for command in api.said] == [
        ["add", "server"], ["enable", "health"], ["set", "server"],
        ["set", "server"],
        ["set", "server"], ["shutdown", "sessions"], ["del", "server"],
    ]  # fmt: skip


def test_an_instance_that_a_restarted_proxy_does_not_know_is_removed_already(tmp_path: Path, api: Api) -> None:
    proxy = _proxy(tmp_path)
    proxy._inside = {"address": "127.0.0.1", "socket": "admin.sock"}
    proxy.remove("c1")
    assert api.said == []


def test_commands_wait_while_the_proxy_starts(tmp_path: Path, api: Api) -> None:
    api.silent = 3
    assert _proxy(tmp_path).uptime() == 3
    assert api.silent == 0


def test_a_proxy_that_stays_silent_is_an_error(tmp_path: Path, api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rollout.production.proxy._ANSWERS_WITHIN", 0.0)
    api.silent = 1000
    with pytest.raises(ProxySilent, match="ConnectionRefusedError"):
        _proxy(tmp_path).statuses()


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
