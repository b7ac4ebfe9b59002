"""Faults of the database that are heard while they last: in the server's own log, in XAVOS' own, in retries."""

from __future__ import annotations

import contextlib
import re
import threading
from collections.abc import Callable, Iterator
from typing import Any

import docker.errors
import psycopg
from docker.models.containers import Container

from rollout.errors import RolloutError
from rollout.faults.fault import CannotInject, Wound
from rollout.faults.output_witness import SERVER_LOG, Sensed
from rollout.phases.step import Step
from rollout.process import Outcome, Request
from rollout.site.postgres import ContainerServer, DatabaseServer, EmbeddedServer
from rollout.site.postgres.engine import named_container
from rollout.site.site import Site

_POLL_SECONDS = 0.25
_LINGERS = (0.5, 3.0)
_LONGEST_SECONDS = 20.0
LASTS = f"{_LINGERS[0]} to {_LINGERS[1]:.0f} s (seeded) after somebody has met it, at most {_LONGEST_SECONDS:.0f} s"
UNANSWERED = (RolloutError, docker.errors.DockerException, psycopg.Error, OSError)  # what is gone by now
# Commands that the database is asked by; what comes before them in a phase is compiled or generated.
_ASKING = re.compile(r"\becto\.\w+|\bash\.setup\b|\bmix (?:test|run)\b|\bphx\.server\b|manage_xavos\.sh start")


class Heard(Sensed):
    """Strikes when the database is about to be asked. The transient form is over a moment after it was met.

    `signs` are looked for in what commands print, the phase raises, a retry gives as its reason and XAVOS logs;
    `logged` in the database server's own log.
    """

    def __init__(self, wound: Wound, signs: str, *, logged: str = "") -> None:
        super().__init__(wound, signs)
        self._logged = re.compile(logged) if logged else None
        self._lingers = self.chance.uniform(*_LINGERS)
        self._from_the_beginning = self.chance.random() < 0.5
        self._has_begun = False
        self._is_applied = threading.Event()
        self._hearing = threading.Lock()
        self._heard: dict[str, int] = {}
        self.server: DatabaseServer

    # -- when

    def begins_with(self, step: Step) -> bool:
        """Whether it begins with the phase; else with the first command that the database is asked by."""
        return step.phase.name == "server" or (step.phase.name == "database" and self._from_the_beginning)

    def begins_before(self, request: Request) -> bool:
        return _ASKING.search(" ".join(request.argv)) is not None

    def strike(self, step: Step) -> None:
        if self.begins_with(step):
            self.begin(step.site)

    def command(self, site: Site, request: Request) -> Request:
        if not self._has_begun and self.begins_before(request):
            self.begin(site)
        return request

    def begin(self, site: Site) -> None:
        """From now on something is wrong, and whoever says so is heard."""
        self.server = site.database
        self._has_begun = True
        for name, ear in self._ears(site):
            self._heard[name] = len(ear())
        self.bring_about(site)
        threading.Thread(target=self._listen, args=(site,), daemon=True).start()
        if self.wound.is_transient:
            self.after(_LONGEST_SECONDS, lambda: self.over(site))

    def bring_about(self, site: Site) -> None:
        """The trouble itself."""
        raise NotImplementedError

    def put_right(self, site: Site) -> None:
        """Take it back. May raise for what is gone."""

    def lift(self, site: Site) -> None:
        if self._has_begun:
            with contextlib.suppress(*UNANSWERED):
                self.put_right(site)

    def __exit__(self, *how: Any) -> None:
        """What was said last is heard as well. A path that is only observed ends with the first phase that fails."""
        self._is_applied.set()
        if self._has_begun:
            self.hear(self._step.site)
        super().__exit__(*how)
        if how[1] is not None and self._step.phase.observed:
            self.over(self._step.site)

    # -- the witness

    def commanded(self, site: Site, outcome: Outcome) -> None:
        super().commanded(site, outcome)
        self._hear_later(site)

    def failed(self, site: Site, error: BaseException) -> None:
        super().failed(site, error)
        self._hear_later(site)

    def met(self, site: Site, evidence: str) -> None:
        """One bite; with the first, the end of the transient form is in sight."""
        if self._has_begun and self.saw(evidence) == 1 and self.wound.is_transient:
            self.after(self._lingers, lambda: self.over(site))

    def hear(self, site: Site) -> None:
        """Listen to whatever has something to say that was not heard yet."""
        with self._hearing:
            for name, ear in self._ears(site):
                said = ear()
                known = self._heard.get(name, 0)
                new, self._heard[name] = said[known:], max(known, len(said))  # "": it could not be read for once
                if name == "the server's log":
                    for line in new.splitlines():
                        if self._logged is not None and self._logged.search(line):
                            self.met(site, f"{name}: {line.strip()}")
                else:
                    self.look_into(site, new, whose=name)

    def _hear_later(self, site: Site) -> None:
        """After the struck phase nobody listens all the time."""
        if self._has_begun and self._is_applied.is_set():
            self.hear(site)

    def _listen(self, site: Site) -> None:
        while not self._is_applied.wait(_POLL_SECONDS):
            self.hear(site)

    def _ears(self, site: Site) -> Iterator[tuple[str, Callable[[], str]]]:
        if self._logged is not None:
            yield "the server's log", lambda: server_log(self.server)
        yield "a retry", self._retries
        yield "XAVOS' log", lambda: _text(site)

    def _retries(self) -> str:
        """Why what we ask ourselves was asked again; why a command was, it has printed."""
        events = self.witness.journal.events()
        return "".join(
            f"{event['cause']}: {event['message']}\n" for event in events
            if event["event"] == "phase.retry" and event["phase"] == self.wound.phase
            and event["message"].startswith("PostgreSQL at")
        )  # fmt: skip


def server_log(server: DatabaseServer) -> str:
    """What a server of ours has logged so far; "" where it is gone."""
    with contextlib.suppress(*UNANSWERED):
        if isinstance(server, ContainerServer):
            with named_container(server.name) as container:
                return str(container.logs(stdout=False).decode("utf-8", "replace"))
        if isinstance(server, EmbeddedServer):
            return (server.folder / "server.log").read_text(encoding="utf-8", errors="replace")
    return ""


@contextlib.contextmanager
def container_of(server: DatabaseServer) -> Iterator[Container]:
    """The container that the server is in. Raises CannotInject where it is in none, ServerGone."""
    if not isinstance(server, ContainerServer):
        raise CannotInject(
            fault="of the database", why="its server is in no container", option="use --database=container"
        )
    with named_container(server.name) as container:
        yield container


def _text(site: Site) -> str:
    with contextlib.suppress(OSError):
        return site.file(SERVER_LOG).read_text(encoding="utf-8", errors="replace")
    return ""
