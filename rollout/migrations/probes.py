"""Short statements on tables in use, as an old release sends them, and how long each waited.

The statements are prepared and name their columns, as Ecto's do. They change no row: an INSERT of no rows and an UPDATE
of no rows take the locks of real ones, and a row lock is taken by SELECT … FOR NO KEY UPDATE.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import psycopg
from psycopg import sql

from rollout.errors import RolloutError
from rollout.migrations.health import Connection

PAUSE = 0.03
_WARM = 2  # rounds before the migration


@dataclass(slots=True, kw_only=True)
class Waits:
    """What one kind of statement on one table has seen. Seconds. `errors`: SQLSTATE → how often.

    `usual` are those that it got before the migration, for example from a trigger that forbids updates. They are left
    out.
    """

    table: str
    kind: str
    count: int = 0
    longest: float = 0.0
    errors: Counter[str] = field(default_factory=Counter)
    usual: set[str] = field(default_factory=set)


def statements(connection: Connection, table: tuple[str, str]) -> Mapping[str, Sequence[sql.Composed]]:
    """Kind of statement → the statements of it, for a table (schema, name)."""
    rows = connection.execute(
        """SELECT attname, attidentity = 'a' FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 0
           AND NOT attisdropped AND attgenerated = '' ORDER BY attnum""",
        (sql.Identifier(*table).as_string(connection),),
    ).fetchall()
    columns = sql.SQL(", ").join(sql.Identifier(str(name)) for name, _ in rows)
    changed = next((str(name) for name, identity in rows if not identity), None)
    place = {"table": sql.Identifier(*table), "columns": columns, "one": sql.Identifier(changed or "")}
    select = sql.SQL("SELECT {columns} FROM {table} LIMIT 1").format(**place)
    found = {"SELECT": [select]}
    if changed:
        found["INSERT"] = [
            sql.SQL(
                "INSERT INTO {table} ({columns}) OVERRIDING SYSTEM VALUE SELECT {columns} FROM {table} WHERE false"
            ).format(**place)
        ]
        found["UPDATE"] = [
            sql.SQL("UPDATE {table} SET {one} = {one} WHERE false").format(**place),
            sql.SQL("SELECT {one} FROM {table} LIMIT 1 FOR NO KEY UPDATE").format(**place),
        ]
    return found


class Probes:
    """A thread and a connection for each table and kind of statement, from `start` to `stop`."""

    def __init__(self, connect: Callable[[], Connection], tables: Sequence[tuple[str, str]]) -> None:
        self._connect = connect
        self._tables = tables
        self._ended = threading.Event()
        self._threads: list[threading.Thread] = []
        self._warm: list[threading.Event] = []
        self._found: list[Waits] = []

    def start(self) -> None:
        """Begin. Returns when every statement has run and is prepared."""
        with self._connect() as connection:
            for table in self._tables:
                for kind, own in statements(connection, table).items():
                    self._begin(Waits(table=".".join(table), kind=kind), own)
        for warm in self._warm:
            warm.wait()

    def stop(self) -> tuple[Waits, ...]:
        """End after the statements that run, and return what was seen."""
        self._ended.set()
        for thread in self._threads:
            thread.join()
        return tuple(self._found)

    def _begin(self, waits: Waits, own: Sequence[sql.Composed]) -> None:
        warm = threading.Event()
        thread = threading.Thread(target=self._run, args=(waits, own, warm), name=f"probe {waits.table}", daemon=True)
        self._found.append(waits)
        self._warm.append(warm)
        self._threads.append(thread)
        thread.start()

    def _run(self, waits: Waits, own: Sequence[sql.Composed], warm: threading.Event) -> None:
        try:
            with contextlib.closing(self._connect()) as connection:
                connection.execute("SET application_name = 'xavos-rollout probe'")
                while not self._ended.is_set():
                    _round(connection, waits, own)
                    if waits.count >= _WARM:
                        warm.set()
                        self._ended.wait(PAUSE)
        except (psycopg.Error, RolloutError) as error:
            waits.errors[getattr(error, "sqlstate", None) or "connection lost"] += 1
        finally:
            warm.set()


def _round(connection: Connection, waits: Waits, own: Sequence[sql.Composed]) -> None:
    for statement in own:
        began = time.monotonic()
        try:
            connection.execute(statement, prepare=True)
        except psycopg.Error as error:
            state = error.sqlstate or "?"
            if connection.closed:
                raise
            if waits.count < _WARM:
                waits.usual.add(state)
            elif state not in waits.usual:
                waits.errors[state] += 1
        waits.longest = max(waits.longest, time.monotonic() - began)
    waits.count += 1
