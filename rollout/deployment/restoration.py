"""Saves checkpoints of phases and restores them. Each key includes the key of the phase before."""

from __future__ import annotations

import time
from collections.abc import Mapping

from rollout.assembly import load
from rollout.config.flags import option
from rollout.config.plan import PhasePlan, Plan
from rollout.deployment.checkpoints import Checkpoint, Checkpoints, chain, digest_of_files
from rollout.errors import PhaseFailed
from rollout.hex import recorded_responses
from rollout.journal.events import phases
from rollout.phases.phase import PhaseCode
from rollout.phases.step import EDITOR, Step
from rollout.site.site import SITE_ONLY, Site
from rollout.site.store.manifest import grafted, without
from rollout.site.store.objects import ObjectMissing


class Restoration:
    """The checkpoints of one deployment. The key of a phase includes the key of the phase before it.

    With `defers`, a restored phase is written to the site only when a later phase needs it (`place_pending`). So of
    several phases restored in a row, only the last is written.
    """

    def __init__(self, site: Site, plan: Plan, *, defers: bool = False) -> None:
        self._site = site
        self._plan = plan
        self._defers = defers
        self._pending: tuple[Checkpoint, Step] | None = None  # the step is that of the checkpoint's phase
        self._checkpoints = Checkpoints(site.options.cache, site.store)
        # All packages of the plan, because they are resolved together.
        self._key = chain("", site.source.kind, plan.name, repr(plan.packages))

    def key(self, code: PhaseCode, phase: PhasePlan) -> str:
        """The key of the next phase."""
        site = self._site
        everything = frozenset(self._plan.phase_names)  # where an optional phase has failed, the key before says so
        laid = self._plan.laid_before(phase, everything)
        names = (*phase.overlay_first, *phase.overlays(everything), *code.overlays)
        return chain(
            self._key,
            repr(phase),
            site.in_forge.identity if site.forge else "",
            site.source.identity if site.gateway else "",  # a rehearsal's registry is built by the first phase
            site.options.assets,
            digest_of_files(*code.sources, EDITOR),
            load().digest(names, laid),
            *filter(None, (code.depends_on(site),)),
        )

    def passed(self, key: str, step: Step) -> None:
        """Make the next key depend on this one, on the registry's answers to the phase, and on its inputs."""
        inputs = (sorted(step.inputs.items()),) if step.inputs else ()
        self._key = chain(key, sorted(step.asked.items()), *inputs)

    def failed(self, name: str) -> None:
        """Make the next key depend on the failure of an optional phase."""
        self._key = chain(self._key, name, "failed")

    def answers_of(self, key: str) -> Mapping[str, str] | None:
        """The registry's answers (path → digest) that a checkpoint depends on; None if there is no checkpoint."""
        checkpoint = self._checkpoints.find(key)
        return checkpoint.asked if checkpoint else None

    @property
    def has_pending(self) -> bool:
        """True if a restored phase has not been written to the site yet."""
        return self._pending is not None

    def restore(self, key: str, step: Step, *, struck: bool) -> bool:
        """Restore a phase from the checkpoint with this key. Returns False if that is impossible, and journals why."""
        site, options = self._site, self._site.options
        if options.fresh:
            return self._skipped(step, option("fresh"))
        if struck:
            return self._skipped(step, "the phase is struck by a fault, which has to see it at work")
        if options.record_bundle:
            return self._skipped(step, "--record-bundle has to see everything that is fetched")
        checkpoint = self._checkpoints.find(key)
        if checkpoint is None:
            return self._skipped(step, "there is none for this plan, overlay, source and toolchain")
        if site.gateway is not None and not recorded_responses.responses_unchanged(site.gateway, checkpoint.asked):
            return self._skipped(step, "the registry's answers have changed since")
        if self._defers:
            self._pending = checkpoint, step
        else:
            problem = self._put_in_place(checkpoint, step)
            if problem:
                return self._skipped(step, problem)
        step.asked, step.facts = dict(checkpoint.asked), dict(checkpoint.facts)
        return True

    def place_pending(self) -> None:
        """Write the last restored phase to the site, if that was deferred. Raises PhaseFailed if it is damaged."""
        if self._pending is None:
            return
        (checkpoint, step), self._pending = self._pending, None
        problem = self._put_in_place(checkpoint, step)
        if problem:
            raise PhaseFailed(f"The checkpoint of {checkpoint.phase} cannot be used: {problem}.", cause="unknown",
                              advice="Run again with --fresh, which rebuilds it.")  # fmt: skip

    def save(self, key: str, step: Step, seconds: float) -> None:
        """Save a checkpoint of the phase, whose `apply` took `seconds`."""
        site, began = self._site, time.monotonic()
        tree = site.observer.tree()
        if tree is None:
            return
        kept = without(tree, SITE_ONLY)
        digest, dumps = site.store.keep_tree(site.directory, kept), site.snapshots.dumps()
        checkpoint = Checkpoint(
            key=key,
            phase=step.phase.name,
            tree=digest,
            dumps=dumps,
            packs=site.store.packs_of(kept, digest, *filter(None, dumps.values())),
            asked=step.asked,
            seconds=round(seconds, 3),
            facts=step.facts,
        )
        self._checkpoints.save(checkpoint)
        seconds = round(time.monotonic() - began, 3)
        site.run.journal.record(
            phases.CheckpointSaved(
                path=step.plan.name,
                phase=step.phase.name,
                key=key,
                seconds=seconds,
                files=len(kept.entries),
                bytes=kept.size,
            )
        )

    def keep_within(self) -> None:
        """Remove the least recently used checkpoints beyond the limit of the cache."""
        self._checkpoints.keep_within()

    def _put_in_place(self, checkpoint: Checkpoint, step: Step) -> str:
        """Write folder and databases of a checkpoint to the site; returns what is damaged, "" if nothing is."""
        site, began = self._site, time.monotonic()
        now = site.snapshots.dumps()
        try:
            tree = site.store.manifest(checkpoint.tree)
            dumps = {
                site.databases[purpose]: site.store.get(dump)
                for purpose, dump in checkpoint.dumps.items()
                if dump is not None and now.get(purpose) != dump
            }
        except ObjectMissing:
            return "its manifest, or the dump of a database in it, is damaged"
        current = site.observer.tree()
        assert current is not None
        wanted = grafted(tree, current, SITE_ONLY)
        site.observer.last_tree, damaged = site.snapshots.restore_tree(wanted, current)
        if damaged:
            site.observer.last_tree, _ = site.snapshots.restore_tree(current, site.observer.last_tree)
            return f"it is damaged ({'; '.join(damaged)})"
        for name, dump in dumps.items():
            with site.run.journal.waiting(f"pg_restore of {name}", **step.where):
                site.database.restore(name, dump, owner=site.role)
        if dumps:
            site.snapshots.remember_dumps(site.database, checkpoint.dumps)
        seconds = round(time.monotonic() - began, 3)
        site.run.journal.record(
            phases.CheckpointRestored(
                path=step.plan.name,
                phase=step.phase.name,
                key=checkpoint.key,
                seconds=seconds,
                files=len(wanted.entries),
            )
        )
        return ""

    def _skipped(self, step: Step, reason: str) -> bool:
        skipped = phases.CheckpointSkipped(path=step.plan.name, phase=step.phase.name, reason=reason)
        self._site.run.journal.record(skipped)
        return False
