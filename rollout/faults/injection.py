"""Starts the selected fault at fixed points of the deployment, and journals what it does."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rollout.faults.fault import Fault, FaultSpec, Witness
from rollout.hex.routes import Interceptor
from rollout.journal import Journal
from rollout.journal.events import faults, phases
from rollout.phases.step import Step
from rollout.process import Outcome, Request
from rollout.site.fault_points import RunningFleet
from rollout.site.site import Site


class Injection:
    """The fault of a run, if any. The deployment calls its hooks, and the site calls it as `FaultPoints`."""

    def __init__(self, spec: FaultSpec | None, journal: Journal) -> None:
        self._journal = journal
        self._site: Site | None = None
        self._is_struck = False
        self.fault: Fault | None = None
        if spec is not None:
            self.fault = spec.kind.make(spec)
            self.fault.witness = Witness(journal=journal, facts=spec.facts)

    @property
    def interceptors(self) -> tuple[Interceptor, ...]:
        return self.fault.interceptors if self.fault else ()

    def forge_options(self) -> Mapping[str, Any]:
        return self.fault.forge_options() if self.fault else {}

    def before_command(self, phase: str, request: Request) -> Request:
        fault, site = self._fault_of(phase) or self._persistent(bitten=True), self._site
        return fault.before_command(site, request) if fault and site and fault.is_active else request

    def after_command(self, phase: str, outcome: Outcome) -> None:
        fault, site = self._fault_of(phase) or self._persistent(), self._site
        if fault and site:
            fault.after_command(site, outcome)

    def at_step(self, phase: str, text: str, fleet: RunningFleet) -> None:
        fault, site = self._fault_of(phase), self._site
        if fault and site and fault.is_active:
            fault.at_step(site, text, fleet)

    # -- called by the deployment

    def arm(self, site: Site) -> None:
        """Arm the fault before the path's first phase."""
        self._site = site
        if self.fault is not None:
            self._journal.record(faults.FaultArmed(**self.fault.spec.facts))
            self.fault.arm(site)

    def strikes(self, phase: str) -> bool:
        """Whether the fault strikes while the phase is applied. The phase is then neither restored nor saved."""
        fault = self._fault_of(phase)
        return fault is not None and not fault.strikes_in_rollback

    def strikes_after(self, phase: str, order: Sequence[str]) -> bool:
        """Whether the fault strikes a later phase of the path."""
        struck = self.fault.spec.phase if self.fault is not None else None
        return struck in order and order.index(struck) > order.index(phase)

    def key_mark(self, phase: str) -> Mapping[str, str]:
        """What the keys of later phases include, if the fault may have changed the result of this phase."""
        fault = self._fault_of(phase)
        if fault is None or not fault.spec.kind.alters or not fault.witness.bites:
            return {}
        return {"fault": f"{fault.spec.kind.name}:{fault.spec.form}:{fault.spec.seed}"}

    def before_fingerprint(self, phase: str) -> None:
        """Strike before the fingerprint of the phase, if the fault does that."""
        fault, site = self._fault_of(phase), self._site
        if fault and site:
            fault.before_fingerprint(site)

    @contextlib.contextmanager
    def applying(self, step: Step) -> Iterator[None]:
        """Strike while the phase is applied."""
        fault = self._fault_of(step.phase.name)
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
        """Strike the rollback of the phase, if the fault does that."""
        fault, site = self._fault_of(phase), self._site
        if fault and site and fault.strikes_in_rollback and not self._is_struck:
            self._strikes(fault)
            fault.is_active = True
            fault.rolling_back(site)

    def rolled_back(self, phase: str) -> None:
        """End a fault that lasts as long as its phase, after the phase was rolled back and compared."""
        fault, site = self._fault_of(phase), self._site
        if fault and site and fault.is_over_with_its_phase:
            fault.over(site)

    def failed(self, error: BaseException) -> None:
        """Pass an error of a later phase to a persistent fault."""
        if (fault := self._persistent()) is not None and self._site is not None:
            fault.failed(self._site, error)

    def release(self) -> bool | None:
        """End the fault with the path. Returns whether it took effect, None if there was no fault."""
        fault = self.fault
        if fault is None or self._site is None:
            return None
        fault.over(self._site)
        witness, spec = fault.witness, fault.spec
        if self._is_struck or witness.bites:
            shown = f": {'; '.join(witness.evidence)}" if witness.evidence else ""
            self._note(spec, f"The injected fault {spec.kind.name} bit {witness.bites} time(s){shown}.")
        self._journal.record(
            faults.FaultFinished(
                bites=witness.bites, evidence=tuple(witness.evidence), struck=self._is_struck, **spec.facts
            )
        )
        return witness.bites > 0

    def _strikes(self, fault: Fault) -> None:
        self._is_struck = True
        spec = fault.spec
        self._journal.record(faults.FaultStruck(**spec.facts))
        self._note(spec, f"A fault is injected on purpose, {spec.kind.name}, {spec.form}: {spec.kind.text}.")

    def _note(self, spec: FaultSpec, text: str) -> None:
        """Write a note for the report. A fault that strikes by the clock has no phase for a note."""
        if spec.phase is not None:
            self._journal.record(phases.PhaseNote(path=spec.path, phase=spec.phase, text=text))

    def _persistent(self, *, bitten: bool = False) -> Fault | None:
        """The persistent fault of an earlier phase, while it is active.

        `bitten`: only if it has taken effect. A fault without effect does not act on other phases.
        """
        fault = self.fault
        if fault is None or not self._is_struck or fault.spec.is_transient or (bitten and not fault.witness.bites):
            return None
        return fault if fault.is_active else None

    def _fault_of(self, phase: str) -> Fault | None:
        return self.fault if self.fault is not None and self.fault.spec.phase == phase else None
