"""Policy for observed phases: they are never rolled back, and the report lists what they left on the site."""

from __future__ import annotations

from rollout.deployment.context import Context
from rollout.deployment.execution import Attempt, journal_end, journal_packages
from rollout.journal.events import runs
from rollout.phases.phase import PhaseCode
from rollout.rollback.residue import left_behind
from rollout.site.fingerprint import Fingerprint


class ObservedPhases:
    """Steps that a path takes in its own way. `residue` is what a failed path left."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._baseline: Fingerprint | None = None  # the site before the path's own first step
        self.residue: list[str] = []

    def enter(self, code: PhaseCode, before: Fingerprint) -> None:
        self._baseline = self._baseline or before

    def announce(self, attempt: Attempt) -> None:
        return

    def uses_checkpoint(self, code: PhaseCode) -> bool:
        """Only if a fault strikes a later phase: what the path does by itself is measured in runs without a fault."""
        return code.checkpointed and self._context.injection.strikes_after(code.name, self._context.plan.phase_names)

    def prepared(self, attempt: Attempt) -> None:
        """Lay out the phase's input, which is no residue of the path."""
        if attempt.code.furnish is not None:
            attempt.code.furnish(attempt.step)
            self._baseline = self._context.site.observer.fingerprint()

    def applied(self, attempt: Attempt) -> None:
        return

    def passed(self, attempt: Attempt) -> None:
        self._context.facts[attempt.code.name] = attempt.step.facts
        self._context.restoration.passed(attempt.key, attempt.step)

    def interrupted(self, attempt: Attempt) -> None:
        return

    def ended(self, attempt: Attempt, error: Exception | None) -> str:
        context, step = self._context, attempt.step
        journal_packages(context, step)  # a failed step may have installed some
        if attempt.phase.may_answer_for:
            context.unconfirmed -= set(step.facts.get("found", ()))
            context.journal.record(runs.PathAttempts(path=context.plan.name, attempts=tuple(context.attempted)))
        outcome = "failed" if error else "passed"
        journal_end(context, attempt, outcome, error=error, key=attempt.key or None)
        return outcome

    def leave(self, code: PhaseCode, before: Fingerprint) -> None:
        return

    def list_residue(self) -> None:
        """Journal what the path's own steps have left on the site, before the site is removed."""
        context = self._context
        if self._baseline is None:
            return
        with context.journal.forgiving():
            try:
                items = left_behind(self._baseline, context.site.observer.fingerprint())
            except Exception as error:  # noqa: BLE001 - an unreadable site is not proven to be clean
                items = (f"cannot be looked at: {type(error).__name__}: {error}",)
            observed = [result for name, result in context.results.items() if context.plan.phase(name).observed]
            failed = any(result.outcome == "failed" for result in observed)
            if failed:
                self.residue.extend(items)
            context.journal.record(runs.PathLeft(path=context.plan.name, items=items, failed=failed))
