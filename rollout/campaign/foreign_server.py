"""Starts a PostgreSQL server with unrelated databases, as the external server of a trial."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from rollout.campaign.trial_folders import TrialFolders, discard
from rollout.config.plan import load_plan
from rollout.config.run import forget, lock_run, open_journal
from rollout.journal import Journal, Redactor
from rollout.results.campaign.trials import KILLS, Specification
from rollout.site import postgres
from rollout.site.engine.client import Engine
from rollout.site.engine.discovery import find_engine
from rollout.site.engine.images import ensure_image


@contextlib.contextmanager
def foreign_server(trial: Specification, folders: TrialFolders) -> Iterator[postgres.DatabaseServer | None]:
    """The external server of a trial; None for most trials. Every second killed run of a managed path gets one.

    Its start is journaled like any other act, so recovery removes the server if this process is killed.
    """
    is_due = trial.kind == KILLS and trial.seed % 2 == 0 and not load_plan(trial.path).is_observed
    found = find_engine() if is_due else None
    if not isinstance(found, Engine):
        yield None
        return
    run = f"trial-{trial.key}"
    with (
        lock_run(folders.state, run),
        contextlib.closing(Journal(open_journal(folders.state, run), run=run, redactor=Redactor())) as journal,
    ):
        image = ensure_image(found, "postgres", say=discard).tag
        server = postgres.ContainerServer(run=run, image=image, journal=journal, password="trial")  # noqa: S106 - it protects decoys only
        try:
            server.start()
            yield server
        finally:
            server.stop()
        forget(folders.state, run)
