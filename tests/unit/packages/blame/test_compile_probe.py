"""The compiling probe with a scripted `mix`: commands it runs, builds it reuses."""

from __future__ import annotations

import stat
import types
from collections.abc import Iterator
from pathlib import Path

import pytest

from rollout.hex.registry import Dependency
from rollout.packages.blame.compile_probe import CompileProbe
from rollout.packages.blame.probe import Symptom
from rollout.packages.blame.requirements import RootRequirement
from rollout.packages.blame.scratch_project import ScratchProject
from rollout.phases.step import Step
from rollout.site.forge import HostForge
from tests.unit import fakes
from tests.unit.packages.blame.fakes import core, want

# Locks whatever mix.exs names; `left` and `right` do not resolve together; `bad` does not compile beside `noticed`.
MIX = r"""#!/bin/sh
echo "$*" >>"$CALLS"
names=$(sed -n 's/^ *{:\([a-z_]*\), .*/\1/p' mix.exs)
case "$1" in
deps.get)
  case " $(echo $names) " in *" left "*"right "*) echo "** (Mix) Hex dependency resolution failed"; exit 1 ;; esac
  {
    echo "%{"
    for name in $names; do echo "  \"$name\": {:hex, :$name, \"1.0.0\", \"00\", [:mix], [], \"hexpm\", \"00\"},"; done
    echo "}"
  } >mix.lock ;;
deps.compile)
  shift
  for name in "$@"; do
    if test "$name" = bad && { test -d _build/dev/lib/noticed || echo " $* " | grep -q " noticed "; }; then
      echo "could not compile dependency :bad, \"mix compile\" failed."
      exit 1
    fi
    mkdir -p "_build/dev/lib/$name/ebin"
    echo "$name" >"_build/dev/lib/$name/ebin/$name.app"
  done ;;
esac
"""
NOTICES = {"bad": ("noticed",)}


def depends(name: str, version: str) -> tuple[Dependency, ...]:
    return tuple(
        Dependency(package=each, app=each, requirement=">= 0.0.0", optional=True) for each in NOTICES.get(name, ())
    )


class Bench:
    """A scratch folder on this machine, and what `mix` was called with."""

    def __init__(self, folder: Path) -> None:
        stage = fakes.Stage(folder / "stage", fakes.plan("installing"))
        self.calls = folder / "calls"
        self.calls.touch()
        mix = folder / "bin" / "mix"
        mix.parent.mkdir()
        mix.write_text(MIX.replace('"$CALLS"', str(self.calls)))
        mix.chmod(mix.stat().st_mode | stat.S_IXUSR)
        self.site = stage.site
        variables = {"PATH": f"{mix.parent}:/usr/bin:/bin"}
        self.site.forge = HostForge(root=self.site.directory, toolchain="test", variables=variables)
        gateway = types.SimpleNamespace(
            mark=lambda: 0, causes_since=lambda mark: {}, forge_environment=dict, dependencies=depends
        )
        self.site.gateway = gateway  # type: ignore[assignment]
        self.site.file(".home/hex").mkdir(parents=True)
        self.site.file(".home/hex/hex.config").touch()
        self.scratch = ScratchProject(Step(self.site, stage.plan, stage.plan.phases[0]))

    def probe(self, plan: tuple[RootRequirement, ...], *, seeded: bool = False) -> CompileProbe:
        return CompileProbe(self.scratch, core("phoenix"), plan, site=self.site.directory if seeded else None)

    def called(self) -> list[str]:
        """Calls since the last question."""
        calls = self.calls.read_text().splitlines()
        self.calls.write_text("")
        return calls


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    bench = Bench(tmp_path)
    with bench.scratch.open():
        yield bench


def test_nothing_is_compiled_twice(bench: Bench) -> None:
    """The whole plan is locked and fetched once; a subset of compiled packages runs no command."""
    probe = bench.probe(want("a", "b", "c"))
    assert "passed" == probe(want("a", "b")).outcome
    assert ["deps.get", "deps.compile a b phoenix"] == bench.called()
    assert "passed" == probe(want("a")).outcome
    assert [] == bench.called()
    assert "passed" == probe(want("b", "c")).outcome
    assert ["deps.compile c"] == bench.called()


def test_a_package_compiles_again_with_an_optional_dependency(bench: Bench) -> None:
    """A failed build is not tried again."""
    probe = bench.probe(want("bad", "noticed", "other"))
    assert "passed" == probe(want("bad", "other")).outcome
    failed = probe(want("bad", "noticed"))
    assert ("failed", "compile_error", "bad") == (
        failed.outcome, failed.symptom and failed.symptom.cause, failed.symptom and failed.symptom.package,
    )  # fmt: skip
    bench.called()
    assert "failed" == probe(want("bad", "noticed", "other")).outcome
    assert "passed" == probe(want("bad")).outcome
    assert [] == bench.called()


def test_suspects_need_the_failing_package_or_its_optional_dependencies(bench: Bench) -> None:
    plan = want("a", "bad", "noticed", "z")
    probe = bench.probe(plan)
    symptom = Symptom(cause="compile_error", package="bad", message="x")
    assert () == probe.suspects(symptom)
    probe(plan)
    assert ["bad", "noticed"] == [each.name for each in probe.suspects(symptom)]
    assert () == probe.suspects(Symptom(cause="compile_error", package="nobody", message="x"))


def test_each_subset_is_resolved_separately_where_the_whole_plan_fails(bench: Bench) -> None:
    """The whole plan conflicts, its halves pass."""
    probe = bench.probe(want("left", "right"))
    failed = probe(want("left", "right"))
    assert ("failed", "version_conflict") == (failed.outcome, failed.symptom and failed.symptom.cause)
    assert ["passed", "passed"] == [probe(want(name)).outcome for name in ("left", "right")]


def test_builds_of_the_site_are_copied(bench: Bench) -> None:
    """Where its lock has the same version. The site's builds stay."""
    site = bench.site.directory
    lock = '%{\n  "a": {:hex, :a, "1.0.0", "00", [:mix], [], "hexpm", "00"},\n}\n'
    (site / "mix.lock").write_text(lock)
    (site / "deps/a/lib").mkdir(parents=True)
    (site / "_build/dev/lib/a/ebin").mkdir(parents=True)
    (site / "_build/dev/lib/a/ebin/a.app").write_text("made there")
    probe = bench.probe(want("a", "b"), seeded=True)
    assert "passed" == probe(want("a", "b")).outcome
    assert ["deps.get", "deps.compile b phoenix"] == bench.called()
    assert ("made there", lock) == (
        (site / "_build/dev/lib/a/ebin/a.app").read_text(), (site / "mix.lock").read_text(),
    )  # fmt: skip


def test_an_override_is_part_of_every_probe(bench: Bench) -> None:
    """With its environments and its requirement."""
    plan = (
        *want("decimal", override=True),
        *want("a"),
        RootRequirement(name="t", requirement="~> 1.0", only=("test",)),
    )
    probe = bench.probe(plan)
    probe(plan)
    text = bench.scratch.place("compile/mix.exs").read_text()
    assert '{:decimal, "~> 1.0", override: true}' in text
    assert '{:t, "~> 1.0", only: [:test]}' in text
    assert "deps.compile a decimal phoenix" in bench.called()
    probe(())
    assert [] == bench.called()
