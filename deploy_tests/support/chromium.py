"""Drives headless Chromium through its DevTools protocol."""

from __future__ import annotations

import base64
import contextlib
import itertools
import json
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from websockets.sync.client import ClientConnection, connect

from rollout import environment
from rollout.process import Background, start

_START_SECONDS = 60.0
_ANSWER_SECONDS = 60.0
_FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-dev-shm-usage",
    "--no-first-run", "--hide-scrollbars", "--no-proxy-server", "--remote-debugging-port=0", "about:blank",
)  # fmt: skip


class Tab:
    """One page of the browser. `faults` has its script errors, `asked` the URLs it requested."""

    def __init__(self, connection: ClientConnection, session: str) -> None:
        self._connection = connection
        self._session = session
        self._numbers = itertools.count(1)
        self.faults: list[str] = []
        self.asked: list[str] = []
        for domain in ("Page", "Runtime", "Network", "Log"):
            self.call(f"{domain}.enable")

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Call a method of the protocol. Raises RuntimeError with the browser's words, TimeoutError."""
        number = next(self._numbers)
        self._connection.send(
            json.dumps({"id": number, "method": method, "params": parameters, "sessionId": self._session})
        )
        while True:
            answer = json.loads(self._connection.recv(timeout=_ANSWER_SECONDS))
            if answer.get("id") == number:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']}")
                result: dict[str, Any] = answer["result"]
                return result
            self._record_event(answer)

    def look(self, *, width: int, height: int = 900, dark: bool = False, media: str = "") -> None:
        """Set the window size, the colour scheme, and the medium (`print` for paper)."""
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1,
                  mobile=width < 600)  # fmt: skip
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.call("Emulation.setEmulatedMedia", media=media, features=[scheme])

    def open(self, address: str) -> None:
        """Open the address and wait until the page is loaded."""
        self.call("Page.navigate", url=address)
        self.until("document.readyState === 'complete' && location.href !== 'about:blank'")

    def until(self, expression: str, seconds: float = _ANSWER_SECONDS) -> None:
        """Wait until the expression is true in the page. Raises AssertionError with the expression."""
        deadline = time.monotonic() + seconds
        while not self.ask(expression):
            assert time.monotonic() < deadline, f"waited {seconds:.0f} s for {expression}"
            time.sleep(0.05)

    def ask(self, expression: str) -> Any:
        """Evaluate an expression in the page and await it. Raises AssertionError where it throws."""
        answer = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in answer, f"{expression}: {answer['exceptionDetails']}"
        return answer["result"].get("value")

    def press(self, key: str, code: int) -> None:
        """Press and release a key."""
        for kind in ("keyDown", "keyUp"):
            self.call("Input.dispatchKeyEvent", type=kind, key=key, code=key, windowsVirtualKeyCode=code,
                      **({"text": "\r"} if key == "Enter" and kind == "keyDown" else {}))  # fmt: skip

    def picture(self, path: Path, *, whole: bool = True) -> Path:
        """Save a PNG of the whole page, or of the window where `whole` is False."""
        answer = self.call("Page.captureScreenshot", format="png", captureBeyondViewport=whole,
                         **({"clip": self._size()} if whole else {}))  # fmt: skip
        path.write_bytes(base64.b64decode(answer["data"]))
        return path

    def _size(self) -> dict[str, Any]:
        size = self.call("Page.getLayoutMetrics")["cssContentSize"]
        return {"x": 0, "y": 0, "width": size["width"], "height": min(size["height"], 16_000), "scale": 1}

    def _record_event(self, answer: dict[str, Any]) -> None:
        facts = answer.get("params", {})
        match answer.get("method"):
            case "Runtime.exceptionThrown":
                self.faults.append(str(facts["exceptionDetails"]))
            case "Log.entryAdded" if facts["entry"]["level"] == "error":
                self.faults.append(str(facts["entry"]["text"]))
            case "Page.javascriptDialogOpening":
                self.faults.append(f"a dialog: {facts['message']}")
            case "Network.requestWillBeSent":
                self.asked.append(str(facts["request"]["url"]))


@contextlib.contextmanager
def chromium(program: str, profile: Path) -> Iterator[Tab]:
    """Start a browser with one tab, and end it."""
    # The kernel ends it with its parent, also after a SIGKILL. All its files are in one folder.
    guard = ("setpriv", "--pdeathsig", "KILL") if shutil.which("setpriv") else ()
    process = start(
        (*guard, program, f"--user-data-dir={profile}", *_FLAGS),
        env=environment.program(HOME=str(profile), TMPDIR=str(profile)),
    )
    try:
        with connect(_address(profile, process), max_size=None, proxy=None) as connection:
            connection.send(json.dumps({"id": 0, "method": "Target.getTargets"}))
            targets = json.loads(connection.recv(timeout=_ANSWER_SECONDS))["result"]["targetInfos"]
            target = next(each["targetId"] for each in targets if each["type"] == "page")
            attach = {"targetId": target, "flatten": True}
            connection.send(json.dumps({"id": 0, "method": "Target.attachToTarget", "params": attach}))
            while "result" not in (answer := json.loads(connection.recv(timeout=_ANSWER_SECONDS))):
                pass
            yield Tab(connection, answer["result"]["sessionId"])
    finally:
        process.stop(20)


def _address(profile: Path, process: Background) -> str:
    port_file = profile / "DevToolsActivePort"
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline and process.is_running:
        with contextlib.suppress(FileNotFoundError, ValueError):
            port, path = port_file.read_text(encoding="utf-8").split("\n")[:2]
            return f"ws://127.0.0.1:{port}{path}"
        time.sleep(0.05)
    raise RuntimeError(f"the browser did not report its port within {_START_SECONDS:.0f} s")
