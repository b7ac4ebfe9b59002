"""Steps of a fleet: the load's time line and an injected fault get the same ones."""

from __future__ import annotations

import types
from typing import Any

from rollout.production.fleet import Fleet


def test_every_step_reaches_the_load_and_then_the_fault() -> None:
    said: list[tuple[str, ...]] = []

    def at_step(phase: str, text: str, fleet: Any) -> None:
        said.append(("fault", phase, text, *fleet.names()))

    parts: Any = types.SimpleNamespace(enter=lambda step: None)
    step: Any = types.SimpleNamespace(
        site=types.SimpleNamespace(fault_points=types.SimpleNamespace(at_step=at_step)),
        phase=types.SimpleNamespace(name="upgrade"),
    )
    fleet = Fleet(step, parts, parts, {})
    fleet.instances["a1"] = parts
    fleet.enter(step, mark=lambda text: said.append(("load", text)))
    fleet.mark("b1 started")
    assert said == [("load", "b1 started"), ("fault", "upgrade", "b1 started", "a1")]
