"""The admin socket of a HAProxy that sees every server up which is not drained."""

from __future__ import annotations

import re
import socketserver
import threading
from pathlib import Path
from types import TracebackType
from typing import Any


class StubProxy:
    """Answers `show stat` and `set server … state …`. `changes` are the states that it was told, in order."""

    def __init__(self, path: Path) -> None:
        self.changes: list[str] = []
        self._states: dict[str, str] = {}
        stub = self

        class Handler(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                self.wfile.write(stub.answer(self.rfile.readline().decode()).encode())

        self._server: Any = socketserver.ThreadingUnixStreamServer(str(path), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})

    def __enter__(self) -> StubProxy:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def answer(self, command: str) -> str:
        """The answer to one command, as HAProxy gives it: empty, or the first 18 fields for each server."""
        if told := re.fullmatch(r"set server (\w+/\w+) state (\w+)\n", command):
            self.changes.append(f"{told[1]} {told[2]}")
            self._states[told[1]] = "UP" if told[2] == "ready" else told[2].upper()
            return "\n"
        rows = [
            ",".join([*name.split("/"), "0", "0", "0", *[""] * 12, state, ""]) for name, state in self._states.items()
        ]
        return "\n".join(["# pxname,svname", *rows, ""])
