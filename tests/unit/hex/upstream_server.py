"""A test HTTP server with scripted responses, which records its requests."""

from __future__ import annotations

import contextlib
import hashlib
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """A scripted response. `cut` bytes of the body are sent before the connection closes; `delay` is in seconds.

    `modified` is sent instead of an ETag and compared as a time, as plain web servers do.
    """

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    cut: int | None = None
    delay: float = 0.0
    modified: str | None = None


class UpstreamServer:
    """A server as a context manager. `replies` can change while it runs. Of a list, each reply is used once."""

    def __init__(self, files: Mapping[str, bytes] | None = None) -> None:
        self.replies: dict[str, Reply | list[Reply]] = {path: Reply(body=body) for path, body in (files or {}).items()}
        self.requests: list[str] = []
        self.revalidated: list[str] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                outer.answer(self)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
                pass

        class Server(ThreadingHTTPServer):
            request_queue_size = 64
            daemon_threads = True

        self._server = Server(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        self.requests.append(handler.path)
        reply = self.replies.get(handler.path, Reply(status=404, body=b"nothing here"))
        if isinstance(reply, list):
            reply = reply.pop(0) if len(reply) > 1 else reply[0]
        time.sleep(reply.delay)
        etag = f'"{hashlib.sha256(reply.body).hexdigest()[:8]}"'
        since = handler.headers.get("if-modified-since")
        unchanged = handler.headers.get("if-none-match") == etag
        if reply.modified is not None:
            unchanged = since is not None and parsedate_to_datetime(reply.modified) <= parsedate_to_datetime(since)
        if unchanged and reply.status == 200:
            self.revalidated.append(handler.path)
            handler.send_response(304)
            handler.send_header("content-length", "0")
            handler.end_headers()
            return
        handler.send_response(reply.status)
        handler.close_connection = True
        named = {"last-modified": reply.modified} if reply.modified else {"etag": etag}
        framing = {**named, "content-length": str(len(reply.body)), "connection": "close"}
        for name, value in {**framing, **reply.headers}.items():
            handler.send_header(name, value)
        handler.end_headers()
        with contextlib.suppress(BrokenPipeError):
            handler.wfile.write(reply.body[: reply.cut])

    def __enter__(self) -> UpstreamServer:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """Nothing listens any more after this; twice is fine."""
        if self._thread.is_alive():
            self._server.shutdown()
            self._thread.join(5)
        self._server.server_close()
