"""Policy for managed phases: each is committed to Git, gets a checkpoint and is rolled back at the end."""

from __future__ import annotations

from collections.abc import Callable

from rollout.config.plan import PhasePlan
from rollout.deployment.context import Context
from rollout.deployment.execution import Attempt, journal_end, journal_packages
from rollout.deployment.rollbacks import Rollbacks
from rollout.errors import Refused
from rollout.phases.phase import PhaseCode
from rollout.site.fingerprint import Fingerprint


class ManagedPhases:
    """A failed phase is rolled back at once, a passed one when it is left. `keeps` decides whether it stays."""

    def __init__(self, context: Context, rollbacks: Rollbacks, keeps: Callable[[], bool]) -> None:
        self._context = context
        self._rollbacks = rollbacks
        self._keeps = keeps

    def enter(self, code: PhaseCode, before: Fingerprint) -> None:
        self._rollbacks.pending.add(code.name)

    def announce(self, attempt: Attempt) -> None:
        """Journal the folder and the databases as they are: the phase's own changes are undone from that."""
        if attempt.before is not None and attempt.before.tree is not None:
            record = self._context.site.snapshots.undo_record(attempt.before)
            with attempt.step.act("folder and databases as they are", record):
                pass

    def uses_checkpoint(self, code: PhaseCode) -> bool:
        return code.checkpointed

    def prepared(self, attempt: Attempt) -> None:
        return

    def applied(self, attempt: Attempt) -> None:
        """Commit the phase, publish its packages, and make the next key depend on what it fetched."""
        context, step, name = self._context, attempt.step, attempt.code.name
        site = context.site
        if (site.directory / ".git").exists() and not context.restoration.has_pending:
            site.repository.commit(site.directory, f"{name}\n\nRun {context.run.id}, path {context.plan.name}")
        context.facts[name] = step.facts
        journal_packages(context, step)
        step.asked = {**step.asked, **context.injection.key_mark(name)}
        context.restoration.passed(attempt.key, step)

    def passed(self, attempt: Attempt) -> None:
        journal_end(self._context, attempt, "passed", key=attempt.key)

    def interrupted(self, attempt: Attempt) -> None:
        self._roll_back(attempt, why="interrupted")

    def ended(self, attempt: Attempt, error: Exception | None) -> str:
        if error is None:
            return "passed"
        outcome = "refused" if isinstance(error, Refused) else "failed"
        attempt.restored = False
        self._context.restoration.failed(attempt.code.name)
        journal_end(self._context, attempt, outcome, error=error)
        if not self._is_left_for_inspection(attempt.phase, outcome):
            self._roll_back(attempt, why="failed")
        return outcome

    def leave(self, code: PhaseCode, before: Fingerprint) -> None:
        if code.name in self._rollbacks.pending and not self._keeps():
            why = "interrupted" if self._context.interrupts.received else "teardown"
            self._rollbacks.roll_back(code, before, why=why)

    def _roll_back(self, attempt: Attempt, *, why: str) -> None:
        assert attempt.before is not None
        self._rollbacks.roll_back(attempt.code, attempt.before, why=why)

    def _is_left_for_inspection(self, phase: PhasePlan, outcome: str) -> bool:
        """Whether `--keep=failed` applies to the failed phase. Otherwise it is undone at once."""
        return self._context.site.options.keep == "failed" and outcome == "failed" and not phase.optional
