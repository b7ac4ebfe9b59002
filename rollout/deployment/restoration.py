"""The checkpoints of one deployment: keys, what is kept of a phase that passed, what is taken over from one before."""

from __future__ import annotations

import time
from collections.abc import Mapping

from rollout.config.options import ROOT
from rollout.config.plan import PhasePlan, Plan
from rollout.deployment.checkpoints import Checkpoint, Checkpoints, chain, digest_of_files
from rollout.errors import PhaseFailed
from rollout.hex import recorded_responses
from rollout.phases.phase import PhaseCode
from rollout.phases.step import EDITOR, Step
from rollout.site.manifest import grafted, without
from rollout.site.object_store import ObjectMissing
from rollout.site.site import SITE_ONLY, Site


class Restoration:
    """Each phase's key hangs on the key before it. With `leaps`, what a checkpoint holds is put in place only when a
    phase is going to work on it (`land`): of several phases restored in a row, only the last is.
    """

    def __init__(self, site: Site, plan: Plan, *, leaps: bool = False) -> None:
        self._site = site
        self._plan = plan
        self._leaps = leaps
        self._ahead: tuple[Checkpoint, Step] | None = None  # with the step of the phase that it is of
        self._checkpoints = Checkpoints(site.options.cache, site.store)
        # All packages of the plan, because they are resolved together.
        self._key = chain("", site.source.kind, plan.name, repr(plan.packages))

    def key(self, code: PhaseCode, phase: PhasePlan) -> str:
        """The key of a phase that comes now."""
        site = self._site
        names = (*phase.overlay_first, *phase.overlay, *(folder for _phase, folder in phase.overlay_with))
        overlays = tuple(ROOT / "overlay" / name for name in names)
        return chain(
            self._key,
            repr(phase),
            site.in_forge.identity if site.forge else "",
            site.source.identity if site.gateway else "",  # a rehearsal's registry is built by the first phase
            site.options.assets,
            digest_of_files(*code.sources, EDITOR, *overlays),
        )

    def passed(self, key: str, step: Step) -> None:
        """The next key depends on this one, and on what the phase has asked of the registry."""
        self._key = chain(key, sorted(step.asked.items()))

    def failed(self, name: str) -> None:
        """The next key depends on an optional phase's failure."""
        self._key = chain(self._key, name, "failed")

    def asked(self, key: str) -> Mapping[str, str] | None:
        """What the phase of this key asked of the registry when it was kept; None where it was not."""
        checkpoint = self._checkpoints.find(key)
        return checkpoint.asked if checkpoint else None

    @property
    def is_ahead(self) -> bool:
        """True where phases count as restored that are not in place yet."""
        return self._ahead is not None

    def restore(self, key: str, step: Step, *, struck: bool) -> bool:
        """Take over what an earlier run has kept under the key; False, with the reason journaled, where it cannot."""
        site, options = self._site, self._site.options
        if options.fresh:
            return self._skipped(step, "--fresh")
        if struck:
            return self._skipped(step, "the phase is struck by a fault, which has to see it at work")
        if options.record_bundle:
            return self._skipped(step, "--record-bundle has to see everything that is fetched")
        checkpoint = self._checkpoints.find(key)
        if checkpoint is None:
            return self._skipped(step, "there is none for this plan, overlay, source and toolchain")
        if site.gateway is not None and not recorded_responses.responses_unchanged(site.gateway, checkpoint.asked):
            return self._skipped(step, "the registry's answers have changed since")
        if self._leaps:
            self._ahead = checkpoint, step
        else:
            problem = self._put_in_place(checkpoint, step)
            if problem:
                return self._skipped(step, problem)
        step.asked, step.facts = dict(checkpoint.asked), dict(checkpoint.facts)
        return True

    def land(self) -> None:
        """Put in place what was leapt over, if anything was. Raises PhaseFailed where it is damaged."""
        if self._ahead is None:
            return
        (checkpoint, step), self._ahead = self._ahead, None
        problem = self._put_in_place(checkpoint, step)
        if problem:
            raise PhaseFailed(f"The checkpoint of {checkpoint.phase} cannot be used: {problem}.", cause="unknown",
                              advice="Run again with --fresh, which rebuilds it.")  # fmt: skip

    def save(self, key: str, step: Step, seconds: float) -> None:
        """Keep what the phase has made, which took `seconds`."""
        site, began = self._site, time.monotonic()
        tree = site.tree()
        if tree is None:
            return
        kept = without(tree, SITE_ONLY)
        digest, dumps = site.store.keep_tree(site.directory, kept), site.dumps()
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
        site.run.journal.record("checkpoint.saved", key=key, seconds=round(time.monotonic() - began, 3),
                                files=len(kept.entries), bytes=kept.size, **step.where)  # fmt: skip

    def keep_within(self) -> None:
        """Remove what is too much of the cache."""
        self._checkpoints.keep_within()

    def _put_in_place(self, checkpoint: Checkpoint, step: Step) -> str:
        """Folder and databases as the checkpoint has them; returns what is wrong with it, "" where nothing is."""
        site, began = self._site, time.monotonic()
        now = site.dumps()
        try:
            tree = site.store.manifest(checkpoint.tree)
            dumps = {
                site.databases[purpose]: site.store.get(dump)
                for purpose, dump in checkpoint.dumps.items()
                if dump is not None and now.get(purpose) != dump
            }
        except ObjectMissing:
            return "its manifest, or the dump of a database in it, is damaged"
        current = site.tree()
        assert current is not None
        wanted = grafted(tree, current, SITE_ONLY)
        damaged = site.restore_tree(wanted, current)
        if damaged:
            assert site.last_tree is not None
            site.restore_tree(current, site.last_tree)
            return f"it is damaged ({'; '.join(damaged)})"
        for name, dump in dumps.items():
            with site.run.journal.waiting(f"pg_restore of {name}", **step.where):
                site.database.restore(name, dump, owner=site.role)
        if dumps:
            site.remember_dumps(checkpoint.dumps)
        site.run.journal.record("checkpoint.restored", key=checkpoint.key, files=len(wanted.entries),
                                seconds=round(time.monotonic() - began, 3), **step.where)  # fmt: skip
        return ""

    def _skipped(self, step: Step, reason: str) -> bool:
        self._site.run.journal.record("checkpoint.skipped", reason=reason, **step.where)
        return False
