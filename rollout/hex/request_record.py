"""One record for each request that the gateway answered, and the questions that classification asks of
them.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass

UNREACHABLE_CAUSES = ("unreachable", "timeout", "truncated")


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestRecord:
    """A request as answered. Times: `at` seconds since the epoch, durations in milliseconds; `sent` bytes of
    body.

    `cause` is None where all went well (a plain 404 included), else one of: unreachable, untrusted, timeout, truncated,
    rate_limited, server_error, denied, checksum_mismatch, bad_signature, bad_payload, disk_full,
    cache_failed, git_failed, gateway_failed, or what an interceptor put into `x-gateway-cause`. `upstream_ms`
    is None where upstream was not asked.
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
    """Keeps records in order of completion; safe to use from any thread."""

    def __init__(self, on_request: Callable[[RequestRecord], None] | None = None) -> None:
        self._records: list[RequestRecord] = []
        self._lock = threading.Lock()
        self._on_request = on_request
        self.callback_error: BaseException | None = None

    def add(self, **facts: object) -> RequestRecord:
        """Number the facts, keep them, tell the callback.

        A callback that raises is kept in `callback_error`.
        """
        with self._lock:
            record = RequestRecord(index=len(self._records), **facts)  # type: ignore[arg-type]
            self._records.append(record)
        if self._on_request is not None:
            try:
                self._on_request(record)
            except Exception as error:  # noqa: BLE001 - the callback is not ours; `stop` tells of it
                self.callback_error = self.callback_error or error
        return record

    def mark(self) -> int:
        """A place in the log, for `since`."""
        with self._lock:
            return len(self._records)

    def since(self, mark: int = 0) -> tuple[RequestRecord, ...]:
        with self._lock:
            return tuple(self._records[mark:])

    def summary(self) -> Mapping[str, int]:
        """Totals: requests, answers from the cache, bytes sent, failures."""
        records = self.since()
        return {
            "requests": len(records),
            "from_cache": sum(record.from_cache for record in records),
            "bytes": sum(record.sent for record in records),
            "failures": sum(record.cause is not None for record in records),
        }

    def causes(self, mark: int = 0) -> Mapping[str, int]:
        """How often each cause came up since `mark`; empty where all went well."""
        return Counter(record.cause for record in self.since(mark) if record.cause is not None)
