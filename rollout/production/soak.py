"""Lets a release serve under load for a while after the upgrade, and watches the memory of its instances."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Mapping, Sequence

from rollout.errors import PostconditionFailed
from rollout.journal.events import production
from rollout.phases.step import Step
from rollout.production.deployed import Deployed
from rollout.production.fleet import Fleet
from rollout.production.instances import CONTAINER_BYTES
from rollout.production.load_outcome import require_untouched
from rollout.production.loaded import under_load
from rollout.production.rolling import MEMORY_SHARE
from rollout.production.soaked import Soaked
from rollout.results.soak import MemoryFigures

NAME = "soak"
BOUND = int(MEMORY_SHARE * CONTAINER_BYTES)
"""Bytes that an instance may use, as while it is observed in a roll."""
SAMPLE_SECONDS = 5.0
"""From one sample of every instance to the next."""
_AFTERWARDS = 120.0  # seconds for the end of the load and the proofs


def soak(step: Step, deployed: Deployed, *, minutes: float) -> Soaked:
    """Load the instances for so many minutes. The phase may take that much longer.

    Raises PostconditionFailed if a request was lost or failed, an instance has ended, or its memory was not steady.
    """
    seconds = minutes * 60
    step.extend(seconds + _AFTERWARDS)
    began = time.monotonic()
    with under_load(step, deployed, name=NAME) as loaded:
        samples = _watch(deployed.running, seconds)
    memory = tuple(MemoryFigures.of(name, found) for name, found in samples.items() if found)
    soaked = deployed.soaked = Soaked(loaded=loaded, memory=memory, bound=BOUND)
    step.site.run.journal.record(
        production.SoakFinished(
            **step.where,
            load=NAME,
            seconds=round(time.monotonic() - began, 3),
            bound=BOUND,
            instances=tuple(dataclasses.asdict(each) for each in memory),
        )
    )
    require_untouched(loaded)
    soaked.require_steady()
    return soaked


def _watch(fleet: Fleet, seconds: float) -> Mapping[str, Sequence[tuple[float, int]]]:
    """Instance → its samples: monotonic seconds and bytes, for so many seconds. Raises PostconditionFailed."""
    samples: dict[str, list[tuple[float, int]]] = {name: [] for name in fleet.instances}
    until = time.monotonic() + seconds
    while True:
        due = time.monotonic() + SAMPLE_SECONDS
        for name, found in samples.items():
            if not fleet.host.is_running(name):
                raise PostconditionFailed(
                    expected=f"{name} to serve during the soak",
                    found=f"{name} has ended",
                    advice=f"Read the log of {name}: its end says why.",
                )
            used = fleet.host.memory(name)
            if used is not None:
                found.append((time.monotonic(), used))
        if due > until:
            return samples
        time.sleep(max(0.0, due - time.monotonic()))
