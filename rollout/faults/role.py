"""Faults that take rights or connections from the deployment's database role, or change its password."""

from __future__ import annotations

import contextlib
import re
import secrets
import threading
import time
from abc import abstractmethod
from typing import NamedTuple

from psycopg import sql

from rollout.faults.fault import FaultSpec
from rollout.faults.log_witness import UNANSWERED, LogWitnessFault
from rollout.phases.step import Step
from rollout.process import Request
from rollout.site.postgres import SUPERUSER, Connection
from rollout.site.postgres.login import open_connection
from rollout.site.site import Site

_OURS = "xavos-rollout"  # application_name of our own connections
_ATTRIBUTES = "SELECT rolpassword, rolcreatedb, rolconnlimit, rolsuper FROM pg_authid WHERE rolname = %s"
_SESSIONS = """SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
               WHERE usename = %s AND backend_type = 'client backend' AND application_name <> %s
               AND backend_start < clock_timestamp() - make_interval(secs => %s)"""
_MIGRATING = re.compile(r"\becto\.migrate\b|\bash\.setup\b|\bmix test\b")
_KILLS = (1, 3)
_KILL_SECONDS = (0.05, 0.4)
# The age at which a session is killed. Migrations of a rehearsal take at most 0.1 s.
_OLD_SECONDS = (0.0, 0.05)
_POLL_SECONDS = 0.01
_IMPOSTOR = "xavos_fault"


class Role(NamedTuple):
    """The attributes of a role, as `_ATTRIBUTES` selects them."""

    verifier: str | None
    may_create: bool
    limit: int
    is_superuser: bool


class RoleFault(LogWitnessFault):
    """Alters the role and restores it. A role that is gone by then is left alone.

    In the phase that creates the role, the fault strikes after that. In a later phase, the persistent form strikes
    before the phase's fingerprint, which contains the role's attributes, and ends after the rollback. On an observed
    path the role is the superuser, so the connection that restores it is opened first.
    """

    is_over_with_its_phase = True

    def __init__(self, spec: FaultSpec, logged: str) -> None:
        super().__init__(spec, r"(?!)", logged=logged)
        self.admin: Connection | None = None

    def starts_with(self, step: Step) -> bool:
        return False

    def before_fingerprint(self, site: Site) -> None:
        if not self.spec.is_transient and site.provisioned:
            self.start(site)

    def inject(self, site: Site) -> None:
        self.admin = self.server.connect()
        found = self.admin.execute(_ATTRIBUTES, (site.role,)).fetchone()
        if found is not None:
            self.alter(site, self.admin, Role(*found))

    @abstractmethod
    def alter(self, site: Site, admin: Connection, now: Role) -> None:
        """Alter the role, whose present attributes are `now`."""

    def revert(self, site: Site) -> None:
        if self.admin is None:
            return
        with contextlib.closing(self.admin):
            if self.admin.execute(_ATTRIBUTES, (site.role,)).fetchone() is not None:
                self.restore(site, self.admin)

    @abstractmethod
    def restore(self, site: Site, admin: Connection) -> None:
        """Restore the attributes."""


class WrongPassword(RoleFault):
    """The role gets another password than the deployment knows."""

    def __init__(self, spec: FaultSpec) -> None:
        super().__init__(spec, r'password authentication failed for user "')
        self._verifier = ""

    def alter(self, site: Site, admin: Connection, now: Role) -> None:
        self._verifier = now.verifier or ""
        other = admin.pgconn.encrypt_password(
            secrets.token_bytes(16).hex().encode(), site.role.encode(), b"scram-sha-256"
        )
        _alter(admin, site.role, sql.SQL("PASSWORD {}").format(other.decode()))

    def restore(self, site: Site, admin: Connection) -> None:
        _alter(admin, site.role, sql.SQL("PASSWORD {}").format(self._verifier))


