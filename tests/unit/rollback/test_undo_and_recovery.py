"""Undo functions, rollback, and recovery of a killed run from its journal."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import textwrap
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import docker.errors
import pytest

from rollout.config.options import ROOT
from rollout.config.run import lock_file, lock_run, open_journal, secrets_file
from rollout.errors import NoEngine, PhaseFailed
from rollout.journal import Act, Journal, Redactor, pending_undos, read_events
from rollout.journal.merging import JOURNAL
from rollout.phases.step import Step
from rollout.results.verdict import verdict
from rollout.rollback import recovery
from rollout.rollback.rollback import roll_back
from rollout.rollback.undo import _KINDS, UndoContext, undo
from rollout.site import postgres
from rollout.site.processes import marked
from rollout.site.repository import MARK, Repository
from rollout.site.store.manifest import scan
from rollout.site.store.objects import Store
from tests.unit.fakes import GROUND, Stage, code, plan, writes


@pytest.fixture
def context(tmp_path: Path) -> UndoContext:
    return UndoContext(store=Store(tmp_path), secrets={}, servers={})


def act(number: int, record: dict[str, Any]) -> Act:
    return Act(id=str(number), path="realistic", phase="one", text=f"act {number}", undo=record)


class TestDirectory:
    """The folder is removed with its content. Parents are removed if the run created them and they are empty."""

    def test_a_created_folder_is_removed(self, tmp_path: Path, context: UndoContext) -> None:
        """Repeatedly, because an undo is idempotent."""
        made = [tmp_path / "a", tmp_path / "a/b"]
        made[1].mkdir(parents=True)
        (made[1] / "file").write_text("x")
        (made[1] / MARK).write_text("run-1")
        record = {"kind": "directory", "path": str(made[1]), "made": [str(folder) for folder in made], "run": "run-1"}
        undo(record, context)
        assert not made[0].exists()
        undo(record, context)

    def test_an_existing_folder_stays(self, tmp_path: Path, context: UndoContext) -> None:
        """Even if it is empty now."""
        (tmp_path / "theirs").mkdir()
        (tmp_path / "theirs/ours").mkdir()
        undo(
            {
                "kind": "directory",
                "path": str(tmp_path / "theirs/ours"),
                "made": [str(tmp_path / "theirs/ours")],
                "run": "run-1",
            },
            context,
        )
        assert (tmp_path / "theirs").is_dir()

    def test_a_parent_folder_with_other_content_stays(self, tmp_path: Path, context: UndoContext) -> None:
        """The run created it, and another program uses it."""
        made = [tmp_path / "a", tmp_path / "a/b"]
        made[1].mkdir(parents=True)
        (tmp_path / "a/theirs").write_text("x")
        (made[1] / MARK).write_text("run-1")
        undo(
            {"kind": "directory", "path": str(made[1]), "made": [str(folder) for folder in made], "run": "run-1"},
            context,
        )
        assert ["theirs"] == [path.name for path in (tmp_path / "a").iterdir()]

    def test_the_target_of_a_link_stays(self, tmp_path: Path, context: UndoContext) -> None:
        """A link in the folder is removed, its target stays."""
        (tmp_path / "theirs").mkdir()
        (tmp_path / "theirs/file").write_text("x")
        (tmp_path / "ours").mkdir()
        (tmp_path / "ours/link").symlink_to(tmp_path / "theirs")
        (tmp_path / "ours" / MARK).write_text("run-1")
        undo(
            {"kind": "directory", "path": str(tmp_path / "ours"), "made": [str(tmp_path / "ours")], "run": "run-1"},
            context,
        )
        assert "x" == (tmp_path / "theirs/file").read_text()


def test_a_folder_without_the_runs_mark_stays(tmp_path: Path, context: UndoContext) -> None:
    """Another program created it between our intent and our act."""
    for mark in (None, "run-2"):
        theirs = tmp_path / f"theirs-{mark}"
        theirs.mkdir()
        (theirs / "precious").write_text("mine")
        if mark:
            (theirs / MARK).write_text(mark)
        undo({"kind": "directory", "path": str(theirs), "made": [str(theirs)], "run": "run-1"}, context)
        assert "mine" == (theirs / "precious").read_text()


class TestWorktree:
    """Branch and files of the run are removed. Branches of other runs stay."""

    def record(self, tmp_path: Path, run: str) -> dict[str, Any]:
        return {"kind": "worktree", "repository": str(tmp_path / "git"), "directory": str(tmp_path / "site"),
                "branch": "deploy/xavos", "run": run}  # fmt: skip

    @pytest.fixture
    def repository(self, tmp_path: Path) -> Repository:
        repository = Repository(tmp_path / "git")
        repository.create(run="run-1")
        (tmp_path / "site").mkdir()
        (tmp_path / "site" / MARK).write_text("run-1")
        repository.add_worktree(tmp_path / "site", "deploy/xavos", run="run-1")
        (tmp_path / "site/file").write_text("x")
        repository.commit(tmp_path / "site", "one")
        return repository

    def test_the_runs_worktree_is_removed(self, tmp_path: Path, repository: Repository, context: UndoContext) -> None:
        """The folder itself belongs to another act. A second undo changes nothing."""
        for _ in range(2):
            undo(self.record(tmp_path, "run-1"), context)
            assert {} == repository.refs()
            assert () == repository.worktrees()
            assert [tmp_path / "site" / MARK] == list((tmp_path / "site").iterdir())
        undo({"kind": "repository", "path": str(repository.path), "run": "run-1"}, context)
        assert not repository.path.exists()

    def test_an_interrupted_removal_of_a_repository_is_continued(
        self, tmp_path: Path, repository: Repository, context: UndoContext, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Also where the file that names the run went first."""
        record = {"kind": "repository", "path": str(repository.path), "run": "run-1"}
        undo(self.record(tmp_path, "run-1"), context)

        def interrupted(path: Path) -> None:
            if path.exists():
                (path / "config").unlink()
                raise KeyboardInterrupt

        with monkeypatch.context() as patched:
            patched.setattr("rollout.rollback.undo.remove_tree", interrupted)
            with pytest.raises(KeyboardInterrupt):
                undo(record, context)
        undo(record, context)
        assert [tmp_path / "site"] == list(tmp_path.iterdir())

    def test_branch_of_another_run_stays(self, tmp_path: Path, repository: Repository, context: UndoContext) -> None:
        """Its first commit names another run."""
        undo(self.record(tmp_path, "run-2"), context)
        assert ["refs/heads/deploy/xavos"] == list(repository.refs())

    def test_a_repository_with_other_deployments_stays(self, repository: Repository, context: UndoContext) -> None:
        """It has the branch of another deployment."""
        assert "stays" in undo({"kind": "repository", "path": str(repository.path), "run": "run-1"}, context)
        assert repository.exists


