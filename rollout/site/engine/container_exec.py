"""Runs commands in a container. The only module that calls the engine's exec API.

A busy engine may close the streams of a short command too early: the exit code is right, but output is cut or missing.
So every command prints an end mark with its exit code after its output. If the mark is missing, output was lost.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import docker.errors
import requests

from rollout.errors import RolloutError
from rollout.process import LOST

if TYPE_CHECKING:
    from docker import APIClient, DockerClient
    from docker.models.containers import Container

MOST_ATTEMPTS = 5
_ENDS_WITHIN = 20.0  # seconds from the end of a stream until the engine knows the exit code
_POLL = 0.05
_BY_SIGNAL = 128
_START = "\x1e"  # printed by the shell and in no argument, so that a list of processes shows no end mark
_UNREACHABLE = (docker.errors.APIError, requests.RequestException, OSError)
# $0 is the word of the mark. The shell that prints it is outside the command's session, so signals to that session do
# not reach it.
_STREAMED = (
    'exec 2>&1; setsid --wait sh -c \'echo $$ >"$0"; exec "$@"\' "$@"; code=$?; '
    'printf \'\\036%s %d\\n\' "$0" "$code"; exit "$code"'
)
_ANSWERED = (
    '"$@"; code=$?; printf \'\\036%s %d\\n\' "$0" "$code"; printf \'\\036%s %d\\n\' "$0" "$code" >&2; exit "$code"'
)


class OutputLost(RolloutError):
    """The engine lost a command's output several times."""

    def __init__(self, *, container: str, command: str) -> None:
        super().__init__(
            f"The container engine lost the output of `{command}` in {container}, {MOST_ATTEMPTS} times.",
            advice="The engine is too busy. Run again when the machine has less load.",
        )


class EndMark:
    """Removes the end mark from a stream. `exit_code` is the code after the mark, None before that."""

    def __init__(self, word: str = "") -> None:
        self.word = word or secrets.token_hex(8)
        self.exit_code: int | None = None
        self._head = f"{_START}{self.word} ".encode()
        self._held = b""

    def feed(self, chunk: bytes) -> bytes:
        """The output in the chunk. Bytes that may begin the mark are held back."""
        if self.exit_code is not None:
            return chunk
        data, self._held = self._held + chunk, b""
        before, found, after = data.partition(self._head)
        if not found:
            kept = next((size for size in range(len(self._head) - 1, 0, -1) if data.endswith(self._head[:size])), 0)
            output, self._held = (data[:-kept], data[-kept:]) if kept else (data, b"")
            return output
        code, ended, rest = after.partition(b"\n")
        if not ended:
            self._held = found + after
            return before
        self.exit_code = int(code)
        return before + rest

    def rest(self) -> bytes:
        """After the last chunk: the held bytes, unless they are a mark."""
        held, self._held = self._held, b""
        return b"" if held.startswith(self._head) else held


class Exec:
    """A command in a container. Yields its output (both streams, without the mark) in chunks."""

    def __init__(
        self, container: Container, pidfile: str, argv: Sequence[str], *, env: Mapping[str, str], cwd: str
    ) -> None:
        """Raises APIError if the container does not run. The command's process group id is written to `pidfile`."""
        self._api = _api(container)
        self._mark = EndMark()
        command = ("sh", "-c", _STREAMED, self._mark.word, pidfile, *argv)
        self.id = _create(container, command, user="", env=env, cwd=cwd)

    @property
    def is_marked(self) -> bool:
        """True after the end mark: no output was lost."""
        return self._mark.exit_code is not None

    @property
    def is_whole(self) -> bool:
        """After the command's end: False if the engine lost output. A killed command prints no mark."""
        return self.is_marked or _is_killed(self.exit_code())

    def chunks(self) -> Iterator[bytes]:
        """Start the command and yield its output until it ends. A broken stream is no error."""
        try:
            for chunk in self._api.exec_start(self.id, stream=True):
                yield self._mark.feed(chunk)
        except _UNREACHABLE:
            pass
        yield self._mark.rest()

    def exit_code(self) -> int | None:
        """The exit code; None while the command runs, or if its container is gone."""
        return self._mark.exit_code if self.is_marked else _inspect(self._api, self.id)[0]

    def is_running(self) -> bool:
        """Whether the engine reports the command as running; False if the engine does not answer."""
        return not self.is_marked and _inspect(self._api, self.id)[1]


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """The result of a short command. `is_whole` is False if the engine lost output."""

    exit_code: int | None
    output: bytes
    errors: bytes
    is_whole: bool = True

    @property
    def text(self) -> str:
        return self.output.decode("utf-8", "replace")


def ask(
    container: Container,
    *argv: str,
    repeatable: bool,
    user: str = "",
    cwd: str = "",
    env: Mapping[str, str] | None = None,
) -> Answer:
    """Run a short command to its end and return its output, each stream separately.

    `repeatable`: the command only reads or is idempotent. It is repeated if output was lost; OutputLost is raised if
    that does not help. Without it, `errors` reports the loss.
    Raises APIError (also NotFound) if the container does not run.
    """
    left = MOST_ATTEMPTS
    while True:
        answer = _once(container, argv, user=user, env=env or {}, cwd=cwd)
        left -= 1
        if answer.is_whole or not repeatable:
            return answer
        if not left:
            raise OutputLost(container=str(container.name), command=" ".join(argv)[:200])


def _once(container: Container, argv: Sequence[str], *, user: str, env: Mapping[str, str], cwd: str) -> Answer:
    api = _api(container)
    first = EndMark()
    marks = first, EndMark(first.word)
    identity = _create(container, ("sh", "-c", _ANSWERED, first.word, *argv), user=user, env=env, cwd=cwd)
    streams = api.exec_start(identity, demux=True)
    output, errors = (mark.feed(part or b"") + mark.rest() for mark, part in zip(marks, streams, strict=True))
    if all(mark.exit_code is not None for mark in marks):
        return Answer(exit_code=first.exit_code, output=output, errors=errors)
    code = _ended(api, identity)
    return Answer(exit_code=code, output=output, errors=errors + (b"" if _is_killed(code) else LOST), is_whole=False)


def start_detached(container: Container, *argv: str, user: str = "", env: Mapping[str, str] | None = None) -> None:
    """Start a command and return at once. Its output is discarded."""
    _api(container).exec_start(_create(container, argv, user=user, env=env or {}, cwd=""), detach=True)


def _api(container: Container) -> APIClient:
    return cast("DockerClient", container.client).api


def _create(container: Container, argv: Sequence[str], *, user: str, env: Mapping[str, str], cwd: str) -> str:
    made = _api(container).exec_create(
        str(container.id), list(argv), user=user, environment=dict(env), workdir=cwd or None
    )
    return str(made["Id"])


def _ended(api: APIClient, identity: str) -> int | None:
    """The exit code of a command whose streams have ended; None if the engine does not report it in time."""
    until = time.monotonic() + _ENDS_WITHIN
    while time.monotonic() < until:
        code, running = _inspect(api, identity)
        if not running:
            return code
        time.sleep(_POLL)
    return None


def _is_killed(code: int | None) -> bool:
    """Whether the shell was killed before it could print the mark, or its container is gone."""
    return code is None or code >= _BY_SIGNAL


def _inspect(api: APIClient, identity: str) -> tuple[int | None, bool]:
    """(exit code, whether the command runs)"""
    try:
        facts = api.exec_inspect(identity)
    except _UNREACHABLE:
        return None, False
    return facts["ExitCode"], bool(facts["Running"])
