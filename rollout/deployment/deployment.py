"""Runs the phases of one path in order, rolls them back in reverse order, and journals the outcome."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from typing import Any

from rollout.config.plan import Plan
from rollout.config.run import Run
from rollout.deployment.analyses import Analyses
from rollout.deployment.context import Context
from rollout.deployment.execution import Executor, Policy
from rollout.deployment.interrupts import Interrupts
from rollout.deployment.kept_site import journal_kept_site, record_bundle
from rollout.deployment.managed import ManagedPhases
from rollout.deployment.observed import ObservedPhases
from rollout.deployment.provisioner import close_gateway
from rollout.deployment.restoration import Restoration
from rollout.deployment.rollbacks import Rollbacks
from rollout.faults.injection import Injection
from rollout.hex.http_cache import prune_all
from rollout.journal import pending_undos
from rollout.journal.events import runs
from rollout.phases.phase import PhaseCode, PhaseResult
from rollout.results.verdict import verdict
from rollout.site.fingerprint import Fingerprint
from rollout.site.site import Site

GATEWAY_CACHE_BYTES = 2 * 1024**3


class Deployment:
    """One path on one site. `failed_checks` is counted by the caller."""

    def __init__(
        self,
        run: Run,
        site: Site,
        plan: Plan,
        interrupts: Interrupts,
        injection: Injection | None = None,
        *,
        defers_restoring: bool = False,
    ) -> None:
        """`defers_restoring`: of several phases restored in a row, only the last is written to the site.

        It needs a session without checks between these phases.
        """
        self.run = run
        self.site = site
        self.plan = plan
        self.failed_checks = 0
        self._injection = injection or Injection(None, run.journal)
        self._context = Context(
            run=run,
            site=site,
            plan=plan,
            interrupts=interrupts,
            injection=self._injection,
            restoration=Restoration(site, plan, defers=defers_restoring),
            unconfirmed={group for phase in plan.phases for group in phase.may_answer_for},
        )
        self._analyses = Analyses(site, plan)
        self._executor = Executor(self._context)
        self._rollbacks = Rollbacks(self._context)
        self._managed = ManagedPhases(self._context, self._rollbacks, self.keeps)
        self._observed = ObservedPhases(self._context)
        self._keeps: bool | None = None
        self._final_outcome: str | None = None
        self._leaving = contextlib.ExitStack()
        self._is_leaving = False
        self._began = time.monotonic()
        self._first: Fingerprint | None = None  # the site before the first phase
        run.journal.record(
            runs.PathStarted(
                path=plan.name,
                phases=plan.phase_names,
                through=plan.phase_names[-1],
                attempts=tuple(self._context.attempted),
                requires=tuple(site.options.require),
                may_answer=tuple(group for group in plan.groups if group in self._context.unconfirmed),
            )
        )
        site.fault_points = self._injection
        self._injection.arm(site)

    @property
    def results(self) -> dict[str, PhaseResult]:
        """The result of every phase so far, by name."""
        return self._context.results

    @property
    def facts(self) -> dict[str, dict[str, Any]]:
        """What the phases that passed have recorded, by name of the phase."""
        return self._context.facts

    @contextlib.contextmanager
    def phase(self, code: PhaseCode, after: PhaseResult | None) -> Iterator[PhaseResult]:
        """Apply or restore a phase and yield its result. On leaving, roll it back unless the deployment is kept."""
        if after is not None and not after.allows_next:
            yield self._add(self._executor.blocked(code, after))
            return
        try:
            code.hand_over(self.site)
            before = self._fingerprint(code)
        except Exception as error:  # noqa: BLE001 - engine or database gone between two phases
            yield self._add(self._executor.unobservable(code, error))
            return
        policy: Policy = self._observed if self.plan.phase(code.name).observed else self._managed
        policy.enter(code, before)
        try:
            result = self._add(self._executor.execute(code, before, policy))
            self._analyses.after(result)
            self._context.interrupts.raise_kept()
            yield result
        finally:  # an interrupt may also come between the phase's end and the end of its fixture's first half
            self._start_leaving()
            policy.leave(code, before)

    def attempts(self, group: str) -> bool:
        """Whether the path answers for a group of checks."""
        return group in self._context.attempted

    def keeps(self) -> bool:
        """Whether the deployment stays up. Decided once, when the first phase would be rolled back."""
        if self._keeps is None:
            bundle = self.site.options.record_bundle
            if bundle and self.outcome() == "deployed" and not record_bundle(self._context, bundle):
                self.failed_checks += 1
            clean = self.outcome() == "deployed" and not self.failed_checks and not self.unmet
            wished = {"always": True, "on-success": clean, "failed": not clean and self.outcome() != "refused"}
            self._keeps = not self._context.interrupts.received and wished.get(self.site.options.keep, False)
        return self._keeps

    @property
    def residue(self) -> list[str]:
        """What rollbacks could not undo, and what an observed path that failed has left."""
        return [*self._observed.residue, *self._rollbacks.residue]

    @property
    def unmet(self) -> tuple[str, ...]:
        """Groups of `--require` of which no check has passed so far."""
        paths = verdict(self.run.journal.events()).paths if self.site.options.require else ()
        return next((path.unmet for path in paths if path.name == self.plan.name), ())

    @property
    def is_settled(self) -> bool:
        """True if every act is undone: nothing is kept, nothing is pending."""
        return not pending_undos(self.run.journal.events())

    def outcome(self) -> str:
        """The path's outcome so far: deployed, refused, failed (and kept), rolled_back or dirty; void at the end."""
        if self._final_outcome:
            return self._final_outcome
        if self.residue:
            return "dirty"
        entered = [self.results.get(name) for name in self.plan.phase_names]
        if all(result is not None and result.allows_next for result in entered):
            return "deployed"
        if any(result is not None and result.outcome == "refused" for result in entered):
            return "refused"
        return "failed" if self._keeps else "rolled_back"

    def finish(self) -> str:
        """Undo what is left, release the fault, and journal the path's end; returns its outcome."""
        self._settle()
        outcome = self._final_outcome = self._release_fault(self.outcome())
        if self._keeps:
            journal_kept_site(self._context)
        seconds = round(time.monotonic() - self._began, 3)
        self.run.journal.tell(runs.PathFinished(path=self.plan.name, outcome=outcome, seconds=seconds))
        self._context.restoration.keep_within()
        close_gateway(self.site)  # a kept deployment does not need it
        prune_all(self.site.options.cache / "gateway", most=GATEWAY_CACHE_BYTES)
        self._leaving.close()
        return outcome

    def _fingerprint(self, code: PhaseCode) -> Fingerprint:
        """The site before a phase, with every restored phase that this one builds on in place."""
        if not code.checkpointed or self._injection.strikes(code.name):
            self._context.restoration.place_pending()
        self._injection.before_fingerprint(code.name)
        before = self.site.observer.fingerprint()
        self._first = self._first or before
        return before

    def _add(self, result: PhaseResult) -> PhaseResult:
        self.results[result.name] = result
        return result

    def _start_leaving(self) -> None:
        """Shield against signals until `finish` ends. An interrupt would make pytest skip the other rollbacks."""
        if not self._is_leaving:
            self._is_leaving = True
            self._leaving.enter_context(self._context.interrupts.shielded())
            self._observed.list_residue()

    def _settle(self) -> None:
        if self._first is not None and not self._keeps:
            self._rollbacks.settle(self._first)

    def _release_fault(self, outcome: str) -> str:
        """Lift the fault; returns the final outcome. A path whose fault took no effect is void, unless it is dirty."""
        with self.run.journal.forgiving():
            bit = self._injection.release()
        if self.residue and bit is not None:  # the fault may have prevented the undo
            self._settle()
            outcome = self.outcome()
        return "void" if bit is False and outcome != "dirty" else outcome
