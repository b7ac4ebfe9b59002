"""How a script is run, how its output is kept, and which files count as scripts."""

from __future__ import annotations

import os
import subprocess
import types
from pathlib import Path
from typing import Any

import pytest

from fixtures import script
from rollout.config.plan import PhasePlan
from rollout.errors import InvalidOption
from rollout.journal import Redactor
from rollout.process import Outcome, Request
from rollout.site.store.manifest import scan
from tests.unit.fakes import GROUND, Stage, options, plan
from tests.unit.site.test_source_copy import committed, git


@pytest.mark.parametrize(
    ("content", "mode", "ran"),
    [
        (b"#!/usr/bin/env bash\necho\n", 0o755, ("/there",)),
        (b"#!/usr/bin/env bash\necho\n", 0o644, ("/usr/bin/env", "bash", "/there")),
        (b"#!/usr/bin/env -S bash -eu\n", 0o644, ("/usr/bin/env", "-S bash -eu", "/there")),
        (b"#! /bin/sh\n", 0o600, ("/bin/sh", "/there")),
        (b"#!\n", 0o644, ("bash", "/there")),
        (b"echo no first line\n", 0o755, ("bash", "/there")),
        (b"\x7fELF\x02", 0o755, ("/there",)),
    ],
)
def test_is_run_by_itself_or_by_what_its_first_line_says(
    tmp_path: Path, content: bytes, mode: int, ran: tuple[str, ...]
) -> None:
    """Its mode is not changed for that: in a repository that would be a change of it."""
    file = tmp_path / "deploy.sh"
    file.write_bytes(content)
    file.chmod(mode)
    assert script.command(file, "/there") == ran
    assert file.stat().st_mode & 0o777 == mode


def _followed(folder: Path, text: str, *, path: str = "") -> str:
    done = subprocess.run(
        ["bash", "-c", script.FOLLOWED, str(folder / "output.log"), "bash", "-c", text], capture_output=True, text=True,
        check=False, env={"PATH": f"{path}{os.environ['PATH']}"},
    )  # fmt: skip
    return done.stdout


def test_output_is_there_before_it_is_followed(tmp_path: Path) -> None:
    """However late the script begins to say something: `tail` ends at once where its file is missing."""
    shim = tmp_path / "bin"
    shim.mkdir()
    (shim / "tail").write_text(
        '#!/bin/sh\nfor last; do :; done\n[ -e "$last" ] || echo "too early"\nexec /usr/bin/tail "$@"\n'
    )
    (shim / "tail").chmod(0o755)
    assert _followed(tmp_path, "echo said", path=f"{shim}:") == "said\n"


def test_output_of_a_script_that_ends_at_once_is_kept(tmp_path: Path) -> None:
    assert [_followed(tmp_path, f"echo {number}") for number in range(10)] == [f"{number}\n" for number in range(10)]


def test_what_the_engine_has_lost_is_taken_from_the_file(tmp_path: Path) -> None:
    """Into the log of the command as well, masked."""
    log, redactor = tmp_path / "1.log", Redactor()
    redactor.add("s3cret-word")
    (tmp_path / ".home").mkdir()
    log.touch()
    (tmp_path / script.OUTPUT).write_text("s3cret-word\nsudo: not found\n")
    site: Any = types.SimpleNamespace(directory=tmp_path, run=types.SimpleNamespace(redactor=redactor))
    request = Request(argv=("deploy.sh",), label="deploy.sh", cwd=tmp_path)
    outcome = script._with_full_output(site, Outcome(request=request, exit_code=127, seconds=0.1, tail="", log=log))
    assert outcome.tail.endswith("\nsudo: not found\n")
    assert "s3cret-word" not in outcome.tail
    assert log.read_text() == outcome.tail


