"""Deploys a path: applies or restores each phase, rolls it back, and journals every step."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from rollout.config.plan import PhasePlan, Plan
from rollout.config.run import Run, read_secrets
from rollout.deployment.analyses import Inquiry
from rollout.deployment.interrupts import Interrupts
from rollout.deployment.provisioner import close_gateway
from rollout.deployment.restoration import Restoration
from rollout.errors import Refused
from rollout.faults.injection import Injection
from rollout.hex import recorded_responses
from rollout.hex.http_cache import prune_all
from rollout.journal import open_acts
from rollout.phases.phase import PhaseCode, PhaseResult, describe
from rollout.phases.step import Step
from rollout.results.verdict import verdict
from rollout.rollback.residue import left_behind
from rollout.rollback.rollback import essential, roll_back
from rollout.rollback.undo import Workshop
from rollout.site.fingerprint import Fingerprint, residue
from rollout.site.shell_access import entrances
from rollout.site.site import Site

_UNSEEN = "cannot be proven to be as before"
GATEWAY_CACHE_BYTES = 2 * 1024**3


class Deployment:
    """One path on one site. Phases are entered in order and left in reverse."""

    def __init__(
        self,
        run: Run,
        site: Site,
        plan: Plan,
        interrupts: Interrupts,
        injection: Injection | None = None,
        *,
        leaps: bool = False,
    ) -> None:
        """`leaps`: nobody looks between the phases, so those that are restored in a row are put in place as one."""
        self.run = run
        self.site = site
        self.plan = plan
        self.failed_checks = 0
        self._dirt: list[str] = []  # what rollbacks could not put right, so far
        self._unexplained: list[str] = []  # those of it that no undo had owned up to
        self._left: list[str] = []  # what an observed path that failed has left by itself
        self._concluded: str | None = None
        self.results: dict[str, PhaseResult] = {}
        self.facts: dict[str, dict[str, Any]] = {}
        self._interrupts = interrupts
        self._injection = injection or Injection(None, run.journal)
        self._inquiry = Inquiry(site, plan)
        self._restoration = Restoration(site, plan, leaps=leaps)
        self._keeps: bool | None = None
        self._standing: set[str] = set()
        self._leaving = contextlib.ExitStack()
        self._is_leaving = False
        self._began = time.monotonic()
        self._ground: Fingerprint | None = None  # how the site looked before the path's own first step
        self._first: Fingerprint | None = None  # how it looked before anything
        self._given_up: set[str] = set()
        self._uncertain = {group for phase in plan.phases for group in phase.may_answer_for}
        run.journal.record("path.started", path=plan.name, phases=list(plan.phase_names), through=plan.phase_names[-1],
                           attempts=self._attempted(), requires=list(site.options.require),
                           may_answer=[group for group in plan.groups if group in self._uncertain])  # fmt: skip
        site.troubles = self._injection
        self._injection.arm(site)

    # -- entering and leaving ---------------------------------------------------------------------

    @contextlib.contextmanager
    def phase(self, code: PhaseCode, after: PhaseResult | None) -> Iterator[PhaseResult]:
        """Apply a phase, yield what became of it, and on leaving roll it back unless the deployment is kept."""
        if after is not None and not after.lets_go_on:
            yield self._blocked(code, after)
            return
        try:
            if not code.checkpointed or self._injection.strikes(code.name):
                self._restoration.land()  # the phase is going to work on what those before it have made
            self._injection.look(code.name)
            before = self.site.fingerprint()
        except Exception as error:  # noqa: BLE001 - engine or database gone between two phases
            yield self._unfit(code, error)
            return
        self._first = self._first or before
        if self.plan.phase(code.name).observed:
            yield from self._observed(code, before)
            return
        self._standing.add(code.name)
        try:
            result = self._enter(code, before)
            self.results[code.name] = result
            self._inquiry.after(result)
            self._interrupts.raise_kept()
            yield result
        finally:  # an interrupt may also come between the phase's end and the end of its fixture's first half
            self._leave()
            if code.name in self._standing and not self.keeps():
                self._roll_back(code, before, why="interrupted" if self._interrupts.received else "teardown")

    def _observed(self, code: PhaseCode, before: Fingerprint) -> Iterator[PhaseResult]:
        """A step that the path takes in its own way: never taken back, only looked at (and see `_watch`)."""
        self._ground = self._ground or before
        try:
            result = self.results[code.name] = self._watch(code, before)
            self._inquiry.after(result)
            self._interrupts.raise_kept()
            yield result
        finally:
            self._leave()

    def attempts(self, group: str) -> bool:
        """Whether there is something that the checks of the group can be asked about."""
        return group in self._attempted()

    def _attempted(self) -> list[str]:
        return [group for group in self.plan.groups if group not in self._uncertain]

    def keeps(self) -> bool:
        """Whether the deployment stays up: decided once, when the first phase would be rolled back."""
        if self._keeps is None:
            wish = self.site.options.keep
            if self.site.options.record_bundle and self.outcome() == "deployed":
                self._record_bundle(self.site.options.record_bundle)
            clean = self.outcome() == "deployed" and not self.failed_checks and not self.unmet
            wished = {"always": True, "on-success": clean, "failed": not clean and self.outcome() != "refused"}
            self._keeps = not self._interrupts.received and wished.get(wish, False)
        return self._keeps

    def _leave(self) -> None:
        """From the first phase left to the end of `finish`, signals wait: pytest would drop the other rollbacks."""
        if not self._is_leaving:
            self._is_leaving = True
            self._leaving.enter_context(self._interrupts.shielded())
            self._see_what_is_left()

    def _see_what_is_left(self) -> None:
        """List what the path's own steps have left on the site, before we dispose of it."""
        if self._ground is None:
            return
        with self.run.journal.forgiving():
            try:
                items = left_behind(self._ground, self.site.fingerprint())
            except Exception as error:  # noqa: BLE001 - what cannot be looked at cannot be said to be clean
                items = (f"cannot be looked at: {type(error).__name__}: {error}",)
            observed = [result for name, result in self.results.items() if self.plan.phase(name).observed]
            failed = any(result.outcome == "failed" for result in observed)
            if failed:
                self._left.extend(items)
            self.run.journal.record("path.left", path=self.plan.name, items=list(items), failed=failed)

    def _record_bundle(self, target: Path) -> None:
        """A bundle that cannot be written is a failure of the run, never of its rollback."""
        try:
            summary = self.site.registry.record_bundle(target)
        except Exception as error:  # noqa: BLE001 - whatever it is, the phases still have to be left
            self.failed_checks += 1
            text = f"The bundle {target} could not be written: {error}"
        else:
            text = f"Bundle {summary.target}: {summary.files} files, {summary.size / 1e6:.1f} MB."
        self.run.journal.record("phase.note", path=self.plan.name, phase=self.plan.phase_names[-1], text=text)

    @property
    def residue(self) -> list[str]:
        """What is left: of rollbacks, and by an observed path that failed."""
        return [*self._left, *self._dirt]

    @property
    def unmet(self) -> tuple[str, ...]:
        """Groups of `--require` of which no check has passed so far."""
        paths = verdict(self.run.journal.events()).paths if self.site.options.require else ()
        return next((path.unmet for path in paths if path.name == self.plan.name), ())

    def outcome(self) -> str:
        """The path's outcome so far: deployed, refused, failed (and kept), rolled_back or dirty; void at the end."""
        if self._concluded:
            return self._concluded
        if self.residue:
            return "dirty"
        entered = [self.results.get(name) for name in self.plan.phase_names]
        if all(result is not None and result.lets_go_on for result in entered):
            return "deployed"
        if any(result is not None and result.outcome == "refused" for result in entered):
            return "refused"
        return "failed" if self._keeps else "rolled_back"

    def finish(self) -> str:
        """Journal the path's end; returns its outcome."""
        self._settle()
        outcome = self._concluded = self._after_the_fault(self.outcome())
        if self._keeps:
            site = self.site
            manage = f"{site.directory}/scripts/manage_xavos.sh" if self._has_passed("scripts") else ""
            with_roles = self._has_passed("accounts")
            self.run.journal.record(
                "kept",
                path=self.plan.name,
                url=site.base_url if self._has_passed("server") else "",
                directory=str(site.directory),
                manage=manage,
                # There is no default account: who operates XAVOS first is made by a command.
                first_operator=f"{manage} operator ADDRESS --generate" if manage and with_roles else "",
                remove=f"make undeploy ARGS={site.options.name}",
                **entrances(site),
            )
        self.run.journal.tell(
            "path.finished", path=self.plan.name, outcome=outcome, seconds=round(time.monotonic() - self._began, 3)
        )
        self._restoration.keep_within()
        close_gateway(self.site)  # a deployment that is kept does without it
        prune_all(self.site.options.cache / "gateway", most=GATEWAY_CACHE_BYTES)
        self._leaving.close()
        return outcome

    def _after_the_fault(self, outcome: str) -> str:
        """A path whose fault never bit counts for nothing, unless it has left something."""
        with self.run.journal.forgiving():
            bit = self._injection.release()
        if self.residue and bit is not None:  # perhaps it was the fault that kept it from being undone
            self._settle()
            outcome = self.outcome()
        return "void" if bit is False and outcome != "dirty" else outcome

    def _has_passed(self, name: str) -> bool:
        return name in self.results and self.results[name].passed

    def _unfit(self, code: PhaseCode, error: Exception) -> PhaseResult:
        """The site could not even be looked at: the phase fails before it has begun, with nothing to undo."""
        self._injection.failed(error)
        phase = self.plan.phase(code.name)
        self.run.journal.tell("phase.started", path=self.plan.name, phase=code.name, before="")
        self._finished(code, Step(self.site, self.plan, phase), time.monotonic(), "failed", error=error)
        result = PhaseResult(name=code.name, outcome="failed", error=error, site=self.site, plan=phase)
        self.results[code.name] = result
        return result

    @property
    def is_settled(self) -> bool:
        """True where nothing is kept and nothing is owed."""
        return not open_acts(self.run.journal.events())

    # -- applying ---------------------------------------------------------------------------------

    def _enter(self, code: PhaseCode, before: Fingerprint) -> PhaseResult:
        phase = self.plan.phase(code.name)
        self.run.journal.tell("phase.started", path=self.plan.name, phase=code.name, before=before.digest)
        step, began = self._step(phase), time.monotonic()
        restored = False
        try:
            if before.tree is not None:
                record = self.site.undo_state(before)
                with step.act("folder and databases as they are", record):
                    pass
            with self._injection.applying(step):
                code.prepare(step)
                key = self._restoration.key(code, phase)
                struck = self._injection.strikes(code.name)
                restored = code.checkpointed and self._restoration.restore(key, step, struck=struck)
                if not restored:
                    self._apply(code, step, key, keeps=code.checkpointed)
                code.adopt(self.site)
                self._after(code, step, key)
            self._finished(code, step, began, "passed", restored=restored, key=key)
        except KeyboardInterrupt as error:
            self._finished(code, step, began, "failed", error=error)
            self._roll_back(code, before, why="interrupted")
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is, the phase failed and is undone
            outcome = "refused" if isinstance(error, Refused) else "failed"
            self._restoration.failed(code.name)
            self._finished(code, step, began, outcome, error=error)
            if not self._leaves_as_it_is(phase, outcome):
                self._roll_back(code, before, why="failed")
            return PhaseResult(name=code.name, outcome=outcome, error=error, optional=phase.optional,
                               site=self.site, plan=phase)  # fmt: skip
        return PhaseResult(name=code.name, outcome="passed", restored=restored, optional=phase.optional,
                           site=self.site, plan=phase)  # fmt: skip

    def _leaves_as_it_is(self, phase: PhasePlan, outcome: str) -> bool:
        """Whether a failed phase is left for inspection (`--keep=failed`). Otherwise it is undone at once."""
        return self.site.options.keep == "failed" and outcome == "failed" and not phase.optional

    def _watch(self, code: PhaseCode, before: Fingerprint) -> PhaseResult:
        """Apply an observed phase; whatever becomes of it stays as it is.

        Where a fault is aimed at a later phase, it is restored if it has passed in such a run before: what the path
        comes to by itself is asked elsewhere, and a run under a fault begins where that strikes.
        """
        phase = self.plan.phase(code.name)
        self.run.journal.tell("phase.started", path=self.plan.name, phase=code.name, before=before.digest)
        step, began = self._step(phase), time.monotonic()
        error: BaseException | None = None
        restored, key = False, ""
        spared = code.checkpointed and self._injection.strikes_after(code.name, self.plan.phase_names)
        try:
            with self._injection.applying(step):
                code.prepare(step)
                if code.furnish is not None:
                    code.furnish(step)
                    self._ground = self.site.fingerprint()
                key = self._restoration.key(code, phase)
                restored = spared and self._restoration.restore(key, step, struck=False)
                if not restored:
                    self._apply(code, step, key, keeps=spared)
                code.adopt(self.site)
            self.facts[code.name] = step.facts
            self._restoration.passed(key, step)
        except KeyboardInterrupt as interrupt:
            self._finished(code, step, began, "failed", error=interrupt)
            raise
        except Exception as raised:  # noqa: BLE001 - whatever it is, it is what became of the path
            error = raised
        if step.facts.get("packages"):  # what a step got that failed is what there is
            self.run.journal.record("phase.packages", packages=step.facts["packages"], **step.where)
        if phase.may_answer_for:
            self._uncertain -= set(step.facts.get("found", ()))
            self.run.journal.record("path.attempts", path=self.plan.name, attempts=self._attempted())
        outcome = "failed" if error else "passed"
        self._finished(code, step, began, outcome, restored=restored, error=error, key=key or None)
        return PhaseResult(name=code.name, outcome=outcome, restored=restored, error=error, site=self.site, plan=phase)

    def _step(self, phase: PhasePlan) -> Step:
        passed = frozenset(name for name, result in self.results.items() if result.passed)
        return Step(self.site, self.plan, phase, passed=passed)

    def _apply(self, code: PhaseCode, step: Step, key: str, *, keeps: bool) -> None:
        """Do the phase's work; what it came to is kept where it `keeps`, and no fault has struck it."""
        gateway = self.site.gateway
        mark = gateway.mark() if gateway else 0
        self._restoration.land()
        began = time.monotonic()
        code.apply(step)
        if gateway is not None:
            step.asked = dict(recorded_responses.responses_since(gateway, mark))
        if self._injection.strikes(code.name):
            # It asked more often; what it came to is what it comes to without a fault.
            step.asked = dict(self._restoration.asked(key) or step.asked)
        elif keeps:
            self._restoration.save(key, step, time.monotonic() - began)

    def _after(self, code: PhaseCode, step: Step, key: str) -> None:
        """The phase passed: commit it, publish its packages, and make the next key depend on what it fetched."""
        site = self.site
        if site.file(".git").exists() and not self._restoration.is_ahead:
            site.repository.commit(site.directory, f"{code.name}\n\nRun {self.run.id}, path {self.plan.name}")
        self.facts[code.name] = step.facts
        if step.facts.get("packages"):
            self.run.journal.record("phase.packages", packages=step.facts["packages"], **step.where)
        step.asked = {**step.asked, **self._injection.mark(code.name)}
        self._restoration.passed(key, step)

    # -- undoing ----------------------------------------------------------------------------------

    def _roll_back(self, code: PhaseCode, before: Fingerprint, *, why: str) -> None:
        with self._interrupts.shielded(), self.run.journal.forgiving():
            with self._rolling_back(code.name, why) as found:
                acts = [
                    act
                    for act in open_acts(self.run.journal.events())
                    if act.phase == code.name and act.path == self.plan.name
                ]
                self._injection.rolling_back(code.name)
                workshop = self._workshop(code.name)
                left = roll_back(acts, self.run.journal, workshop)
                self.site.last_tree = workshop.trees.get(str(self.site.directory))
                code.forget(self.site)
                found.extend((*left, *self._residue(before, seen=str(self.site.directory) in workshop.seen)))
                self._standing.discard(code.name)
                lines = [f"{code.name}: {line}" for line in found]
                self._dirt.extend(lines)
                if not left:
                    self._unexplained.extend(line for line in lines if _UNSEEN not in line)
            self._injection.rolled_back(code.name)

    def _settle(self) -> None:
        """What could not be undone with its phase is tried once more, now that all else is gone; then it is owed.

        What was left though every undo said that it was done stays residue, whatever has become of it: an undo that
        does not do what it says is not mended by the removal of what it was for.
        """
        if not self._dirt or self._keeps or self._first is None:
            return
        with self.run.journal.forgiving(), self._rolling_back("", "settlement") as found:
            acts = tuple(act for act in open_acts(self.run.journal.events()) if act.path == self.plan.name)
            left = roll_back(essential(acts), self.run.journal, self._workshop(""))
            self.site.last_tree = None
            found.extend((*left, *self._unexplained, *self._residue(self._first, seen=False)))
            if not found:
                self._dirt.clear()

    @contextlib.contextmanager
    def _rolling_back(self, phase: str, why: str) -> Iterator[list[str]]:
        """Journal a rollback from its beginning to its end; what is left is put into the list."""
        where: dict[str, Any] = {"path": self.plan.name, "phase": phase, "why": why}
        began, found = time.monotonic(), list[str]()
        self.run.journal.record("rollback.started", **where)
        yield found
        self.run.journal.record("rollback.finished", outcome="dirty" if found else "restored", residue=found,
                                seconds=round(time.monotonic() - began, 3), **where)  # fmt: skip

    def _residue(self, before: Fingerprint, *, seen: bool) -> tuple[str, ...]:
        """What differs from `before`. The tree is looked at again unless that was the last thing that happened."""
        try:
            return residue(before, self.site.fingerprint(self.site.last_tree if seen else None))
        except Exception as error:  # noqa: BLE001 - what cannot be looked at is not proven to be gone
            return (f"{_UNSEEN}: {type(error).__name__}: {error}",)

    def _workshop(self, phase: str) -> Workshop:
        site = self.site
        return Workshop(
            store=site.store,
            secrets=read_secrets(self.run.state, self.run.id),
            servers={site.server.key: site.server} if site.server else {},
            trees={str(site.directory): site.last_tree} if site.last_tree else {},
            given_up=self._given_up,
            waiting=partial(self.run.journal.waiting, path=self.plan.name, phase=phase),
        )

    # -- telling ----------------------------------------------------------------------------------

    def _blocked(self, code: PhaseCode, after: PhaseResult) -> PhaseResult:
        phase = self.plan.phase(code.name)
        result = PhaseResult(name=code.name, outcome="blocked", by=after.culprit, site=self.site, plan=phase)
        self.results[code.name] = result
        self.run.journal.tell("phase.blocked", path=self.plan.name, phase=code.name, by=result.culprit.name)
        return result

    def _finished(
        self,
        code: PhaseCode,
        step: Step,
        began: float,
        outcome: str,
        *,
        restored: bool = False,
        error: BaseException | None = None,
        key: str | None = None,
    ) -> None:
        journal = self.run.journal
        write = journal.record if outcome == "passed" else journal.tell  # unsaid, it has not passed
        write(
            "phase.finished",
            outcome=outcome,
            seconds=round(time.monotonic() - began, 3),
            restored=restored,
            attempts=step.attempts,
            failure=describe(error, self.run.folder) if error else None,
            key=key,
            **step.where,
        )
