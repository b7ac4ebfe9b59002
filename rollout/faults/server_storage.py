"""Faults of the database server: its disk is full, or the database's name is taken."""

from __future__ import annotations

import contextlib
from typing import Any

from psycopg import sql

from rollout.faults.fault import Fault, Wound
from rollout.faults.log_witness import UNANSWERED, Heard, container_of
from rollout.faults.output_witness import chain_of
from rollout.process import Outcome
from rollout.site.engine import container_exec
from rollout.site.postgres import Connection, DatabaseServer
from rollout.site.site import Site

_SPACE = "xavos_fault"
# Every container has this memory file system, which is as small as a full disk has to be (64 MiB).
_DISK = f"/dev/shm/{_SPACE}"  # noqa: S108 - the container's own
_FILLER = f"{_DISK}/filler"
_SOMEBODY = "somebody_else"
_HEIRLOOM = "heirloom"


class Full(Heard):
    """The disk has no more room that new databases, tables and indexes go to; what is there already is elsewhere.

    The transient form ends with room being made.
    """

    def __init__(self, wound: Wound) -> None:
        super().__init__(wound, r"(?!)", logged=r"No space left on device")

    def bring_about(self, site: Site) -> None:
        _inside(self.server, f"mkdir -p -m 700 {_DISK}")
        with self.server.connect() as connection:
            connection.execute(f"CREATE TABLESPACE {_SPACE} LOCATION '{_DISK}'")
            connection.execute(f"GRANT CREATE ON TABLESPACE {_SPACE} TO PUBLIC")
            connection.execute(f"ALTER DATABASE template1 SET TABLESPACE {_SPACE}")
            connection.execute(f"ALTER SYSTEM SET default_tablespace = '{_SPACE}'")
            connection.execute("SELECT pg_reload_conf()")
        # It ends with the error that is wanted.
        _inside(self.server, f"dd if=/dev/zero of={_FILLER} bs=8k || true")

    def put_right(self, site: Site) -> None:
        """Room is made; what has found its place there stays there, as long as the server."""
        _inside(self.server, f"rm -f {_FILLER}")
        with self.server.connect() as connection:
            connection.execute("ALTER SYSTEM RESET default_tablespace")
            connection.execute("SELECT pg_reload_conf()")
            connection.execute("ALTER DATABASE template1 SET TABLESPACE pg_default")


class NameTaken(Fault):
    """There is a database of the name that the deployment wants; it is somebody else's, with something in it.

    It is there before the phase is looked at, and until its rollback has been looked at: it has to stay as it is.
    """

    is_over_with_its_phase = True

    def __init__(self, wound: Wound) -> None:
        super().__init__(wound)
        self._server: DatabaseServer | None = None
        self._name = ""
        self._before: str | None = None

    def look(self, site: Site) -> None:
        self._server, self._name = site.database, site.databases["dev"]
        with self._server.connect() as connection:
            _execute(connection, "CREATE ROLE {} NOLOGIN", _SOMEBODY)
            _execute(connection, "CREATE DATABASE {} OWNER {}", self._name, _SOMEBODY)
        with self._server.connect(self._name) as connection:
            _execute(connection, "CREATE TABLE {} (worth text)", _HEIRLOOM)
            _execute(connection, "INSERT INTO {} VALUES ('much')", _HEIRLOOM)
            _execute(connection, "ALTER TABLE {} OWNER TO {}", _HEIRLOOM, _SOMEBODY)
        self._before = site.database_digest(self._name)

    def commanded(self, site: Site, outcome: Outcome) -> None:
        said = next((line for line in outcome.tail.splitlines() if "already been created" in line), None)
        if said is not None:
            self.saw(f"{outcome.request.label}: {said.strip()}")

    def failed(self, site: Site, error: BaseException) -> None:
        for each in chain_of(error):
            if self._name in str(each) and "exists already" in str(each):
                self.saw(str(each))

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        """A path that only looks whether it is there may have taken it for its own."""
        site = self._step.site
        with contextlib.suppress(*UNANSWERED):
            if site.database_digest(self._name) != self._before:
                self.saw(f"{self._name}, which is {_SOMEBODY}'s, is not as it was")
        if error is not None:
            self.failed(site, error)
            if self._step.phase.observed:
                self.over(site)

    def lift(self, site: Site) -> None:
        if self._server is None:
            return
        with contextlib.suppress(*UNANSWERED), self._server.connect() as connection:
            _execute(connection, "DROP DATABASE IF EXISTS {} WITH (FORCE)", self._name)
            _execute(connection, "DROP ROLE IF EXISTS {}", _SOMEBODY)


def _execute(connection: Connection, statement: str, *names: str) -> None:
    connection.execute(sql.SQL(statement).format(*map(sql.Identifier, names)))


def _inside(server: DatabaseServer, command: str) -> None:
    """Run a command that may be run twice, as the server's own user. Raises OSError with what it says."""
    with container_of(server) as container:
        ended = container_exec.ask(container, "sh", "-c", command, repeatable=True, user="postgres")
    if ended.exit_code:
        raise OSError(0, f"{command}: {ended.errors!r}")
