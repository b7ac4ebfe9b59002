"""Runs every command of the tutorial, in order, and compares what it prints with what the page shows."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys

import pytest

from rollout.config.options import ROOT
from tests.documents import Shown, missing_lines, shown_commands
from tests.e2e.conftest import Rehearsed
from tests.e2e.world import PATIENCE, World, free_port

TUTORIAL = ROOT / "docs" / "tutorial.md"
ACTIVATE = ". .venv/bin/activate"  # this process has an interpreter
FAILS = "registry_503@packages:persistent"
PORT = "--port=4002"  # another process of the tests may have it

pytestmark = pytest.mark.timeout(900)


def test_the_tutorial_does_what_it_says(rehearsed: Rehearsed, world: World) -> None:
    """It keeps a deployment, breaks another one on purpose, and removes everything."""
    rehearsed.needs("server")
    before = world.seen()
    port = free_port()
    for shown in shown_commands(TUTORIAL):
        if shown.command == ACTIVATE:
            continue
        *set_up, last = spelt_out(shown.command.replace(PORT, f"--port={port}"))
        for argv in set_up:
            assert 0 == run(argv, world)[0], argv
        code, printed = run(last, world)
        assert (1 if FAILS in shown.command else 0) == code, f"{shown.command}\n{printed[-4000:]}"
        assert () == missing_lines(as_here(shown, world), printed), f"{shown.command}\n{printed[-4000:]}"
    assert before == world.seen()


def spelt_out(command: str) -> list[list[str]]:
    """The commands behind a `make`, from a dry run of the Makefile; each with this process's interpreter."""
    words = shlex.split(command)
    if words[0] != "make":
        return [[sys.executable, "-m", *words]]
    # Without the variables of the `make test` that runs this: they may hold ARGS.
    env = {name: value for name, value in os.environ.items() if name not in ("ARGS", "MAKEFLAGS", "MAKEOVERRIDES")}
    dry = subprocess.run(["make", "--dry-run", "--no-print-directory", *words[1:]], cwd=ROOT, env=env,
                         capture_output=True, text=True, check=True)  # fmt: skip
    begun = ["python3", "-E", "bootstrap.py"]
    lines = [shlex.split(line) for line in dry.stdout.splitlines()]
    assert all(line[:3] == begun for line in lines), dry.stdout
    return [[sys.executable, "-m", *line[3:]] for line in lines]


def run(argv: list[str], world: World) -> tuple[int, str]:
    """Run a command that deploys below the folder of the test, on its port where the command names none."""
    name = next((word.removeprefix("--name=") for word in argv if word.startswith("--name=")), world.name)
    place = {"XAVOS_PORT": str(world.port), "XAVOS_DIRECTORY": str(world.directory.with_name(name))}
    done = subprocess.run(argv, cwd=ROOT, env=world.environment(**place), stdin=subprocess.DEVNULL, text=True,
                          capture_output=True, timeout=PATIENCE, check=False)  # fmt: skip
    return done.returncode, done.stdout + done.stderr


def as_here(shown: Shown, world: World) -> Shown:
    """The same, with the port that the test uses."""
    lines = tuple(line.replace("4001", str(world.port)) for line in shown.output)
    return Shown(command=shown.command, output=lines)


def test_the_end_of_a_deployment_is_as_the_readme_shows(rehearsed: Rehearsed) -> None:
    """But for the two lines about a deployment that stays: this one was removed."""
    deploy = next(shown for shown in shown_commands(ROOT / "README.md") if shown.command.startswith("make deploy"))
    lines = missing_lines(deploy, rehearsed.ended.output)
    assert {"XAVOS answers", "Next: remove"} >= {" ".join(line.split()[:2]) for line in lines}

