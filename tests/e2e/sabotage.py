"""A pytest plugin of the tests (`-p tests.e2e.sabotage`): breaks one phase of a real run from outside the product.

SABOTAGE=<phase>:<action>:<event>:<n>, e.g. `database:kill:command.running:1`
  phase   of any path, or of one: `realistic/database`
  action  fail (the phase raises), kill (SIGKILL to the run), int, term or hup (the signal to the run),
          stop (the container of the database server is stopped),
          again (SIGINT, and once more at every step of the rollback), wait (the phase takes a minute longer)
  event   a journal event of the phase, counted from 1; `end` is the end of its apply, where every other event that does
          not come often enough strikes as well. `file.restored` (a file written from a checkpoint) and `wait.finished`
          (a database filled from one) strike amid the restoration of the phase, which every other event forbids
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import signal
import time
from typing import Any

import docker

from rollout.deployment.execution import Attempt, Executor
from rollout.deployment.restoration import Restoration
from rollout.errors import PhaseFailed
from rollout.journal import Journal
from rollout.journal.events import JournalEvent
from rollout.phases.step import Step
from rollout.site.store import objects
from rollout.site.store.manifest import Entry, Stat

_SIGNALS = {
    "kill": signal.SIGKILL,
    "int": signal.SIGINT,
    "term": signal.SIGTERM,
    "hup": signal.SIGHUP,
    "again": signal.SIGINT,
}
_RESTORING = ("file.restored", "wait.finished")
_UNWINDING = ("rollback.started", "undo.done", "rollback.finished")


class Sabotage:
    """Counts the events of its phase and strikes once."""

    def __init__(self, spec: str) -> None:
        place, self.action, self.event, number = spec.split(":")
        self.path, _, self.phase = place.rpartition("/")
        self.left = int(number)
        self.run = ""
        self.current = ""
        self.struck = False

    def is_meant(self, path: str, phase: str) -> bool:
        return phase == self.phase and self.path in {"", path}

    def saw(self, event: str, facts: dict[str, Any]) -> None:
        if event == "phase.started":
            self.current = facts["phase"] if self.is_meant(facts["path"], facts["phase"]) else ""
        elif event == "phase.finished":
            self.current = ""
        if self.struck and self.action == "again" and event in _UNWINDING:
            os.kill(os.getpid(), signal.SIGINT)
        if self.current == self.phase and event == self.event and not self.struck:
            self.left -= 1
            if self.left == 0:
                self.strike()

    def strike(self) -> None:
        self.struck = True
        if self.action == "fail":
            raise PhaseFailed("Sabotaged.", cause="unknown", advice="A test did this.")
        if self.action == "wait":
            time.sleep(60)
            return
        if self.action == "stop":
            with contextlib.closing(docker.from_env()) as client:
                client.containers.get(f"xavos-{self.run}-postgres").stop(timeout=5)
            return
        os.kill(os.getpid(), _SIGNALS[self.action])


def _install(sabotage: Sabotage) -> None:
    record, apply, restore = Journal.record, Executor._apply, Restoration.restore
    write = objects._write

    def recording(self: Journal, event: str | JournalEvent, **facts: Any) -> dict[str, Any]:
        line = record(self, event, **facts)
        sabotage.run = line["run"]
        sabotage.saw(line["event"], line)
        return line

    def applying(self: Executor, attempt: Attempt, *, saves: bool) -> None:
        code = attempt.code

        def spoiled(step: Step) -> None:
            code.apply(step)
            if not sabotage.struck:
                sabotage.strike()

        if sabotage.is_meant(attempt.step.plan.name, code.name):
            attempt.code = dataclasses.replace(code, apply=spoiled)
        apply(self, attempt, saves=saves)

    def restoring(self: Restoration, key: str, step: Step, *, struck: bool) -> bool:
        allowed = sabotage.event in _RESTORING or not sabotage.is_meant(step.plan.name, step.phase.name)
        return allowed and restore(self, key, step, struck=struck)

    def writing(path: str, entry: Entry, data: bytes) -> Stat:
        sabotage.saw("file.restored", {})
        return write(path, entry, data)

    Journal.record = recording  # type: ignore[method-assign]
    Executor._apply = applying  # type: ignore[method-assign]
    Restoration.restore = restoring  # type: ignore[method-assign]
    objects._write = writing


if os.environ.get("SABOTAGE"):
    _install(Sabotage(os.environ["SABOTAGE"]))
