"""A database server that is somebody else's, for trials whose runs must leave it as it is."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from rollout.campaign.trial_folders import Place, unheard
from rollout.config.plan import load_plan
from rollout.config.run import forget, lock_run, open_journal
from rollout.journal import Journal, Redactor
from rollout.results.campaign.trials import KILLS, Specification
from rollout.site import postgres
from rollout.site.engine import Engine, find_engine
from rollout.site.images import ensure_image


@contextlib.contextmanager
def neighbour(trial: Specification, place: Place) -> Iterator[postgres.DatabaseServer | None]:
    """Every second killed run works on a server that is not its own, with databases named like its own; else None.

    Not that of a path which is only watched: such a one has its site to itself. The server is journaled like anything
    that is made, so that recovery removes it where this process is killed.
    """
    is_due = trial.kind == KILLS and trial.seed % 2 == 0 and not load_plan(trial.path).is_observed
    found = find_engine() if is_due else None
    if not isinstance(found, Engine):
        yield None
        return
    run = f"trial-{trial.key}"
    with (
        lock_run(place.state, run),
        contextlib.closing(Journal(open_journal(place.state, run), run=run, redactor=Redactor())) as journal,
    ):
        image = ensure_image(found, "postgres", say=unheard).tag
        server = postgres.ContainerServer(run=run, image=image, journal=journal, password="trial")  # noqa: S106 - it guards decoys
        try:
            server.start()
            yield server
        finally:
            server.stop()
        forget(place.state, run)
