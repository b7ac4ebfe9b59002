"""Starts several migrators at the same moment, and tells whether they did the work once."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from rollout.migrations.health import (
    LEDGER,
    Connection,
    applied_versions,
    invalid_indexes,
    unvalidated_constraints,
)
from rollout.site.postgres import differences, schema


@dataclass(frozen=True, slots=True, kw_only=True)
class Several:
    """What several migrators have left. Empty tuples are good.

    `failures`: number of a migrator → its error; one may fail if another has done the work. `repeated`: versions that
    are recorded more than once. `missing`: versions that one migrator alone records and these do not. `schema`:
    differences from what one migrator alone makes. `hung`: migrators that had not ended at the deadline.
    """

    failures: Mapping[int, str]
    repeated: tuple[str, ...]
    missing: tuple[str, ...]
    invalid_indexes: tuple[str, ...]
    unvalidated: tuple[str, ...]
    schema: tuple[str, ...]
    hung: tuple[int, ...]

    @property
    def did_it_once(self) -> bool:
        """Whether the database is as one migrator leaves it. A failure alone is no fault if the work is done."""
        return not (self.repeated or self.missing or self.invalid_indexes or self.schema or self.hung)


@dataclass(frozen=True, slots=True, kw_only=True)
class Alone:
    """What one migrator leaves: the schema, and the versions of each schema that has a ledger."""

    schema: Mapping[str, str]
    versions: Mapping[str, tuple[int, ...]]


def result_of_one(connect: Callable[[str], Connection], database: str, ledger: str = LEDGER) -> Alone:
    """What one migrator has left in a copy of its own, to compare with."""
    with connect(database) as connection:
        return Alone(schema=schema(connection), versions=applied_versions(connection, ledger))


def several(
    connect: Callable[[str], Connection],
    database: str,
    migrates: Sequence[Callable[[], object]],
    *,
    alone: Alone,
    deadline: float,
    ledger: str = LEDGER,
) -> Several:
    """Run the migrate commands at the same moment, each in a thread, and look at the database afterwards.

    A command has to end by a deadline of its own. One that has not ended after `deadline` seconds is reported as hung.
    """
    failures: dict[int, str] = {}
    barrier = threading.Barrier(len(migrates))

    def run(number: int, migrate: Callable[[], object]) -> None:
        barrier.wait()
        try:
            migrate()
        except Exception as error:  # noqa: BLE001 - a migrator that fails is a result
            failures[number] = f"{type(error).__name__}: {' '.join(str(error).split())}"[:500]

    threads = [
        threading.Thread(target=run, args=(number, migrate), name=f"migrator {number}", daemon=True)
        for number, migrate in enumerate(migrates)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(deadline)
    with connect(database) as connection:
        versions = applied_versions(connection, ledger)
        return Several(
            failures=dict(failures),
            repeated=tuple(_repeated(versions)),
            missing=tuple(_missing(alone.versions, versions)),
            invalid_indexes=invalid_indexes(connection),
            unvalidated=unvalidated_constraints(connection),
            schema=differences(alone.schema, schema(connection)),
            hung=tuple(number for number, thread in enumerate(threads) if thread.is_alive()),
        )


def _repeated(versions: Mapping[str, tuple[int, ...]]) -> list[str]:
    counted = {(place, version): n for place, own in versions.items() for version, n in Counter(own).items()}
    return [f"{place}: {version}" for (place, version), number in sorted(counted.items()) if number > 1]


def _missing(wanted: Mapping[str, tuple[int, ...]], found: Mapping[str, tuple[int, ...]]) -> list[str]:
    return [
        f"{place}: {version}" for place, own in wanted.items() for version in own if version not in found.get(place, ())
    ]
