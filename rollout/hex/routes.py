"""Defines the HTTP routes of the gateway, and logs each request as a RequestRecord."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, Protocol, TypeAlias

import anyio.to_thread
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from rollout.hex.errors import HexError
from rollout.hex.etf import encode_term
from rollout.hex.fetcher import HEX, NPM, Fetcher, GatewayResponse
from rollout.hex.git_clones import GitClones, GitFailed
from rollout.hex.git_http import GitRequest, serve_git
from rollout.hex.hexpm_api import package_document, release_document
from rollout.hex.npm import ABBREVIATED, rewrite_tarballs
from rollout.hex.registry import PublicKey, read_package
from rollout.hex.request_record import RequestLog

CAUSE_HEADER = "x-gateway-cause"
# Marks requests of this process, which the request log keeps apart from those of phases.
OWN, OWN_HEADER = "own", "x-gateway-own"
TRANSPORT = "transport"
"""Key of the request's state for the transport of its connection, which some faults break."""
_ERLANG = "application/vnd.hex+erlang"
_MOST_BODY = 16 * 1024 * 1024
_BLOCK = 1 << 18
_OK, _NOT_MODIFIED, _NOT_FOUND, _TOO_LARGE, _BAD_GATEWAY = 200, 304, 404, 413, 502

Endpoint: TypeAlias = Callable[[Request], Awaitable[Response]]


class Interceptor(Protocol):
    """A middleware for faults: it can respond itself, change the response, or wait.

    Its own responses should have the header `x-gateway-cause`, which is logged.
    """

    async def __call__(self, request: Request, proceed: Endpoint) -> Response: ...


class Routes:
    """The endpoints, served from a Fetcher and the Git clones."""

    def __init__(self, fetcher: Fetcher, clones: GitClones, key: Callable[[], PublicKey]) -> None:
        self._fetcher = fetcher
        self._clones = clones
        self._key = key

    async def registry(self, request: Request) -> Response:
        served = await anyio.to_thread.run_sync(self._fetcher.fetch, HEX, request.url.path)
        return _respond(request, served)

    async def npm(self, request: Request) -> Response:
        path = raw_path(request).removeprefix("/npm")
        served = await anyio.to_thread.run_sync(lambda: self._fetcher.fetch(NPM, path, accept=ABBREVIATED))
        if served.status != _OK or path.endswith(".tgz"):
            return _respond(request, served)
        body = rewrite_tarballs(served.read(), base=f"{str(request.base_url).rstrip('/')}/npm")
        _note(request, served)
        return Response(body, media_type="application/json")

    async def git(self, request: Request) -> Response:
        name = f"{request.path_params['owner']}/{request.path_params['repo']}"
        body = await request.body()
        if len(body) > _MOST_BODY:
            return PlainTextResponse("The request is too large.\n", _TOO_LARGE)
        git_request = GitRequest(
            method=request.method,
            inside=request.path_params["inside"],
            query=request.url.query,
            headers=dict(request.headers),
            body=body,
        )
        try:
            repository = await anyio.to_thread.run_sync(self._clones.repository, name)
        except GitFailed as error:
            missing = error.kind == "missing"
            return _message(
                request, str(error), _NOT_FOUND if missing else _BAD_GATEWAY, None if missing else error.kind
            )
        except (HexError, OSError) as error:
            return _message(request, str(error), _BAD_GATEWAY, "git_failed")
        answer = await anyio.to_thread.run_sync(serve_git, repository, git_request)
        if not answer.headers:
            return _message(request, answer.detail, answer.status, "git_failed")

        async def chunks() -> AsyncIterator[bytes]:
            with answer.body:
                while chunk := await anyio.to_thread.run_sync(answer.body.read, _BLOCK):
                    yield chunk

        return StreamingResponse(chunks(), answer.status, headers=dict(answer.headers))

    async def api_package(self, request: Request) -> Response:
        name = request.path_params["name"]
        served = await anyio.to_thread.run_sync(self._fetcher.fetch, HEX, f"/packages/{name}")
        if served.status != _OK or served.cause is not None:
            return _respond(request, served)
        _note(request, served)
        package = read_package(served.read(), self._key(), name=name)
        base = f"{str(request.base_url).rstrip('/')}/api"
        version = request.path_params.get("version")
        if version is None:
            return _document(request, package_document(package, base=base))
        release = package.release(version)
        if release is None:
            return PlainTextResponse("There is no such release.\n", _NOT_FOUND)
        return _document(request, release_document(package, release, base=base))


