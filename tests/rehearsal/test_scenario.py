"""Parsing scenarios, and rejecting invalid ones with file, place and problem."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from rollout.config.plan import load_plan
from rollout.hex.version import Requirement as VersionRequirement
from rollout.hex.version import Version
from rollout.rehearsal import InvalidScenario, Requirement, Retirement, Scenario, load_scenario, scenario_names
from rollout.rehearsal.scenario import ROOT

BASE = """
name = "base"
description = "two packages"

[packages.low]
version = "1.2.0"
older = [{ version = "1.1.0", requires = { high = false } }]
requires = { high = "~> 2.0" }

[packages.high]
version = "2.0.0"
applications = ["crypto"]
mod = "High"
"""


@pytest.fixture
def world(tmp_path: Path) -> Path:
    """A rehearsal folder with sources for `low` and `high` and the scenario `base`."""
    for name in ("low", "high"):
        (tmp_path / "packages" / name / "lib").mkdir(parents=True)
        (tmp_path / "packages" / name / "lib" / f"{name}.ex").write_text("# nothing\n", encoding="utf-8")
    (tmp_path / "scenarios").mkdir()
    write(tmp_path, "base", BASE)
    return tmp_path


def write(root: Path, name: str, text: str) -> None:
    (root / "scenarios" / f"{name}.toml").write_text(text, encoding="utf-8")


def extended(root: Path, text: str) -> Scenario:
    write(root, "child", f'name = "child"\nextends = "base"\n{text}')
    return load_scenario("child", root=root)


def test_releases_are_ordered_by_name_and_newest_first(world: Path) -> None:
    """Whatever the order in the file."""
    scenario = load_scenario("base", root=world)
    expected = [("high", "2.0.0"), ("low", "1.2.0"), ("low", "1.1.0")]
    assert expected == [(release.name, release.version) for release in scenario.releases]


def test_an_older_release_inherits_missing_keys(world: Path) -> None:
    """Requirements are merged; false removes one."""
    newest, older = (release for release in load_scenario("base", root=world).releases if release.name == "low")
    assert (Requirement(name="high", requirement="~> 2.0"),) == newest.requires
    assert () == older.requires
    assert newest.source == older.source


def test_a_scenario_changes_one_requirement_of_the_one_it_extends(world: Path) -> None:
    """The others stay."""
    scenario = extended(world, '[packages.low]\nrequires = { high = "~> 3.0" }\n')
    assert ("1.2.0", "1.1.0") == scenario.versions("low")
    assert "~> 3.0" == next(release for release in scenario.releases if release.name == "low").requires[0].requirement


def test_a_package_can_be_absent(world: Path) -> None:
    assert () == extended(world, "[packages.low]\nabsent = true\n").versions("low")


def test_a_retired_release_does_not_retire_the_older_ones(world: Path) -> None:
    text = '[packages.low]\nretired = { reason = "security", message = "a hole" }\n'
    newest, older = (release for release in extended(world, text).releases if release.name == "low")
    assert Retirement(reason="security", message="a hole") == newest.retired
    assert older.retired is None


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("[packages.low]\nversoin = '1.0.0'\n", "unknown key 'versoin'"),
        ("[packages.new]\nversion = '1.0.0'\n", "no folder rehearsal/packages/new"),
        ("[packages.low]\nversion = '1.0'\n", "1.0"),
        ("[packages.low]\nrequires = { high = 'about 2' }\n", "about 2"),
        ("[packages.low]\ndamage = 'all'\n", "none of: none, checksum"),
        ("[packages.low]\nretired = { reason = 'boredom' }\n", "none of: other"),
        ("[packages.low]\nolder = [{ version = '1.2.0' }]\n", "twice"),
        ("[packages.low\n", "syntax"),
    ],
)
def test_an_invalid_scenario_is_rejected(world: Path, text: str, problem: str) -> None:
    """The error names the file and the problem."""
    with pytest.raises(InvalidScenario) as caught:
        extended(world, text)
    assert problem in str(caught.value)
    assert "child.toml" in str(caught.value)


def test_an_unknown_scenario_is_reported_with_all_names(world: Path) -> None:
    with pytest.raises(InvalidScenario, match="scenarios: base"):
        load_scenario("nothing", root=world)


def test_scenarios_cannot_extend_each_other(world: Path) -> None:
    write(world, "one", 'name = "one"\nextends = "two"\n')
    write(world, "two", 'name = "two"\nextends = "one"\n')
    with pytest.raises(InvalidScenario, match="extends"):
        load_scenario("one", root=world)


@pytest.mark.parametrize("name", scenario_names())
def test_every_scenario_is_valid(name: str) -> None:
    scenario = load_scenario(name)
    assert name == scenario.name
    assert scenario.description


def test_the_default_scenario_has_every_package_of_the_realistic_plan() -> None:
    """In a matching release that is not retired."""
    scenario = load_scenario("default")
    plan = load_plan("realistic", rehearsal=True)
    for package in (*plan.archives, *plan.packages):
        requirement = VersionRequirement.parse(package.requirement)
        versions = [Version.parse(each) for each in scenario.versions(package.name)]
        assert any(requirement.matches(version) for version in versions), package.name


@pytest.mark.parametrize("name", [each for each in scenario_names() if each != "misspelt"])
def test_requirements_of_stand_ins_are_in_the_registry(name: str) -> None:
    """In a matching release."""
    scenario = load_scenario(name)
    for release in scenario.releases:
        for each in release.requires:
            assert scenario.versions(each.name), f"{release.name} requires {each.name}"


def test_the_readme_of_stand_ins_names_each_with_its_release() -> None:
    """`packages/README.md` says what each imitates, from which release on, and what it cannot do."""
    table = re.findall(
        r"^\| ([a-z_]+) \| ([0-9.]+) \| ✓? ?\| [^|]{10,} \| [^|]{3,} \|$",
        (ROOT / "packages" / "README.md").read_text(encoding="utf-8"),
        re.MULTILINE,
    )
    releases = [each for each in load_scenario("default").releases if each.source != "packages/empty"]
    newest = {each.name: each.version for each in reversed(releases)}
    assert dict(sorted(table)) == newest
    assert len(table) == len(newest)
