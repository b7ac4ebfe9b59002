"""Base class of database faults that are verified in the log of the server, of XAVOS or of retries."""

from __future__ import annotations

import contextlib
import functools
import re
import threading
from collections.abc import Callable, Iterator
from typing import Any

import docker.errors
import psycopg
from docker.models.containers import Container

from rollout.application import APPLICATION
from rollout.errors import RolloutError
from rollout.faults.fault import CannotInject, FaultSpec
from rollout.faults.output_witness import SERVER_LOG, OutputWitnessFault
from rollout.phases.step import Step
from rollout.process import Outcome, Request
from rollout.site.fault_points import RunningFleet
from rollout.site.postgres import ContainerServer, DatabaseServer, server_log
from rollout.site.postgres.container_tools import named_container
from rollout.site.site import Site

_POLL_SECONDS = 0.25
_LINGERS = (0.5, 3.0)
_LONGEST_SECONDS = 20.0
# Steps of the production stage at which a fault starts: one of them for a roll, the first one for first instances.
_STEPS = (r"\w+ started", r"migrations of \w+", r"\w+ gets requests")
LASTS = f"{_LINGERS[0]} to {_LINGERS[1]:.0f} s (seeded) after its first effect, at most {_LONGEST_SECONDS:.0f} s"
UNANSWERED = (
    RolloutError,
    docker.errors.DockerException,
    psycopg.Error,
    OSError,
)  # from a server that is gone
# Commands that query the database. Earlier commands of a phase compile or generate.
_ASKING = re.compile(r"\becto\.\w+|\bash\.setup\b|\bmix (?:test|run)\b")


class LogWitnessFault(OutputWitnessFault):
    """Strikes before the first command that queries the database, or at a step of a roll.

    The transient form ends soon after its first effect.

    `signs` are searched in the output of commands, the phase's error, the reasons of retries, XAVOS' log and
    those of its instances, `logged` in the log of the database server.
    """

    def __init__(self, spec: FaultSpec, signs: str, *, logged: str = "") -> None:
        super().__init__(spec, signs)
        self._logged = re.compile(logged) if logged else None
        self._lingers = self.chance.uniform(*_LINGERS)
        self._starts_at_once = self.chance.random() < 0.5
        self._has_started = False
        self._is_applied = threading.Event()
        self._poll_lock = threading.Lock()
        self._read: dict[str, int] = {}
        # Drawn apart, so that other draws stay as they are.
        self._step_of_roll = spec.chance().choice(_STEPS)
        self._fleet: RunningFleet | None = None
        self.server: DatabaseServer

    # -- when

    def starts_with(self, step: Step) -> bool:
        """Whether the fault starts with the phase, not with the first command that queries the database."""
        return step.phase.name == "server" or (step.phase.name == "database" and self._starts_at_once)

    def starts_before(self, request: Request) -> bool:
        return _ASKING.search(" ".join(request.argv)) is not None or APPLICATION.starts_server(request.argv)

    def starts_at(self, text: str) -> bool:
        """Whether the fault starts at this step of a roll. The first instances of a site have no roll yet."""
        step = _STEPS[0] if self.spec.phase == "instances" else self._step_of_roll
        return re.fullmatch(step, text) is not None

    def at_step(self, site: Site, text: str, fleet: RunningFleet) -> None:
        self._fleet = fleet
        if not self._has_started and self.starts_at(text):
            self.start(site)

    def strike(self, step: Step) -> None:
        if self.starts_with(step):
            self.start(step.site)

    def before_command(self, site: Site, request: Request) -> Request:
        if not self._has_started and self.starts_before(request):
            self.start(site)
        return request

    def start(self, site: Site) -> None:
        """Inject the fault and watch the logs from now on."""
        self.server = site.database
        self._has_started = True
        for name, ear in self._log_sources(site):
            self._read[name] = len(ear())
        self.inject(site)
        threading.Thread(target=self._poll_until_applied, args=(site,), daemon=True).start()
        if self.spec.is_transient:
            self.after(_LONGEST_SECONDS, lambda: self.over(site))

    def inject(self, site: Site) -> None:
        """Inject the fault."""
        raise NotImplementedError

    def revert(self, site: Site) -> None:
        """Undo the injection. May raise for things that are gone."""

    def lift(self, site: Site) -> None:
        if self._has_started:
            with contextlib.suppress(*UNANSWERED):
                self.revert(site)

    def __exit__(self, *how: Any) -> None:
        """Read the logs once more. An observed path ends with the first phase that fails, and so does the fault."""
        self._is_applied.set()
        if self._has_started:
            self.poll(self._step.site)
        super().__exit__(*how)
        if how[1] is not None and self._step.phase.observed:
            self.over(self._step.site)

    # -- the witness

    def after_command(self, site: Site, outcome: Outcome) -> None:
        super().after_command(site, outcome)
        self._poll_after_phase(site)

    def failed(self, site: Site, error: BaseException) -> None:
        super().failed(site, error)
        self._poll_after_phase(site)

    def bite(self, site: Site, evidence: str) -> None:
        """Count one bite. The first one starts the timer that ends the transient form."""
        if self._has_started and self.record_bite(evidence) == 1 and self.spec.is_transient:
            self.after(self._lingers, lambda: self.over(site))

    def poll(self, site: Site) -> None:
        """Search the new lines of every log."""
        with self._poll_lock:
            for name, ear in self._log_sources(site):
                said = ear()
                known = self._read.get(name, 0)
                new, self._read[name] = said[known:], max(known, len(said))  # "" if it could not be read this time
                if name == "the server's log":
                    for line in new.splitlines():
                        if self._logged is not None and self._logged.search(line):
                            self.bite(site, f"{name}: {line.strip()}")
                else:
                    self.search(site, new, whose=name)

    def _poll_after_phase(self, site: Site) -> None:
        """Search the logs after the struck phase, when no thread does."""
        if self._has_started and self._is_applied.is_set():
            self.poll(site)

    def _poll_until_applied(self, site: Site) -> None:
        while not self._is_applied.wait(_POLL_SECONDS):
            self.poll(site)

    def _log_sources(self, site: Site) -> Iterator[tuple[str, Callable[[], str]]]:
        if self._logged is not None:
            yield "the server's log", lambda: server_log(self.server)
        yield "a retry", self._retries
        yield "the application's log", lambda: _application_log(site)
        if (fleet := self._fleet) is not None:
            for name in fleet.names():
                yield f"the log of {name}", functools.partial(fleet.log, name)

    def _retries(self) -> str:
        """The reasons why our own queries were retried."""
        events = self.witness.journal.events()
        return "".join(
            f"{event['cause']}: {event['message']}\n" for event in events
            if event["event"] == "phase.retry" and event["phase"] == self.spec.phase
            and event["message"].startswith("PostgreSQL at")
        )  # fmt: skip


@contextlib.contextmanager
def container_of(server: DatabaseServer) -> Iterator[Container]:
    """The container of the server. Raises CannotInject if it has none, ServerGone if it is gone."""
    if not isinstance(server, ContainerServer):
        raise CannotInject(
            fault="of the database", why="its server does not run in a container", option="use --database=container"
        )
    with named_container(server.name) as container:
        yield container


def _application_log(site: Site) -> str:
    with contextlib.suppress(OSError):
        return site.file(SERVER_LOG).read_text(encoding="utf-8", errors="replace")
    return ""
