"""A user's own application: a repository that phx.new made, described by init, verified by the path app."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from rollout.project.cli import init
from tests.e2e.conftest import Rehearsed
from tests.e2e.world import World

NOT_OF_THE_REPOSITORY = (".git", ".env", ".home", ".xavos-run", "_build", "deps")
PHASES = ("repository", "dependencies", "compile", "database", "migrations", "tests", "assets", "server")

pytestmark = pytest.mark.timeout(1200)


@pytest.fixture(scope="module")
def repository(rehearsed: Rehearsed, cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The application as the phase phoenix_app leaves it, in a Git repository of its own. Nobody writes to it."""
    rehearsed.needs("phoenix_app")
    world = World(home=tmp_path_factory.mktemp("generated"), cache=cache)
    made = world.run("--through=phoenix_app", "--keep=always", "-k", "phoenix_app_phase_passed")
    assert made.code == 0, made.output[-3000:]
    folder = world.home / "repository"
    shutil.copytree(world.directory, folder, ignore=shutil.ignore_patterns(*NOT_OF_THE_REPOSITORY))
    assert world.command("undeploy").code == 0
    assert init(folder, out=lambda _: None) == 0
    _git(folder, "init", "--quiet")
    _git(folder, "add", "--all")
    _git(folder, "-c", "user.name=A", "-c", "user.email=a@b.invalid", "commit", "--quiet", "--message=An application")
    return folder


def _git(folder: Path, *arguments: str) -> None:
    subprocess.run(["git", "-C", folder, *arguments], check=True, capture_output=True)


def test_it_is_deployed_with_the_file_that_init_has_written(repository: Path, world: World) -> None:
    """Its lock has the packages of XAVOS, which it does not use yet. That is the one thing to find."""
    before = world.seen()
    ended = world.run("--path=app", f"--project={repository}")
    path = world.verdict()["paths"]["app"]
    phases = {phase["name"]: phase for phase in path["phases"]}
    assert path["outcome"] == "deployed", ended.output[-5000:]
    assert [phases[name]["outcome"] for name in PHASES] == ["passed"] * len(PHASES)
    assert {phases[name]["rollback"]["outcome"] for name in PHASES} == {"restored"}
    assert path["residue"] == []
    assert [nodeid.rpartition("::")[2] for nodeid in path["failing"]] == ["test_no_dependency_is_unused"]
    assert path["checks"]["passed"] > 100
    assert before == world.seen()


def test_a_lock_that_does_not_fit_is_one_failure_and_leaves_nothing(
    repository: Path, world: World, tmp_path: Path
) -> None:
    shutil.copytree(repository, tmp_path / "outdated")
    lock = tmp_path / "outdated" / "mix.lock"
    changed, number = re.subn(r'("plug": \{:hex, :plug, ".*", ")[0-9a-f]{64}', rf"\g<1>{'0' * 64}", lock.read_text())
    assert number == 1
    lock.write_text(changed)
    before = world.seen()
    ended = world.run("--path=app", f"--project={lock.parent}")
    path = world.verdict()["paths"]["app"]
    assert ended.code == 1
    assert path["outcome"] == "rolled_back"
    assert (path["failure"]["phase"], path["failure"]["cause"]) == ("dependencies", "lock_outdated")
    assert path["failure"]["package"] == "plug"
    assert path["residue"] == []
    assert path["checks"]["failed"] == 1
    assert before == world.seen()
