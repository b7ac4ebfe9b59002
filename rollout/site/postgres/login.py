"""Where a server is and who we are there, the administrator."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import psycopg
from psycopg.conninfo import make_conninfo

from rollout.site.postgres.errors import DatabaseDenied, DatabaseUnreachable

Connection = psycopg.Connection[tuple[Any, ...]]

SUPERUSER = "postgres"  # of the servers that are ours; also what config/dev.exs of a fresh application has written in
USUAL_PORT = 5432
CONNECT_SECONDS = 5
_DENIED = (
    "authentication failed",
    "pg_hba.conf",
    "no password supplied",
    "permission denied",
    "not permitted to log in",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    """`parameters` are further libpq keywords, e.g. sslmode. The password is never part of a repr."""

    host: str
    port: int
    user: str
    password: str = field(repr=False)
    maintenance: str = "postgres"
    parameters: Mapping[str, str] = field(default_factory=dict)

    def connect(self, database: str | None = None) -> Connection:
        """Open a connection in autocommit mode; raises DatabaseUnreachable or DatabaseDenied."""
        try:
            return psycopg.connect(self._address(database or self.maintenance), autocommit=True)
        except psycopg.OperationalError as error:
            reason = _last_line(str(error))
            if any(sign in reason for sign in _DENIED) or (' role "' in reason and "does not exist" in reason):
                raise DatabaseDenied(host=self.host, port=self.port, user=self.user, reason=reason) from None
            raise DatabaseUnreachable(host=self.host, port=self.port, reason=reason) from None

    def _address(self, database: str) -> str:
        keywords: dict[str, Any] = {
            "application_name": "xavos-rollout",
            "connect_timeout": CONNECT_SECONDS,
            **self.parameters,
            "host": self.host,
            "port": self.port,
            "user": self.user,
            "password": self.password or None,
            "dbname": database,
        }
        return make_conninfo("", **keywords)

    def environment(self, *, host: str | None = None, port: int | None = None) -> Mapping[str, str]:
        """What libpq's programs need, the password with it, so that no command line carries it."""
        variables = {
            "PGHOST": host or self.host,
            "PGPORT": str(port or self.port),
            "PGUSER": self.user,
            "PGCONNECT_TIMEOUT": str(CONNECT_SECONDS),
            "LC_ALL": "C.UTF-8",
        }
        if self.password:
            variables["PGPASSWORD"] = self.password
        variables.update({f"PG{key.upper()}": value for key, value in self.parameters.items() if key.startswith("ssl")})
        return variables


def wait_until_answering(login: Login, *, seconds: float, still_up: Callable[[], None] = lambda: None) -> None:
    """Return once the server lets us in; raise what it last said after `seconds`.

    `still_up` is asked between attempts and raises where waiting has become pointless.
    """
    until = time.monotonic() + seconds
    while True:
        try:
            login.connect().close()
        except DatabaseUnreachable:
            still_up()
            if time.monotonic() >= until:
                raise
            time.sleep(0.05)
        else:
            return


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _last_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return (lines[-1] if lines else "no answer").removesuffix(".")
