"""Messages of bash, dash and env about commands that cannot run get the right cause."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from rollout.diagnosis import classify
from rollout.process import Outcome, Request


def judged(text: str, code: int) -> str:
    request = Request(argv=("deploy.sh",), label="deploy.sh", cwd=Path("/"))
    return classify(Outcome(request=request, exit_code=code, seconds=0.1, tail=text)).cause


def run(folder: Path, content: bytes, *, mode: int = 0o755, shell: str = "bash") -> str:
    """A script that a shell runs by its path."""
    script = folder / "deploy.sh"
    script.write_bytes(content)
    script.chmod(mode)
    environment = {"PATH": os.environ["PATH"], "LC_ALL": "C"}
    done = subprocess.run(
        [shell, "-c", '"$0"; exit $?', str(script)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False,
        env=environment,
    )  # fmt: skip
    return judged(done.stdout.decode(), done.returncode)


@pytest.mark.parametrize("shell", ["bash", "dash"])
class TestReally:
    def test_a_missing_program(self, tmp_path: Path, shell: str) -> None:
        text = f"#!/usr/bin/env {shell}\nno-such-sudo apt-get install postgresql\n"
        assert run(tmp_path, text.encode(), shell=shell) == "command_missing"

    def test_a_missing_script_beside_it(self, tmp_path: Path, shell: str) -> None:
        text = f"#!/bin/{shell}\ncd {tmp_path}\n./create_worktree.sh\n"
        assert run(tmp_path, text.encode(), shell=shell) == "command_missing"

    def test_a_missing_sourced_script(self, tmp_path: Path, shell: str) -> None:
        text = f"#!/bin/{shell}\nset -e\n. ./steps.sh\n"
        assert run(tmp_path, text.encode(), shell=shell) == "command_missing"

    def test_lines_that_end_with_cr_lf(self, tmp_path: Path, shell: str) -> None:
        text = f"#!/bin/{shell}\r\nset -e\r\nmix deps.get\r\n"
        assert run(tmp_path, text.encode(), shell=shell) in {"not_executable", "command_missing"}
        text = f"#!/bin/{shell}\nmix-of-a-kind\r\n"
        assert run(tmp_path, text.encode(), shell=shell) == "not_executable"

    def test_a_first_line_with_env_and_cr_lf(self, tmp_path: Path, shell: str) -> None:
        assert run(tmp_path, f"#!/usr/bin/env {shell}\r\necho\r\n".encode(), shell=shell) == "not_executable"

    def test_no_execute_bit(self, tmp_path: Path, shell: str) -> None:
        assert run(tmp_path, b"#!/bin/sh\n", mode=0o644, shell=shell) == "not_executable"

    def test_a_script_beside_it_without_an_execute_bit(self, tmp_path: Path, shell: str) -> None:
        (tmp_path / "steps.sh").write_text("true\n")
        assert run(tmp_path, f"#!/bin/{shell}\n{tmp_path}/steps.sh\n".encode(), shell=shell) == "not_executable"

    def test_a_folder(self, tmp_path: Path, shell: str) -> None:
        assert run(tmp_path, f"#!/bin/{shell}\n{tmp_path}\n".encode(), shell=shell) == "not_executable"


@pytest.mark.parametrize(
    ("text", "code", "cause"),
    [
        ("sh: 1: exec: mix: not found\n", 127, "toolchain_too_old"),
        ("./deploy.sh: line 12: elixir: command not found\n", 127, "toolchain_too_old"),
        ("deploy.sh: 3: sudo: not found\n", 127, "command_missing"),
        ("bash: ./deploy.sh: /usr/bin/no-such: bad interpreter: No such file or directory\n", 126, "not_executable"),
        ("/usr/bin/env: 'python4': No such file or directory\n", 127, "command_missing"),
        ("./deploy.sh: line 9: ./tool: cannot execute binary file: Exec format error\n", 126, "not_executable"),
        ("bash: line 4: ./deploy.sh: cannot execute: required file not found\n", 127, "not_executable"),
        ("no words at all\n", 127, "command_missing"),
        ("deploy.sh: line 3: $'\\r': command not found\n", 1, "not_executable"),
        ("./deploy.sh: line 4: ./lib/steps.sh: No such file or directory\n", 1, "command_missing"),
        # a complaint that the script went on after does not explain what came later
        ("deploy.sh: line 2: sudo: command not found\n** (Mix) No package with name nope in registry\n", 1,
         "package_missing"),
        ("deploy.sh: line 2: sudo: command not found\nwent on\nand on\n", 1, "unknown"),
    ],
)  # fmt: skip
def test_as_printed(text: str, code: int, cause: str) -> None:
    assert judged(text, code) == cause
