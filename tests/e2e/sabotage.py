"""A pytest plugin of the tests (`-p tests.e2e.sabotage`): spoils one phase of a real run, from outside the product.

SABOTAGE=<phase>:<action>:<event>:<n>, e.g. `database:kill:command.running:1`
  action  fail (the phase raises), kill (SIGKILL to the run), int or term (the signal to the run),
          again (SIGINT, and once more at every step of the rollback)
  event   a journal event of the phase, counted from 1; `end` is the end of its apply, where every other event that does
          not come often enough strikes as well
"""

from __future__ import annotations

import dataclasses
import os
import signal
from typing import Any

from rollout.deployment import Deployment
from rollout.errors import PhaseFailed
from rollout.journal import Journal
from rollout.phase import PhaseCode
from rollout.step import Step

_SIGNALS = {"kill": signal.SIGKILL, "int": signal.SIGINT, "term": signal.SIGTERM, "again": signal.SIGINT}
_UNWINDING = ("rollback.started", "undo.done", "rollback.finished")


class Sabotage:
    """Counts the events of its phase and strikes once."""

    def __init__(self, spec: str) -> None:
        self.phase, self.action, self.event, number = spec.split(":")
        self.left = int(number)
        self.current = ""
        self.struck = False

    def saw(self, event: str, facts: dict[str, Any]) -> None:
        if event == "phase.started":
            self.current = facts["phase"]
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
        os.kill(os.getpid(), _SIGNALS[self.action])


def _install(sabotage: Sabotage) -> None:
    record, apply, restore = Journal.record, Deployment._apply, Deployment._restore

    def recording(self: Journal, event: str, **facts: Any) -> dict[str, Any]:
        line = record(self, event, **facts)
        sabotage.saw(event, facts)
        return line

    def applying(self: Deployment, code: PhaseCode, step: Step, key: str) -> None:
        def spoiled(step: Step) -> None:
            code.apply(step)
            if not sabotage.struck:
                sabotage.strike()

        apply(self, dataclasses.replace(code, apply=spoiled) if code.name == sabotage.phase else code, step, key)

    def restoring(self: Deployment, key: str, step: Step) -> bool:
        return step.phase.name != sabotage.phase and restore(self, key, step)

    Journal.record = recording  # type: ignore[method-assign]
    Deployment._apply = applying  # type: ignore[method-assign]
    Deployment._restore = restoring  # type: ignore[method-assign]


if os.environ.get("SABOTAGE"):
    _install(Sabotage(os.environ["SABOTAGE"]))
