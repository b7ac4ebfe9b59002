"""Writes the journal: append-only JSON lines, each synced to disk before `record` returns."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rollout.errors import RolloutError
from rollout.journal.events import REQUIRED, SCHEMA, JournalEvent, encode, phases, undo
from rollout.journal.redaction import Redactor

Event = dict[str, Any]


# Syncs content and size but not the file's times, which halves the duration.
_sync = getattr(os, "fdatasync", os.fsync)


class JournalUnwritable(RolloutError):
    """The journal cannot be written. The run stops, because every act has to be journaled."""

    cause = "disk_full"

    def __init__(self, *, path: Path, reason: str) -> None:
        super().__init__(
            f"The journal {path} cannot be written: {reason}.",
            advice="Every act has to be journaled, so the run stops. Free some space and run again.",
        )


class Journal:
    """The one journal of a run. Thread-safe."""

    def __init__(self, path: Path, *, run: str, redactor: Redactor, first_seq: int = 1) -> None:
        self.path = path
        self.run = run
        self.redactor = redactor
        self._events: list[Event] = []
        self._subscribers: list[Callable[[Event], None]] = []
        self._lock = threading.RLock()
        self._seq = itertools.count(first_seq)
        self._forgiving = 0
        self._late: list[bytes] = []  # lines that are not on disk yet
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
            self._end_torn_line()
        except OSError as error:
            raise JournalUnwritable(path=path, reason=str(error.strerror or error)) from error

    def subscribe(self, subscriber: Callable[[Event], None]) -> None:
        """Call `subscriber` with every later event, in the thread that records it."""
        self._subscribers.append(subscriber)

    def events(self) -> tuple[Event, ...]:
        """The events that this object has recorded so far."""
        return tuple(self._events)

    def record(self, event: str | JournalEvent, **facts: Any) -> Event:
        """Write one event, given as an object or by name and keys.

        Raises KeyError for an unknown event or a missing key, JournalUnwritable if the disk is full.
        """
        if isinstance(event, JournalEvent):
            event, facts = encode(event)
        missing = REQUIRED[event] - facts.keys()
        if missing:
            raise KeyError(f"{event} lacks {', '.join(sorted(missing))}")
        with self._lock:
            line: Event = {
                "v": SCHEMA,
                "seq": next(self._seq),
                "t": datetime.now(UTC).isoformat(timespec="milliseconds"),
                "mono": round(time.monotonic(), 4),
                "run": self.run,
                "event": event,
                **self.redactor.value({key: value for key, value in facts.items() if key != "undo"}),
                # Undo records hold no secrets, and a masked one could not be undone.
                **{key: value for key, value in facts.items() if key == "undo"},
            }
            data = json.dumps(line, ensure_ascii=False, default=str).encode("utf-8", "replace") + b"\n"
            try:
                self._append(b"".join((*self._late, data)))
                self._late.clear()
            except OSError as error:
                if not self._forgiving:
                    raise JournalUnwritable(path=self.path, reason=str(error.strerror or error)) from error
                self._late.append(data)
            self._events.append(line)
        for subscriber in self._subscribers:
            subscriber(line)
        return line

    def tell(self, event: str | JournalEvent, **facts: Any) -> Event:
        """Like `record`, but a full disk raises nothing. For events that announce no act, such as an end."""
        with self.forgiving():
            return self.record(event, **facts)

    @contextlib.contextmanager
    def act(self, text: str, undo_record: Mapping[str, Any], **where: Any) -> Iterator[str]:
        """Announce an act with its undo, run the block, and record its end. Yields the act's id.

        The undo is pending from the announcement on, even if the act fails: undoing is idempotent. An act that a signal
        or a kill interrupts is neither done nor failed. The program that it has called may still continue.
        """
        identity = f"{self.run}-{time.monotonic_ns():x}"
        self.record(undo.ActIntent(id=identity, text=text, undo=dict(undo_record), **where))
        began = time.monotonic()
        try:
            yield identity
        except Exception as error:
            with self.forgiving():
                self.record(undo.ActFailed(id=identity, error=f"{type(error).__name__}: {error}"))
            raise
        self.record(undo.ActDone(id=identity, seconds=round(time.monotonic() - began, 3)))

    @contextlib.contextmanager
    def waiting(self, text: str, **where: Any) -> Iterator[None]:
        """Record how long the block has waited for a server or an engine."""
        began = time.monotonic()
        try:
            yield
        finally:
            self.record(phases.WaitFinished(text=text, seconds=round(time.monotonic() - began, 4), **where))

    @contextlib.contextmanager
    def forgiving(self) -> Iterator[None]:
        """In this block, events that cannot be written stay in memory, and are written with the next one that can.

        For rollbacks, which continue when the disk is full. An undo that is not journaled stays pending; undoing again
        is harmless.
        """
        self._forgiving += 1
        try:
            yield
        finally:
            self._forgiving -= 1

    @property
    def is_whole(self) -> bool:
        """Whether all recorded events are on disk."""
        return not self._late

    def _append(self, data: bytes) -> None:
        """Append the whole data or none of it: half a line would make the next one unreadable."""
        size = os.fstat(self._file).st_size
        try:
            written = 0
            while written < len(data):
                written += os.write(self._file, data[written:])
            _sync(self._file)
        except OSError:
            with contextlib.suppress(OSError):
                os.ftruncate(self._file, size)
            raise

    def _end_torn_line(self) -> None:
        """End an incomplete last line, left by a kill, so that the next event has its own line."""
        size = os.fstat(self._file).st_size
        if size and os.pread(self._file, 1, size - 1) != b"\n":
            os.write(self._file, b"\n")

    def close(self) -> None:
        """Write the events that are still in memory, if possible, and close the file. May be called twice."""
        if self._file < 0:
            return
        if self._late:
            with contextlib.suppress(OSError):
                self._append(b"".join(self._late))
                self._late.clear()
        os.close(self._file)
        self._file = -1
