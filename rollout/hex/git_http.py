"""Git over HTTP: bare repositories served by `git http-backend` (smart protocol, shallow fetches too)."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.parser import BytesHeaderParser
from pathlib import Path
from typing import IO

from rollout import environment

BACKEND_SECONDS = 120.0
_OK, _SERVER_ERROR, _TIMEOUT = 200, 500, 504


@dataclass(frozen=True, slots=True, kw_only=True)
class GitRequest:
    """`inside` is the path in the repository, such as `info/refs`; headers in lower case."""

    method: str
    inside: str
    query: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class GitAnswer:
    """`body` is an open file at the start of the body; the one who sends it closes it."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: IO[bytes]
    detail: str = ""


def answer_git(repository: Path, request: GitRequest, *, seconds: float = BACKEND_SECONDS) -> GitAnswer:
    """Let `git http-backend` answer, as CGI has it; only reading is allowed.

    Never raises for what git says.
    """
    answer = tempfile.TemporaryFile()  # noqa: SIM115 - handed over to the caller
    try:
        process = subprocess.Popen(
            ("git", "http-backend"),
            stdin=subprocess.PIPE,
            stdout=answer,
            stderr=subprocess.PIPE,
            env=_environment(repository, request),
            start_new_session=True,
        )
    except OSError as error:
        return GitAnswer(status=_SERVER_ERROR, body=answer, detail=f"git http-backend cannot be started: {error}")
    try:
        _, messages = process.communicate(request.body, timeout=seconds)
    except subprocess.TimeoutExpired:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        return GitAnswer(status=_TIMEOUT, body=answer, detail=f"git http-backend took more than {seconds:.0f} s")
    return _parsed(answer, messages.decode("utf-8", "replace").strip())


def _environment(repository: Path, request: GitRequest) -> dict[str, str]:
    env = {
        **environment.git(),
        "GIT_PROJECT_ROOT": str(repository),
        "GIT_HTTP_EXPORT_ALL": "1",
        "GIT_CONFIG_COUNT": "3",
        "GIT_CONFIG_KEY_2": "http.receivepack",
        "GIT_CONFIG_VALUE_2": "false",
        "GATEWAY_INTERFACE": "CGI/1.1",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REQUEST_METHOD": request.method,
        "PATH_INFO": f"/{request.inside}",
        "QUERY_STRING": request.query,
        "CONTENT_TYPE": request.headers.get("content-type", ""),
        "CONTENT_LENGTH": str(len(request.body)),
        "REMOTE_ADDR": "127.0.0.1",
    }
    if "content-encoding" in request.headers:
        env["HTTP_CONTENT_ENCODING"] = request.headers["content-encoding"]
    if "git-protocol" in request.headers:
        env["GIT_PROTOCOL"] = request.headers["git-protocol"]
    return env


def _parsed(answer: IO[bytes], messages: str) -> GitAnswer:
    """Split the CGI header off; the file is left at the start of the body."""
    answer.seek(0)
    lines = []
    while (line := answer.readline()) not in (b"\r\n", b"\n", b""):
        lines.append(line)
    headers = {name.lower(): value for name, value in BytesHeaderParser().parsebytes(b"".join(lines)).items()}
    if not headers:
        return GitAnswer(status=_SERVER_ERROR, body=answer, detail=messages or "git http-backend said nothing")
    status = headers.pop("status", "")
    return GitAnswer(status=int(status.split()[0]) if status else _OK, headers=headers, body=answer, detail=messages)