def make_app(routes: Routes, log: RequestLog, interceptors: tuple[Interceptor, ...] = ()) -> ASGIApp:
    """The ASGI application. A request passes the interceptors in order."""

    def route(path: str, endpoint: Endpoint, *methods: str) -> Route:
        async def intercepted(request: Request) -> Response:
            return await _chain(interceptors, endpoint)(request)

        return Route(path, intercepted, methods=list(methods or ("GET",)))

    app = Starlette(
        routes=[
            route("/names", routes.registry),
            route("/versions", routes.registry),
            route("/public_key", routes.registry),
            route("/packages/{name}", routes.registry),
            route("/tarballs/{file}", routes.registry),
            route("/installs/{file:path}", routes.registry),
            route("/api/packages/{name}", routes.api_package),
            route("/api/packages/{name}/releases/{version}", routes.api_package),
            route("/git/{owner}/{repo}/{inside:path}", routes.git, "GET", "POST"),
            route("/npm/{path:path}", routes.npm),
        ]
    )
    return _recorded(app, log)


def raw_path(request: Request) -> str:
    """The path as the client sent it, so that npm's `@scope%2fname` stays one segment."""
    raw = request.scope.get("raw_path")
    return raw.decode("ascii", "replace").partition("?")[0] if raw else request.url.path


def _chain(interceptors: tuple[Interceptor, ...], endpoint: Endpoint) -> Endpoint:
    if not interceptors:
        return endpoint
    first, rest = interceptors[0], _chain(interceptors[1:], endpoint)

    async def step(request: Request) -> Response:
        return await first(request, rest)

    return step


def _respond(request: Request, served: GatewayResponse) -> Response:
    _note(request, served)
    headers = dict(served.headers)
    if served.cause is not None:
        headers[CAUSE_HEADER] = served.cause
    if served.entry is None or served.file is None:
        return Response(served.body, served.status, headers, media_type=served.content_type)
    headers["etag"] = f'"{served.entry.sha256[:40]}"'
    if request.headers.get("if-none-match") == headers["etag"]:
        return Response(None, _NOT_MODIFIED, headers)
    return FileResponse(
        served.file, served.status, headers, media_type=served.content_type or "application/octet-stream"
    )


def _message(request: Request, sentence: str, status: int, cause: str | None) -> Response:
    _note(request, GatewayResponse(status=status, cause=cause, detail=sentence))
    return PlainTextResponse(f"{sentence}\n", status, {CAUSE_HEADER: cause} if cause else None)


def _document(request: Request, document: Any) -> Response:
    if _ERLANG in request.headers.get("accept", ""):
        return Response(encode_term(document), media_type=_ERLANG)
    return JSONResponse(json.loads(json.dumps(document)))


def _note(request: Request, served: GatewayResponse) -> None:
    request.state.served = served


def _recorded(app: ASGIApp, log: RequestLog) -> ASGIApp:
    """Log every HTTP request just before its last byte is sent, so that a client with the response finds the record."""

    async def recording(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await app(scope, receive, send)
            return
        scope.setdefault("state", {})
        exchange = _Exchange(scope)

        held: list[Message] = []

        async def counting(message: Message) -> None:
            """Hold the headers back until the first body message: an empty response ends with its headers."""
            if exchange.count(message):
                log.add(**exchange.facts())
            held.append(message)
            if message["type"] == "http.response.start":
                return
            for each in held:
                await send(each)
            held.clear()

        try:
            await app(scope, receive, counting)
        except Exception as error:
            if not exchange.is_over:
                log.add(**exchange.facts(error=f"{type(error).__name__}: {error}"))
            raise

    return recording


class _Exchange:
    """A request, and what has been sent in response so far."""

    def __init__(self, scope: Scope) -> None:
        self._scope = scope
        self._at, self._began = time.time(), time.monotonic()
        self._status = self._sent = 0
        self._cause: str | None = None
        self.is_over = False

    def count(self, message: Message) -> bool:
        """Count a message that is sent. True for the last one."""
        if message["type"] == "http.response.start":
            self._status = message["status"]
            self._cause = dict(message.get("headers", ())).get(CAUSE_HEADER.encode(), b"").decode() or None
        elif message["type"] == "http.response.body":
            self._sent += len(message.get("body", b""))
            self.is_over = not message.get("more_body", False)
        return self.is_over

    def facts(self, *, error: str = "") -> dict[str, object]:
        """The fields of its RequestRecord."""
        served: GatewayResponse | None = self._scope["state"].get("served")
        return {
            "at": self._at,
            "method": self._scope["method"],
            "area": OWN if (OWN_HEADER.encode(), b"1") in self._scope["headers"] else _area(self._scope["path"]),
            "path": self._scope["path"],
            "status": self._status,
            "sent": self._sent,
            "from_cache": served.from_cache if served else False,
            "duration_ms": (time.monotonic() - self._began) * 1000,
            "upstream_ms": served.upstream_ms if served else None,
            "cause": self._cause or ("gateway_failed" if error else None),
            "detail": error or (served.detail if served else ""),
        }


def _area(path: str) -> str:
    first = path.split("/", 2)[1] if "/" in path else ""
    return first if first in ("api", "git", "npm") else HEX
