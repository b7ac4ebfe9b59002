"""Faults of the machine: a real disk of a few KiB, a real listener, real shims and limits; what counts as a bite."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest

from rollout.config.options import ROOT
from rollout.config.plan import load_plan
from rollout.errors import PhaseFailed, PortTaken, ToolMissing
from rollout.faults import CATALOGUE, places
from rollout.faults.disk import DiskFault, source
from rollout.faults.fault import CannotInject, Fault, FaultSpec, Witness
from rollout.faults.machine import KINDS
from rollout.faults.output_witness import OutputWitnessFault, causes_of
from rollout.faults.shims import TooOld
from rollout.journal import pending_undos
from rollout.phases.step import Step
from rollout.process import Outcome, Request
from rollout.rollback import recovery
from rollout.rollback.undo import StillThere, UndoContext, undo
from rollout.site.mounts import mount
from rollout.site.repository import MARK
from rollout.site.store.objects import Store
from tests.unit.fakes import GROUND, Stage, plan

ROOT_ONLY = pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount")
PATHS = ("ambitious", "realistic", "incremental")


class Bed:
    """A fault on a site on this machine, whose folder is there; `step` is the phase that is struck."""

    def __init__(self, folder: Path, name: str, *, phase: str = "ash_core", form: str = "persistent", seed: int = 1,
                 port: int = 39999) -> None:  # fmt: skip
        self.stage = Stage(folder, plan("ground", "ash_core"), port=str(port))
        self.site = self.stage.site
        spec = FaultSpec(kind=CATALOGUE[name], path="realistic", phase=phase, at=None, form=form, seed=seed)
        self.fault: Fault = spec.kind.make(spec)
        self.fault.witness = Witness(journal=self.site.run.journal, facts=spec.facts)
        self.fault.arm(self.site)
        self.step = Step(self.site, self.stage.plan, self.stage.plan.phase("ash_core"))
        GROUND.apply(self.step)

    @property
    def bites(self) -> int:
        return self.fault.witness.bites

    def request(self, *argv: str) -> Request:
        return Request(argv=argv, label=" ".join(argv), cwd=self.site.directory, env={"PATH": os.environ["PATH"]})

    def run(self, *argv: str) -> Outcome:
        """A command as a step runs it while the fault is active."""
        asked = self.request(*argv)
        if self.fault.is_active:
            asked = self.fault.before_command(self.site, asked)
        ended = subprocess.run(asked.argv, cwd=asked.cwd, env=dict(asked.env), capture_output=True, text=True,
                               check=False)  # fmt: skip
        said = Outcome(request=asked, exit_code=ended.returncode, seconds=0, tail=ended.stdout + ended.stderr, log=None)
        self.fault.after_command(self.site, said)
        return said


def _session_age(tool: str, seed: int) -> bool:
    spec = FaultSpec(kind=CATALOGUE["toolchain_too_old"], path="realistic", phase="prerequisites", at=None,
                  form="persistent", seed=seed)  # fmt: skip
    return TooOld(spec).tool == tool


def outcome(text: str, *, code: int = 1) -> Outcome:
    request = Request(argv=("mix", "compile"), label="mix compile", cwd=Path("/"))
    return Outcome(request=request, exit_code=code, seconds=0, tail=text, log=None)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
@pytest.mark.parametrize("path", PATHS)
def test_every_kind_can_strike_every_path(kind: Any, path: str) -> None:
    """None of them names a trait that no path has."""
    assert places(kind, load_plan(path, rehearsal=True))
    known = {trait for each in PATHS for phase in load_plan(each).all_phases for trait in phase.traits}
    assert set(kind.traits) <= known


class TestSensed:
    """The proof is text: the output, or the phase's error and its causes."""

    def bed(self, folder: Path, form: str) -> Bed:
        bed = Bed(folder, "descriptor_limit", form=form)
        bed.fault.is_active = True
        return bed

    def test_unrelated_output_is_no_bite(self, tmp_path: Path) -> None:
        """A command may fail for another reason."""
        bed = self.bed(tmp_path, "transient")
        bed.fault.after_command(bed.site, outcome("** (Mix) something else\n"))
        bed.fault.failed(bed.site, RuntimeError("something else"))
        assert (0, False) == (bed.bites, bed.fault.is_over)

    def test_the_line_is_the_evidence(self, tmp_path: Path) -> None:
        """The transient form is over with it, the persistent one is not."""
        for form in ("transient", "persistent"):
            bed = self.bed(tmp_path / form, form)
            bed.fault.after_command(bed.site, outcome("one\n  could not open: emfile\nthree"))
            assert ["mix compile: could not open: emfile"] == bed.fault.witness.evidence
            assert bed.fault.is_over is (form == "transient")

    def test_our_own_advice_is_no_bite(self, tmp_path: Path) -> None:
        """What went wrong is in the message; how to go on may name any trouble."""
        bed = self.bed(tmp_path, "persistent")
        bed.fault.failed(
            bed.site, PhaseFailed("It failed.", cause="unknown", advice="Too many open files? Close some.")
        )
        assert 0 == bed.bites
        bed.fault.failed(bed.site, PhaseFailed("Too many open files.", cause="unknown", advice="Close some."))
        assert 1 == bed.bites

    def test_the_causes_of_an_error_count(self, tmp_path: Path) -> None:
        """A phase may raise an error of its own about another one."""
        bed = self.bed(tmp_path, "persistent")
        outer = RuntimeError("the phase failed")
        outer.__cause__ = OSError(24, "Too many open files")
        bed.fault.failed(bed.site, outer)
        assert 1 == bed.bites

    def test_a_cycle_of_causes_ends(self) -> None:
        one, two = RuntimeError("one"), RuntimeError("two")
        one.__cause__, two.__cause__ = two, one
        assert [one, two] == list(causes_of(one))


