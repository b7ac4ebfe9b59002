"""The overlay: what makes the application XAVOS."""

from __future__ import annotations

import pytest

from deploy_tests.conftest import Ask
from rollout.phase import PhaseResult
from rollout.site.site import Site

pytestmark = [pytest.mark.phase("foundation"), pytest.mark.timeout(120)]

RESOURCE = """
alias Xavos.Coordination.Agent
IO.puts("resources: " <> inspect(Ash.Domain.Info.resources(Xavos.Coordination)))
IO.puts("attributes: " <> inspect(Enum.sort(Enum.map(Ash.Resource.Info.attributes(Agent), & &1.name))))
IO.puts("identities: " <> inspect(Enum.map(Ash.Resource.Info.identities(Agent), & &1.keys)))
"""


def test_foundation_phase_passed(phase: PhaseResult) -> None:
    phase.require()


@pytest.mark.parametrize("module", ["Xavos.Coordination", "Xavos.Coordination.Agent", "XavosWeb.Health"])
def test_module_is_compiled(module: str, site: Site) -> None:
    assert site.file(f"_build/dev/lib/xavos/ebin/Elixir.{module}.beam").is_file()


def test_the_domain_holds_agents_with_a_unique_agent_id(ask: Ask) -> None:
    said = ask("mix", "run", "--no-start", "-e", RESOURCE, label="resources of the domain").tail
    assert "resources: [Xavos.Coordination.Agent" in said
    assert all(f":{name}" in said for name in ("agent_id", "name", "status", "id"))
    assert "[:agent_id]" in said


def test_the_code_is_formatted(ask: Ask) -> None:
    formatted = ask("mix", "format", "--check-formatted", label="code is formatted")
    assert formatted.ok, formatted.tail
