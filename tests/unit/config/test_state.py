"""Small parts: checkpoint keys, fingerprints, interrupts, ports, Git, settings, errors."""

from __future__ import annotations

import json
import os
import signal
import socket
import stat
from pathlib import Path

import pytest

from rollout.config.run import Run
from rollout.deployment.checkpoints import Checkpoint, Checkpoints, chain, digest_of_files
from rollout.deployment.interrupts import Interrupts
from rollout.errors import AlreadyExists, NoEngine, PhaseFailed, PortTaken, Refused, RollbackIncomplete, RolloutError
from rollout.site import settings
from rollout.site.fingerprint import Fingerprint, residue
from rollout.site.processes import port_holder
from rollout.site.repository import Repository
from rollout.site.store.manifest import Manifest, grafted, scan, without
from rollout.site.store.objects import Store
from tests.unit.fakes import options

FILE = ("f", 0o644, 1, 1, "x")
OTHER = ("f", 0o644, 1, 1, "y")


class TestCheckpoints:
    """Keys, and what a checkpoint holds."""

    def test_a_key_depends_on_all_earlier_keys(self) -> None:
        """It also depends on every part, and not on the order of a mapping."""
        keys = {chain("", "a"), chain("", "b"), chain(chain("", "a"), "b"), chain("", "a", "b"), chain("", ["a", "b"])}
        assert 5 == len(keys)
        assert chain("", {"a": 1, "b": 2}) == chain("", {"b": 2, "a": 1})

    def test_the_digest_of_a_folder_covers_names_and_contents(self, tmp_path: Path) -> None:
        """It does not cover times and compiled Python."""
        (tmp_path / "a").write_text("1")
        first = digest_of_files(tmp_path)
        os.utime(tmp_path / "a", (1, 1))
        (tmp_path / "__pycache__").mkdir()
        (tmp_path / "__pycache__" / "x.pyc").write_text("")
        assert first == digest_of_files(tmp_path)
        (tmp_path / "a").rename(tmp_path / "b")
        assert first != digest_of_files(tmp_path)

    def test_files_of_the_site_itself_are_left_alone(self) -> None:
        """They are in no checkpoint, and a restoration does not change them. Prefixes are whole names."""
        own = (".env", "log")
        tree = Manifest({"a": FILE, ".env": FILE, "log": ("d", 0o755, 0, 0, ""), "log/x": FILE, "logs": FILE})
        assert {"a", "logs"} == set(without(tree, own).entries)
        current = Manifest({".env": OTHER, "log/new": OTHER, "stale": OTHER})
        assert {"a": FILE, "logs": FILE, ".env": OTHER, "log/new": OTHER} == grafted(
            without(tree, own), current, own
        ).entries

    def checkpoint(self, checkpoints: Checkpoints, root: Path, key: str) -> Checkpoint:
        root.mkdir()
        (root / "file").write_bytes(key.encode() * 100)
        manifest = scan(root)
        tree = checkpoints.store.keep_tree(root, manifest)
        saved = Checkpoint(
            key=key,
            phase="one",
            tree=tree,
            packs=checkpoints.store.packs_of(manifest, tree),
            dumps={"dev": None},
            asked={"/a": "1"},
            seconds=1,
        )
        checkpoints.save(saved)
        return saved

    def test_a_saved_checkpoint_is_found(self, tmp_path: Path) -> None:
        """It is not found if it, or an object of it, is missing or has another schema."""
        checkpoints = Checkpoints(tmp_path / "cache", Store(tmp_path / "cache"))
        saved = self.checkpoint(checkpoints, tmp_path / "one", "k1")
        assert saved == checkpoints.find("k1")
        assert checkpoints.find("k2") is None
        path = tmp_path / "cache" / "checkpoints" / "k1.json"
        whole = path.read_text()
        for spoilt in ("", "{", "[]", json.dumps({**json.loads(whole), "schema": 0}), json.dumps({"key": "k1"})):
            path.write_text(spoilt)
            assert checkpoints.find("k1") is None
        path.write_text(whole)
        (checkpoints.store.folder / saved.packs[0]).unlink()
        assert checkpoints.find("k1") is None

    def test_the_least_recently_used_checkpoints_are_removed(self, tmp_path: Path) -> None:
        """They are removed until the rest fits. A found checkpoint counts as used."""
        checkpoints = Checkpoints(tmp_path / "cache", Store(tmp_path / "cache"))
        for age, key in enumerate(("k1", "k2", "k3"), 1):
            self.checkpoint(checkpoints, tmp_path / key, key)
            os.utime(tmp_path / "cache" / "checkpoints" / f"{key}.json", (age, age))
        found = checkpoints.find("k1")
        assert found is not None
        size = sum(checkpoints.store.size_of(pack) for pack in found.packs)
        for pack in checkpoints.store.folder.iterdir():
            os.utime(pack, (1, 1))
        assert size == checkpoints.keep_within(limit=2 * size)
        assert [True, False, True] == [checkpoints.find(key) is not None for key in ("k1", "k2", "k3")]


