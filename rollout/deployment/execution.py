"""Applies one phase: writes journal events, injects the fault and saves a checkpoint."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Protocol

from rollout.config.plan import PhasePlan
from rollout.deployment.context import Context
from rollout.hex import recorded_responses
from rollout.journal.events import phases
from rollout.phases.phase import PhaseCode, PhaseResult, describe
from rollout.phases.step import Step
from rollout.site.fingerprint import Fingerprint


@dataclass(slots=True, kw_only=True)
class Attempt:
    """A phase in progress. `before` is the site's fingerprint at its start, `key` that of its checkpoint."""

    code: PhaseCode
    phase: PhasePlan
    step: Step
    before: Fingerprint | None
    began: float = field(default_factory=time.monotonic)
    key: str = ""
    restored: bool = False


class Policy(Protocol):
    """How a phase is treated around its `apply`: see `ManagedPhases` and `ObservedPhases`."""

    def enter(self, code: PhaseCode, before: Fingerprint) -> None:
        """Before the phase starts."""

    def announce(self, attempt: Attempt) -> None:
        """Journal how the phase's changes are undone."""

    def uses_checkpoint(self, code: PhaseCode) -> bool:
        """Whether the phase may be restored from a checkpoint, and saved to one."""

    def prepared(self, attempt: Attempt) -> None:
        """After `prepare`."""

    def applied(self, attempt: Attempt) -> None:
        """After the phase was applied or restored, while its fault is still active."""

    def passed(self, attempt: Attempt) -> None:
        """After the fault of a phase that passed was lifted."""

    def interrupted(self, attempt: Attempt) -> None:
        """After a signal stopped the phase."""

    def ended(self, attempt: Attempt, error: Exception | None) -> str:
        """Journal the end of the phase; returns its outcome."""

    def leave(self, code: PhaseCode, before: Fingerprint) -> None:
        """After the checks of the phase and all later phases."""


class Executor:
    """Runs phases one after another under a policy."""

    def __init__(self, context: Context) -> None:
        self._context = context

    def execute(self, code: PhaseCode, before: Fingerprint, policy: Policy) -> PhaseResult:
        """Apply or restore a phase. Exceptions of the phase become its result; KeyboardInterrupt is raised."""
        attempt = self._start(code, before)
        failure: Exception | None = None
        try:
            policy.announce(attempt)
            with self._context.injection.applying(attempt.step):
                self._build(attempt, policy)
            policy.passed(attempt)
        except KeyboardInterrupt as error:
            attempt.restored = False
            journal_end(self._context, attempt, "failed", error=error)
            policy.interrupted(attempt)
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is, the phase failed
            failure = error
        outcome = policy.ended(attempt, failure)
        return self._result(attempt, outcome, failure)

    def unobservable(self, code: PhaseCode, error: Exception) -> PhaseResult:
        """The result of a phase whose site has no fingerprint: it failed before it began, with nothing to undo."""
        self._context.injection.failed(error)
        attempt = self._start(code, None)
        journal_end(self._context, attempt, "failed", error=error)
        return PhaseResult(name=code.name, outcome="failed", error=error, site=self._context.site, plan=attempt.phase)

    def blocked(self, code: PhaseCode, after: PhaseResult) -> PhaseResult:
        """The result of a phase that comes after one that failed."""
        context, phase = self._context, self._context.plan.phase(code.name)
        result = PhaseResult(name=code.name, outcome="blocked", by=after.culprit, site=context.site, plan=phase)
        context.journal.tell(phases.PhaseBlocked(path=context.plan.name, phase=code.name, by=result.culprit.name))
        return result

    def _start(self, code: PhaseCode, before: Fingerprint | None) -> Attempt:
        context, phase = self._context, self._context.plan.phase(code.name)
        digest = before.digest if before else ""
        context.journal.tell(phases.PhaseStarted(path=context.plan.name, phase=code.name, before=digest))
        passed = frozenset(name for name, result in context.results.items() if result.passed)
        step = Step(context.site, context.plan, phase, passed=passed)
        return Attempt(code=code, phase=phase, step=step, before=before)

    def _build(self, attempt: Attempt, policy: Policy) -> None:
        """Prepare the phase, then restore it from its checkpoint or apply it."""
        restoration, code, step = self._context.restoration, attempt.code, attempt.step
        code.prepare(step)
        policy.prepared(attempt)
        attempt.key = restoration.key(code, attempt.phase)
        checkpointed = policy.uses_checkpoint(code)
        struck = self._context.injection.strikes(code.name)
        attempt.restored = checkpointed and restoration.restore(attempt.key, step, struck=struck)
        if not attempt.restored:
            self._apply(attempt, saves=checkpointed)
        if code.publishes:
            restoration.place_pending()
            code.publish(step)
        code.adopt(self._context.site)
        policy.applied(attempt)

    def _apply(self, attempt: Attempt, *, saves: bool) -> None:
        """Call the phase's `apply` and save a checkpoint, unless a fault strikes the phase."""
        restoration, step = self._context.restoration, attempt.step
        gateway = self._context.site.gateway
        mark = gateway.mark() if gateway else 0
        restoration.place_pending()
        began = time.monotonic()
        attempt.code.apply(step)
        if gateway is not None:
            step.asked = dict(recorded_responses.responses_since(gateway, mark))
        if self._context.injection.strikes(attempt.code.name):
            # Retries have asked more often. The keys of later phases are those of a run without a fault.
            step.asked = dict(restoration.answers_of(attempt.key) or step.asked)
        elif saves:
            restoration.save(attempt.key, step, time.monotonic() - began)

    def _result(self, attempt: Attempt, outcome: str, error: Exception | None) -> PhaseResult:
        phase = attempt.phase
        return PhaseResult(
            name=phase.name,
            outcome=outcome,
            error=error,
            restored=attempt.restored,
            optional=phase.optional and not phase.observed,
            site=self._context.site,
            plan=phase,
        )


def journal_packages(context: Context, step: Step) -> None:
    """Record the packages that a phase has installed, if any."""
    if step.facts.get("packages"):
        packages = tuple(step.facts["packages"])
        context.journal.record(phases.PhasePackages(path=context.plan.name, phase=step.phase.name, packages=packages))


def journal_end(
    context: Context, attempt: Attempt, outcome: str, *, error: BaseException | None = None, key: str | None = None
) -> None:
    """Journal the end of a phase. Raises JournalUnwritable only for one that passed: unrecorded, it did not pass."""
    write = context.journal.record if outcome == "passed" else context.journal.tell
    write(
        phases.PhaseFinished(
            path=context.plan.name,
            phase=attempt.phase.name,
            outcome=outcome,
            seconds=round(time.monotonic() - attempt.began, 3),
            restored=attempt.restored,
            attempts=attempt.step.attempts,
            failure=describe(error, context.run.folder) if error else None,
            key=key,
        )
    )
