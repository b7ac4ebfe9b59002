"""Faults that make the database server unavailable or slow: stopped, disconnected, frozen or starved of CPU."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator

import psutil
import psycopg

from rollout.errors import RolloutError
from rollout.faults.fault import Fault, FaultSpec
from rollout.faults.log_witness import UNANSWERED, LogWitnessFault, container_of
from rollout.site.postgres import DatabaseServer
from rollout.site.postgres.container_tools import engine_client
from rollout.site.site import Site

# Postgrex prints the error code of the socket, libpq a sentence.
REFUSED = r"econnrefused|connection refused|database_unreachable|\b57P0\d|tcp (?:recv|connect)|connection is closed"
_LATE = r"timed? ?out|timeout|couldn't be created: killed|dropped from queue|database_unreachable|not answer"
_UNREACHABLE = re.compile(r"PostgreSQL .* (?:cannot be reached|did not start)")
_RECONNECTED_SECONDS = (2.0, 8.0)
_MISSING_LIBRARY = "xavos_fault_that_is_not_there"
PERIOD, QUOTA = 100_000, 3_000  # microseconds: CPU time that the server may use of every 0.1 s
_THROTTLED_SECONDS = 0.2


class Stopped(LogWitnessFault):
    """The server is shut down cleanly; its data stay."""

    def __init__(self, spec: FaultSpec) -> None:
        super().__init__(spec, REFUSED)
        self.proof = ""

    def inject(self, site: Site) -> None:
        self.server.pause()
        self.proof = refusal(self.server)

    def bite(self, site: Site, evidence: str) -> None:
        """Count one bite if our own connection was refused too."""
        if self.proof:
            super().bite(site, f"{evidence} ({self.proof})")

    def revert(self, site: Site) -> None:
        self.server.resume()


class CutOff(Stopped):
    """The server runs but is unreachable: its container is disconnected from all networks."""

    def __init__(self, spec: FaultSpec) -> None:
        super().__init__(spec)
        self._networks: tuple[str, ...] = ()

    def inject(self, site: Site) -> None:
        self._networks = disconnect(self.server)
        self.proof = refusal(self.server)

    def revert(self, site: Site) -> None:
        connect(self.server, self._networks)


class Frozen(LogWitnessFault):
    """The server accepts connections and does not answer: all its processes are paused."""

    def __init__(self, spec: FaultSpec) -> None:
        super().__init__(spec, _LATE)
        self._seen: set[str] = set()

    def inject(self, site: Site) -> None:
        with container_of(self.server) as container:
            container.pause()

    def revert(self, site: Site) -> None:
        with container_of(self.server) as container:
            container.unpause()

    def poll(self, site: Site) -> None:
        if not self.is_over:
            with contextlib.suppress(psutil.Error):  # on some systems only root may list connections
                for waiting in set(waiting_for(self.server)) - self._seen:
                    self._seen.add(waiting)
                    self.bite(site, f"{waiting} waits while the server is paused")
        super().poll(site)


class Starved(LogWitnessFault):
    """The server gets so little CPU time that every answer is late."""

    def __init__(self, spec: FaultSpec) -> None:
        super().__init__(spec, r"(?!)")
        self._waited = 0.0

    def inject(self, site: Site) -> None:
        self._waited = throttled_seconds(self.server)
        with container_of(self.server) as container:
            container.update(cpu_period=PERIOD, cpu_quota=QUOTA)

    def revert(self, site: Site) -> None:
        with container_of(self.server) as container:
            container.update(cpu_period=PERIOD, cpu_quota=-1)

    def poll(self, site: Site) -> None:
        with contextlib.suppress(*UNANSWERED):
            waited = throttled_seconds(self.server)
            if waited - self._waited >= _THROTTLED_SECONDS:
                self.bite(
                    site, f"the server's processes waited {waited - self._waited:.1f} s for their share of the CPU"
                )
                self._waited = waited


class InRollback(Fault):
    """Strikes when the rollback of the phase starts. An undo that could not reach the server is a bite."""

    strikes_in_rollback = True

    def __init__(self, spec: FaultSpec) -> None:
        super().__init__(spec)
        self.server: DatabaseServer | None = None
        self._since = 0

    def rolling_back(self, site: Site) -> None:
        if site.server is None:
            return
        self.server = site.server
        self._since = len(self.witness.journal.events())
        with contextlib.suppress(*UNANSWERED):
            self.inject(self.server, site)

    def inject(self, server: DatabaseServer, site: Site) -> None:
        raise NotImplementedError

    def revert(self, server: DatabaseServer) -> None:
        raise NotImplementedError

    def lift(self, site: Site) -> None:
        if self.server is None:
            return
        for event in self.witness.journal.events()[self._since :]:
            if event["event"] in {"undo.retried", "undo.failed"} and _UNREACHABLE.search(event["error"]):
                self.record_bite(f"{event['event']}: {event['error']}")
        with contextlib.suppress(*UNANSWERED):
            self.revert(self.server)


class StoppedInRollback(InRollback):
    """The server is stopped. In the persistent form it cannot start again, because it has to load a missing library.

    The transient form ends when the server is started again, at the latest after the phase's rollback.
    """

    def __init__(self, spec: FaultSpec) -> None:
        super().__init__(spec)
        self.is_over_with_its_phase = spec.is_transient

    def inject(self, server: DatabaseServer, site: Site) -> None:
        if not self.spec.is_transient:
            with server.connect() as connection:
                connection.execute(f"ALTER SYSTEM SET shared_preload_libraries = '{_MISSING_LIBRARY}'")
        server.pause()

    def revert(self, server: DatabaseServer) -> None:
        server.resume()


class CutOffInRollback(InRollback):
    """The server runs but is unreachable: its container is disconnected from all networks."""

    def __init__(self, spec: FaultSpec) -> None:
        super().__init__(spec)
        self._networks: tuple[str, ...] = ()
        self._lasts = spec.chance().uniform(*_RECONNECTED_SECONDS)

    def inject(self, server: DatabaseServer, site: Site) -> None:
        self._networks = disconnect(server)
        if self.spec.is_transient:
            self.after(self._lasts, lambda: self._reconnect(server))

    def _reconnect(self, server: DatabaseServer) -> None:
        with contextlib.suppress(*UNANSWERED):
            self.revert(server)

    def revert(self, server: DatabaseServer) -> None:
        networks, self._networks = self._networks, ()
        connect(server, networks)


def refusal(server: DatabaseServer) -> str:
    """The error of a connection to the server; "" if it succeeds."""
    try:
        server.connect().close()
    except (RolloutError, psycopg.Error) as error:
        return error.message if isinstance(error, RolloutError) else str(error).strip()
    return ""


def disconnect(server: DatabaseServer) -> tuple[str, ...]:
    """Disconnect the server's container from all its networks; returns their names."""
    with container_of(server) as container, engine_client() as client:
        names = tuple(container.attrs["NetworkSettings"]["Networks"])
        for name in names:
            client.networks.get(name).disconnect(container)
    return names


def connect(server: DatabaseServer, networks: tuple[str, ...]) -> None:
    """Connect the server's container to these networks again and wait until the server answers."""
    with container_of(server) as container, engine_client() as client:
        there = container.attrs["NetworkSettings"]["Networks"]
        for name in networks:
            if name not in there:
                client.networks.get(name).connect(container)
    if networks:
        server.resume()


def waiting_for(server: DatabaseServer) -> Iterator[str]:
    """The present connections from this machine to the server."""
    there = (server.host, server.port)
    for found in psutil.net_connections(kind="tcp"):
        if found.raddr and tuple(found.raddr) == there and found.status == psutil.CONN_ESTABLISHED:
            yield f"the connection from port {found.laddr[1] if found.laddr else 0} to {server.host}:{server.port}"


def throttled_seconds(server: DatabaseServer) -> float:
    """How long the server's container was throttled so far, in seconds."""
    with container_of(server) as container, engine_client() as client:
        said = client.api.stats(str(container.id), stream=False, one_shot=True)
    return float(said["cpu_stats"]["throttling_data"]["throttled_time"]) / 1e9