class TestFingerprint:
    """Each difference is one line."""

    def test_equal_fingerprints_have_no_difference(self) -> None:
        """They have the same digest."""
        one = Fingerprint(tree=Manifest({"a": FILE}), facts={"port": "x"})
        two = Fingerprint(tree=Manifest({"a": FILE}), facts={"port": "x"})
        assert () == residue(one, two)
        assert one.digest == two.digest

    def test_every_kind_of_difference_has_a_line(self) -> None:
        """Files and facts can be left behind, lost or changed."""
        before = Fingerprint(tree=Manifest({"a": FILE, "b": FILE}), facts={"lost": "1", "changed": "1", "same": ""})
        after = Fingerprint(tree=Manifest({"a": OTHER, "c": FILE}), facts={"changed": "2", "new": "", "same": ""})
        assert (
            "file differs: a", "file lost: b", "file left behind: c",
            "changed: changed: 1 → 2", "lost: lost (was 1)", "left behind: new",
        ) == residue(before, after)  # fmt: skip
        assert before.digest != after.digest

    def test_an_empty_folder_differs_from_a_missing_one(self) -> None:
        """It was left behind or lost."""
        none, empty = Fingerprint(tree=None, facts={}), Fingerprint(tree=Manifest({}), facts={})
        assert ("the deployment's folder was left behind",) == residue(none, empty)
        assert ("the deployment's folder is lost",) == residue(empty, none)

    def test_the_number_of_lines_is_limited(self) -> None:
        """There are fifty, and the number of the others."""
        after = Fingerprint(tree=Manifest({f"f{n:04}": FILE for n in range(1000)}), facts={})
        lines = residue(Fingerprint(tree=Manifest({}), facts={}), after)
        assert (51, "… and 950 more files") == (len(lines), lines[-1])


class TestInterrupts:
    """One KeyboardInterrupt a run."""

    @pytest.fixture(autouse=True)
    def installed(self) -> Interrupts:
        return Interrupts()

    @pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
    def test_the_first_signal_interrupts_and_the_second_is_reported(
        self, installed: Interrupts, number: signal.Signals, capsys: pytest.CaptureFixture[str]
    ) -> None:
        """Afterwards the earlier handlers are restored."""
        before = signal.getsignal(number)
        installed.install()
        try:
            with pytest.raises(KeyboardInterrupt):
                signal.raise_signal(number)
            signal.raise_signal(number)
            installed.raise_kept()
        finally:
            installed.uninstall()
        assert number.name == installed.received
        assert "continues" in capsys.readouterr().err
        assert before is signal.getsignal(number)

    def test_a_shielded_signal_is_kept(self, installed: Interrupts) -> None:
        """Shields can be nested; raise_kept raises once."""
        installed.install()
        try:
            with installed.shielded():
                with installed.shielded():
                    signal.raise_signal(signal.SIGTERM)
                signal.raise_signal(signal.SIGINT)
        finally:
            installed.uninstall()
        assert "SIGTERM" == installed.received
        with pytest.raises(KeyboardInterrupt):
            installed.raise_kept()
        installed.raise_kept()


