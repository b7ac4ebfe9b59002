"""Serves bare Git repositories over HTTP with `git http-backend`, read-only."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.parser import BytesHeaderParser
from pathlib import Path
from typing import IO

from rollout import environment
from rollout.process import capture

BACKEND_SECONDS = 120.0
_OK, _SERVER_ERROR, _TIMEOUT = 200, 500, 504


@dataclass(frozen=True, slots=True, kw_only=True)
class GitRequest:
    """A Git request. `inside` is the path in the repository, such as `info/refs`; header names are lower-case."""

    method: str
    inside: str
    query: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class GitResponse:
    """The response. `body` is an open file, positioned at the start of the body; the caller closes it."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: IO[bytes]
    detail: str = ""


def serve_git(repository: Path, request: GitRequest, *, seconds: float = BACKEND_SECONDS) -> GitResponse:
    """Run `git http-backend` as a CGI program. Pushing is forbidden. Errors of Git are responses, never exceptions."""
    answer = tempfile.TemporaryFile()  # noqa: SIM115 - handed over to the caller
    try:
        ended = capture(("git", "http-backend"), env=_environment(repository, request), deadline=seconds,
                        stdin=request.body, stdout=answer)  # fmt: skip
    except TimeoutError:
        return GitResponse(status=_TIMEOUT, body=answer, detail=f"git http-backend took more than {seconds:.0f} s")
    except OSError as error:
        return GitResponse(status=_SERVER_ERROR, body=answer, detail=f"git http-backend cannot be started: {error}")
    return _parsed(answer, ended.messages)


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


def _parsed(answer: IO[bytes], messages: str) -> GitResponse:
    """Parse the CGI headers. The file is then at the start of the body."""
    answer.seek(0)
    lines = []
    while (line := answer.readline()) not in (b"\r\n", b"\n", b""):
        lines.append(line)
    headers = {name.lower(): value for name, value in BytesHeaderParser().parsebytes(b"".join(lines)).items()}
    if not headers:
        return GitResponse(status=_SERVER_ERROR, body=answer, detail=messages or "git http-backend printed nothing")
    status = headers.pop("status", "")
    return GitResponse(status=int(status.split()[0]) if status else _OK, headers=headers, body=answer, detail=messages)
