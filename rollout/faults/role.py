"""Faults that take rights from the deployment's role: login, CREATEDB, connections, sessions."""

from __future__ import annotations

import contextlib
import re
import secrets
import threading
import time
from abc import abstractmethod
from typing import NamedTuple

from psycopg import sql

from rollout.faults.fault import Wound
from rollout.faults.log_witness import UNANSWERED, Heard
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
# So long a session lives that is killed; migrations of a rehearsal take no more than a tenth of a second.
_OLD_SECONDS = (0.0, 0.05)
_POLL_SECONDS = 0.01
_IMPOSTOR = "xavos_fault"


class Role(NamedTuple):
    """What a role has, as `_ATTRIBUTES` asks for it; of the password its verifier."""

    verifier: str | None
    may_create: bool
    limit: int
    is_superuser: bool


class OnTheRole(Heard):
    """The role is altered, and put back as it was; one that is gone by then needs nothing.

    In the phase that makes the role it strikes afterwards. In a later one the persistent form strikes before the phase
    is looked at and ends after its rollback: what the role may do is part of how the site looks. Of a path that is only
    observed the role is the superuser himself; the connection that puts him back is open from the beginning.
    """

    is_over_with_its_phase = True

    def __init__(self, wound: Wound, logged: str) -> None:
        super().__init__(wound, r"(?!)", logged=logged)
        self.admin: Connection | None = None

    def begins_with(self, step: Step) -> bool:
        return False

    def look(self, site: Site) -> None:
        if not self.wound.is_transient and site.provisioned:
            self.begin(site)

    def bring_about(self, site: Site) -> None:
        self.admin = self.server.connect()
        found = self.admin.execute(_ATTRIBUTES, (site.role,)).fetchone()
        if found is not None:
            self.alter(site, self.admin, Role(*found))

    @abstractmethod
    def alter(self, site: Site, admin: Connection, now: Role) -> None:
        """Take something from the role, of what it has now."""

    def put_right(self, site: Site) -> None:
        if self.admin is None:
            return
        with contextlib.closing(self.admin):
            if self.admin.execute(_ATTRIBUTES, (site.role,)).fetchone() is not None:
                self.restore(site, self.admin)

    @abstractmethod
    def restore(self, site: Site, admin: Connection) -> None:
        """Give it back."""


class WrongPassword(OnTheRole):
    """The role has another password than the deployment knows."""

    def __init__(self, wound: Wound) -> None:
        super().__init__(wound, r'password authentication failed for user "')
        self._verifier = ""

    def alter(self, site: Site, admin: Connection, now: Role) -> None:
        self._verifier = now.verifier or ""
        other = admin.pgconn.encrypt_password(
            secrets.token_bytes(16).hex().encode(), site.role.encode(), b"scram-sha-256"
        )
        _alter(admin, site.role, sql.SQL("PASSWORD {}").format(other.decode()))

    def restore(self, site: Site, admin: Connection) -> None:
        _alter(admin, site.role, sql.SQL("PASSWORD {}").format(self._verifier))


class NoCreateDb(OnTheRole):
    """The role may not create databases. A superuser may do everything: another role takes his name meanwhile."""

    def __init__(self, wound: Wound) -> None:
        super().__init__(wound, r"permission denied to create database")
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


class ConnectionLimit(OnTheRole):
    """The role may have no connection any more. Superusers know no limit: for one, all that there are are in use."""

    def __init__(self, wound: Wound) -> None:
        super().__init__(wound, r'too many connections for role "|too many clients already|remaining connection slots')
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


class Killed(Heard):
    """Sessions of the role are ended while migrations run: some times, or without end."""

    def __init__(self, wound: Wound) -> None:
        super().__init__(wound, r"(?!)", logged=r"terminating connection due to administrator command")
        self._kills = self.chance.randint(*_KILLS) if wound.is_transient else None
        self._old = self.chance.uniform(*_OLD_SECONDS) if wound.is_transient else 0.0

    def begins_with(self, step: Step) -> bool:
        return False

    def begins_before(self, request: Request) -> bool:
        return _MIGRATING.search(" ".join(request.argv)) is not None

    def bring_about(self, site: Site) -> None:
        threading.Thread(target=self._kill, args=(site,), daemon=True).start()

    def met(self, site: Site, evidence: str) -> None:
        """Its end has nothing to do with who has noticed: the kills are counted."""
        if self._has_begun:
            self.saw(evidence)

    def _kill(self, site: Site) -> None:
        while self._goes_on():
            with contextlib.suppress(*UNANSWERED), self.server.connect() as admin:
                while self._goes_on():
                    ended = admin.execute(_SESSIONS, (site.role, _OURS, self._old)).fetchone()
                    if self._kills is not None and ended != (0,):
                        self._kills -= 1
                        time.sleep(self.chance.uniform(*_KILL_SECONDS))
                    time.sleep(_POLL_SECONDS)
            time.sleep(_POLL_SECONDS)

    def _goes_on(self) -> bool:
        return not self.is_over and self._kills != 0


def _alter(admin: Connection, role: str, what: sql.Composable) -> None:
    admin.execute(sql.SQL("ALTER ROLE {} {}").format(sql.Identifier(role), what))


def _rename(admin: Connection, role: str, to: str) -> None:
    admin.execute(sql.SQL("ALTER ROLE {} RENAME TO {}").format(sql.Identifier(role), sql.Identifier(to)))


def _aside(role: str) -> str:
    return f"{role}_{_IMPOSTOR}"