class NoCreateDb(RoleFault):
    """The role may not create databases. A superuser always may, so a plain role takes its name meanwhile."""

    def __init__(self, spec: FaultSpec) -> None:
        super().__init__(spec, r"permission denied to create database")
        self._keeper: Connection | None = None

    def alter(self, site: Site, admin: Connection, now: Role) -> None:
        if not now.is_superuser:
            _alter(admin, site.role, sql.SQL("NOCREATEDB"))
            return
        password = secrets.token_urlsafe(16)
        admin.execute(sql.SQL("CREATE ROLE {} SUPERUSER LOGIN PASSWORD {}").format(sql.Identifier(_IMPOSTOR), password))
        self._keeper = open_connection(
            host=self.server.host, port=self.server.port, dbname=SUPERUSER, user=_IMPOSTOR, password=password,
            application_name=_OURS,
        )  # fmt: skip
        _rename(self._keeper, site.role, _aside(site.role))
        self._keeper.execute(
            sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}").format(sql.Identifier(site.role), now.verifier or "")
        )

    def restore(self, site: Site, admin: Connection) -> None:
        if self._keeper is None:
            _alter(admin, site.role, sql.SQL("CREATEDB"))
            return
        with contextlib.closing(self._keeper) as keeper:
            keeper.execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(site.role)))
            _rename(keeper, _aside(site.role), site.role)
        admin.execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(_IMPOSTOR)))


class ConnectionLimit(RoleFault):
    """The role gets no more connections. A superuser has no limit, so all connections of the server are used up."""

    def __init__(self, spec: FaultSpec) -> None:
        super().__init__(spec, r'too many connections for role "|too many clients already|remaining connection slots')
        self._limit = -1
        self._held: list[Connection] = []

    def alter(self, site: Site, admin: Connection, now: Role) -> None:
        self._limit = now.limit
        if not now.is_superuser:
            _alter(admin, site.role, sql.SQL("CONNECTION LIMIT 0"))
            return
        with contextlib.suppress(*UNANSWERED):
            while True:
                self._held.append(self.server.connect())

    def restore(self, site: Site, admin: Connection) -> None:
        for held in self._held:
            held.close()
        if not self._held:
            _alter(admin, site.role, sql.SQL("CONNECTION LIMIT {}").format(self._limit))


class Killed(LogWitnessFault):
    """Ends sessions of the role while migrations run: a few times, or until the path ends."""

    def __init__(self, spec: FaultSpec) -> None:
        super().__init__(spec, r"(?!)", logged=r"terminating connection due to administrator command")
        self._kills = self.chance.randint(*_KILLS) if spec.is_transient else None
        self._session_age = self.chance.uniform(*_OLD_SECONDS) if spec.is_transient else 0.0

    def starts_with(self, step: Step) -> bool:
        return False

    def starts_before(self, request: Request) -> bool:
        return _MIGRATING.search(" ".join(request.argv)) is not None

    def inject(self, site: Site) -> None:
        threading.Thread(target=self._kill, args=(site,), daemon=True).start()

    def bite(self, site: Site, evidence: str) -> None:
        """Count one bite. The transient form ends after a number of kills, not with a bite."""
        if self._has_started:
            self.record_bite(evidence)

    def _kill(self, site: Site) -> None:
        while self._continues():
            with contextlib.suppress(*UNANSWERED), self.server.connect() as admin:
                while self._continues():
                    ended = admin.execute(_SESSIONS, (site.role, _OURS, self._session_age)).fetchone()
                    if self._kills is not None and ended != (0,):
                        self._kills -= 1
                        time.sleep(self.chance.uniform(*_KILL_SECONDS))
                    time.sleep(_POLL_SECONDS)
            time.sleep(_POLL_SECONDS)

    def _continues(self) -> bool:
        return not self.is_over and self._kills != 0


def _alter(admin: Connection, role: str, what: sql.Composable) -> None:
    admin.execute(sql.SQL("ALTER ROLE {} {}").format(sql.Identifier(role), what))


def _rename(admin: Connection, role: str, to: str) -> None:
    admin.execute(sql.SQL("ALTER ROLE {} RENAME TO {}").format(sql.Identifier(role), sql.Identifier(to)))


def _aside(role: str) -> str:
    return f"{role}_{_IMPOSTOR}"