def test_processes_are_ended_by_their_marker_alone(tmp_path: Path, context: UndoContext) -> None:
    """Even one that ignores TERM. A process with a longer marker stays."""
    script = (
        "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(60)"
    )
    started = [
        subprocess.Popen([sys.executable, "-c", script], env={"XAVOS_RUN": run}, stdout=subprocess.PIPE)
        for run in ("unit-1", "unit-12")
    ]
    for process in started:
        assert process.stdout is not None
        process.stdout.readline()
    from rollout.site import processes

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(processes, "_ENDS_WITHIN", 0.5)
        undo({"kind": "processes", "marker": "XAVOS_RUN=unit-1", "forge": {"kind": "host"}}, context)
    assert () == marked("XAVOS_RUN=unit-1")
    assert (started[1].pid,) == marked("XAVOS_RUN=unit-12")
    started[1].kill()
    for process in started:
        process.communicate()


class Engine:
    """A fake engine that creates the requested thing `after` so many queries."""

    def __init__(self, *, after: int) -> None:
        self.questions = 0
        self.after = after
        self.containers = self.networks = self

    @contextlib.contextmanager
    def asked(self) -> Iterator[Engine]:
        yield self

    def list(self, **wanted: object) -> tuple[str, ...]:
        self.questions += 1
        return ("made",) if self.questions > self.after else ()