@ROOT_ONLY
class TestDisk:
    """The folder is a tmpfs, which the kernel reports as full or read-only."""

    @pytest.fixture
    def bed(self, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Bed]:
        bed = Bed(tmp_path, request.param)
        bed.fault.forge_options()
        yield bed
        subprocess.run(("umount", str(bed.site.directory)), stderr=subprocess.DEVNULL, check=False)

    @pytest.mark.parametrize("bed", ["disk_full"], indirect=True)
    def test_it_is_full(self, bed: Bed) -> None:
        """What is there stays; a large file does not go in, and that is the bite. Lifted, it has room again."""
        bed.step.site.file("kept").write_text("kept")
        with pytest.raises(OSError, match="No space left"), bed.fault.on(bed.step):
            bed.site.file("large").write_bytes(bytes(1024**2))
        assert 1 == bed.bites
        assert "kept" == bed.site.file("kept").read_text()
        bed.fault.lift(bed.site)
        bed.site.file("large").write_bytes(bytes(1024**2))

    @pytest.mark.parametrize("bed", ["read_only"], indirect=True)
    def test_it_is_read_only(self, bed: Bed) -> None:
        """Lifting is an act of the journal, done once."""
        with pytest.raises(OSError, match="Read-only"), bed.fault.on(bed.step):
            bed.site.file("new").write_text("x")
        assert 1 == bed.bites
        bed.fault.lift(bed.site)
        bed.site.file("new").write_text("x")
        open_kinds = [act.undo["kind"] for act in pending_undos(bed.stage.run.journal.events())]
        assert ["directory", "mount"] == open_kinds
        bed.fault.lift(bed.site)

    @pytest.mark.parametrize("bed", ["disk_full", "read_only"], indirect=True)
    def test_a_command_that_fails_with_another_message_counts(self, bed: Bed) -> None:
        """One that passes is no bite; nor one that fails when there is room again."""
        with pytest.raises(RuntimeError), bed.fault.on(bed.step):
            filled = bed.site.file("filled")
            with contextlib.suppress(OSError):
                filled.write_bytes(bytes(1024**2))
            bed.fault.after_command(bed.site, outcome("fine", code=0))
            assert 0 == bed.bites
            bed.fault.after_command(bed.site, outcome("mkdir -p: no such file or directory"))
            assert 1 == bed.bites
            raise RuntimeError
        bed.fault.lift(bed.site)
        bed.fault.after_command(bed.site, outcome("no such file or directory"))
        assert 1 == bed.bites

    @pytest.mark.parametrize("bed", ["disk_full"], indirect=True)
    def test_the_mark_is_on_it(self, bed: Bed) -> None:
        """The folder is ours, before and after the mount."""
        assert os.path.ismount(bed.site.directory)
        assert bed.site.run.id == (bed.site.directory / MARK).read_text().strip()

    def test_without_the_mount_it_cannot_be_injected(self, tmp_path: Path) -> None:
        """A forge on this machine asks for no options, so nothing was mounted."""
        bed = Bed(tmp_path, "disk_full")
        with pytest.raises(CannotInject, match="not on a disk of its own"):
            bed.fault.strike(bed.step)
        bed.fault.lift(bed.site)
        assert 0 == bed.bites


