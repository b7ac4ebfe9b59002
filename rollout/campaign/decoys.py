"""Decoys: unrelated files, processes and databases with similar names, which a trial must not change.

They are created before the trial and must be unchanged after it. So a trial proves that its run touches only its own
things: no file beside the deployment, no process of another run, no neighbouring port, no similar role or database.
"""

from __future__ import annotations

import contextlib
import os
import random
import socket
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import psutil
import psycopg
from psycopg import sql

from rollout.application import APPLICATION
from rollout.process import start
from rollout.site.postgres import DatabaseServer
from rollout.site.store.manifest import scan

DECOYS = (
    "folders and files beside the deployment whose names begin or end like its own, one of them like its repository",
    f"a process that looks like an {APPLICATION.title} server and carries the token of another run",
    "listeners on the two ports next to that of the deployment",
    "for every second killed run, an external database server with a role and databases of similar names",
)
_PORTS = range(20000, 32000)
_OTHER_RUN = "20200101-000000-0000ff"
_TEXT = "foreign content\n"
_PROGRAM = "import os, time; parent = os.getppid()\nwhile os.getppid() == parent: time.sleep(0.5)"  # ends with us


@dataclass(frozen=True, slots=True, kw_only=True)
class Decoys:
    """The decoys of one trial. `name`, `port`: of the deployment that they resemble. `folder`: its parent folder."""

    name: str
    port: int
    folder: Path
    pid: int
    listeners: tuple[socket.socket, ...]
    server: DatabaseServer | None

    def snapshot(self) -> Mapping[str, str]:
        """The current state of the decoys: thing → state. Equal snapshots prove that nothing was changed."""
        facts = {f"beside the deployment: {path}": str(entry) for path, entry in scan(self.folder).entries.items()}
        with contextlib.suppress(psutil.Error):
            process = psutil.Process(self.pid)
            alive = process.is_running() and process.status() != psutil.STATUS_ZOMBIE
            facts[f"process {self.pid}"] = f"since {process.create_time()}" if alive else "ended"
        for listener in self.listeners:
            port = listener.getsockname()[1]
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 2):
                facts[f"listener on port {port}"] = "answers"
        if self.server is not None:
            facts |= _databases(self.server)
        return facts


@contextlib.contextmanager
def decoys(folder: Path, name: str, *, rng: random.Random, server: DatabaseServer | None = None) -> Iterator[Decoys]:
    """Create the decoys beside the deployment `folder/name`. They also choose its port, with two free neighbours."""
    for similar in (f"{name}2", f"{name}.old", f".{name}2.git", f"{name[:-1]}"):
        (folder / similar).mkdir(parents=True)
        (folder / similar / "precious.txt").write_text(_TEXT)
    (folder / f"{name}.txt").write_text(_TEXT)
    port, listeners = _neighbours(rng)
    process = start(
        # In the process table it looks like an XAVOS server.
        (sys.executable, "-c", _PROGRAM, "beam.smp", "-extra", "mix", "phx.server", f"{name}2"),
        cwd=folder, env={"PATH": os.environ.get("PATH", ""), "XAVOS_RUN": _OTHER_RUN},
    )  # fmt: skip
    try:
        if server is not None:
            _make_databases(server, name)
        yield Decoys(name=name, port=port, folder=folder, pid=process.pid, listeners=listeners, server=server)
    finally:
        process.kill()
        for listener in listeners:
            listener.close()


def _neighbours(rng: random.Random) -> tuple[int, tuple[socket.socket, ...]]:
    """A free port, and listeners on the two ports next to it."""
    while True:
        port = rng.choice(_PORTS)
        taken: list[socket.socket] = []
        try:
            taken.append(socket.create_server(("127.0.0.1", port - 1)))
            taken.append(socket.create_server(("127.0.0.1", port + 1)))
            with socket.create_server(("127.0.0.1", port)):
                return port, tuple(taken)
        except OSError:
            for listener in taken:
                listener.close()


def _make_databases(server: DatabaseServer, name: str) -> None:
    """Create a role and databases with similar names, and one table with one row in each database."""
    other = f"{name}2"
    with server.connect() as connection:
        connection.execute(sql.SQL("CREATE ROLE {}").format(sql.Identifier(other)))
        for database in (f"{other}_dev", f"{name}_development", f"old_{name}_dev"):
            connection.execute(
                sql.SQL("CREATE DATABASE {} OWNER {}").format(sql.Identifier(database), sql.Identifier(other))
            )
            with server.connect(database) as inside:
                inside.execute("CREATE TABLE precious (text text)")
                inside.execute("INSERT INTO precious VALUES (%s)", (_TEXT,))


def _databases(server: DatabaseServer) -> Mapping[str, str]:
    facts: dict[str, str] = {}
    with server.connect() as connection:
        for (role,) in connection.execute("SELECT rolname FROM pg_roles WHERE rolname !~ '^pg_'").fetchall():
            facts[f"role {role}"] = ""
        names = connection.execute("SELECT datname FROM pg_database WHERE NOT datistemplate").fetchall()
    for (database,) in names:
        rows = "no such table"
        with contextlib.suppress(psycopg.errors.UndefinedTable), server.connect(str(database)) as inside:
            rows = str(inside.execute("SELECT text FROM precious").fetchall())
        facts[f"database {database}"] = rows
    return facts
