"""Script paths: a tidy script, one that leaves residue, and one that deploys nothing."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from pathlib import Path
from typing import Any

import pytest

from rollout.config.options import ROOT
from rollout.journal import read_events
from rollout.site.postgres import USUAL_PORT
from rollout.site.processes import port_holder
from tests.e2e.world import World

SCRIPTS = ROOT / "rehearsal" / "scripts"

pytestmark = pytest.mark.timeout(600)


@pytest.fixture(autouse=True)
def _usual_port() -> None:
    """A script gets a server on port 5432. It is refused if the port is taken."""
    if holder := port_holder(USUAL_PORT):
        pytest.skip(f"port {USUAL_PORT} of this machine is taken: {holder}")


def _path(world: World, name: str) -> dict[str, Any]:
    found: dict[str, Any] = world.verdict()["paths"][f"script:{name}"]
    return found


def _told(world: World, event: str) -> list[dict[str, Any]]:
    journal = world.reports / "latest" / "journal.jsonl"
    return [dict(found) for found in read_events(journal) if found["event"] == event]


def _written(folder: Path, text: str) -> Path:
    file = folder / "own script.sh"
    file.write_text(text)
    return file


def test_a_tidy_script_is_judged_by_the_checks_of_what_it_made(world: World) -> None:
    """It made an application and a database, so only their checks run."""
    before = world.seen()
    ended = world.run(f"--path=script:{SCRIPTS / 'tidy.sh'}")
    path = _path(world, "tidy.sh")
    assert (ended.code, path["outcome"]) == (0, "deployed"), ended.output[-4000:]
    (event,) = _told(world, "path.attempts")
    assert event["attempts"] == ["prerequisites", "script", "phoenix_app", "database"]
    asked = {event["phase"] for event in _told(world, "check.finished")}
    assert asked == set(event["attempts"])
    assert (path["checks"]["failed"], path["checks"]["blocked"]) == (0, 0)
    (left,) = _told(world, "path.left")
    assert any(item.startswith("folder work: ") for item in left["items"]), left
    assert any(item.startswith("database xavos_dev: ") for item in left["items"]), left
    assert not any(item.startswith("process") for item in left["items"]), left
    assert before == world.seen()


def test_the_residue_of_a_failed_script_is_listed_and_removed_with_its_site(world: World) -> None:
    """It fails on a missing package, and leaves a process, a database, an archive and half an application."""
    before = world.seen()
    ended = world.run(f"--path=script:{SCRIPTS / 'dirty.sh'}")
    path = _path(world, "dirty.sh")
    assert (ended.code, path["outcome"]) == (1, "dirty"), ended.output[-4000:]
    assert (path["failure"]["cause"], path["failure"]["package"]) == ("package_missing", "no_such_package")
    starts = ("archive .home/mix/archives/phx_new-", "folder script/", "database left_over: 1 table, 1 row",
              "process sleep 3600")  # fmt: skip
    missing = [start for start in starts if not any(item.startswith(start) for item in path["residue"])]
    assert missing == [], path["residue"]
    assert path["checks"]["failed"] == 1
    assert before == world.seen()


def _git(folder: Path, *arguments: str) -> None:
    who = {f"GIT_{who}_{what}": "somebody" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    quiet = {"GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": "/dev/null", "PATH": os.environ["PATH"]}
    subprocess.run(["git", "-C", str(folder), *arguments], env={**who, **quiet}, check=True, capture_output=True)


def _shop(folder: Path) -> Path:
    """A repository with two real scripts of the same name and an uncommitted file."""
    shop = folder / "home" / "shop"
    shutil.copytree(Path(__file__).parent / "shop", shop)
    _git(shop, "init", "--quiet", "--initial-branch=main")
    _git(shop, "add", "--all")
    _git(shop, "commit", "--quiet", "-m", "Two ways to deploy")
    (shop / "uncommitted.txt").write_text("x")
    return shop


def test_unmodified_scripts_are_checked_and_compared(world: World, tmp_path: Path) -> None:
    """Two scripts of one repository, both called deploy.sh. The report lists what each leaves in worktrees, branches
    and databases. The original repository is unchanged.
    """
    shop = _shop(tmp_path)
    before = world.seen()
    paths = ",".join(f"script:{shop / version / 'deploy.sh'}" for version in ("v1", "v2"))
    ended = world.run(f"--path={paths}", "--gate=all", "--require=database,server")
    v1, v2 = _path(world, "v1/deploy.sh"), _path(world, "v2/deploy.sh")
    assert (ended.code, v1["outcome"], v2["outcome"]) == (1, "dirty", "deployed"), ended.output[-6000:]
    assert (v1["failure"]["cause"], v1["failure"]["package"]) == ("package_missing", "no_such_package")
    assert (v2["checks"]["failed"], v2["checks"]["blocked"]) == (0, 0), ended.output[-6000:]
    assert v2["unmet"] == ["server"]
    assert {"server", "migrations", "foundation"} <= set(v2["unanswered"])
    assert "database" not in v2["unanswered"]
    left = {event["path"]: event["items"] for event in _told(world, "path.left")}
    for path, starts in {
        "script:v1/deploy.sh": ("folder script/shop-ambitious: ", "branch deploy/ambitious of shop (",
                                "worktree shop-ambitious of shop", "database left_over: ", "process sleep 3600"),
        "script:v2/deploy.sh": ("folder script/shop-realistic: ", "branch deploy/realistic of shop (",
                                "worktree shop-realistic of shop", "database xavos_dev: ", "file script/notes.txt"),
    }.items():  # fmt: skip
        assert [start for start in starts if not any(item.startswith(start) for item in left[path])] == [], left[path]
    assert not any(item.startswith("changed: ") for items in left.values() for item in items), left
    assert before == world.seen()


def test_a_script_that_makes_no_application_has_deployed_nothing(world: World, tmp_path: Path) -> None:
    """Exit code 0 alone proves nothing. The script's environment is the documented one."""
    names = ("XAVOS_WORKTREE", "DATABASE_URL", "TEST_DATABASE_URL", "PGHOST", "PGPORT", "PGUSER", "PGPASSWORD",
             "PGDATABASE", "PORT", "HOME", "MIX_HOME", "HEX_HOME")  # fmt: skip
    text = "\n".join(f'echo "{name}=${{{name}:?is missing}}"' for name in names)
    before = world.seen()
    ended = world.run(f"--path=script:{_written(tmp_path, text)}", "-k", "phase_passed")
    path = _path(world, "own script.sh")
    assert (ended.code, path["outcome"], path["residue"]) == (1, "rolled_back", []), ended.output[-4000:]
    assert "an application, a folder with mix.exs" in path["failure"]["message"]
    (log,) = (world.reports / "latest" / "logs").glob("*script.sh*")
    assert f"\nPORT={world.port}\n" in log.read_text()
    (tmp_path / "own script.sh").unlink()
    assert before == world.seen()


@pytest.mark.parametrize("how", ["int", "hup"])
def test_a_script_that_does_not_end_is_stopped(world: World, tmp_path: Path, how: str) -> None:
    """Ctrl-C and a closed terminal reach the script and its processes."""
    script = _written(tmp_path, "sleep 3600 & sleep 3600")
    before = world.seen()
    ended = world.run(f"--path=script:{script}", "-k", "phase_passed", SABOTAGE=f"script:{how}:command.running:1")
    assert ended.code == 2, ended.output[-3000:]
    assert world.verdict()["interrupted"] is True
    assert before == world.seen()


def test_a_script_never_gets_an_external_database(world: World) -> None:
    """Another server has the port: the path is refused before anything is changed."""
    before = world.seen()
    with socket.create_server(("127.0.0.1", USUAL_PORT)):
        ended = world.run(f"--path=script:{SCRIPTS / 'tidy.sh'}", "-k", "phase_passed")
    path = _path(world, "tidy.sh")
    assert (ended.code, path["outcome"], path["failure"]["cause"]) == (1, "refused", "port_taken"), ended.output
    assert f"Port {USUAL_PORT} is already in use" in path["failure"]["message"]
    assert before == world.seen()
