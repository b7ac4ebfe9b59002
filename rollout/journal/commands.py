"""Journals the start and end of every command, and writes its masked output to a log file."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO, Any

from rollout.journal.events import phases
from rollout.journal.writer import Journal
from rollout.process import Outcome, Request

_TAIL_IN_JOURNAL = 4000
_numbers = itertools.count(1)


class CommandRecorder:
    """An observer of one command. `where` is path and phase; `sink` receives the masked output as it arrives."""

    def __init__(
        self, journal: Journal, logs: Path, *, where: Mapping[str, Any], sink: Callable[[str], None] | None = None
    ) -> None:
        self._journal = journal
        self._logs = logs
        self._where = dict(where)
        self._sink = sink
        self._pending = b""
        self._file: IO[str] | None = None
        self._id = ""
        self._log = Path()

    def started(self, request: Request) -> Path:
        number = next(_numbers)
        phase = self._where.get("phase") or "run"
        label = re.sub(r"[^a-zA-Z0-9_.-]+", "-", request.label).strip("-")[:60]
        self._id = f"c{number}"
        self._logs.mkdir(parents=True, exist_ok=True)
        self._log = self._logs / f"{number:03d}-{phase}-{label}.log"
        self._file = self._log.open("w", encoding="utf-8", errors="replace")
        self._journal.record(
            phases.CommandStarted(
                id=self._id,
                label=request.label,
                argv=request.argv,
                cwd=str(request.cwd),
                deadline=request.deadline,
                log=f"logs/{self._log.name}",
                **self._where,
            )
        )
        return self._log

    def running(self, request: Request, identity: Mapping[str, object]) -> None:
        self._journal.record(phases.CommandRunning(id=self._id, identity=dict(identity)))

    def output(self, chunk: bytes) -> None:
        # Only whole lines are masked and written, and none that may begin a secret that continues on the next line.
        lines, newline, rest = (self._pending + chunk).rpartition(b"\n")
        if not newline:
            self._pending = rest
            return
        text = (lines + newline).decode("utf-8", "replace")
        held = self._journal.redactor.unfinished(text)
        self._pending = text[len(text) - held :].encode() + rest
        self._write(text[: len(text) - held].encode())

    def finished(self, outcome: Outcome) -> None:
        self._write(self._pending)
        self._pending = b""
        if self._file is not None:
            self._file.close()
        self._journal.record(
            phases.CommandFinished(
                id=self._id,
                exit_code=outcome.exit_code,
                seconds=round(outcome.seconds, 3),
                timed_out=outcome.timed_out,
                # masked before it is cut, because half a secret is not found
                tail=self._journal.redactor.text(outcome.tail)[-_TAIL_IN_JOURNAL:],
            )
        )

    def _write(self, data: bytes) -> None:
        if not data or self._file is None:
            return
        text = self._journal.redactor.text(data.decode("utf-8", "replace"))
        self._file.write(text)
        self._file.flush()
        if self._sink is not None:
            self._sink(text)
