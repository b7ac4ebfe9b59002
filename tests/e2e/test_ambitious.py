"""The ambitious path: outcome, residue and blame, and that nothing stays on the machine."""

from __future__ import annotations

from typing import Any

import pytest

from rollout.journal import read_events
from tests.e2e.world import World

PATH = "ambitious"
# Generated files that an observed path leaves unchanged.
WANTING = {
    "tables get binary ids",
    "the signing secret is not in the code",
    "the role is no superuser",
}

pytestmark = pytest.mark.timeout(900)


def _path(world: World) -> dict[str, Any]:
    found: dict[str, Any] = world.verdict()["paths"][PATH]
    return found


def _phases(world: World) -> dict[str, str]:
    return {phase["name"]: phase["outcome"] for phase in _path(world)["phases"]}


def _events(world: World, event: str) -> list[dict[str, Any]]:
    journal = world.reports / "latest" / "journal.jsonl"
    return [dict(found) for found in read_events(journal) if found["event"] == event]


def _left(world: World) -> list[str]:
    (event,) = _events(world, "path.left")
    return [str(item) for item in event["items"]]


def _matching(items: list[str], *starts: str) -> list[str]:
    return [start for start in starts if any(item.startswith(start) for item in items)]


def test_without_a_conflict_it_deploys_and_checks_report_what_is_missing(world: World) -> None:
    """Seven phases passed, and only the first was rolled back. The checks are those of every path.

    Every package is in the table with the version it got.
    """
    before = world.seen()
    ended = world.run("--path=ambitious", "--scenario=ambitious")
    path = _path(world)
    assert path["outcome"] == "deployed", ended.output[-4000:]
    assert ended.code == 1  # some checks fail
    assert set(_phases(world).values()) == {"passed"}
    assert [phase["name"] for phase in path["phases"] if phase["rollback"]] == ["prerequisites"]
    failed = {event["check"] for event in _events(world, "check.finished") if event["outcome"] == "failed"}
    assert failed == WANTING
    assert (path["checks"]["blocked"], path["retries"], path["residue"]) == (0, 0, [])
    (installed,) = _events(world, "phase.packages")
    assert len(installed["packages"]) == 24
    assert all(package["version"] for package in installed["packages"])
    left = _left(world)
    wanted = ("archive .home/mix/archives/igniter_new-", "archive .home/mix/archives/phx_new-", "folder xavos: ",
              "database xavos_dev: ", f"listener on port {world.port}")  # fmt: skip
    assert _matching(left, *wanted) == list(wanted), left
    assert any("mix phx.server" in item for item in left), left
    assert before == world.seen()


def test_a_conflict_ends_it_and_its_residue_is_listed(world: World) -> None:
    """As in reality: beacon and a new Phoenix application cannot agree on gettext."""
    before = world.seen()
    ended = world.run("--path=ambitious", "--scenario=ambitious_conflict", "--blame")
    path, phases = _path(world), _phases(world)
    assert (ended.code, path["outcome"]) == (1, "dirty"), ended.output[-4000:]
    assert (path["failure"]["phase"], path["failure"]["cause"]) == ("generation", "version_conflict")
    assert "gettext ~> 0.26" in path["failure"]["message"]
    assert "24 are in mix.exs, 0 in mix.lock, 0 compiled" in path["failure"]["message"]
    assert {phases[name] for name in ("setup", "overlay", "migrations", "server")} == {"blocked"}
    assert path["checks"]["failed"] == 1
    assert _matching(path["residue"], "archive .home/mix/archives/phx_new-", "folder xavos: ") != []
    assert path["residue"] == _left(world)
    assert before == world.seen()
    (blamed,) = _events(world, "blame.finished")
    assert (blamed["kind"], set(blamed["culprits"])) == ("conflict", {"beacon", "beacon_live_admin"}), blamed
    assert "gettext" in blamed["sentence"]


def test_blame_uses_the_lock_of_the_generated_application(world: World) -> None:
    """Without the lock these packages would resolve with an older decimal. The files of blame are gone."""
    before = world.seen()
    world.run("--path=ambitious", "--blame", "-k", "phase_passed")
    (blamed,) = _events(world, "blame.finished")
    assert (blamed["kind"], "ash_json_api" in blamed["culprits"]) == ("conflict", True), blamed
    assert "decimal == 3.1.1 (which the lock of the application contains)" in blamed["sentence"]
    assert not any("blame" in item for item in _events(world, "path.left")[0]["items"])
    assert before == world.seen()


def test_a_missing_package_is_named(world: World) -> None:
    before = world.seen()
    ended = world.run("--path=ambitious", "--scenario=ambitious_missing", "-k", "phase_passed")
    failure = _path(world)["failure"]
    assert (failure["phase"], failure["cause"], failure["package"]) == ("generation", "package_missing", "oban_web")
    assert (ended.code, _path(world)["outcome"]) == (1, "dirty"), ended.output[-4000:]
    assert before == world.seen()


def test_a_database_that_is_down_ends_it_at_its_setup(world: World) -> None:
    """It tries once. The generated application is its residue."""
    before = world.seen()
    ended = world.run("--path=ambitious", "--scenario=ambitious", "-k", "phase_passed",
                      SABOTAGE="setup:stop:phase.started:1")  # fmt: skip
    path = _path(world)
    assert (path["failure"]["phase"], path["failure"]["cause"]) == ("setup", "database_unreachable"), ended.output
    assert (path["outcome"], path["retries"]) == ("dirty", 0)
    assert {"lost: the database server does not answer"} <= set(path["residue"])
    assert before == world.seen()


def test_a_killed_ambitious_run_is_recovered_completely(world: World) -> None:
    before = world.seen()
    killed = world.run("--path=ambitious", "--scenario=ambitious", "-k", "phase_passed",
                       SABOTAGE="generation:kill:command.running:1")  # fmt: skip
    assert killed.code == -9, killed.output[-3000:]
    assert world.run("--recover").code == 0
    assert before == world.seen()
    assert _path(world)["outcome"] == "rolled_back"


def test_it_never_gets_an_external_database_server(world: World) -> None:
    """Refused before anything is changed. The error does not show the password."""
    before = world.seen()
    ended = world.run("--path=ambitious", "--database=postgresql://boss:their-secret@127.0.0.1:5432/postgres")
    assert ended.code == 4
    assert "cannot use the server of --database" in ended.output
    assert "their-secret" not in ended.output
    assert before == world.seen()
