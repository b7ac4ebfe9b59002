"""The interface of a database server, and the code that all kinds share."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, Protocol
from urllib.parse import quote

from rollout.site.postgres.dump import Toolbox, dump_database, restore_database
from rollout.site.postgres.login import Connection, Login

OLDEST = 13


class DatabaseServer(Protocol):
    """A PostgreSQL server. `key` names it in undo records; host, port and version are known after `start`."""

    kind: str
    can_interrupt: bool
    forge_address: tuple[str, int] | None

    @property
    def key(self) -> str: ...

    @property
    def host(self) -> str: ...

    @property
    def port(self) -> int: ...

    @property
    def version(self) -> str: ...

    def start(self) -> None:
        """Start and check it. Everything that it creates is in the journal first."""

    def stop(self) -> None:
        """Stop a server of the suite, remove it with its data, and prove that it is gone."""

    def pause(self) -> None:
        """Stop it and keep its data. Raises CannotInterrupt if `can_interrupt` is false."""

    def resume(self) -> None:
        """Start it again on the same port. Does nothing if it runs."""

    def connect(self, database: str | None = None) -> Connection:
        """Connect as administrator in autocommit mode, by default to the maintenance database."""

    def url(self, *, user: str, password: str, database: str) -> str:
        """The URL for Ecto, as seen from the forge."""

    def dump(self, database: str) -> bytes:
        """Dump the database in pg_dump's custom format. Raises DumpUnavailable."""

    def restore(self, database: str, dump: bytes, *, owner: str) -> None:
        """Replace the database by the dump, owned by `owner`. Its former content is lost."""

    def secrets(self) -> Mapping[str, str]:
        """User and password of the administrator, which `attach` needs besides a record."""

    def undo_record(self) -> Mapping[str, Any]:
        """The undo record of `start`; empty if it creates nothing."""


class Server(ABC):
    """Base class of all kinds: everything that uses a Login."""

    kind: str
    can_interrupt = True

    def __init__(self, login: Login, *, forge_address: tuple[str, int] | None = None) -> None:
        self._login = login
        self._version = ""
        self.forge_address = forge_address

    @property
    @abstractmethod
    def key(self) -> str: ...

    @abstractmethod
    def _toolbox(self) -> Toolbox:
        """Client programs of a version that fits this server."""

    def _seen_from_forge(self) -> tuple[str, int]:
        return self.host, self.port

    @property
    def host(self) -> str:
        return self._login.host

    @property
    def port(self) -> int:
        return self._login.port

    @property
    def version(self) -> str:
        """The version, e.g. "17.6". Queried once."""
        if not self._version:
            with self.connect() as connection:
                self._version = str(connection.info.parameter_status("server_version")).split()[0]
        return self._version

    @property
    def major(self) -> int:
        return int(self.version.partition(".")[0])

    def connect(self, database: str | None = None) -> Connection:
        return self._login.connect(database)

    def url(self, *, user: str, password: str, database: str) -> str:
        host, port = self.forge_address or self._seen_from_forge()
        if ":" in host:
            host = f"[{host}]"
        secure = self._login.parameters.get("sslmode") in {"require", "verify-ca", "verify-full"}
        name, secret, path = (quote(part, safe="") for part in (user, password, database))
        return f"ecto://{name}:{secret}@{host}:{port}/{path}" + ("?ssl=true" if secure else "")

    def dump(self, database: str) -> bytes:
        return dump_database(self._toolbox(), database)

    def restore(self, database: str, dump: bytes, *, owner: str) -> None:
        restore_database(self._toolbox(), self.connect, database, dump, owner=owner, server_major=self.major)

    def secrets(self) -> Mapping[str, str]:
        return {"user": self._login.user, "password": self._login.password}
