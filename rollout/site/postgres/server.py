"""What every database server can do, whoever runs it."""

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
        """Bring it up and check it; what it creates is announced in the journal before."""

    def stop(self) -> None:
        """Shut it down and remove it with its data, where it is ours; prove that it is gone."""

    def pause(self) -> None:
        """Shut it down, keep its data. Raises CannotInterrupt where `can_interrupt` is false."""

    def resume(self) -> None:
        """Start it again, on the same port; silent where it runs."""

    def connect(self, database: str | None = None) -> Connection:
        """As administrator, in autocommit mode; to the maintenance database where none is named."""

    def url(self, *, user: str, password: str, database: str) -> str:
        """Ecto's URL, as seen from the forge."""

    def dump(self, database: str) -> bytes:
        """The database in pg_dump's custom format. Raises DumpUnavailable."""

    def restore(self, database: str, dump: bytes, *, owner: str) -> None:
        """Make the database exactly what was dumped, owned by `owner`; whatever it held before is lost."""

    def secrets(self) -> Mapping[str, str]:
        """What `attach` needs besides a record: user and password of the administrator."""

    def undo_record(self) -> Mapping[str, Any]:
        """The undo of `start` as data; empty where it creates nothing."""


class Server(ABC):
    """The half that all kinds share: everything that goes through a Login."""

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
        """The client programs that fit this server."""

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
        """e.g. "17.6"; asked once."""
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
        who, secret, what = (quote(part, safe="") for part in (user, password, database))
        return f"ecto://{who}:{secret}@{host}:{port}/{what}" + ("?ssl=true" if secure else "")

    def dump(self, database: str) -> bytes:
        return dump_database(self._toolbox(), database)

    def restore(self, database: str, dump: bytes, *, owner: str) -> None:
        restore_database(self._toolbox(), self.connect, database, dump, owner=owner, server_major=self.major)

    def secrets(self) -> Mapping[str, str]:
        return {"user": self._login.user, "password": self._login.password}
