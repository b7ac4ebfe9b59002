"""A fake exec API of a container engine that loses output on demand."""

from __future__ import annotations

import itertools
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import docker.errors

Loss = Callable[[bytes], bytes]


def nothing(said: bytes) -> bytes:
    """Lose all output."""
    return b""


def half(said: bytes) -> bytes:
    """Lose the end of the output."""
    return said[: len(said) // 2]


class BusyEngine:
    """Client, container and API in one. `losses`: functions that cut the output of each command, in turn.

    `late`: how often the engine says that a command still runs after its stream has ended.
    """

    name = id = "busy"

    def __init__(self, *losses: Loss, late: int = 0, is_there: bool = True) -> None:
        self.client = self.api = self.containers = self
        self.argv: list[Sequence[str]] = []
        self.is_there = is_there
        self._losses = iter(losses)
        self._late = late
        self._made: dict[str, tuple[Sequence[str], Mapping[str, Any]]] = {}
        self._codes: dict[str, int] = {}
        self._numbers = itertools.count()

    def get(self, name: str) -> BusyEngine:
        if not self.is_there:
            raise docker.errors.NotFound(name)
        return self

    def exec_create(self, container: str, argv: Sequence[str], **how: Any) -> Mapping[str, str]:
        identity = f"exec{next(self._numbers)}"
        self.argv.append(argv)
        self._made[identity] = (argv, how)
        return {"Id": identity}

    def exec_start(self, identity: str, *, stream: bool = False, demux: bool = False) -> Any:
        loss = next(self._losses, bytes)
        argv, how = self._made[identity]
        ended = subprocess.run(
            argv, capture_output=True, cwd=how["workdir"], env=how["environment"] or None, check=False
        )
        self._codes[identity] = ended.returncode if ended.returncode >= 0 else 128 - ended.returncode
        if demux:
            return tuple(loss(said) or None for said in (ended.stdout, ended.stderr))
        return self._chunks(loss(ended.stdout + ended.stderr))

    def _chunks(self, said: bytes) -> Iterator[bytes]:
        for size in itertools.cycle((1, 7, 3)):  # a mark comes in pieces
            if not said:
                return
            yield said[:size]
            said = said[size:]

    def exec_inspect(self, identity: str) -> Mapping[str, Any]:
        if self._late:
            self._late -= 1
            return {"ExitCode": None, "Running": True}
        return {"ExitCode": self._codes.get(identity), "Running": False}
