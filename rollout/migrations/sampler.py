"""Samples the locks of a database every few milliseconds while something else runs."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass

from rollout.migrations.health import Connection

OWN = "xavos-rollout"
"""The application_name of our own connections (rollout/site/postgres/login.py)."""
_MOST_SPANS = 20_000
_QUERY = """
SELECT extract(epoch FROM clock_timestamp())::float8, l.pid, a.application_name, l.mode, l.granted,
       CASE WHEN l.locktype = 'relation' THEN n.nspname || '.' || c.relname ELSE l.locktype END,
       CASE WHEN NOT l.granted THEN left(a.query, 300) END,
       CASE WHEN NOT l.granted THEN pg_blocking_pids(l.pid) END,
       {waiting_since}, extract(epoch FROM a.xact_start)::float8
FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid
LEFT JOIN pg_class c ON c.oid = l.relation LEFT JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE a.datname = current_database() AND a.backend_type = 'client backend' AND a.pid <> pg_backend_pid()
  AND ((l.locktype = 'relation' AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
        AND n.nspname !~ '^pg_' AND n.nspname NOT IN ('information_schema', 'rollout_watch')
        AND c.relkind IN ('r', 'p', 'm'))
       OR (l.locktype <> 'relation' AND NOT l.granted))
"""
_WAITING_SINCE = "extract(epoch FROM l.waitstart)::float8"  # PostgreSQL 14 and newer
_Key = tuple[int, str, str, bool, float]


@dataclass(slots=True, kw_only=True)
class Span:
    """A lock that a backend held, or waited for, from the first to the last sample that saw it.

    The beginning of a wait is exact from PostgreSQL 14 on. Times are seconds since the epoch by the server's clock.
    `target`: schema.table, or what is not a table (`virtualxid`, `transactionid`, `advisory`, …). `blockers`: the
    backends that it waited for. `transaction`: when the backend's transaction began; 0.0 if the server does not say.
    """

    pid: int
    application: str
    mode: str
    target: str
    granted: bool
    first: float
    last: float
    statement: str = ""
    blockers: frozenset[int] = frozenset()
    transaction: float = 0.0

    @property
    def is_ours(self) -> bool:
        """Whether the backend is a connection of this suite, not one of the migrator."""
        return self.application.startswith(OWN)

    @property
    def seconds(self) -> float:
        return self.last - self.first


class Sampler:
    """Samples in a thread, on a connection of its own, from `start` to `stop`."""

    def __init__(self, connect: Callable[[], Connection], interval: float = 0.007) -> None:
        self._connect = connect
        self._interval = interval
        self._ended = threading.Event()
        self._began = threading.Event()
        self._open: dict[_Key, Span] = {}
        self._closed: list[Span] = []
        self._problem: Exception | None = None
        self._thread = threading.Thread(target=self._run, name="samples locks", daemon=True)
        self.samples = 0

    def start(self) -> None:
        """Begin. Returns after the first sample. Raises what the first sample has raised."""
        self._thread.start()
        self._began.wait()
        if self._problem is not None:
            raise self._problem

    def stop(self) -> tuple[Span, ...]:
        """End, and return what was seen. Raises what a sample has raised."""
        self._ended.set()
        self._thread.join()
        if self._problem is not None:
            raise self._problem
        return (*self._closed, *self._open.values())

    def _run(self) -> None:
        try:
            with self._connect() as connection:
                connection.execute("SET statement_timeout = '10s'")
                since = _WAITING_SINCE if connection.info.server_version >= 140000 else "NULL"
                query = _QUERY.format(waiting_since=since).encode()
                while not self._ended.wait(self._interval if self.samples else 0):
                    self._take(connection, query)
                    self._began.set()
        except Exception as error:  # noqa: BLE001 - raised again by start or stop, in the caller's thread
            self._problem = error
        finally:
            self._began.set()

    def _take(self, connection: Connection, query: bytes) -> None:
        self.samples += 1
        seen = set()
        for row in connection.execute(query).fetchall():
            now, pid, application, mode, granted, target, statement, blockers, since, transaction = row
            key = (int(str(pid)), str(mode), str(target), bool(granted), float(str(transaction or 0.0)))
            seen.add(key)
            at = float(str(now))
            span = self._open.get(key)
            if span is None:
                span = Span(
                    pid=key[0],
                    application=str(application),
                    mode=key[1],
                    target=key[2],
                    granted=key[3],
                    first=at if since is None else float(str(since)),
                    last=at,
                    statement=str(statement or ""),
                    transaction=key[4],
                )
                self._open[key] = span
            span.last = at
            if isinstance(blockers, list):
                span.blockers |= frozenset(blockers)
        for key in self._open.keys() - seen:
            ended = self._open.pop(key)
            if len(self._closed) < _MOST_SPANS:
                self._closed.append(ended)
