"""Rolls back the phases of a deployment and proves by fingerprint that nothing is left."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from functools import partial

from rollout.config.run import read_secrets
from rollout.deployment.context import Context
from rollout.journal import pending_undos
from rollout.journal.events import undo
from rollout.phases.phase import PhaseCode
from rollout.rollback.rollback import essential, roll_back
from rollout.rollback.undo import UndoContext
from rollout.site.fingerprint import REPLACEABLE, Fingerprint, residue
from rollout.site.stillness import instances_paused

_UNPROVEN = "cannot be proven to be as before"


class Rollbacks:
    """The rollbacks of one path. `residue` is what they could not undo, `pending` the phases still to roll back."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self.pending: set[str] = set()
        self.residue: list[str] = []
        self._unexplained: list[str] = []  # residue although every undo reported success
        self._given_up: set[str] = set()

    def roll_back(self, code: PhaseCode, before: Fingerprint, *, why: str) -> None:
        """Undo a phase's acts, newest first, and compare the site with `before`."""
        context, site = self._context, self._context.site
        with context.interrupts.shielded(), context.journal.forgiving():
            with self._rolling_back(code.name, why) as found:
                acts = [
                    act
                    for act in pending_undos(context.journal.events())
                    if act.phase == code.name and act.path == context.plan.name
                ]
                context.injection.rolling_back(code.name)
                undo_context = self._undo_context(code.name)
                with instances_paused(site.engine if _runs_instances(before) else None, context.run.id):
                    undone = roll_back(acts, context.journal, undo_context)
                    site.observer.last_tree = undo_context.trees.get(str(site.directory))
                    code.forget(site)
                    is_fresh = str(site.directory) in undo_context.scanned
                    found.extend((*undone, *self._difference(before, is_fresh=is_fresh)))
                self.pending.discard(code.name)
                lines = [f"{code.name}: {line}" for line in found]
                self.residue.extend(lines)
                if not undone:
                    self._unexplained.extend(line for line in lines if _UNPROVEN not in line)
            context.injection.rolled_back(code.name)

    def settle(self, first: Fingerprint) -> None:
        """Try once more, at the end of the path, to undo what could not be undone with its phase.

        What differed although every undo had reported success stays residue: that undo is wrong, even if its object
        has been removed since.
        """
        if not self.residue:
            return
        context = self._context
        with context.journal.forgiving(), self._rolling_back("", "settlement") as found:
            acts = tuple(act for act in pending_undos(context.journal.events()) if act.path == context.plan.name)
            undone = roll_back(essential(acts), context.journal, self._undo_context(""))
            context.site.observer.last_tree = None
            found.extend((*undone, *self._unexplained, *self._difference(first, is_fresh=False)))
            if not found:
                self.residue.clear()

    @contextlib.contextmanager
    def _rolling_back(self, phase: str, why: str) -> Iterator[list[str]]:
        """Journal the start and the end of a rollback. The block adds the residue to the list."""
        journal = self._context.journal
        path, began, found = self._context.plan.name, time.monotonic(), list[str]()
        journal.record(undo.RollbackStarted(path=path, phase=phase, why=why))
        yield found
        journal.record(
            undo.RollbackFinished(
                path=path,
                phase=phase,
                why=why,
                outcome="dirty" if found else "restored",
                seconds=round(time.monotonic() - began, 3),
                residue=tuple(found),
            )
        )

    def _difference(self, before: Fingerprint, *, is_fresh: bool) -> tuple[str, ...]:
        """What differs from `before`. The folder is scanned again unless the last undo has just done so."""
        site = self._context.site
        try:
            return residue(before, site.observer.fingerprint(site.observer.last_tree if is_fresh else None))
        except Exception as error:  # noqa: BLE001 - an unreadable site is not proven to be clean
            return (f"{_UNPROVEN}: {type(error).__name__}: {error}",)

    def _undo_context(self, phase: str) -> UndoContext:
        run, site = self._context.run, self._context.site
        return UndoContext(
            store=site.store,
            secrets=read_secrets(run.state, run.id),
            servers={site.server.key: site.server} if site.server else {},
            trees={str(site.directory): site.observer.last_tree} if site.observer.last_tree else {},
            unreachable=self._given_up,
            waiting=partial(run.journal.waiting, path=self._context.plan.name, phase=phase),
        )


def _runs_instances(site: Fingerprint) -> bool:
    return any(key.startswith(REPLACEABLE) for key in site.facts)
