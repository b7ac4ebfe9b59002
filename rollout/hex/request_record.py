"""The gateway's request log: one record for each request, with the cause of a failure."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass

UNREACHABLE_CAUSES = ("unreachable", "timeout", "truncated")


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestRecord:
    """A finished request. `at` is in seconds since the epoch, durations in milliseconds, `sent` in bytes of body.

    `cause` is None after success (or a plain 404), else one of: unreachable, untrusted, timeout, truncated,
    rate_limited, server_error, denied, checksum_mismatch, bad_signature, bad_payload, disk_full, cache_failed,
    git_failed, gateway_failed, or the value of an interceptor's `x-gateway-cause`. `upstream_ms` is None where no
    upstream request was made.
    """

    index: int
    at: float
    method: str
    area: str
    path: str
    status: int
    sent: int
    from_cache: bool
    duration_ms: float
    upstream_ms: float | None = None
    cause: str | None = None
    detail: str = ""


class RequestLog:
    """All records in order of completion. Thread-safe."""

    def __init__(self, on_request: Callable[[RequestRecord], None] | None = None) -> None:
        self._records: list[RequestRecord] = []
        self._lock = threading.Lock()
        self._on_request = on_request
        self.callback_error: BaseException | None = None

    def add(self, **facts: object) -> RequestRecord:
        """Add a record and pass it to the callback. An exception of the callback is kept in `callback_error`."""
        with self._lock:
            record = RequestRecord(index=len(self._records), **facts)  # type: ignore[arg-type]
            self._records.append(record)
        if self._on_request is not None:
            try:
                self._on_request(record)
            except Exception as error:  # noqa: BLE001 - the callback is not ours; `Gateway.stop` raises it
                self.callback_error = self.callback_error or error
        return record

    def mark(self) -> int:
        """The current position in the log, for `since`."""
        with self._lock:
            return len(self._records)

    def since(self, mark: int = 0) -> tuple[RequestRecord, ...]:
        with self._lock:
            return tuple(self._records[mark:])

    def summary(self) -> Mapping[str, int]:
        """Totals: requests, responses from the cache, bytes sent, failures."""
        records = self.since()
        return {
            "requests": len(records),
            "from_cache": sum(record.from_cache for record in records),
            "bytes": sum(record.sent for record in records),
            "failures": sum(record.cause is not None for record in records),
        }

    def causes(self, mark: int = 0) -> Mapping[str, int]:
        """The number of failures of each cause since `mark`."""
        return Counter(record.cause for record in self.since(mark) if record.cause is not None)
