"""Production faults of what surrounds the instances: the migrate command, the proxy, the image, the settings."""

from __future__ import annotations

import contextlib
import secrets
import threading
from collections.abc import Callable

from rollout.errors import RolloutError
from rollout.faults.fault import FaultSpec
from rollout.faults.log_witness import UNANSWERED
from rollout.faults.production_roll import RollFault
from rollout.site.fault_points import RunningFleet
from rollout.site.site import Site

_POLL_SECONDS = 0.02
_JOIN_SECONDS = 120.0
_SECRET = "SECRET_KEY_BASE"  # noqa: S105 - the name of a setting
# Sessions that are younger than the fault, except those of the suite.
_SESSIONS = """SELECT count(*) FROM pg_stat_activity WHERE datname = %s AND backend_type = 'client backend'
               AND application_name <> 'xavos-rollout' AND backend_start >= %s"""


class MigrateFault(RollFault):
    """Strikes while the migrate command of the new release runs. Steps tell when that begins and ends."""

    occasions = 1

    def is_step(self, text: str) -> bool:
        return text == f"migrations of {self.new}"

    def is_end(self, text: str) -> bool:
        return text == f"migrations of {self.new} ended"


class MigrationKilled(MigrateFault):
    """The migrate command is killed when it has connected to the database. Persistent: the second one too."""

    def __init__(self, spec: FaultSpec) -> None:
        super().__init__(spec)
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None

    def watch(self, site: Site, text: str, fleet: RunningFleet) -> None:
        if self.is_end(text) and self._thread is not None:
            self._ended.set()
            self._thread.join(_JOIN_SECONDS)

    def meet(self, site: Site, text: str, fleet: RunningFleet) -> None:
        self._ended.clear()
        self._thread = threading.Thread(target=self._kill, args=(site, fleet, f"{self.new}-migrate"), daemon=True)
        self._thread.start()

    def _kill(self, site: Site, fleet: RunningFleet, name: str) -> None:
        database = site.databases["prod"]
        with contextlib.suppress(*UNANSWERED), site.database.connect(database) as connection:
            since = connection.execute("SELECT clock_timestamp()").fetchone()
            while not self._ended.wait(_POLL_SECONDS) and self.is_active:
                found = connection.execute(_SESSIONS, (database, since[0] if since else None)).fetchone()
                if found and found[0] and fleet.kill(name):
                    self.bitten(site, f"{name} had {found[0]} connections to the database and was sent SIGKILL")
                    since = connection.execute("SELECT clock_timestamp()").fetchone()


class SecondDeployment(MigrateFault):
    """A second deployment runs the same migrate command at the same moment. If it fails, the phase fails."""

    def __init__(self, spec: FaultSpec) -> None:
        super().__init__(spec)
        self._thread: threading.Thread | None = None
        self._applied: tuple[str, ...] | None = None
        self._error: RolloutError | None = None

    def watch(self, site: Site, text: str, fleet: RunningFleet) -> None:
        if not self.is_end(text) or self._thread is None:
            return
        self._thread.join(_JOIN_SECONDS)
        self._thread = None
        if self._error is not None:
            self.record_bite(f"the second migrate command: {self._error.message}")
            raise self._error
        if self._applied is not None:
            applied = ", ".join(self._applied) or "nothing new"
            self.bitten(site, f"a second migrate command ran at the same time: exit 0, both have applied {applied}")

    def meet(self, site: Site, text: str, fleet: RunningFleet) -> None:
        self._thread = threading.Thread(target=self._migrate, args=(fleet, self.new), daemon=True)
        self._thread.start()

    def _migrate(self, fleet: RunningFleet, label: str) -> None:
        try:
            self._applied = fleet.migrate_again(label)
        except RolloutError as error:
            self._error = error


class ProxyRestarted(RollFault):
    """The proxy is killed and starts again: once amid a roll, or each time that a new instance gets requests."""

    occasions = 8

    def is_step(self, text: str) -> bool:
        persistent = self.is_of_new(text, "gets requests")
        if not self.spec.is_transient:
            return persistent
        return persistent or self.is_of_new(text, "(?:started|ready)") or text.endswith(" drained")

    def meet(self, site: Site, text: str, fleet: RunningFleet) -> None:
        self.bitten(site, f"the proxy was killed and started after the step {text}: {fleet.restart_proxy()}")


class ImageGone(RollFault):
    """The image of the new release is gone when an instance is to start. Transient: until one could not start."""

    occasions = 1

    def __init__(self, spec: FaultSpec) -> None:
        super().__init__(spec)
        self._restore: Callable[[], None] | None = None

    def is_step(self, text: str) -> bool:
        return text == f"migrations of {self.new} ended" and self._restore is None

    def meet(self, site: Site, text: str, fleet: RunningFleet) -> None:
        self._restore = fleet.take_image_away(self.new)

    def watch(self, site: Site, text: str, fleet: RunningFleet) -> None:
        if self._restore is not None and self.is_of_new(text, "is started a second time"):
            self.bitten(site, f"the engine could not start {text.partition(' ')[0]} without its image")

    def lift(self, site: Site) -> None:
        if self._restore is not None:
            with contextlib.suppress(*UNANSWERED):
                self._restore()


class SettingsChanged(RollFault):
    """Instances of the new release get another SECRET_KEY_BASE. Transient: the first one only."""

    occasions = 1

    def __init__(self, spec: FaultSpec) -> None:
        super().__init__(spec)
        self._restore: Callable[[], None] | None = None

    def is_step(self, text: str) -> bool:
        return self.is_of_new(text, "gets requests")

    def watch(self, site: Site, text: str, fleet: RunningFleet) -> None:
        if text.startswith("roll ") and self.is_active and self._restore is None:
            self._restore = fleet.change_settings({_SECRET: secrets.token_urlsafe(64)})

    def meet(self, site: Site, text: str, fleet: RunningFleet) -> None:
        if not self.witness.bites:
            name = text.partition(" ")[0]
            old = next((other for other in fleet.names() if other.startswith(self.old)), "")
            self.bitten(site, f"{name} runs with another {_SECRET}: {self._sessions(fleet, old, name)}")

    def _sessions(self, fleet: RunningFleet, old: str, new: str) -> str:
        """Whether a session that an old instance has begun goes on at the new one. A new cookie begins another one."""
        cookie = fleet.cookie_of(old) if old else ""
        if not cookie:
            return "the page that was requested begins no session"
        if fleet.cookie_of(old, sent=cookie):
            return "each answer sets a cookie, so nothing tells whether the session goes on"
        return f"a session of {old} {'is not known there' if fleet.cookie_of(new, sent=cookie) else 'goes on there'}"

    def lift(self, site: Site) -> None:
        if self._restore is not None:
            self._restore()
