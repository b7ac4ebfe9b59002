"""Connects to a database server as its administrator."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from rollout.diagnosis import named
from rollout.environment import remove_libpq_variables
from rollout.environment.subprocesses import NOWHERE
from rollout.site.postgres.errors import DatabaseDenied, DatabaseMisconfigured, DatabaseUnreachable

Connection = psycopg.Connection[tuple[Any, ...]]

SUPERUSER = "postgres"  # of the suite's own servers; also the user in config/dev.exs of a fresh application
USUAL_PORT = 5432
CONNECT_SECONDS = 5
# libpq reads these files (passwords, certificates) from the home folder unless others are named.
_NO_FILES = {
    "passfile": f"{NOWHERE}/pgpass", "sslcert": f"{NOWHERE}/postgresql.crt", "sslkey": f"{NOWHERE}/postgresql.key",
    "sslrootcert": f"{NOWHERE}/root.crt", "sslcrl": f"{NOWHERE}/root.crl",
}  # fmt: skip
_MISCONFIGURED = {"database_misconfigured", "certificate_untrusted"}
_DENIED = (
    "authentication failed",
    "pg_hba.conf",
    "no password supplied",
    "permission denied",
    "not permitted to log in",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    """Address, user and password. `parameters`: further libpq keywords, e.g. sslmode. The repr omits the password."""

    host: str
    port: int
    user: str
    password: str = field(repr=False)
    maintenance: str = "postgres"
    parameters: Mapping[str, str] = field(default_factory=dict)

    def connect(self, database: str | None = None) -> Connection:
        """Open a connection in autocommit mode; raises DatabaseUnreachable, DatabaseDenied or DatabaseMisconfigured."""
        try:
            return open_connection(self._address(database or self.maintenance))
        except psycopg.Error as error:
            reason = _last_line(str(error))
            if any(sign in reason for sign in _DENIED) or (' role "' in reason and "does not exist" in reason):
                raise DatabaseDenied(host=self.host, port=self.port, user=self.user, reason=reason) from None
            if (found := named(reason)) and found.cause in _MISCONFIGURED:
                raise DatabaseMisconfigured(host=self.host, port=self.port, reason=reason) from None
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
        """Environment variables for libpq's programs, with the password, so that no command line contains it."""
        variables = {
            "PGHOST": host or self.host,
            "PGPORT": str(port or self.port),
            "PGUSER": self.user,
            "PGCONNECT_TIMEOUT": str(CONNECT_SECONDS),
            **{f"PG{keyword.upper()}": place for keyword, place in _NO_FILES.items()},
            "PGSERVICEFILE": NOWHERE,
            "PGSYSCONFDIR": NOWHERE,
            "LC_ALL": "C.UTF-8",
        }
        if self.password:
            variables["PGPASSWORD"] = self.password
        passed = {key: value for key, value in self.parameters.items() if key.startswith("ssl") or key in _NO_FILES}
        variables.update({f"PG{key.upper()}": value for key, value in passed.items()})
        return variables


def open_connection(conninfo: str = "", **keywords: Any) -> Connection:
    """Connect in autocommit mode with the given parameters only. PG… variables and files at home are ignored.

    Raises the errors of psycopg.connect.
    """
    remove_libpq_variables()
    given = {**conninfo_to_dict(conninfo), **keywords}
    return psycopg.connect(make_conninfo("", **{**_NO_FILES, **given}), autocommit=True)


def wait_until_answering(login: Login, *, seconds: float, still_up: Callable[[], None] = lambda: None) -> None:
    """Wait until the server accepts a connection. Raises the last error after `seconds`.

    `still_up` is called between attempts. It raises if waiting is pointless.
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
    """A port of 127.0.0.1 that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _last_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return (lines[-1] if lines else "no answer").removesuffix(".")
