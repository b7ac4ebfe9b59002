"""The solver process with real Hex in a forge: it gives the results of `mix deps.get`, and it ends."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator

import pytest

from rollout.hex import lockfile
from rollout.packages.blame.requirements import RootRequirement
from rollout.packages.blame.scratch_project import ScratchProject
from rollout.packages.blame.solver import HexSolver, hex_solver
from rollout.phases.step import Step
from tests.integration.blame.conftest import BlameSite, mix_exs
from tests.integration.blame.plantings import CORE, plant

NONE: frozenset[str] = frozenset()
MIX_EXS = """defmodule Odd.MixProject do
  use Mix.Project
  def project, do: [app: :odd, version: "0.1.0", deps: deps()]
  defp deps do
    [
      {:phoenix, "~> 1.8.1"},
      {:any_release, only: :test},
      {:decimal, "~> 3.0", override: true},
      {:esbuild, "~> 0.10", runtime: Mix.env() == :dev, only: [:dev, :test]},
      {:heroicons, github: "tailwindlabs/heroicons", tag: "v2.2.0", app: false},
      {:near, path: "../near"}
    ]
  end
end
"""


@pytest.fixture
def scratch(blame_site: BlameSite) -> Iterator[ScratchProject]:
    plan = blame_site.plan({})
    with ScratchProject(Step(blame_site.site, plan, plan.phases[0])).open() as scratch:
        yield scratch


@pytest.fixture
def solver(scratch: ScratchProject) -> Iterator[HexSolver]:
    with hex_solver(scratch) as solver:
        yield solver


def wanted(seed: int) -> tuple[RootRequirement, ...]:
    requirements = {**CORE, **plant(seed).plan}
    return tuple(RootRequirement(name=name, requirement=requirement) for name, requirement in requirements.items())


def deps_get(scratch: ScratchProject, seed: int) -> tuple[int | None, str, lockfile.Lock]:
    """What the real client makes of the same requirements."""
    folder = scratch.place("project")
    folder.mkdir()
    icons = ', {:icons, github: "some/icons", tag: "v1", app: false, compile: false}'
    (folder / "mix.exs").write_text(mix_exs({each.name: each.requirement for each in wanted(seed)}).replace(icons, ""))
    outcome = scratch.run("mix", "deps.get", label="deps.get", cwd="project", env={})
    return outcome.exit_code, outcome.tail, lockfile.read(folder / "mix.lock")


def test_its_solution_is_that_of_mix(scratch: ScratchProject, solver: HexSolver) -> None:
    (answer,) = solver.ask([wanted(18)], NONE)
    code, output, lock = deps_get(scratch, 18)
    assert 0 == code, output
    assert {name: locked.version for name, locked in lock.items()} == answer.solution


def test_its_explanation_is_that_of_mix(scratch: ScratchProject, solver: HexSolver) -> None:
    (answer,) = solver.ask([wanted(2)], NONE)
    code, output, _lock = deps_get(scratch, 2)
    assert 1 == code
    assert answer.words in output


def test_a_missing_package_is_unknown(solver: HexSolver) -> None:
    """By name, so that the lookup can confirm it."""
    (answer,) = solver.ask([wanted(6)], NONE)
    assert ("ghost_6",) == answer.missing


def test_an_override_resolves_a_conflict(solver: HexSolver) -> None:
    """As in mix.exs: only the root's requirement counts."""
    conflicting, overridden = (solver.ask([wanted(1)], each)[0] for each in (NONE, frozenset({"word_core"})))
    assert (False, True) == (conflicting.resolves, overridden.resolves)


def test_requirements_of_a_mix_exs_are_read(scratch: ScratchProject, solver: HexSolver) -> None:
    """Hex packages with requirement, environments and override; neither Git nor path dependencies."""
    for folder in ("one", "two"):  # two projects of one name
        scratch.place(folder).mkdir()
        scratch.place(f"{folder}/mix.exs").write_text(MIX_EXS)
    first, second = (solver.declared(scratch.seen(folder)) for folder in ("one", "two"))
    assert first == second
    assert [
        ("phoenix", "~> 1.8.1", (), False),
        ("any_release", ">= 0.0.0-0", ("test",), False),
        ("decimal", "~> 3.0", (), True),
        ("esbuild", "~> 0.10", ("dev", "test"), False),
    ] == [(each.name, each.requirement, each.only, each.override) for each in first]


def test_the_process_ends_when_its_folder_is_removed(blame_site: BlameSite, scratch: ScratchProject) -> None:
    """So it does not outlive a killed run after recovery."""
    with hex_solver(scratch) as solver:
        solver.ask([wanted(2)], NONE)
        assert _is_running(blame_site)
        shutil.rmtree(scratch.folder)
        until = time.monotonic() + 20
        while _is_running(blame_site) and time.monotonic() < until:
            time.sleep(0.2)
        assert not _is_running(blame_site)


def _is_running(blame_site: BlameSite) -> bool:
    engine = blame_site.site.engine
    assert engine is not None
    container = engine.client().containers.get(str(blame_site.site.in_forge.record["name"]))
    return any("solve.exs" in " ".join(process) for process in container.top()["Processes"])
