"""Checks of the compiled application."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from deploy_tests.support.code_checks import is_compiled
from deploy_tests.support.commands import Ask
from rollout.phases.phase import PhaseResult
from rollout.project.project import Project
from rollout.site.views import CheckedSite

pytestmark = [pytest.mark.phase("app_compile"), pytest.mark.timeout(180)]

OURS = ("config/config.exs", "config/rollout_site.exs")


def test_compile_phase_passed(phase: PhaseResult) -> None:
    """The application compiles."""
    phase.require()


def test_the_compiler_warns_of_nothing(found: Callable[[str], Mapping[str, Any]]) -> None:
    """Warnings are shown. `[compile] warnings = "gate"` lets them fail the phase."""
    warnings = found("compile")["warnings"]
    if warnings:
        pytest.skip(f"{len(warnings)} warnings are shown and do not count: {'; '.join(warnings[:20])}")


def test_compiling_again_compiles_nothing(ask: Ask) -> None:
    """A project that always compiles again has a file that is never up to date."""
    again = ask("mix", "compile", label="compile again", repeatable=True)
    assert again.ok, again.tail
    assert "Compiling " not in again.tail, again.tail


def test_the_code_is_formatted(ask: Ask, site: CheckedSite) -> None:
    if not site.file(".formatter.exs").is_file():
        pytest.skip("the application has no .formatter.exs")
    formatted = ask("mix", "format", "--check-formatted", label="code is formatted", repeatable=True)
    named = [line.strip().removeprefix("* ") for line in formatted.tail.splitlines() if line.startswith("  * ")]
    theirs = [path for path in named if not path.endswith(OURS)]
    assert formatted.ok or (named and not theirs), f"not formatted: {', '.join(theirs) or formatted.tail}"


def test_the_modules_of_the_project_are_there(site: CheckedSite, project: Project) -> None:
    """The endpoint and the repositories that rollout.toml names."""
    own = project.application
    modules = [name for name in (own.endpoint, *own.repos) if name]
    if not modules:
        pytest.skip("rollout.toml names no module")
    assert [name for name in modules if not is_compiled(name, site)] == []


def test_the_application_was_built_under_its_name(site: CheckedSite, project: Project) -> None:
    name = project.application.name
    assert site.file(f"_build/dev/lib/{name}/ebin/{name}.app").is_file()


def test_the_source_tree_is_as_it_was(ask: Ask, site: CheckedSite, found: Callable[[str], Mapping[str, Any]]) -> None:
    """Compiling writes to ignored folders only."""
    listed = ask("git", "-c", "safe.directory=*", "status", "--porcelain", "--untracked-files=all", "-z",
                 label="what compiling has changed", repeatable=True)  # fmt: skip
    names = {line[3:] for line in listed.tail.split("\0") if line[2:3] == " "}
    facts = found("repository")
    ours = {name for name in names if name.endswith(tuple(facts["laid"]))} if facts["laid"] else set()
    assert sorted(names - {*facts["source"]["changed"]} - ours) == []