@ROOT_ONLY
class TestUndoOfMounts:
    """Undone by name and place, again and again; nothing is hidden, and nothing of anybody else's is unmounted."""

    @pytest.fixture
    def workshop(self, tmp_path: Path) -> UndoContext:
        return UndoContext(store=Store(tmp_path), secrets={}, servers={})

    @pytest.fixture
    def place(self, tmp_path: Path) -> Iterator[Path]:
        place = tmp_path / "place"
        place.mkdir()
        mount("-t", "tmpfs", "xavos-run-1", str(place))
        yield place
        subprocess.run(("umount", str(place)), stderr=subprocess.DEVNULL, check=False)

    def record(self, place: Path, name: str = "xavos-run-1") -> dict[str, str]:
        return {"kind": "mount", "path": str(place), "source": name}

    def test_the_content_is_removed_with_the_mount(self, place: Path, workshop: UndoContext) -> None:
        (place / "folder").mkdir()
        (place / "folder/file").write_text("x")
        undo(self.record(place), workshop)
        assert not os.path.ismount(place)
        assert [] == list(place.iterdir())
        undo(self.record(place), workshop)

    def test_another_mount_stays(self, place: Path, workshop: UndoContext) -> None:
        """Somebody else has mounted something there."""
        (place / "file").write_text("x")
        undo(self.record(place, "xavos-run-2"), workshop)
        undo({**self.record(place, "xavos-run-2"), "kind": "remount", "options": "ro"}, workshop)
        (place / "file").write_text("still there, and writable")

    def test_a_mount_that_cannot_be_emptied_stays(self, place: Path, workshop: UndoContext) -> None:
        """The undo stays pending, and succeeds once the folder is writable again."""
        (place / "file").write_text("x")
        mount("-o", "remount,ro", str(place))
        with pytest.raises(OSError, match="Read-only"):
            undo(self.record(place), workshop)
        assert os.path.ismount(place)
        undo({**self.record(place), "kind": "remount", "options": "rw,size=1m"}, workshop)
        undo(self.record(place), workshop)
        assert not os.path.ismount(place)

    def test_the_undo_of_a_mount_in_use_stays_pending(self, place: Path, workshop: UndoContext) -> None:
        """A file is open in it."""
        with (place / "file").open("w"), pytest.raises(StillThere, match="busy"):
            undo(self.record(place), workshop)
        undo(self.record(place), workshop)

    def test_a_killed_run_is_unmounted_by_recovery(self, tmp_path: Path) -> None:
        """It died between the remount and everything else, with its folder read-only."""
        script = f"""
            import os, sys
            from pathlib import Path
            from tests.unit.faults.test_machine import Bed
            bed = Bed(Path({str(tmp_path)!r}), "read_only")
            bed.fault.forge_options()
            bed.site.file("file").write_text("x")
            bed.fault.strike(bed.step)
            print(bed.site.directory, flush=True)
            os.kill(os.getpid(), 9)
        """
        killed = subprocess.run(
            (sys.executable, "-c", textwrap.dedent(script)), cwd=ROOT, capture_output=True, text=True, check=False
        )
        assert -signal.SIGKILL == killed.returncode, killed.stderr
        directory = Path(killed.stdout.strip())
        assert os.path.ismount(directory)
        said: list[str] = []
        found = recovery.recover(tmp_path / "state", tmp_path / "reports", Store(tmp_path / "cache"), said.append)
        assert [()] == [one.left for one in found], said
        assert not directory.exists()


