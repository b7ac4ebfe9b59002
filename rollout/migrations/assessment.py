"""Asks everything about migrations that are not applied yet: rules, measurement, reversal, and several migrators.

Each question has a copy of the database of its own, which is gone when the answer is there.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from rollout.journal.events import JournalEvent
from rollout.migrations import recording
from rollout.migrations.health import LEDGER
from rollout.migrations.measure import measure
from rollout.migrations.measurement import Measurement
from rollout.migrations.operations import Migration, tables_of
from rollout.migrations.reversible import Reversal, up_down_up
from rollout.migrations.rule import Finding, Settings
from rollout.migrations.rules import judge
from rollout.migrations.seed import Seeded, seed
from rollout.migrations.several import Several, result_of_one, several
from rollout.site.postgres import DatabaseServer, copy_database, copy_record, undo_copy
from rollout.site.postgres.copies import Act

Command = Callable[[str], object]
"""Runs a migrate command on the database of this name. Raises if it fails."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Assessment:
    """Asks about the migrations of one application.

    `database` is the one in use, owned by `owner`; it is only read. `migrate` applies all missing migrations, and
    `roll_back` takes back those that are not applied now. `rows`: up to how many each table of a copy is filled.
    `act` announces an act with its undo (Journal.act), `record` takes events (Journal.record), `path` is the name of
    the path that they belong to.
    """

    server: DatabaseServer
    database: str
    owner: str
    run: str
    path: str
    act: Act
    record: Callable[[JournalEvent], object]
    migrations: Sequence[Migration]
    settings: Settings
    migrate: Command
    roll_back: Command
    rows: int = 20_000
    ledger: str = LEDGER

    @property
    def new(self) -> tuple[Migration, ...]:
        """The migrations that are not applied yet."""
        return tuple(each for each in self.migrations if each.version not in self.settings.applied)

    def judge(self) -> tuple[Finding, ...]:
        """What the rules find. Needs no database."""
        found = judge(self.migrations, self.settings)
        self.record(recording.judged(self.path, self.migrations, found, self.settings))
        return found

    def measure(self) -> Measurement:
        """What the migrations do to others, on a copy whose tables are filled."""
        with self._copy("measured") as (name, seeded):
            found = measure(
                self.server.connect,
                name,
                migrate=lambda: self.migrate(name),
                tables=tables_of(self.new),
                ledger=self.ledger,
            )
        self.record(recording.measured(self.path, found, seeded))
        return found

    def reverse(self) -> Reversal:
        """Whether up, down, up keeps schema and rows."""
        with self._copy("reversed") as (name, _):
            found = up_down_up(
                self.server.connect,
                name,
                up=lambda: self.migrate(name),
                down=lambda: self.roll_back(name),
                ledger=self.ledger,
            )
        self.record(recording.reversal(self.path, found))
        return found

    def race(self, migrators: int = 3, *, deadline: float = 300.0) -> Several:
        """Whether several migrators at once do the work once."""
        with self._copy("alone") as (alone, _):
            self.migrate(alone)
            expected = result_of_one(self.server.connect, alone, self.ledger)
        with self._copy("raced") as (name, _):
            runs = [lambda: self.migrate(name)] * migrators
            found = several(self.server.connect, name, runs, alone=expected, deadline=deadline, ledger=self.ledger)
        self.record(recording.raced(self.path, migrators, found))
        return found

    @contextlib.contextmanager
    def _copy(self, purpose: str) -> Iterator[tuple[str, tuple[Seeded, ...]]]:
        """A filled copy. Its undo record stays in the journal; undoing it again finds nothing."""
        name = copy_database(self.server, self.database, owner=self.owner, run=self.run, act=self.act, purpose=purpose)
        try:
            with self.server.connect(name) as connection:
                seeded = seed(connection, self.rows, ledger=self.ledger)
            yield name, seeded
        finally:
            undo_copy(copy_record(self.server, name=name, owner=self.owner, run=self.run), self.server)
