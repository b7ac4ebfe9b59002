"""Discovery and set-up of a container engine, tested without an engine."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from socketserver import UnixStreamServer

import pytest

from rollout import errors
from rollout.site.engine import discovery, setup
from rollout.site.engine.client import Engine, NoEngine
from rollout.site.engine.discovery import ask, find_engine, sockets
from tests.unit.site.tls_engine import Api

DEBIAN = 'PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\nID=debian\n'
MINT = 'ID=linuxmint\nID_LIKE="ubuntu debian"\n'
FEDORA = 'ID=fedora\nVERSION_ID="41"\n'


class _Server(UnixStreamServer):
    def get_request(self) -> tuple[socket.socket, tuple[str, int]]:
        connection, _ = super().get_request()
        return connection, ("unix", 0)


@pytest.fixture
def podman(tmp_path: Path) -> Iterator[Path]:
    path = tmp_path / "podman" / "podman.sock"
    path.parent.mkdir()
    with _Server(str(path), Api) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        yield path
        server.shutdown()
        thread.join()


def test_podman_is_recognised_through_dockers_api(podman: Path) -> None:
    found = ask(f"unix://{podman}")

    assert Engine(url=f"unix://{podman}", kind="podman", version="5.4.2", rootless=True, os="debian") == found


def test_only_docker_host_is_tried_if_it_is_set(tmp_path: Path, podman: Path) -> None:
    found = find_engine({"DOCKER_HOST": f"unix://{tmp_path}/nowhere.sock", "XDG_RUNTIME_DIR": str(tmp_path)})

    assert isinstance(found, NoEngine)
    assert found.named
    assert "nowhere.sock" in found.reason


def test_an_invalid_docker_host_is_reported() -> None:
    found = find_engine({"DOCKER_HOST": "nonsense://x"})

    assert isinstance(found, NoEngine)


def test_sockets_of_the_users_own_engine_are_tried(tmp_path: Path, podman: Path) -> None:
    assert podman in sockets({"XDG_RUNTIME_DIR": str(tmp_path)})


def test_a_dead_socket_is_reported_with_its_reason(tmp_path: Path) -> None:
    path = tmp_path / "docker.sock"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))

    assert "connection refused (the socket exists, but nothing listens)" == ask(f"unix://{path}")


def test_silent_socket_is_given_up_after_the_ping_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(discovery, "_PING_SECONDS", 0.2)
    path = tmp_path / "docker.sock"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()

        found = ask(f"unix://{path}")

    assert isinstance(found, str)
    assert "no answer" in found


@pytest.mark.parametrize(("release", "expected"), [(DEBIAN, True), (MINT, True), (FEDORA, False), ("", False)])
def test_debian_and_its_derivatives_are_recognised(release: str, expected: bool) -> None:
    assert expected == setup.is_debian_like(release)


def test_without_root_the_exact_commands_are_printed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 1000)

    with pytest.raises(errors.NoEngine) as caught:
        setup.install_engine(print, reason="no socket")

    assert "no socket; installing one needs root" in str(caught.value)
    assert all(command in str(caught.value) for command in setup.commands())


def test_a_daemon_without_iptables_is_the_last_attempt_and_its_drawback_is_printed() -> None:
    *_, last = setup.attempts()

    assert ("--iptables=false", "--ip6tables=false") == last.arguments
    assert "containers reach outer networks only with --network=host" in last.cost
