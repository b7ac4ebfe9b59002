"""Puts a load on the proxy while a phase changes the instances, and journals what became of every request."""

from __future__ import annotations

import contextlib
import time
from collections import Counter
from collections.abc import Iterator

from rollout import environment
from rollout.errors import RolloutError
from rollout.journal.events import production
from rollout.load.generator import Load
from rollout.phases.step import Step
from rollout.production.deployed import Deployed
from rollout.production.load_outcome import Loaded
from rollout.production.load_plan import LoadPlan, Proof, answer_of_setup, load_plan
from rollout.production.logs import folder_of, keep_log
from rollout.results.load import around, summarise
from rollout.site.postgres import server_log

BASELINE_SECONDS = 5.0
"""How long the load runs before and after the change."""


@contextlib.contextmanager
def under_load(step: Step, deployed: Deployed, *, name: str) -> Iterator[Loaded]:
    """Load the proxy during the block. Afterwards the result is journaled, and the data is proven.

    If the block raises an Exception, the figures up to then are journaled all the same, and nothing is proven.
    The marks of the fleet become marks of the load.
    """
    site, plan = step.site, load_plan(rehearsal=step.site.source.kind == "rehearsal")
    origin = f"https://{deployed.settings['PHX_HOST']}"
    profile = plan.profile(_values(step, deployed, plan), seed=site.options.seed, origin=origin)
    folder = folder_of(site.run) / f"load-{name}"
    loaded = Loaded(plan=plan, load=Load(profile, url=site.base_url, folder=folder, env=environment.program()))
    logged = server_log(site.database)
    with loaded.load as load:
        deployed.running.enter(step, mark=load.mark)
        time.sleep(BASELINE_SECONDS)
        start = load.now
        try:
            yield loaded
        except Exception:
            with contextlib.suppress(RolloutError):  # the error of the block is the one to tell
                _finish(step, deployed, loaded, name, (start, load.now))
            raise
        end = load.now
        time.sleep(BASELINE_SECONDS)
        _finish(step, deployed, loaded, name, (start, end))
    loaded.database_log = server_log(site.database)[len(logged) :] if logged else None
    for proof in plan.proofs:
        _prove(step, loaded, proof)
    site.run.journal.record(
        production.DataProven(
            **step.where,
            load=name,
            acknowledged=_acknowledged(loaded, {proof.request for proof in plan.proofs}).total(),
            missing=tuple(loaded.missing[:20]),
            doubled=tuple(loaded.doubled[:20]),
        )
    )


def _finish(step: Step, deployed: Deployed, loaded: Loaded, name: str, change: tuple[float, float]) -> None:
    """Stop the load and journal its figures. `change`: when the block began and ended. Raises LoadBroken."""
    deployed.running.enter(step)
    loaded.result = loaded.load.stop()
    loaded.summary = summarise(loaded.result, name=name, windows=around(loaded.result, *change))
    step.site.run.journal.record(loaded.summary.event(**step.where))
    deployed.loads[name] = loaded


def _values(step: Step, deployed: Deployed, plan: LoadPlan) -> dict[str, str]:
    """The values for `$NAME` in the plan: what its set-up prints when release A evaluates it. Made once for a site."""
    if not plan.needs_setup:
        return {}
    if not deployed.load_values:
        release = next(iter(deployed.releases.values()))
        argv, env = (release.program, "eval", plan.setup), release.command_settings(deployed.settings)
        ended = deployed.host_on(step).run_once("load-setup", release, argv, env, deadline=60)
        deployed.load_values.update(answer_of_setup(ended.log.decode("utf-8", "replace")))
        for value in deployed.load_values.values():
            step.site.run.redactor.add(value)
        keep_log(step.site.run, "load-setup", ended.log)
    return deployed.load_values


def _acknowledged(loaded: Loaded, kinds: set[str]) -> Counter[str]:
    """The keys of requests of these kinds that were answered as expected."""
    assert loaded.result is not None
    return Counter(each.key for each in loaded.result.requests if each.kind in kinds and each.outcome == "ok")


def _prove(step: Step, loaded: Loaded, proof: Proof) -> None:
    """Compare the answers with the database: every acknowledged key is there, none is there twice."""
    with step.site.database.connect(step.site.databases["prod"]) as connection:
        found = Counter(str(key) for (key,) in connection.execute(proof.query.encode()).fetchall())
    acknowledged = _acknowledged(loaded, {proof.request})
    loaded.missing.extend(key for key in acknowledged if not found[key])
    loaded.doubled.extend(key for key, count in found.items() if count > 1)