@pytest.mark.parametrize("kind", ["container", "network"])
def test_an_interrupted_request_to_the_engine_is_awaited(
    kind: str, context: UndoContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a signal or kill the engine still completes the request, maybe after the undo's first look."""
    engine = Engine(after=3)
    monkeypatch.setattr(postgres, "engine_client", engine.asked)
    monkeypatch.setitem(_KINDS, kind, lambda record, context: f"after {engine.questions}")
    record = {"kind": kind, "name": "xavos-run-1-forge", "run": "run-1"}
    assert undo(record, context, cut_off=time.time()) == "after 4"
    engine.after = 1000
    began = time.monotonic()
    undo(record, context, cut_off=time.time() - 60)
    assert 1.9 < time.monotonic() - began < 10, "what has not come in a minute is looked for a moment"
    asked = engine.questions
    assert undo(record, context) == f"after {asked}", "an act that ended is over"


@pytest.mark.parametrize("error", [NoEngine(reason="it is busy"), docker.errors.APIError("busy"), TimeoutError("busy")])
def test_an_engine_that_does_not_answer_is_not_awaited(
    error: Exception, context: UndoContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The undo is executed, and reports the error."""

    def engine() -> None:
        raise error

    monkeypatch.setattr(postgres, "engine_client", engine)
    monkeypatch.setitem(_KINDS, "container", lambda record, context: "tried")
    assert undo({"kind": "container", "name": "c", "run": "r"}, context, cut_off=time.time()) == "tried"


def test_only_an_act_without_an_end_is_cut_off(tmp_path: Path) -> None:
    """A failed act got an answer, so its request is not completed later."""
    journal = Journal(tmp_path / "j", run="r", redactor=Redactor())
    with journal.act("done", {"kind": "container"}):
        pass
    with pytest.raises(OSError, match="no"), journal.act("failed", {"kind": "container"}):
        raise OSError("no")
    began = time.time()
    with pytest.raises(KeyboardInterrupt), journal.act("cut off", {"kind": "container"}):
        raise KeyboardInterrupt
    done, failed, cut_off = pending_undos(journal.events())
    assert (done.cut_off, failed.cut_off) == (None, None)
    assert cut_off.cut_off == pytest.approx(began, abs=5)
    journal.close()


def test_a_state_is_restored_from_the_store(tmp_path: Path, context: UndoContext) -> None:
    """The files are restored, also a second time."""
    root = tmp_path / "site"
    root.mkdir()
    (root / "a").write_text("before")
    digest = context.store.keep_tree(root, scan(root))
    record: dict[str, Any] = {
        "kind": "state",
        "directory": str(root),
        "manifest": digest,
        "git": None,
        "databases": {},
        "server": "",
        "role": "x",
    }
    for _ in range(2):
        (root / "a").write_text("after")
        (root / "b").mkdir(exist_ok=True)
        undo(record, context)
        assert {"a": "before"} == {path.name: path.read_text() for path in root.iterdir()}


def test_a_tree_counts_as_scanned_until_something_else_is_undone(tmp_path: Path, context: UndoContext) -> None:
    """Only a tree that was scanned last needs no new scan for the proof."""
    root = tmp_path / "site"
    root.mkdir()
    (root / "a").write_text("before")
    record: dict[str, Any] = {"kind": "state", "directory": str(root), "git": None, "databases": {}, "server": "",
                              "role": "x", "manifest": context.store.keep_tree(root, scan(root))}  # fmt: skip
    (root / "a").write_text("after")
    undo(record, context)
    assert ({str(root)}, scan(root)) == (context.scanned, context.trees[str(root)])
    undo({"kind": "directory", "path": str(tmp_path / "other"), "run": "r"}, context)
    assert set() == context.scanned


def test_a_rollback_is_last_in_first_out_and_continues_after_a_failure(tmp_path: Path, context: UndoContext) -> None:
    """A failing undo is reported and stays pending. All others are executed."""
    journal = Journal(tmp_path / "j", run="r", redactor=Redactor())
    folders = [tmp_path / name for name in "abc"]
    for folder in folders:
        folder.mkdir()
        (folder / MARK).write_text("run-1")
    acts = [act(n, {"kind": "directory", "path": str(folder), "run": "run-1"}) for n, folder in enumerate(folders)]
    acts.insert(1, act(9, {"kind": "no-such-kind"}))
    left = roll_back(acts, journal, context)
    assert ("act 9: KeyError: 'no-such-kind'",) == left
    assert [("undo.done", "2"), ("undo.done", "1"), ("undo.failed", "9"), ("undo.done", "0")] == [
        (event["event"], event["id"]) for event in journal.events()
    ]
    assert not any(folder.exists() for folder in folders)
    journal.close()


def _python(script: str) -> subprocess.CompletedProcess[str]:
    """Run the script from a file, because a phase's code needs a source file."""
    with tempfile.NamedTemporaryFile("w", suffix=".py") as file:
        file.write(textwrap.dedent(script))
        file.flush()
        return subprocess.run(
            [sys.executable, file.name],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )


class TestRecovery:
    """Recovery uses the journals of ended runs, never of running or kept ones."""

    def killed(self, folder: Path, *, amid: str = "os.kill(os.getpid(), 9)") -> str:
        """Start a run in another process and kill it in its second phase. Returns its id."""
        script = f"""
            import os, pathlib
            from tests.unit.fakes import GROUND, Stage, code, plan
            stage = Stage(pathlib.Path({str(folder)!r}), plan("ground", "one"))
            stage.run.keep_secret("role_password", "s3cret-password")
            print(stage.run.id, flush=True)
            def apply(step):
                step.site.file("half").write_text("half")
                {amid}
            stage.play(GROUND, code("one", apply))
        """
        done = _python(script)
        assert -signal.SIGKILL == done.returncode, done.stderr
        return done.stdout.strip()

    def recover(self, folder: Path) -> tuple[tuple[recovery.Recovered, ...], list[str]]:
        said: list[str] = []
        store = Store(folder / "cache")
        return recovery.recover(folder / "state", folder / "reports", store, said.append), said

    def test_a_killed_run_is_undone(self, tmp_path: Path) -> None:
        """Nothing of it is left, secrets included. The next recovery does nothing. Its verdict is `killed`."""
        run = self.killed(tmp_path)
        state = tmp_path / "state"
        assert (tmp_path / "deployments/xavos/half").exists()
        assert secrets_file(state, run).exists()
        recovered, said = self.recover(tmp_path)
        assert (recovery.Recovered(run=run, left=()),) == recovered
        assert [f"Recovering run {run}: 2 pending undo(s)"] == said
        assert not (tmp_path / "deployments").exists()
        assert [] == [path for path in state.rglob("*") if path.is_file()]
        assert '"killed": true' in (tmp_path / "reports" / run / "verdict.json").read_text()
        assert ((), []) == self.recover(tmp_path)

    def test_the_journal_is_copied_to_reports_on_another_file_system(self, tmp_path: Path) -> None:
        """A hard link is impossible there, and a killed run could not copy it."""
        run = self.killed(tmp_path)
        shown = tmp_path / "reports" / run / JOURNAL
        shown.unlink()
        self.recover(tmp_path)
        names = [event["event"] for event in read_events(shown)]
        assert "run.started" not in names[1:]
        assert {"act.intent", "undo.done", "rollback.finished"} <= set(names)

    def test_a_run_killed_before_its_first_act_is_not_dirty(
        self, tmp_path: Path
    ) -> None:
        """Its path is journaled as rolled back, without a pending undo."""
        script = f"""
            import os, pathlib
            from tests.unit.fakes import Stage, plan
            stage = Stage(pathlib.Path({str(tmp_path)!r}), plan("ground", "one"))
            print(stage.run.id, flush=True)
            os.kill(os.getpid(), 9)
        """
        done = _python(script)
        assert -signal.SIGKILL == done.returncode, done.stderr
        recovered, _said = self.recover(tmp_path)
        run = done.stdout.strip()
        assert (recovery.Recovered(run=run, left=()),) == recovered
        (path,) = verdict(tuple(read_events(tmp_path / "reports" / run / "journal.jsonl"))).paths
        assert ("refused", ()) == (path.outcome, path.residue)

    def test_a_run_killed_while_a_checkpoint_is_restored_is_undone(self, tmp_path: Path) -> None:
        """Half of its files exist, one of them half written."""
        script = f"""
            import os, pathlib
            from rollout.site.store import objects
            from tests.unit.fakes import GROUND, Stage, code, plan, writes
            def many(step):
                print("built", flush=True)
                for number in range(9):
                    writes(f"sub/{{number}}", f"{{number}}" * 100)(step)
            Stage(pathlib.Path({str(tmp_path)!r}), plan("ground", "one")).play(GROUND, code("one", many))
            write, written = objects._write, []
            def dying(path, entry, data):
                written.append(path)
                if len(written) == 5:
                    pathlib.Path(path).write_bytes(data[:50])
                    os.kill(os.getpid(), 9)
                return write(path, entry, data)
            objects._write = dying
            Stage(pathlib.Path({str(tmp_path)!r}), plan("ground", "one")).play(GROUND, code("one", many))
        """
        done = _python(script)
        assert (-signal.SIGKILL, "built\n") == (done.returncode, done.stdout), done.stderr
        assert 5 == len(list((tmp_path / "deployments/xavos/sub").iterdir()))
        recovered, _said = self.recover(tmp_path)
        assert [()] == [each.left for each in recovered]
        assert not (tmp_path / "deployments").exists()

    def test_a_command_that_is_still_writing_is_ended_first(self, tmp_path: Path) -> None:
        """After the kill it still runs, and would fill the folder faster than it is emptied."""
        lines = (
            "import subprocess, time",
            "record = {'kind': 'processes', 'marker': step.site.run.marker, 'forge': {'kind': 'host'}}",
            "with step.act('run commands', record): pass",
            "sub, run = step.site.file('sub'), step.site.run.id",
            "sub.mkdir()",
            f"(sub / {MARK!r}).write_text(run)",
            "with step.act('later', {'kind': 'directory', 'path': str(sub), 'run': run}): pass",
            "script = 'n=0; while :; do n=$((n+1)); mkdir -p sub/d$n/e; : >sub/d$n/e/f; done'",
            "env = {'PATH': '/usr/bin:/bin', 'XAVOS_RUN': step.site.run.id}",
            "null = subprocess.DEVNULL",
            "subprocess.Popen(['sh', '-c', script], cwd=step.site.directory, stdout=null, stderr=null, env=env)",
            "time.sleep(0.3)",
            "os.kill(os.getpid(), 9)",
        )
        amid = ("\n" + " " * 16).join(lines)
        run = self.killed(tmp_path, amid=amid)
        recovered, _ = self.recover(tmp_path)
        assert (recovery.Recovered(run=run, left=()),) == recovered
        assert not (tmp_path / "deployments").exists()
        assert () == marked(f"XAVOS_RUN={run}")

    def test_a_truncated_last_line_of_the_journal_is_ignored(self, tmp_path: Path) -> None:
        """The kill interrupted a write."""
        run = self.killed(tmp_path)
        with open_journal(tmp_path / "state", run).open("ab") as file:
            file.write(b'{"event": "act.in')
        recovered, _ = self.recover(tmp_path)
        assert () == recovered[0].left
        assert not (tmp_path / "deployments").exists()

    def test_recovery_itself_may_be_killed(self, tmp_path: Path) -> None:
        """Only undos that it has not executed are still pending."""
        run = self.killed(tmp_path)
        with pytest.MonkeyPatch.context() as patch:
            patch.setitem(_KINDS, "directory", _struck)
            with pytest.raises(KeyboardInterrupt):
                self.recover(tmp_path)
        assert pending_undos(read_events(open_journal(tmp_path / "state", run)))
        recovered, _ = self.recover(tmp_path)
        assert () == recovered[0].left
        assert not (tmp_path / "deployments").exists()

    def test_a_failed_undo_stays_pending(self, tmp_path: Path) -> None:
        """It is reported, and the next recovery tries again."""
        run = self.killed(tmp_path)
        with pytest.MonkeyPatch.context() as patch:
            patch.setitem(_KINDS, "directory", _busy)
            recovered, said = self.recover(tmp_path)
        assert "resource busy" in recovered[0].left[0]
        assert said[-1].startswith("  still pending: make folder")
        assert open_journal(tmp_path / "state", run).exists()
        assert () == self.recover(tmp_path)[0][0].left

    def test_a_run_that_is_alive_is_not_touched(self, tmp_path: Path) -> None:
        """Another process holds its lock."""
        run = self.killed(tmp_path)
        path = lock_file(tmp_path / "state", run)
        script = (
            f"import filelock; lock = filelock.FileLock({str(path)!r}); lock.acquire(); print(1, flush=True); input()"
        )
        holder = subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert holder.stdout is not None
        holder.stdout.readline()
        assert ((), []) == self.recover(tmp_path)
        assert (tmp_path / "deployments/xavos/half").exists()
        holder.communicate(b"\n")
        assert 1 == len(self.recover(tmp_path)[0])

    def test_a_run_of_this_process_is_not_touched(self, tmp_path: Path) -> None:
        """It holds its own lock."""
        stage = Stage(tmp_path, plan("ground"))
        stage.play(GROUND, within=lambda: _assert_nothing(self.recover(tmp_path)))

    def test_a_kept_run_is_only_touched_by_undeploy(self, tmp_path: Path) -> None:
        """`recover` skips it, `kept` lists it, `undeploy` removes it once."""
        stage = Stage(tmp_path, plan("ground", "one"), keep="on-success")
        stage.run.journal.record("run.started", **_started())
        _keep_open(stage)
        assert ((), []) == self.recover(tmp_path)
        (item,) = recovery.kept(tmp_path / "state")
        assert (stage.run.id, "xavos", stage.directory) == (item.run, item.name, item.directory)
        assert () == self.undeploy(tmp_path, "xavos2")
        assert stage.directory.exists()
        assert (recovery.Recovered(run=stage.run.id, left=()),) == self.undeploy(tmp_path, "xavos2", "xavos")
        assert not stage.directory.exists()
        assert () == recovery.kept(tmp_path / "state")
        assert () == self.undeploy(tmp_path, "xavos")

    def test_a_kept_failure_is_undeployed_completely(self, tmp_path: Path) -> None:
        """--keep=failed: `recover` skips it, `kept` lists it, `undeploy` undoes the failed phase and the others."""

        def fails(step: Step) -> None:
            writes("half")(step)
            raise PhaseFailed("It broke.", cause="compile_error")

        stage = Stage(tmp_path, plan("ground", "one"), keep="failed")
        stage.run.journal.record("run.started", **_started())
        _keep_open(stage, fails)
        assert (stage.directory / "half").exists()
        assert ((), []) == self.recover(tmp_path)
        assert [stage.directory] == [item.directory for item in recovery.kept(tmp_path / "state")]

        assert (recovery.Recovered(run=stage.run.id, left=()),) == self.undeploy(tmp_path, "xavos")

        assert not stage.directory.exists()
        assert () == recovery.kept(tmp_path / "state")

    def undeploy(self, place: Path, *names: str) -> tuple[recovery.Recovered, ...]:
        store = Store(place / "cache")
        return recovery.undeploy(place / "state", place / "reports", store, lambda line: None, names=names)


def _keep_open(stage: Stage, apply: Callable[[Step], None] | None = None) -> None:
    """Run a path, keep its site, and end the run as the session does."""
    close = stage.run.close
    stage.run.close = lambda *, settled: None  # type: ignore[method-assign]
    stage.play(GROUND, code("one", apply or writes("a")))
    stage.run.journal.record("run.finished", exit_code=0, seconds=1, reason="")
    close(settled=stage.deployment.is_settled)
    assert not lock_run(stage.options.state, stage.run.id).is_locked


def _started() -> dict[str, Any]:
    names = ("pid", "argv", "options", "source", "forge", "database", "host", "versions", "paths", "plan")
    return {**{key: {} for key in names}, "paths": ["realistic"], "options": {"name": "xavos"}}


def _assert_nothing(found: object) -> None:
    assert ((), []) == found


def _struck(record: object, context: object) -> str:
    raise KeyboardInterrupt


def _busy(record: object, context: object) -> str:
    raise OSError(16, "Device or resource busy")
