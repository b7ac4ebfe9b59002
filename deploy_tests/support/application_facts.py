"""Reads domains, resources, routes and jobs from the compiled application, once for each phase."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from suite.phases import group_of

if TYPE_CHECKING:
    from deploy_tests.support.commands import Ask

SCRIPT = Path(__file__).with_name("elixir") / "facts.exs"
Facts = dict[str, Any]


@pytest.fixture(scope="session")
def remembered_facts() -> dict[str, Facts]:
    """Facts by group of checks. Each group reads them anew, because a later phase changes them."""
    return {}


@pytest.fixture
def facts(request: pytest.FixtureRequest, ask: Ask, remembered_facts: dict[str, Facts]) -> Facts:
    """Domains, resources, routes and jobs of the application after this phase."""
    group = group_of(request.node)
    if group not in remembered_facts:
        code = SCRIPT.read_text(encoding="utf-8")
        asking = ("mix", "run", "--no-start", "-e", code)
        said = ask(*asking, label="facts of the application", deadline=120, repeatable=True)
        printed = said.log.read_text(encoding="utf-8", errors="replace") if said.log else said.tail  # it can be long
        found = [line for line in printed.splitlines() if line.startswith("FACTS ")]
        assert found, said.tail
        remembered_facts[group] = json.loads(found[-1].removeprefix("FACTS "))
    return remembered_facts[group]


@pytest.fixture
def resource(facts: Facts) -> Callable[[str], Facts]:
    """Returns the facts of a resource: `resource("Xavos.Coordination.Agent")`."""

    def of(name: str) -> Facts:
        found = {key: value for domain in facts["domains"].values() for key, value in domain["resources"].items()}
        assert name in found, f"{name} is in no domain; found: {sorted(found)}"
        return dict(found[name])

    return of