class TestPort:
    """Another program that listens."""

    def test_it_listens_and_goes(self, tmp_path: Path) -> None:
        """It answers, but is no XAVOS; lifted, the port is free."""
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        bed = Bed(tmp_path, "port_taken", port=port)
        with bed.fault.on(bed.step):
            with socket.create_connection(("127.0.0.1", port), timeout=5) as caller:
                caller.sendall(b"GET / HTTP/1.1\r\n\r\n")
                assert caller.recv(100).startswith(b"HTTP/1.1 404")
            assert 0 == bed.bites
            bed.fault.failed(bed.site, PortTaken(port=port, holder="somebody"))
        assert 1 == bed.bites
        bed.fault.lift(bed.site)
        socket.create_server(("127.0.0.1", port), reuse_port=False).close()

    def test_a_server_in_the_background_says_it_in_its_log(self, tmp_path: Path) -> None:
        """Whoever waits for it hears nothing of that."""
        bed = Bed(tmp_path, "port_taken")
        bed.fault.failed(bed.site, RuntimeError("waited 90 s"))
        assert 0 == bed.bites
        bed.site.file("log").mkdir()
        bed.site.file("log/server.log").write_text(
            "Running\n[error] Failed to start Ranch listener: :eaddrinuse\nmore\n"
        )
        bed.fault.failed(bed.site, RuntimeError("waited 90 s"))
        assert ["log/server.log: [error] Failed to start Ranch listener: :eaddrinuse"] == bed.fault.witness.evidence

    def test_a_port_that_is_taken_already_cannot_be_taken(self, tmp_path: Path) -> None:
        with socket.create_server(("127.0.0.1", 0)) as receive_whole:
            bed = Bed(tmp_path, "port_taken", port=receive_whole.getsockname()[1])
            with pytest.raises(CannotInject):
                bed.fault.strike(bed.step)
        bed.fault.lift(bed.site)


class TestPermission:
    """Folders that are there are closed, and opened again; the forge's root is without the power to ignore it."""

    def test_closed_and_opened(self, tmp_path: Path) -> None:
        """With the modes that they had."""
        bed = Bed(tmp_path, "no_permission")
        folder = bed.site.file("_build/dev/lib")
        folder.mkdir(parents=True)
        (folder / "file").touch()
        (folder / "file").chmod(0o640)
        folder.chmod(0o750)
        assert {"cap_drop": ["DAC_OVERRIDE", "DAC_READ_SEARCH"]} == bed.fault.forge_options()
        with bed.fault.on(bed.step):
            assert [0o550, 0o440] == [path.stat().st_mode & 0o777 for path in (folder, folder / "file")]
        bed.fault.lift(bed.site)
        assert [0o750, 0o640] == [path.stat().st_mode & 0o777 for path in (folder, folder / "file")]
        shutil.rmtree(bed.site.directory)
        bed.fault.lift(bed.site)