class TestAFileThatIsNone:
    def refused(self, tmp_path: Path, file: Path, says: str) -> None:
        with pytest.raises(InvalidOption, match=says):
            options(tmp_path, path=f"script:{file}")

    def test_a_folder(self, tmp_path: Path) -> None:
        self.refused(tmp_path, tmp_path, "is a folder")

    def test_a_fifo_is_not_waited_for(self, tmp_path: Path) -> None:
        os.mkfifo(tmp_path / "pipe")
        self.refused(tmp_path, tmp_path / "pipe", "neither a file nor a folder")

    def test_nothing(self, tmp_path: Path) -> None:
        self.refused(tmp_path, tmp_path / "none.sh", "there is none at")
        self.refused(tmp_path, tmp_path / "a\0b.sh", "control characters")

    def test_a_link_that_leads_nowhere_or_in_a_circle(self, tmp_path: Path) -> None:
        (tmp_path / "dangling").symlink_to("nowhere")
        (tmp_path / "circle").symlink_to("circle")
        self.refused(tmp_path, tmp_path / "dangling", "there is none at")
        self.refused(tmp_path, tmp_path / "circle", "cannot be read")

    def test_a_root_that_is_none(self, tmp_path: Path) -> None:
        with pytest.raises(InvalidOption, match="--script-root"):
            options(tmp_path, script_root=str(tmp_path / "nowhere"))


class TestOnASite:
    """The phase itself on this machine, up to where a database would be asked."""

    def played(self, folder: Path, monkeypatch: pytest.MonkeyPatch, text: str) -> Stage:
        """What becomes of a script in a repository with a neighbour."""
        top = folder / "theirs" / "shop"
        committed(top, bin_deploy=text, bin_steps="echo neighbour\n")
        before = scan(folder / "theirs")
        monkeypatch.setattr(script, "_environment", lambda site: {"XAVOS_WORKTREE": str(site.directory / "work")})
        observed = plan("ground", PhasePlan(name="script", observed=True))
        stage = Stage(folder, observed, path=f"script:{top / 'bin/deploy.sh'}")
        stage.site.observed = True
        stage.play(GROUND, script.code)
        assert scan(folder / "theirs") == before
        assert not stage.directory.exists()
        return stage

    def test_it_works_on_a_copy_of_its_repository(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """From its own place; what it does there is what it left, and what went along is not."""
        stage = self.played(
            tmp_path, monkeypatch,
            "#!/bin/sh\nset -e\n. ./steps.sh\ngit worktree add -q -b deploy/x ../../shop-x\necho beside >notes.txt\n"
            'mkdir -p empty/within\nmkfifo "$XAVOS_WORKTREE/pipe"\necho more >>steps.sh\nexit 3\n',
        )  # fmt: skip
        (left,) = stage.told("path.left")
        assert list(left["items"]) == [
            "folder script/shop-x: 3 files, 0.0 MB", "folder script/shop/bin: 1 file, 0.0 MB",
            "empty folder script/shop/bin/empty", "folder work: 1 FIFO, 0.0 MB", "changed: script/shop/bin/steps.sh",
            f"branch deploy/x of shop ({self.commit(tmp_path)})", "worktree shop-x of shop",
        ]  # fmt: skip
        assert stage.deployment.outcome() == "dirty"
        (log,) = stage.run.logs.iterdir()
        assert log.read_text() == "neighbour\n"

    def commit(self, folder: Path) -> str:
        return git(folder / "theirs/shop", "rev-parse", "--short=12", "HEAD")

    @pytest.mark.parametrize(
        ("text", "cause"),
        [
            ("#!/bin/bash\nsudo-of-others apt-get install\n", "command_missing"),
            ("#!/bin/sh\n./no-neighbour.sh\n", "command_missing"),
            ("#!/bin/sh\r\necho\r\n", "not_executable"),
            ("#!/usr/bin/env no-such-shell\n", "command_missing"),
            ("#!/no/such/shell\n", "not_executable"),
        ],
    )
    def test_a_script_that_cannot_run_gets_the_right_cause(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, cause: str
    ) -> None:
        """However soon it ends."""
        stage = self.played(tmp_path, monkeypatch, text)
        (failed,) = [event for event in stage.told("phase.finished") if event["phase"] == "script"]
        assert failed["failure"]["cause"] == cause, failed["failure"]
        assert stage.told("path.left")[0]["items"] == []

    def test_a_script_may_be_named_like_its_output(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        top = tmp_path / "theirs"
        top.mkdir()
        (top / "output.log").write_text("echo said\nexit 3\n")
        monkeypatch.setattr(script, "_environment", lambda site: {})
        stage = Stage(
            tmp_path, plan("ground", PhasePlan(name="script", observed=True)), path=f"script:{top}/output.log"
        )
        stage.site.observed = True
        stage.play(GROUND, script.code)
        (log,) = stage.run.logs.iterdir()
        assert log.read_text() == "said\n"
        assert (top / "output.log").read_text() == "echo said\nexit 3\n"
