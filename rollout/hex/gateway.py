"""The gateway: a local HTTP server through which a deployment fetches all Hex, npm and Git packages."""

from __future__ import annotations

import asyncio
import hashlib
import socket
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType

import httpx
import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from rollout.hex.bundle import BundleItem, BundleSummary, write_bundle
from rollout.hex.errors import GatewayFailed
from rollout.hex.fetcher import HEX, NPM, Fetcher, GatewayResponse
from rollout.hex.forge_environment import forge_environment, setup_commands
from rollout.hex.freshness import FRESH_SECONDS
from rollout.hex.git_clones import GitClones
from rollout.hex.http_cache import HttpCache
from rollout.hex.registry import Dependency, read_package
from rollout.hex.request_record import RequestLog, RequestRecord
from rollout.hex.routes import CAUSE_HEADER, OWN_HEADER, TRANSPORT, Interceptor, Routes, make_app
from rollout.hex.sources import BundleSource, needs_own_key
from rollout.hex.upstreams import Upstreams

_START_SECONDS = 15.0
_STOP_SECONDS = 10.0
_INTERCEPTED_SECONDS = 60.0


class Gateway:
    """The gateway as a context manager. It serves `url` between enter and exit; the system chooses the port."""

    def __init__(
        self,
        upstreams: Upstreams,
        *,
        cache: Path,
        bind: str = "127.0.0.1",
        advertise: str | None = None,
        port: int = 0,
        on_request: Callable[[RequestRecord], None] | None = None,
        interceptors: tuple[Interceptor, ...] = (),
        fresh_seconds: float = FRESH_SECONDS,
        fresh: bool = False,
    ) -> None:
        """`cache` is the folder of all gateways' caches; `bind` the address to listen on; `advertise` the host name or
        address by which the forge reaches it (default: `bind`).

        `fresh`: fetch everything from the source again, instead of using what earlier gateways have cached. A mirror
        can be repaired at any time, so its cached entries are always revalidated once. Raises CacheUnwritable, and
        errors of the source's key.
        """
        self.upstreams = upstreams
        self.log = RequestLog(on_request)
        identity = f"{upstreams.hex.identity}\n{upstreams.npm.identity}"
        self.cache = HttpCache(cache / "gateway" / f"{upstreams.hex.kind}-{_short(identity)}")
        git = f"{upstreams.git.kind} {upstreams.git.bases}"
        since = time.time() if fresh else 0.0
        self._clones = GitClones(upstreams.git, folder=cache / "gateway" / "git" / _short(git), trusted_since=since)
        self._fetcher = Fetcher(
            upstreams,
            self.cache,
            fresh_seconds=fresh_seconds,
            revalidates=upstreams.hex.kind == "mirror",
            reloads=fresh,
        )
        self._bind, self._host, self._port = bind, advertise or bind, port
        self._routes = Routes(self._fetcher, self._clones, lambda: upstreams.hex.key)
        self._is_intercepted = bool(interceptors)
        self.app = make_app(self._routes, self.log, interceptors)
        self._server: uvicorn.Server | None = None
        self._thread: threading.Thread | None = None
        self._failure: BaseException | None = None

    @property
    def url(self) -> str:
        """The URL for the forge, without a slash at the end."""
        return f"http://{self._host}:{self._port}"

    def start(self) -> None:
        """Start the server and wait until it responds. Raises GatewayFailed."""
        family = socket.AF_INET6 if ":" in self._bind else socket.AF_INET
        listener = socket.socket(family, socket.SOCK_STREAM)
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind((self._bind, self._port))
        except OSError as error:
            listener.close()
            raise GatewayFailed(where=f"{self._bind}:{self._port}", problem=error.strerror or str(error)) from error
        self._port = listener.getsockname()[1]
        config = uvicorn.Config(
            self.app,
            http=_Connection,
            log_config=None,
            access_log=False,
            lifespan="off",
            ws="none",
            timeout_keep_alive=30,
            timeout_graceful_shutdown=3,
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._serve, args=(self._server, listener), name="gateway", daemon=True)
        self._thread.start()
        until = time.monotonic() + _START_SECONDS
        while not self._server.started:
            if not self._thread.is_alive() or time.monotonic() > until:
                raise GatewayFailed(where=self.url, problem=f"it did not start ({self._failure or 'no reason given'})")
            time.sleep(0.005)

    def stop(self) -> None:
        """Stop the server. Raises GatewayFailed where it has crashed, or where `on_request` has raised."""
        if self._server is None or self._thread is None:
            return
        self._server.should_exit = True
        self._thread.join(_STOP_SECONDS)
        alive, self._server, self._thread = self._thread.is_alive(), None, None
        if alive:
            raise GatewayFailed(where=self.url, problem=f"it did not stop within {_STOP_SECONDS:.0f} s")
        failure = self._failure or self.log.callback_error
        if failure is not None:
            raise GatewayFailed(where=self.url, problem=f"{type(failure).__name__}: {failure}") from failure

    def __enter__(self) -> Gateway:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def mark(self) -> int:
        """The current position in the request log, for `records_since`."""
        return self.log.mark()

    def records_since(self, mark: int = 0) -> tuple[RequestRecord, ...]:
        return self.log.since(mark)

    def causes_since(self, mark: int = 0) -> Mapping[str, int]:
        return self.log.causes(mark)

    def fetch_directly(self, path: str) -> GatewayResponse:
        """Fetch a registry path through the cache and its checks, but past the interceptors."""
        return self._fetcher.fetch(HEX, path)

    def fetch(self, path: str) -> GatewayResponse:
        """Fetch a registry path from this process, through the cache and its checks. `look_up` uses it.

        With interceptors, the request goes through them, so that it meets the same faults as the forge's requests.
        """
        if not self._is_intercepted or self._server is None:
            return self.fetch_directly(path)
        try:
            # The request uses no TLS, and loading certificates would take longer than the request.
            answer = httpx.get(f"{self.url}{path}", headers={OWN_HEADER: "1"}, timeout=_INTERCEPTED_SECONDS,
                               trust_env=False, verify=False)  # noqa: S501 - it is this process  # fmt: skip
        except httpx.HTTPError as error:
            return GatewayResponse(
                status=502, body=f"{error}\n".encode(), cause="unreachable", detail=f"{path}: {error}"
            )
        cause = answer.headers.get(CAUSE_HEADER)
        text = answer.text.strip()[:200] if answer.is_error else ""  # other bodies can be binary
        return GatewayResponse(
            status=answer.status_code,
            body=answer.content,
            content_type=answer.headers.get("content-type"),
            cause=cause,
            detail=(text or f"{path}: {cause.replace('_', ' ')}") if cause else "",
            headers={name: value for name, value in answer.headers.items() if name == "retry-after"},
        )

    def dependencies(self, name: str, version: str) -> tuple[Dependency, ...]:
        """The dependencies of a release by the registry; () where the registry cannot be read."""
        served = self.fetch(f"/packages/{name}")
        if served.status != 200 or served.cause is not None:
            return ()
        release = read_package(served.read(), self.upstreams.hex.key, name=name).release(version)
        return release.dependencies if release is not None else ()

    def has_npm_package(self, package: str) -> bool:
        """Whether the npm registry has a package."""
        return self._fetcher.fetch(NPM, f"/{package}/latest").status == 200

    def forge_environment(self) -> Mapping[str, str]:
        """The environment variables for every command in the forge."""
        return forge_environment(self.url)

    def setup_commands(self, key_file: str | None = None) -> tuple[tuple[str, ...], ...]:
        """Commands that register the source's key in a new HEX_HOME. None where Hex has the key built in.

        `key_file` is the path in the forge of a file with `public_key`'s content. Without it, Hex fetches the key from
        the gateway and compares its fingerprint, which needs Erlang's ssh application.
        """
        source = self.upstreams.hex
        if not needs_own_key(source):
            return ()
        return setup_commands(self.url, fingerprint=source.key.fingerprint, key_file=key_file)

    @property
    def public_key(self) -> bytes:
        """The source's public key, in PEM."""
        return self.upstreams.hex.key.pem

    def record_bundle(self, target: Path) -> BundleSummary:
        """Write everything requested since the start into a bundle: bodies, 404s, Git repositories, the key."""
        seen = self._fetcher.seen
        items = tuple(
            BundleItem(area=area, path=path, body=served.file, content_type=served.content_type)
            for (area, path), served in sorted(seen.items())
            if served.file is not None
        )
        absent = tuple(key for key, served in seen.items() if served.file is None)
        source = self.upstreams.hex
        facts = {
            "kind": source.bundle.source_kind if isinstance(source, BundleSource) else source.kind,
            "description": source.description,
            "fingerprint": source.key.fingerprint,
        }
        return write_bundle(
            target,
            items=items,
            absent=absent,
            repositories=self._clones.served,
            source=facts,
            public_key=source.key.pem,
        )

    def _serve(self, server: uvicorn.Server, listener: socket.socket) -> None:
        try:
            server.run(sockets=[listener])
        except BaseException as error:  # noqa: BLE001 - `stop` raises it
            self._failure = error
        finally:
            listener.close()


class _Connection(H11Protocol):
    """A client's connection. Its transport is in the state of each of its requests, so that faults can break it."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.app_state = {**self.app_state, TRANSPORT: transport}


def _short(identity: str) -> str:
    return hashlib.sha256(identity.encode()).hexdigest()[:16]
