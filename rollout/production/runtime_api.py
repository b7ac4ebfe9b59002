"""Sends commands to HAProxy's runtime API over its Unix socket."""

from __future__ import annotations

import os
import socket
from pathlib import Path

from rollout.errors import RolloutError

_SECONDS = 5.0


class ProxyFailed(RolloutError):
    """The proxy has refused a command, or does not answer."""

    def __init__(self, *, command: str, answer: str) -> None:
        super().__init__(
            f"HAProxy answered {answer.strip()!r} to `{command}`.",
            advice="Read its log in logs/production/ of the run's report folder.",
        )


class ProxySilent(ProxyFailed):
    """The proxy does not answer. It may be starting."""


def ask(path: Path, command: str) -> str:
    """The answer to one command. Raises ProxySilent if the socket does not answer."""
    folder = os.open(path.parent, os.O_PATH | os.O_DIRECTORY)
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(_SECONDS)
            # A path of a socket has at most 107 bytes, and deployments may be deep in a file system.
            connection.connect(f"/proc/self/fd/{folder}/{path.name}")
            connection.sendall(f"{command}\n".encode())
            connection.shutdown(socket.SHUT_WR)
            return b"".join(iter(lambda: connection.recv(65536), b"")).decode("utf-8", "replace")
    except OSError as error:
        raise ProxySilent(command=command, answer=f"{type(error).__name__}: {error}") from error
    finally:
        os.close(folder)


def tell(path: Path, command: str, *, accepted: tuple[str, ...] = ("",)) -> None:
    """Send a command whose answer is empty or contains one of the `accepted` texts. Else ProxyFailed is raised."""
    answer = ask(path, command)
    if answer.strip() and not any(text and text in answer for text in accepted):
        raise ProxyFailed(command=command, answer=answer)
