"""Runs a migrate command on a copy of a database, and measures what it does to others."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from psycopg import sql

from rollout.migrations import watch
from rollout.migrations.health import LEDGER, Connection, invalid_indexes, unvalidated_constraints
from rollout.migrations.measurement import Measurement, VersionMeasured, measured, waited_for, windows
from rollout.migrations.probes import Probes, Waits
from rollout.migrations.sampler import Sampler, Span

MOST_TABLES = 8
"""Tables that are probed, with three connections each."""
_PROBED_AT_LEAST = 0.02  # seconds; a shorter wait of a probe is its own time


@dataclass(slots=True, kw_only=True)
class _Observed:
    """What was seen while the command ran."""

    failure: str | None = None
    seconds: float = 0.0
    spans: tuple[Span, ...] = ()
    waits: tuple[Waits, ...] = ()
    samples: int = 0
    problems: list[str] = field(default_factory=list)


def measure(
    connect: Callable[[str], Connection],
    database: str,
    *,
    migrate: Callable[[], object],
    tables: Sequence[tuple[str, str]] | None = None,
    ledger: str = LEDGER,
    interval: float = 0.007,
) -> Measurement:
    """Run `migrate` on the database, which has to be a copy, while locks are sampled and tables in use are probed.

    `connect` opens a connection of an administrator (DatabaseServer.connect). `tables`: (schema, name) of those to
    probe; without it, those with the most rows (see
    `tables_of` for those that migrations touch). An exception of `migrate` is part of the result. `interval`: seconds
    between two samples. Everything that this makes in the copy is gone at the end.
    """
    with connect(database) as connection, _watching(connection, ledger) as watching:
        there = largest_tables(connection, ledger)
        probed = [table for table in (there if tables is None else tables) if table in there][:MOST_TABLES]
        rows = {".".join(table): count(connection, table) for table in probed}
        began, files = _now(connection), watch.files(connection)
        had = {*invalid_indexes(connection), *unvalidated_constraints(connection)}
        seen = _observe(lambda: connect(database), migrate, probed, interval)
        notes = watch.notes(connection)
        split = windows(notes, (files, watch.files(connection)), seen.spans, began)
        found = tuple(measured(window, seen.spans) for window in split)
        last = found[-1]
        return Measurement(
            database=database,
            rows=rows,
            seconds=round(seen.seconds, 3),
            samples=seen.samples,
            versions=found[:-1],
            after=last if _is_worth_telling(last) else None,
            failure=seen.failure,
            errors={f"{each.kind} {each.table}": dict(each.errors) for each in seen.waits if each.errors},
            longest_probe=_longest(seen),
            invalid_indexes=tuple(each for each in invalid_indexes(connection) if each not in had),
            unvalidated=tuple(each for each in unvalidated_constraints(connection) if each not in had),
            rewrites_seen_by="event trigger and files" if watching.sees_rewrites else "files",
        )


def largest_tables(connection: Connection, ledger: str = LEDGER) -> tuple[tuple[str, str], ...]:
    """The tables of the application (schema, name), those with the most rows first."""
    rows = connection.execute(
        """SELECT n.nspname, c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
           WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND n.nspname !~ '^pg_'
             AND n.nspname NOT IN ('information_schema', 'rollout_watch') AND c.relname <> %s
             AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = c.oid AND d.deptype = 'e')
           ORDER BY c.reltuples DESC, 1, 2""",
        (ledger,),
    ).fetchall()
    return tuple((str(schema), str(name)) for schema, name in rows)


def count(connection: Connection, table: tuple[str, str]) -> int:
    """The number of rows of a table."""
    found = connection.execute(sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(*table))).fetchall()
    return int(str(found[0][0]))


@contextlib.contextmanager
def _watching(connection: Connection, ledger: str) -> Iterator[watch.Watch]:
    watch.remove(connection)
    try:
        yield watch.install(connection, ledger)
    finally:
        watch.remove(connection)


def _observe(
    connect: Callable[[], Connection],
    migrate: Callable[[], object],
    tables: Sequence[tuple[str, str]],
    interval: float,
) -> _Observed:
    seen = _Observed()
    probes, sampler = Probes(connect, tables), Sampler(connect, interval)
    with contextlib.ExitStack() as stack:
        stack.callback(lambda: _ended(seen, probes, sampler))
        probes.start()
        sampler.start()
        began = time.monotonic()
        try:
            migrate()
        except Exception as error:  # noqa: BLE001 - a migration that fails is a result
            seen.failure = f"{type(error).__name__}: {' '.join(str(error).split())}"[:1000]
        seen.seconds = time.monotonic() - began
    return seen


def _longest(seen: _Observed) -> dict[str, float]:
    """The longest time of each kind of statement that has waited for a lock. A row lock does not name its table."""
    targets = waited_for(seen.spans)
    has_row_locks = any("." not in target for target in targets)
    return {
        f"{each.kind} {each.table}": round(each.longest, 3)
        for each in seen.waits
        if each.longest >= _PROBED_AT_LEAST and (has_row_locks or each.table in targets)
    }


def _ended(seen: _Observed, probes: Probes, sampler: Sampler) -> None:
    seen.waits = probes.stop()
    seen.spans = sampler.stop()
    seen.samples = sampler.samples


def _now(connection: Connection) -> float:
    return float(str(connection.execute("SELECT extract(epoch FROM clock_timestamp())").fetchall()[0][0]))


def _is_worth_telling(last: VersionMeasured) -> bool:
    strong = [lock for lock in last.locks if watch.strength(lock.mode) > watch.strength("RowExclusiveLock")]
    return bool(strong or last.rewritten or last.blocked or last.waited)