def test_the_holder_of_a_port_is_named() -> None:
    """The name has program and pid. It is None for a free port."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
        assert port_holder(port) is None
        listener.listen()
        holder = port_holder(port)
        assert holder is not None
        assert f"(pid {os.getpid()})" in holder
    assert port_holder(port, seconds=1) is None


class TestRepository:
    """Git without the user's configuration."""

    @pytest.fixture
    def repository(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Repository:
        monkeypatch.setenv("GIT_DIR", str(tmp_path / "elsewhere"))
        monkeypatch.setenv("GIT_INDEX_FILE", str(tmp_path / "index"))
        repository = Repository(tmp_path / ".xavos.git")
        assert (False, {}, ()) == (repository.exists, repository.refs(), repository.worktrees())
        repository.create(run="run-1")
        return repository

    def test_a_worktree_in_a_folder_that_is_not_empty(self, repository: Repository, tmp_path: Path) -> None:
        """Its files stay; secrets and home folders are never committed; a reset goes back to a commit."""
        site = tmp_path / "site"
        (site / ".home").mkdir(parents=True)
        (site / ".home/x").write_text("")
        repository.add_worktree(site, "deploy/xavos", run="run-1")
        assert (True, False) == (repository.has_branch("deploy/xavos"), repository.has_branch("deploy/xavos2"))
        assert (str(site),) == repository.worktrees()
        (site / ".env").write_text("SECRET=1")
        (site / "mix.exs").write_text("1")
        commit = repository.commit(site, "one")
        assert ("mix.exs",) == repository.tracked("deploy/xavos")
        (site / "mix.exs").write_text("2")
        repository.commit(site, "two")
        repository.reset(site, commit)
        assert commit == repository.refs()["refs/heads/deploy/xavos"]
        assert "2" == (site / "mix.exs").read_text()

    def test_the_message_of_git_is_in_the_error(self, repository: Repository, tmp_path: Path) -> None:
        """The branch exists already."""
        for name in ("one", "two"):
            (tmp_path / name).mkdir()
        repository.add_worktree(tmp_path / "one", "deploy/x", run="r")
        with pytest.raises(PhaseFailed, match="already exists"):
            repository.add_worktree(tmp_path / "two", "deploy/x", run="r")


def test_the_environment_file_is_private(tmp_path: Path) -> None:
    """It has mode 0600 from the start, and one NAME=value on each line."""
    settings.write(tmp_path / ".env", {"PORT": "4001", "PGUSER": "xavos"})
    assert "PORT=4001\nPGUSER=xavos\n" == (tmp_path / ".env").read_text()
    assert 0o600 == stat.S_IMODE((tmp_path / ".env").stat().st_mode)


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (AlreadyExists(what="folder", name="/x", option="--directory"), ("folder /x", "--directory", "never touches")),
        (PortTaken(port=4001, holder="beam.smp (pid 7)"), ("4001", "beam.smp (pid 7)", "--port")),
        (RollbackIncomplete(phase="database", left=("a", "b")), ("database", "2 thing(s): a; b", "--recover")),
        (
            NoEngine(reason="none", commands=("apt-get install docker.io",)),
            ("none", "apt-get install docker.io", "--forge=host"),
        ),
    ],
)
def test_an_error_has_message_and_advice(error: RolloutError, words: tuple[str, ...]) -> None:
    """The message comes first."""
    assert all(word in str(error) for word in words)
    assert str(error).startswith(error.message)
    assert error.advice


def test_refusals_differ_from_failures() -> None:
    """A refusal has changed nothing."""
    assert issubclass(PortTaken, Refused)
    assert not issubclass(PhaseFailed, Refused)
    assert "port_taken" == PortTaken(port=1, holder="x").cause


@pytest.mark.parametrize("mine", [True, False])
def test_latest_links_to_the_run_unless_it_is_not_a_link(tmp_path: Path, mine: bool) -> None:
    """A folder of that name stays, and no other file remains beside it."""
    reports = tmp_path / "reports"
    reports.mkdir()
    if mine:
        (reports / "latest").symlink_to("20260101-000000-abcdef")
    else:
        (reports / "latest").mkdir()
    run = Run(options(tmp_path))
    run.close(settled=True)
    assert (reports / "latest").is_symlink() == mine
    assert {"latest", run.id} == {path.name for path in reports.iterdir()}
    assert not mine or (reports / "latest").readlink() == Path(run.id)
