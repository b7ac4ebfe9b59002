"""Starts the generator as a process of its own, marks moments while it runs, stops it, and reads its records.

In its own process, the work of the caller cannot delay the arrivals: Python runs one thread of a process at a time.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType

from rollout.errors import RolloutError
from rollout.installation import ROOT
from rollout.load.profile import Profile, origin
from rollout.load.records import (
    LOG,
    Clock,
    GeneratorReport,
    LoadResult,
    Mark,
    read_generator,
    read_requests,
    read_sessions,
)
from rollout.load.requests import require_valid
from rollout.process import Background, start
from rollout.text.plain import tail

_START_SECONDS = 60.0
_END_SECONDS = 30.0  # beyond the longest deadline
_POLL = 0.02


class LoadBroken(RolloutError):
    """The generator did not do its work, so nothing is known about the server."""

    def __init__(self, *, problem: str, log: Path) -> None:
        text = log.read_text(encoding="utf-8", errors="replace") if log.is_file() else ""
        super().__init__(
            f"The load generator {problem}. Its last output: {tail(text, lines=5, size=1000) or 'none'}",
            advice=f"Read {log}.",
        )


class Load:
    """A load on the server at `url`. Records go to `folder`, which has to be new or without an earlier load.

    `env`: the environment of the generator, as `rollout.environment.program()` makes it. As a context manager it starts
    the load; an exit without `stop` kills the generator.
    Raises InvalidProfile.
    """

    def __init__(self, profile: Profile, *, url: str, folder: Path, env: Mapping[str, str]) -> None:
        origin(url)
        for kind in profile.requests:
            require_valid(kind, "host")
        self.folder = folder
        self._profile = profile
        self._url = url
        self._env = env
        self._marks: list[Mark] = []
        self._process: Background | None = None
        self._report: GeneratorReport | None = None

    def start(self) -> None:
        """Start the generator and wait until requests arrive. Raises LoadBroken."""
        if read_generator(self.folder) is not None:
            raise LoadBroken(problem=f"has already run in {self.folder}", log=self.folder / LOG)
        self.folder.mkdir(parents=True, exist_ok=True)
        file = self.folder / "profile.json"
        file.touch(mode=0o600)
        try:
            file.write_text(self._profile.to_json(), encoding="utf-8")
            self._process = start(
                (sys.executable, "-m", "rollout.load", str(file), self._url, str(self.folder)),
                env=self._env, cwd=ROOT, log=self.folder / LOG,
            )  # fmt: skip
            self._report = self._await_begin(self._process)
        finally:
            file.unlink()  # its headers may hold cookies and keys, and the folder is kept with the reports

    @property
    def pid(self) -> int:
        """The process of the generator. Only after `start`."""
        assert self._process is not None, "start comes first"
        return self._process.pid

    @property
    def now(self) -> float:
        """The present on the clock of the records, in seconds since the epoch. Only after `start`."""
        assert self._report is not None, "start comes first"
        return Clock(self._report.offset).now()

    def mark(self, text: str) -> Mark:
        """Remember this moment under a name, for windows and reports."""
        mark = Mark(at=self.now, text=text)
        self._marks.append(mark)
        return mark

    def so_far(self) -> LoadResult:
        """What has been recorded until a moment ago; requests in flight are missing."""
        return self._result()

    def stop(self) -> LoadResult:
        """Stop arrivals, wait for what is in flight, and read all records. Raises LoadBroken. May be called twice."""
        assert self._process is not None, "start comes first"
        self._process.stop(self._profile.longest + _END_SECONDS)
        if self._process.exit_code != 0:
            raise self._broken(f"ended with exit code {self._process.exit_code}")
        result = self._result()
        if not result.is_whole:
            due = sum(result.generator.arrivals.values())
            raise self._broken(f"recorded {len(result.requests)} of {due} requests")
        return result

    def __enter__(self) -> Load:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process is not None and self._process.is_running:
            self._process.kill()

    def _await_begin(self, process: Background) -> GeneratorReport:
        deadline = time.monotonic() + _START_SECONDS
        while (report := read_generator(self.folder)) is None:
            if not process.is_running:
                raise self._broken(f"ended with exit code {process.exit_code} before its first request")
            if time.monotonic() > deadline:
                process.kill()
                raise self._broken(f"did not begin within {_START_SECONDS:.0f} s")
            time.sleep(_POLL)
        return report

    def _result(self) -> LoadResult:
        report = read_generator(self.folder)
        assert report is not None, "the generator has begun"
        return LoadResult(
            requests=read_requests(self.folder),
            sessions=read_sessions(self.folder),
            marks=tuple(self._marks),
            generator=report,
        )

    def _broken(self, problem: str) -> LoadBroken:
        return LoadBroken(problem=problem, log=self.folder / LOG)
