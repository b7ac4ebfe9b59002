"""The fault of a run, told when to strike: what `--fault` asks for, between a deployment and the catalogue."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rollout.faults.fault import Fault, Witness, Wound
from rollout.hex.routes import Interceptor
from rollout.journal import Journal
from rollout.phases.step import Step
from rollout.process import Outcome, Request
from rollout.site.site import Site


class Injection:
    """No fault, or one: `Deployment` says where the path is, the site asks what is wrong (`FaultPoints`)."""

    def __init__(self, wound: Wound | None, journal: Journal) -> None:
        self._journal = journal
        self._site: Site | None = None
        self._is_struck = False
        self.fault: Fault | None = None
        if wound is not None:
            self.fault = wound.kind.make(wound)
            self.fault.witness = Witness(journal=journal, facts=wound.facts)

    @property
    def interceptors(self) -> tuple[Interceptor, ...]:
        return self.fault.interceptors if self.fault else ()

    def forge_options(self) -> Mapping[str, Any]:
        return self.fault.forge_options() if self.fault else {}

    def before_command(self, phase: str, request: Request) -> Request:
        fault, site = self._striking(phase) or self._lasting(bitten=True), self._site
        return fault.command(site, request) if fault and site and fault.is_active else request

    def after_command(self, phase: str, outcome: Outcome) -> None:
        fault, site = self._striking(phase) or self._lasting(), self._site
        if fault and site:
            fault.commanded(site, outcome)

    # -- where the path is

    def arm(self, site: Site) -> None:
        """Before the path's first phase."""
        self._site = site
        if self.fault is not None:
            self._journal.record("fault.armed", **self.fault.wound.facts)
            self.fault.arm(site)

    def strikes(self, phase: str) -> bool:
        """Whether the phase is struck at work: then no checkpoint spares it that, and none is made of it."""
        fault = self._striking(phase)
        return fault is not None and not fault.strikes_in_rollback

    def strikes_after(self, phase: str, order: Sequence[str]) -> bool:
        """Whether a later phase is struck, in the order of the path; never one that it does not come to."""
        struck = self.fault.wound.phase if self.fault is not None else None
        return struck in order and order.index(struck) > order.index(phase)

    def mark(self, phase: str) -> Mapping[str, str]:
        """What the keys of later phases have to know of the phase: that it may have come to something else."""
        fault = self._striking(phase)
        if fault is None or not fault.wound.kind.alters or not fault.witness.bites:
            return {}
        return {"fault": f"{fault.wound.kind.name}:{fault.wound.form}:{fault.wound.seed}"}

    def look(self, phase: str) -> None:
        """Before the phase is looked at."""
        fault, site = self._striking(phase), self._site
        if fault and site:
            fault.look(site)

    @contextlib.contextmanager
    def applying(self, step: Step) -> Iterator[None]:
        """While the phase is applied."""
        fault = self._striking(step.phase.name)
        if fault is None:
            try:
                yield
            except BaseException as error:
                self.failed(error)
                raise
            return
        if fault.strikes_in_rollback:
            yield
            return
        self._strikes(fault)
        with fault.on(step):
            yield

    def rolling_back(self, phase: str) -> None:
        """Before the phase is rolled back."""
        fault, site = self._striking(phase), self._site
        if fault and site and fault.strikes_in_rollback and not self._is_struck:
            self._strikes(fault)
            fault.is_active = True
            fault.rolling_back(site)

    def rolled_back(self, phase: str) -> None:
        """The phase has been rolled back and looked at: what was changed before it was looked at first goes as well."""
        fault, site = self._striking(phase), self._site
        if fault and site and fault.is_over_with_its_phase:
            fault.over(site)

    def failed(self, error: BaseException) -> None:
        """Something has gone wrong after the struck phase, in another or between two."""
        if (fault := self._lasting()) is not None and self._site is not None:
            fault.failed(self._site, error)

    def release(self) -> bool | None:
        """The path is over, and so is the fault. Whether it bit; None where there was none."""
        fault = self.fault
        if fault is None or self._site is None:
            return None
        fault.over(self._site)
        witness, wound = fault.witness, fault.wound
        if self._is_struck or witness.bites:
            shown = f": {'; '.join(witness.evidence)}" if witness.evidence else ""
            self._note(wound, f"The injected fault {wound.kind.name} bit {witness.bites} time(s){shown}.")
        self._journal.record("fault.finished", bites=witness.bites, evidence=list(witness.evidence),
                             struck=self._is_struck, **wound.facts)  # fmt: skip
        return witness.bites > 0

    def _strikes(self, fault: Fault) -> None:
        self._is_struck = True
        wound = fault.wound
        self._journal.record("fault.struck", **wound.facts)
        self._note(wound, f"A fault is injected on purpose, {wound.kind.name}, {wound.form}: {wound.kind.text}.")

    def _note(self, wound: Wound, text: str) -> None:
        """For whoever reads the report of this run; a fault that strikes by the clock has no phase to be told in."""
        if wound.phase is not None:
            self._journal.record("phase.note", path=wound.path, phase=wound.phase, text=text)

    def _lasting(self, *, bitten: bool = False) -> Fault | None:
        """The persistent fault of a phase that has been left, as long as its trouble is there.

        `bitten`: only if it has been met. One that has not does nothing in the name of a phase that it is not aimed at.
        """
        fault = self.fault
        if fault is None or not self._is_struck or fault.wound.is_transient or (bitten and not fault.witness.bites):
            return None
        return fault if fault.is_active else None

    def _striking(self, phase: str) -> Fault | None:
        return self.fault if self.fault is not None and self.fault.wound.phase == phase else None
