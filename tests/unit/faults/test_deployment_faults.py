"""Faults of the application: which files are planted before which command, what counts as a bite, what is restored."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from rollout.config.plan import load_plan
from rollout.errors import PhaseFailed
from rollout.faults import CATALOGUE, places
from rollout.faults.deployment import KINDS
from rollout.faults.fault import Fault, FaultSpec, Witness
from rollout.hex import lockfile
from rollout.hex.errors import InvalidLock
from rollout.phases.step import Step
from rollout.process import Outcome, Request
from tests.unit.fakes import GROUND, Stage, plan

PATHS = ("ambitious", "realistic", "incremental")
APPLICATION = "defmodule Xavos.Application do\n  def start(_type, _args) do\n    children = []\n  end\nend\n"
LOCK = '%{\n  "ash": {:hex, :ash, "3.0.0", "aa", [:mix], [], "hexpm", "bb"},\n}\n'
FILES = {"lib/xavos/application.ex": APPLICATION, "mix.lock": LOCK, "lib/xavos_web/endpoint.ex": "endpoint\n",
         "priv/repo/migrations/20261126010203_first.exs": "first\n"}  # fmt: skip
COMPILE = ("mix", "compile")
MEETS: Mapping[str, tuple[str, ...]] = {
    "overlay_compile_error": COMPILE,
    "failing_migration": ("mix", "ecto.migrate"),
    "corrupt_lock": ("mix", "deps.get"),
    "server_crashes": ("scripts/manage_xavos.sh", "start"),
    "server_hangs": ("sh", "-c", "mkdir -p log && setsid --fork mix phx.server"),
    "asset_build_fails": ("elixir", "-e", "x", "apply", ".", "/srv/xavos/.home/assets_plain-edits.exs"),
}


class Bed:
    """A fault that is active on a site with a few files of an application."""

    def __init__(self, folder: Path, name: str, *, form: str = "persistent", seed: int = 1) -> None:
        self.stage = Stage(folder, plan("ground", "one"))
        self.site = self.stage.site
        spec = FaultSpec(kind=CATALOGUE[name], path="realistic", phase="one", at=None, form=form, seed=seed)
        self.fault: Fault = spec.kind.make(spec)
        self.fault.witness = Witness(journal=self.site.run.journal, facts=spec.facts)
        self.step = Step(self.site, self.stage.plan, self.stage.plan.phase("one"))
        GROUND.apply(self.step)
        for file, text in FILES.items():
            self.site.file(file).parent.mkdir(parents=True, exist_ok=True)
            self.site.file(file).write_text(text)
        self.fault.is_active = True

    def meet(self, *argv: str) -> Request:
        return self.fault.before_command(self.site, Request(argv=argv, label=argv[0], cwd=self.site.directory))

    def ended(self, text: str, *, code: int = 1) -> None:
        request = Request(argv=("mix",), label="mix", cwd=Path("/"))
        self.fault.after_command(self.site, Outcome(request=request, exit_code=code, seconds=0, tail=text, log=None))

    def tree(self) -> dict[str, str]:
        folder = self.site.directory
        return {str(file.relative_to(folder)): file.read_text() for file in folder.rglob("*") if file.is_file()}


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
@pytest.mark.parametrize("path", PATHS)
def test_every_kind_can_strike_every_path(kind: Any, path: str) -> None:
    """None of them names a trait that no path has."""
    assert places(kind, load_plan(path, rehearsal=True))
    known = {trait for each in PATHS for phase in load_plan(each).all_phases for trait in phase.traits}
    assert set(kind.traits) <= known


def test_a_phase_is_named_by_its_own_name() -> None:
    """`setup` runs the migrations of the ambitious path."""
    kind = CATALOGUE["failing_migration"]
    assert ("setup", "migrations") == places(kind, load_plan("ambitious", rehearsal=True))
    assert ("migrations",) == places(kind, load_plan("realistic", rehearsal=True))


def test_it_strikes_an_installer_that_compiles_too(tmp_path: Path) -> None:
    """A phase of the incremental path may do nothing else."""
    bed = Bed(tmp_path, "overlay_compile_error")
    before = bed.tree()
    bed.meet("mix", "igniter.install", "ash@3.0.0", "--yes")
    assert {"lib/xavos/broken_overlay.ex"} == bed.tree().keys() - before.keys()


def test_a_second_run_strikes_only_after_the_site_exists() -> None:
    """Before the first phase nothing is there that it could be refused for."""
    assert "prerequisites" not in places(CATALOGUE["two_runs"], load_plan("realistic"))
    assert "packages" in places(CATALOGUE["two_runs"], load_plan("realistic"))


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_nothing_is_planted_where_one_command_generates_and_compiles(kind: Any) -> None:
    """`mix igniter.new` answers for phases that plant before a command of theirs, and has none to plant before."""
    assert "generation" not in places(kind, load_plan("ambitious"))


@pytest.mark.parametrize("name", MEETS)
class TestPlanting:
    """Files are planted once, before the right command, and removed when the fault ends."""

    def test_nothing_before(self, tmp_path: Path, name: str) -> None:
        """Earlier commands see an unchanged application, and their failures are no bites."""
        bed = Bed(tmp_path, name)
        before = bed.tree()
        bed.meet("git", "status")
        bed.ended("broken_overlay.ex mix.lock app.css endpoint.ex injected by a fault")
        assert (before, 0) == (bed.tree(), bed.fault.witness.bites)

    def test_taken_back(self, tmp_path: Path, name: str) -> None:
        """To the last byte. Files that were changed since stay as they are."""
        bed = Bed(tmp_path, name)
        before = bed.tree()
        bed.meet(*MEETS[name])
        changed = {file for file, text in bed.tree().items() if before.get(file) != text}
        assert 1 == len(changed)
        bed.fault.lift(bed.site)
        assert before == bed.tree()
        other = Bed(tmp_path / "other", name)
        other.meet(*MEETS[name])
        other.site.file(*changed).write_text("restored by a rollback")
        other.fault.lift(other.site)
        assert "restored by a rollback" == other.site.file(*changed).read_text()

    def test_a_folder_that_is_gone(self, tmp_path: Path, name: str) -> None:
        """The path has been rolled back; there is nothing to put back."""
        bed = Bed(tmp_path, name)
        bed.meet(*MEETS[name])
        shutil.rmtree(bed.site.directory)
        bed.fault.lift(bed.site)
        assert not bed.site.directory.exists()

    def test_planted_once(self, tmp_path: Path, name: str) -> None:
        """The planted content is not remembered as the old content."""
        bed = Bed(tmp_path, name)
        before = bed.tree()
        bed.meet(*MEETS[name])
        bed.meet(*MEETS[name])
        bed.fault.lift(bed.site)
        assert before == bed.tree()


class TestBites:
    """A command that failed and names the file counts; one that passed never does."""

    def test_the_compiler_names_the_file(self, tmp_path: Path) -> None:
        """The transient form is over with that, and the file is gone."""
        bed = Bed(tmp_path, "overlay_compile_error", form="transient")
        bed.meet(*COMPILE)
        bed.ended("Generated xavos app, lib/xavos/broken_overlay.ex too", code=0)
        bed.ended("** (SyntaxError) lib/xavos/other.ex:1")
        assert 0 == bed.fault.witness.bites
        bed.ended("error: undefined function\n  lib/xavos/broken_overlay.ex:2\n")
        assert (1, True) == (bed.fault.witness.bites, bed.fault.is_over)
        assert "lib/xavos/broken_overlay.ex" not in bed.tree()

    def test_the_newest_migration(self, tmp_path: Path) -> None:
        """It is newer than all others, and the command's output names it."""
        for seed in range(4):
            bed = Bed(tmp_path / str(seed), "failing_migration", seed=seed)
            bed.meet("mix", "ecto.migrate", "--quiet")
            planted = bed.site.file("priv/repo/migrations/20261126010204_injected.exs").read_text()
            bed.ended(f"[info] {planted}")
            assert 0 == bed.fault.witness.bites
            raised = "raise" in planted
            bed.ended(
                "** (RuntimeError) injected by a fault"
                if raised
                else '** (Postgrex.Error) ERROR 42P01 (undefined_table) relation "injected_by_a_fault" does not exist'
            )
            assert 1 == bed.fault.witness.bites

    def test_a_lock_that_cannot_be_read(self, tmp_path: Path) -> None:
        """Whatever the seed."""
        for seed in range(6):
            bed = Bed(tmp_path / str(seed), "corrupt_lock", seed=seed)
            bed.meet("mix", "deps.get")
            assert LOCK != bed.site.file("mix.lock").read_text()
            with pytest.raises(InvalidLock):
                lockfile.read(bed.site.file("mix.lock"))

    def test_a_lock_that_is_written_anew(self, tmp_path: Path) -> None:
        """Mix has treated the lock as empty. That is one bite, and the new lock stays."""
        for form in ("transient", "persistent"):
            bed = Bed(tmp_path / form, "corrupt_lock", form=form)
            bed.meet("mix", "deps.get")
            bed.ended("", code=0)
            assert 0 == bed.fault.witness.bites
            bed.site.file("mix.lock").write_text("%{}\n")
            for _ in range(2):
                bed.ended("", code=0)
            assert ["mix: has written mix.lock anew, with something else in it"] == bed.fault.witness.evidence
            assert 1 == bed.fault.witness.bites
            bed.fault.lift(bed.site)
            assert "%{}\n" == bed.site.file("mix.lock").read_text()

    def test_no_lock_no_fault(self, tmp_path: Path) -> None:
        """It waits for the first command that finds one."""
        bed = Bed(tmp_path, "corrupt_lock")
        bed.site.file("mix.lock").unlink()
        bed.meet("mix", "phx.new")
        assert "mix.lock" not in bed.tree()

    def test_a_server_that_crashes(self, tmp_path: Path) -> None:
        """Its log is searched unless other output has shown the effect."""
        bed = Bed(tmp_path, "server_crashes")
        bed.meet("scripts/manage_xavos.sh", "start")
        assert (
            'def start(_type, _args) do\n    raise "injected by a fault"\n'
            in bed.site.file("lib/xavos/application.ex").read_text()
        )
        error = PhaseFailed("it has ended", cause="unknown")
        bed.fault.failed(bed.site, error)
        assert 0 == bed.fault.witness.bites
        bed.site.file("log").mkdir()
        bed.site.file("log/server.log").write_text("** (RuntimeError) injected by a fault\n")
        bed.fault.failed(bed.site, error)
        assert ["log/server.log: ** (RuntimeError) injected by a fault"] == bed.fault.witness.evidence

    def test_a_server_that_hangs(self, tmp_path: Path) -> None:
        """The script that starts it gets a shorter timeout."""
        bed = Bed(tmp_path, "server_hangs")
        asked = bed.meet("scripts/manage_xavos.sh", "start")
        assert 0 < int(asked.env["XAVOS_START_SECONDS"]) < 30
        assert "Process.sleep(:infinity)" in bed.site.file("lib/xavos/application.ex").read_text()

    def test_what_a_bundler_builds(self, tmp_path: Path) -> None:
        """With a bundler, its source is broken."""
        bed = Bed(tmp_path, "asset_build_fails")
        bed.meet("mix", "assets.build")
        assert "assets/css/app.css" in bed.tree()
        assert FILES["lib/xavos_web/endpoint.ex"] == bed.site.file("lib/xavos_web/endpoint.ex").read_text()
        bed.ended("Error: Can't resolve './injected_by_a_fault.css' in assets/css/app.css")
        assert 1 == bed.fault.witness.bites
