"""The database server cannot be reached, or answers too late or never: stopped, cut off, frozen, starved."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator

import psutil
import psycopg

from rollout.errors import RolloutError
from rollout.faults.fault import Fault, Wound
from rollout.faults.log_witness import UNANSWERED, Heard, container_of
from rollout.site.postgres import DatabaseServer
from rollout.site.postgres.engine import engine
from rollout.site.site import Site

# Postgrex names the error of the socket; libpq, and with it our own look, says it in words.
REFUSED = r"econnrefused|connection refused|database_unreachable|\b57P0\d|tcp (?:recv|connect)|connection is closed"
_LATE = r"timed? ?out|timeout|couldn't be created: killed|dropped from queue|database_unreachable|not answer"
_UNREACHED = re.compile(r"PostgreSQL .* (?:cannot be reached|did not start)")
_RECONNECTED_SECONDS = (2.0, 8.0)
_NOT_THERE = "xavos_fault_that_is_not_there"
PERIOD, QUOTA = 100_000, 3_000  # microseconds: of every tenth of a second the server may use so much of one CPU
_ENOUGH_SECONDS = 0.2


class Stopped(Heard):
    """The server is shut down, in order, as by its administrator; its data stay."""

    def __init__(self, wound: Wound) -> None:
        super().__init__(wound, REFUSED)
        self.proof = ""

    def bring_about(self, site: Site) -> None:
        self.server.pause()
        self.proof = refusal(self.server)

    def met(self, site: Site, evidence: str) -> None:
        """It counts with both: we were refused ourselves, and so was the deployment."""
        if self.proof:
            super().met(site, f"{evidence} ({self.proof})")

    def put_right(self, site: Site) -> None:
        self.server.resume()


class CutOff(Stopped):
    """The server lives, and nobody gets through to it: its container is on no network."""

    def __init__(self, wound: Wound) -> None:
        super().__init__(wound)
        self._networks: tuple[str, ...] = ()

    def bring_about(self, site: Site) -> None:
        self._networks = disconnect(self.server)
        self.proof = refusal(self.server)

    def put_right(self, site: Site) -> None:
        connect(self.server, self._networks)


class Frozen(Heard):
    """The server takes connections and says nothing: every process of it stands still."""

    def __init__(self, wound: Wound) -> None:
        super().__init__(wound, _LATE)
        self._seen: set[str] = set()

    def bring_about(self, site: Site) -> None:
        with container_of(self.server) as container:
            container.pause()

    def put_right(self, site: Site) -> None:
        with container_of(self.server) as container:
            container.unpause()

    def hear(self, site: Site) -> None:
        if not self.is_over:
            with contextlib.suppress(psutil.Error):  # some systems let only root look
                for waiting in set(waiting_for(self.server)) - self._seen:
                    self._seen.add(waiting)
                    self.met(site, f"{waiting} waits, while the server stands still")
        super().hear(site)


class Starved(Heard):
    """The server has so little of the CPU that every answer is late."""

    def __init__(self, wound: Wound) -> None:
        super().__init__(wound, r"(?!)")
        self._waited = 0.0

    def bring_about(self, site: Site) -> None:
        self._waited = throttled_seconds(self.server)
        with container_of(self.server) as container:
            container.update(cpu_period=PERIOD, cpu_quota=QUOTA)

    def put_right(self, site: Site) -> None:
        with container_of(self.server) as container:
            container.update(cpu_period=PERIOD, cpu_quota=-1)

    def hear(self, site: Site) -> None:
        with contextlib.suppress(*UNANSWERED):
            waited = throttled_seconds(self.server)
            if waited - self._waited >= _ENOUGH_SECONDS:
                self.met(
                    site, f"the server's processes waited {waited - self._waited:.1f} s for their share of the CPU"
                )
                self._waited = waited


class InRollback(Fault):
    """Strikes when the phase begins to be rolled back; the bite is an undo that did not get through at first."""

    strikes_in_rollback = True

    def __init__(self, wound: Wound) -> None:
        super().__init__(wound)
        self.server: DatabaseServer | None = None
        self._since = 0

    def rolling_back(self, site: Site) -> None:
        if site.server is None:
            return
        self.server = site.server
        self._since = len(self.witness.journal.events())
        with contextlib.suppress(*UNANSWERED):
            self.bring_about(self.server, site)

    def bring_about(self, server: DatabaseServer, site: Site) -> None:
        raise NotImplementedError

    def put_right(self, server: DatabaseServer) -> None:
        raise NotImplementedError

    def lift(self, site: Site) -> None:
        if self.server is None:
            return
        for event in self.witness.journal.events()[self._since :]:
            if event["event"] in {"undo.retried", "undo.failed"} and _UNREACHED.search(event["error"]):
                self.saw(f"{event['event']}: {event['error']}")
        with contextlib.suppress(*UNANSWERED):
            self.put_right(self.server)


class GoneInRollback(InRollback):
    """The server is stopped. Persistent: what it was told to load meanwhile is not there, and it does not start again.

    The transient form is over as soon as somebody has started it again, at the latest with the phase's rollback.
    """

    def __init__(self, wound: Wound) -> None:
        super().__init__(wound)
        self.is_over_with_its_phase = wound.is_transient

    def bring_about(self, server: DatabaseServer, site: Site) -> None:
        if not self.wound.is_transient:
            with server.connect() as connection:
                connection.execute(f"ALTER SYSTEM SET shared_preload_libraries = '{_NOT_THERE}'")
        server.pause()

    def put_right(self, server: DatabaseServer) -> None:
        server.resume()


class CutOffInRollback(InRollback):
    """The server lives, and nobody gets through to it: its container is on no network."""

    def __init__(self, wound: Wound) -> None:
        super().__init__(wound)
        self._networks: tuple[str, ...] = ()
        self._lasts = wound.chance().uniform(*_RECONNECTED_SECONDS)

    def bring_about(self, server: DatabaseServer, site: Site) -> None:
        self._networks = disconnect(server)
        if self.wound.is_transient:
            self.after(self._lasts, lambda: self._reconnect(server))

    def _reconnect(self, server: DatabaseServer) -> None:
        with contextlib.suppress(*UNANSWERED):
            self.put_right(server)

    def put_right(self, server: DatabaseServer) -> None:
        networks, self._networks = self._networks, ()
        connect(server, networks)


def refusal(server: DatabaseServer) -> str:
    """What somebody is told who connects to the server now; "" where it lets us in."""
    try:
        server.connect().close()
    except (RolloutError, psycopg.Error) as error:
        return error.message if isinstance(error, RolloutError) else str(error).strip()
    return ""


def disconnect(server: DatabaseServer) -> tuple[str, ...]:
    """Take the server's container off every network it is on; returns their names."""
    with container_of(server) as container, engine() as client:
        names = tuple(container.attrs["NetworkSettings"]["Networks"])
        for name in names:
            client.networks.get(name).disconnect(container)
    return names


def connect(server: DatabaseServer, networks: tuple[str, ...]) -> None:
    """Put the server's container on these networks again, and wait until the server answers."""
    with container_of(server) as container, engine() as client:
        there = container.attrs["NetworkSettings"]["Networks"]
        for name in networks:
            if name not in there:
                client.networks.get(name).connect(container)
    if networks:
        server.resume()


def waiting_for(server: DatabaseServer) -> Iterator[str]:
    """The connections from this machine to the server that there are right now."""
    there = (server.host, server.port)
    for found in psutil.net_connections(kind="tcp"):
        if found.raddr and tuple(found.raddr) == there and found.status == psutil.CONN_ESTABLISHED:
            yield f"the connection from port {found.laddr[1] if found.laddr else 0} to {server.host}:{server.port}"


def throttled_seconds(server: DatabaseServer) -> float:
    """How long the server's container has been kept from the CPU so far."""
    with container_of(server) as container, engine() as client:
        said = client.api.stats(str(container.id), stream=False, one_shot=True)
    return float(said["cpu_stats"]["throttling_data"]["throttled_time"]) / 1e9
