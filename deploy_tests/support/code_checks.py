"""Checks of the code that the test modules of several phases import."""

from __future__ import annotations

from deploy_tests.support.application_facts import Facts
from deploy_tests.support.commands import Ask
from rollout.site.views import CheckedSite


def test_the_code_is_formatted(ask: Ask) -> None:
    formatted = ask("mix", "format", "--check-formatted", label="code is formatted", repeatable=True)
    assert formatted.ok, formatted.tail


def test_every_resource_has_policies(facts: Facts) -> None:
    """Every resource of every domain has policies that decide who may do what."""
    open_to_all = [
        name
        for domain in facts["domains"].values()
        for name, found in domain["resources"].items()
        if not found["policies"]
    ]
    assert open_to_all == []


def is_compiled(module: str, site: CheckedSite) -> bool:
    """Whether a module of the application, or of a package of it, has been compiled for development."""
    return any(site.file("_build/dev/lib").glob(f"*/ebin/Elixir.{module}.beam"))


def explains_itself(task: str, ask: Ask) -> None:
    """Whether a Mix task has a description. Mix also lists tasks without one."""
    helped = ask("mix", "help", task, label=f"help of mix {task}", repeatable=True)
    assert helped.ok, helped.tail
    assert f"mix {task}" in helped.tail
    assert "There is no documentation" not in helped.tail
