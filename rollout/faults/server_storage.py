"""Faults of the database server's storage: its disk is full, or the name of the database is taken."""

from __future__ import annotations

import contextlib
from typing import Any

from psycopg import sql

from rollout.faults.fault import Fault, FaultSpec
from rollout.faults.log_witness import UNANSWERED, LogWitnessFault, container_of
from rollout.faults.output_witness import causes_of
from rollout.phases.step import Step
from rollout.process import Outcome
from rollout.site.engine import container_exec
from rollout.site.postgres import Connection, DatabaseServer
from rollout.site.site import Site

_SPACE = "xavos_fault"
# Every container has this memory file system, which is as small as a full disk has to be (64 MiB).
_DISK = f"/dev/shm/{_SPACE}"  # noqa: S108 - the container's own
_FILLER = f"{_DISK}/filler"
_OTHER_ROLE = "somebody_else"
_TABLE = "heirloom"


class Full(LogWitnessFault):
    """The disk for new databases, tables and indexes is full. Existing ones are on another disk.

    The transient form ends when space is freed.
    """

    def __init__(self, spec: FaultSpec) -> None:
        super().__init__(spec, r"(?!)", logged=r"No space left on device")

    def starts_with(self, step: Step) -> bool:
        """Also with the phase that creates the database of production, which needs no command of the forge."""
        return step.phase.name == "instances" or super().starts_with(step)

    def inject(self, site: Site) -> None:
        _inside(self.server, f"mkdir -p -m 700 {_DISK}")
        with self.server.connect() as connection:
            connection.execute(f"CREATE TABLESPACE {_SPACE} LOCATION '{_DISK}'")
            connection.execute(f"GRANT CREATE ON TABLESPACE {_SPACE} TO PUBLIC")
            connection.execute(f"ALTER DATABASE template1 SET TABLESPACE {_SPACE}")
            connection.execute(f"ALTER SYSTEM SET default_tablespace = '{_SPACE}'")
            connection.execute("SELECT pg_reload_conf()")
        # dd fails when the disk is full, as intended.
        _inside(self.server, f"dd if=/dev/zero of={_FILLER} bs=8k || true")

    def revert(self, site: Site) -> None:
        """Free the space. Tables on this disk stay there until the server is removed."""
        _inside(self.server, f"rm -f {_FILLER}")
        with self.server.connect() as connection:
            connection.execute("ALTER SYSTEM RESET default_tablespace")
            connection.execute("SELECT pg_reload_conf()")
            connection.execute("ALTER DATABASE template1 SET TABLESPACE pg_default")


class NameTaken(Fault):
    """Another role has a database with the name that the deployment wants, and a table in it.

    It exists from before the phase's fingerprint until after its rollback, and must not change.
    """

    is_over_with_its_phase = True

    def __init__(self, spec: FaultSpec) -> None:
        super().__init__(spec)
        self._server: DatabaseServer | None = None
        self._name = ""
        self._before: str | None = None

    def before_fingerprint(self, site: Site) -> None:
        self._server, self._name = site.database, site.databases["dev"]
        with self._server.connect() as connection:
            _execute(connection, "CREATE ROLE {} NOLOGIN", _OTHER_ROLE)
            _execute(connection, "CREATE DATABASE {} OWNER {}", self._name, _OTHER_ROLE)
        with self._server.connect(self._name) as connection:
            _execute(connection, "CREATE TABLE {} (worth text)", _TABLE)
            _execute(connection, "INSERT INTO {} VALUES ('much')", _TABLE)
            _execute(connection, "ALTER TABLE {} OWNER TO {}", _TABLE, _OTHER_ROLE)
        self._before = site.database_digest(self._name)

    def after_command(self, site: Site, outcome: Outcome) -> None:
        said = next((line for line in outcome.tail.splitlines() if "already been created" in line), None)
        if said is not None:
            self.record_bite(f"{outcome.request.label}: {said.strip()}")

    def failed(self, site: Site, error: BaseException) -> None:
        for each in causes_of(error):
            if self._name in str(each) and "exists already" in str(each):
                self.record_bite(str(each))

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        """Check whether the path has changed the database."""
        site = self._step.site
        with contextlib.suppress(*UNANSWERED):
            if site.database_digest(self._name) != self._before:
                self.record_bite(f"{self._name}, which is {_OTHER_ROLE}'s, has changed")
        if error is not None:
            self.failed(site, error)
            if self._step.phase.observed:
                self.over(site)

    def lift(self, site: Site) -> None:
        if self._server is None:
            return
        with contextlib.suppress(*UNANSWERED), self._server.connect() as connection:
            _execute(connection, "DROP DATABASE IF EXISTS {} WITH (FORCE)", self._name)
            _execute(connection, "DROP ROLE IF EXISTS {}", _OTHER_ROLE)


def _execute(connection: Connection, statement: str, *names: str) -> None:
    connection.execute(sql.SQL(statement).format(*map(sql.Identifier, names)))


def _inside(server: DatabaseServer, command: str) -> None:
    """Run an idempotent command as the server's user. Raises OSError with its error output."""
    with container_of(server) as container:
        ended = container_exec.ask(container, "sh", "-c", command, repeatable=True, user="postgres")
    if ended.exit_code:
        raise OSError(0, f"{command}: {ended.errors!r}")
