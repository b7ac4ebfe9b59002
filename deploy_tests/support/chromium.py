"""Headless Chromium, driven by its DevTools protocol."""

from __future__ import annotations

import base64
import contextlib
import itertools
import json
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from websockets.sync.client import ClientConnection, connect

from rollout import environment

_START_SECONDS = 60.0
_ANSWER_SECONDS = 60.0
_FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-dev-shm-usage",
    "--no-first-run", "--hide-scrollbars", "--no-proxy-server", "--remote-debugging-port=0", "about:blank",
)  # fmt: skip


class Tab:
    """One page of the browser. Whatever goes wrong in a script of it is in `faults`, what it asked for in `asked`."""

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
            told = json.loads(self._connection.recv(timeout=_ANSWER_SECONDS))
            if told.get("id") == number:
                if "error" in told:
                    raise RuntimeError(f"{method}: {told['error']}")
                result: dict[str, Any] = told["result"]
                return result
            self._heard(told)

    def look(self, *, width: int, height: int = 900, dark: bool = False, media: str = "") -> None:
        """Be a window of that size, of a person who likes it dark or light; `media` print for paper."""
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1,
                  mobile=width < 600)  # fmt: skip
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.call("Emulation.setEmulatedMedia", media=media, features=[scheme])

    def open(self, address: str) -> None:
        """Go there and wait until it is all there."""
        self.call("Page.navigate", url=address)
        self.until("document.readyState === 'complete' && location.href !== 'about:blank'")

    def until(self, expression: str, seconds: float = 20.0) -> None:
        """Wait for a condition in the page. Raises AssertionError that says which."""
        deadline = time.monotonic() + seconds
        while not self.ask(expression):
            assert time.monotonic() < deadline, f"waited {seconds} s for {expression}"
            time.sleep(0.05)

    def ask(self, expression: str) -> Any:
        """The value of an expression in the page, awaited. Raises AssertionError where it throws."""
        told = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in told, f"{expression}: {told['exceptionDetails']}"
        return told["result"].get("value")

    def press(self, key: str, code: int) -> None:
        """Press a key, as a person at the keyboard does."""
        for kind in ("keyDown", "keyUp"):
            self.call("Input.dispatchKeyEvent", type=kind, key=key, code=key, windowsVirtualKeyCode=code,
                      **({"text": "\r"} if key == "Enter" and kind == "keyDown" else {}))  # fmt: skip

    def picture(self, path: Path, *, whole: bool = True) -> Path:
        """A PNG of the page, of all of it unless `whole` is False."""
        told = self.call("Page.captureScreenshot", format="png", captureBeyondViewport=whole,
                         **({"clip": self._size()} if whole else {}))  # fmt: skip
        path.write_bytes(base64.b64decode(told["data"]))
        return path

    def _size(self) -> dict[str, Any]:
        size = self.call("Page.getLayoutMetrics")["cssContentSize"]
        return {"x": 0, "y": 0, "width": size["width"], "height": min(size["height"], 16_000), "scale": 1}

    def _heard(self, told: dict[str, Any]) -> None:
        facts = told.get("params", {})
        match told.get("method"):
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
    """A browser with one tab, and an end of it."""
    # It ends with whoever started it, also after a SIGKILL, and has all of its files in one folder.
    guard = ("setpriv", "--pdeathsig", "KILL") if shutil.which("setpriv") else ()
    process = subprocess.Popen(
        [*guard, program, f"--user-data-dir={profile}", *_FLAGS],
        env=environment.program(HOME=str(profile), TMPDIR=str(profile)),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        with connect(_address(profile, process), max_size=None, proxy=None) as connection:
            connection.send(json.dumps({"id": 0, "method": "Target.getTargets"}))
            targets = json.loads(connection.recv(timeout=_ANSWER_SECONDS))["result"]["targetInfos"]
            target = next(each["targetId"] for each in targets if each["type"] == "page")
            attach = {"targetId": target, "flatten": True}
            connection.send(json.dumps({"id": 0, "method": "Target.attachToTarget", "params": attach}))
            while "result" not in (told := json.loads(connection.recv(timeout=_ANSWER_SECONDS))):
                pass
            yield Tab(connection, told["result"]["sessionId"])
    finally:
        process.terminate()
        try:
            process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _address(profile: Path, process: subprocess.Popen[bytes]) -> str:
    told = profile / "DevToolsActivePort"
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(FileNotFoundError, ValueError):
            port, path = told.read_text(encoding="utf-8").split("\n")[:2]
            return f"ws://127.0.0.1:{port}{path}"
        time.sleep(0.05)
    raise RuntimeError(f"the browser did not say where it listens within {_START_SECONDS:.0f} s")