class TestTools:
    """A shim is found first, and gone when the fault is."""

    def test_a_missing_tool(self, tmp_path: Path) -> None:
        """The caller sees the message of a shell for a missing command."""
        bed = Bed(tmp_path, "tool_missing")
        with bed.fault.on(bed.step):
            said = bed.run("sh", "-c", "mix compile")
        assert (127, 1) == (said.exit_code, bed.bites)
        assert "mix: not found" in said.tail
        bed.fault.lift(bed.site)
        assert not list(bed.site.directory.glob(".home/*"))

    def test_an_old_tool(self, tmp_path: Path) -> None:
        """Asked for its version it lies; the bite is that the phase failed by it."""
        seed = next(seed for seed in range(99) if _session_age("git", seed))
        bed = Bed(tmp_path, "toolchain_too_old", phase="prerequisites", seed=seed)
        with bed.fault.on(bed.step):
            assert "git version 2.17.1\n" == bed.run("sh", "-c", "git --version").tail
            assert "usage" in bed.run("sh", "-c", "git --help").tail
            assert 0 == bed.bites
            bed.fault.failed(bed.site, ToolMissing(tool="Git", found="2.17", needed="2.25", command="x"))
        assert 1 == bed.bites


class TestLimits:
    """Commands run with less than they need."""

    def test_few_descriptors(self, tmp_path: Path) -> None:
        """The limit is the kernel's, for that command alone."""
        bed = Bed(tmp_path, "descriptor_limit")
        script = "import os\nwhile True: os.open('/dev/null', 0)"
        with bed.fault.on(bed.step):
            bed.run(sys.executable, "-I", "-S", "-c", script)
        assert 1 == bed.bites
        assert "Too many open files" in bed.fault.witness.evidence[0]

    def test_a_limit_of_a_removed_container_is_not_restored(self, tmp_path: Path) -> None:
        """The container is gone when the fault is lifted; on this machine there never was one."""
        bed = Bed(tmp_path, "memory_limit")
        with pytest.raises(CannotInject, match="no container"):
            bed.fault.strike(bed.step)
        bed.site.forge = None
        bed.fault.lift(bed.site)
        assert psutil.virtual_memory().total == bed.fault.forge_options()["mem_limit"]


class TestClock:
    """Commands see another time; the proof is the time that their shell wrote."""

    def seen(self, bed: Bed, when: str) -> None:
        """A command that wrote this time where the shell would have written it."""
        asked = bed.fault.before_command(bed.site, bed.request("true"))
        where = bed.site.directory / ".home/fault-clock"
        subprocess.run(("sh", "-c", f'date -d "{when}" +%s >"$0"', str(where)), check=True)
        bed.fault.after_command(bed.site, replace(outcome("", code=0), request=asked))
        assert not where.exists()

    def test_the_right_time_is_no_bite(self, tmp_path: Path) -> None:
        """Without the library the command runs at the right time."""
        bed = Bed(tmp_path, "clock_jump")
        self.seen(bed, "now")
        assert 0 == bed.bites

    def test_a_wrong_time_is_a_bite(self, tmp_path: Path) -> None:
        """The transient form is over after one to three commands."""
        bed = Bed(tmp_path, "clock_jump", form="transient")
        bed.fault.is_active = True
        for _ in range(3):
            if not bed.fault.is_over:
                self.seen(bed, "400 days ago")
        assert bed.fault.is_over
        assert 1 <= bed.bites <= 3

    def test_command_and_environment(self, tmp_path: Path) -> None:
        """The command is the same, in a shell that has looked at the clock first."""
        bed = Bed(tmp_path, "clock_jump")
        asked = bed.fault.before_command(bed.site, bed.request("mix", "compile"))
        assert ("mix", "compile") == asked.argv[-2:]
        assert asked.env["FAKETIME"] in {"+400d", "-400d"}
        assert asked.env["PATH"] == os.environ["PATH"]


def test_the_source_of_a_mount_has_the_id_of_the_run(tmp_path: Path) -> None:
    """Two runs never unmount each other's."""
    one, two = (Bed(tmp_path / name, "disk_full") for name in "ab")
    assert source(one.site) != source(two.site)
    assert isinstance(one.fault, DiskFault)
    assert isinstance(one.fault, OutputWitnessFault)
