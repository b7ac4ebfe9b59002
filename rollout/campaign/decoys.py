"""What stands beside a trial and is nobody's business: things of somebody else whose names are like ours.

They are there before the trial and have to be there, unchanged, after it: folders and files beside the deployment, a
process that carries another run's token, listeners on the ports next to ours, and, on a database server that the trial
is given by its address, a role and databases.
"""

from __future__ import annotations

import contextlib
import os
import random
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import psutil
import psycopg
from psycopg import sql

from rollout.site.manifest import scan
from rollout.site.postgres import DatabaseServer

DECOYS = (
    "folders and files beside the deployment whose names begin or end as its own, one of them like its repository",
    "a process that looks like a server of ours and carries another run's token",
    "listeners on the ports on either side of ours",
    "for every second killed run, a database server by its address, with a role and databases named like ours",
)
_PORTS = range(20000, 32000)
_OTHER_RUN = "20200101-000000-0000ff"
_TEXT = "somebody's own\n"
_LIVES = "import os, time; parent = os.getppid()\nwhile os.getppid() == parent: time.sleep(0.5)"  # as long as we do


@dataclass(frozen=True, slots=True, kw_only=True)
class Decoys:
    """`name` and `port` are those of the deployment that the decoys are like; `folder` holds its folder."""

    name: str
    port: int
    folder: Path
    pid: int
    listeners: tuple[socket.socket, ...]
    server: DatabaseServer | None

    def look(self) -> Mapping[str, str]:
        """How they are now: what → how. Equal answers: nobody has touched them."""
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
def decoys(folder: Path, name: str, *, chance: random.Random, server: DatabaseServer | None = None) -> Iterator[Decoys]:
    """Put them up beside the deployment `folder/name`; they choose its port, so that both neighbours are free, too."""
    for place in (f"{name}2", f"{name}.old", f".{name}2.git", f"{name[:-1]}"):
        (folder / place).mkdir(parents=True)
        (folder / place / "precious.txt").write_text(_TEXT)
    (folder / f"{name}.txt").write_text(_TEXT)
    port, listeners = _neighbours(chance)
    process = subprocess.Popen(
        # In the table of processes it looks like a server of ours.
        (sys.executable, "-c", _LIVES, "beam.smp", "-extra", "mix", "phx.server", f"{name}2"),
        cwd=folder, env={"PATH": os.environ.get("PATH", ""), "XAVOS_RUN": _OTHER_RUN}, start_new_session=True,
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        if server is not None:
            _make_databases(server, name)
        yield Decoys(name=name, port=port, folder=folder, pid=process.pid, listeners=listeners, server=server)
    finally:
        process.kill()
        process.wait()
        for listener in listeners:
            listener.close()


def _neighbours(chance: random.Random) -> tuple[int, tuple[socket.socket, ...]]:
    """A free port whose neighbours are taken: by us."""
    while True:
        port = chance.choice(_PORTS)
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
    """A role and databases whose names begin, or end, as ours do; one row in each."""
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
