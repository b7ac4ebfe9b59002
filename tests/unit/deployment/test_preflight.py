"""Before a run starts, every path's place is checked; what recovery will remove is skipped once."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from rollout.config.options import Options, parse_options
from rollout.config.run import Run, lock_run
from rollout.deployment import preflight
from rollout.deployment.preflight import RunRefused, refuse, site_places
from rollout.diagnosis import CAUSES
from rollout.errors import DatabasePortTaken, FolderUnwritable, InvalidOption, PortTaken, Refused, RolloutError
from rollout.journal.events import REQUIRED
from rollout.rollback import recovery
from rollout.site.postgres import DatabaseUnreachable
from rollout.site.repository import repository_path
from rollout.site.store.objects import Store
from tests.unit.fakes import options

ASIDE = ("realistic", "incremental", "ambitious")


@pytest.fixture
def asked(tmp_path: Path) -> Options:
    """On a port that is free."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return options(tmp_path / "ours", port=str(probe.getsockname()[1]), directory=str(tmp_path / "site"))


@pytest.fixture
def held() -> Iterator[socket.socket]:
    """A port that a program has bound without listening yet."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield held


def dead(asked: Options) -> Run:
    """A run that began with these options and died."""
    run = Run(asked)
    told: dict[str, Any] = dict.fromkeys(REQUIRED["run.started"], "")
    chosen = {name: str(getattr(asked, name)) for name in Options.__slots__}
    run.journal.record("run.started", **{**told, "options": chosen, "paths": ["realistic"]})
    run.journal.close()
    lock_run(asked.state, run.id).release()
    return run


def refusals(asked: Options, *, before_recovery: bool = True) -> dict[str, str]:
    with pytest.raises(RunRefused) as refused:
        refuse(asked, before_recovery=before_recovery)
    return {refusal.plan: str(refusal.error.cause) for refusal in refused.value.refusals}


def test_a_free_site_passes_and_nothing_is_created(asked: Options, tmp_path: Path) -> None:
    refuse(asked, before_recovery=True)
    assert [] == list(tmp_path.iterdir())


def test_every_path_is_checked_with_its_own_name_folder_and_port(asked: Options) -> None:
    """As `comparison.path_runs` gives them."""
    several = replace(asked, paths=ASIDE, gate=ASIDE[:1])
    told = [(place.path, place.name, place.directory.name, place.port - asked.port) for place in site_places(several)]
    assert [
        ("realistic", "xavos", "site", 0),
        ("incremental", "xavos_incremental", "site_incremental", 1),
        ("ambitious", "xavos_ambitious", "site_ambitious", 2),
    ] == told


def test_every_obstacle_is_reported_for_its_own_path(asked: Options) -> None:
    """All obstacles are reported at once."""
    several = replace(asked, paths=ASIDE, gate=ASIDE[:1])
    places = {place.path: place.directory for place in site_places(several)}
    places["incremental"].mkdir()
    repository_path(places["ambitious"]).mkdir()
    assert {"incremental": "in_the_way", "ambitious": "in_the_way"} == refusals(several)


@pytest.mark.parametrize(
    ("wish", "says"),
    [
        ({"record_bundle": "mine"}, "a folder with other files exists there"),
        ({"record_bundle": "mine/file"}, "a file that is not a bundle exists there"),
        ({"record_bundle": "mine/file/bundle.tar"}, "--record-bundle"),
        ({"port": 5432}, "the script expects its database"),
    ],
    ids=str,
)
def test_problems_that_would_show_at_the_end_are_refused_at_once(
    asked: Options, tmp_path: Path, wish: dict[str, Any], says: str
) -> None:
    """A bundle that could not be written once all is deployed; a port that XAVOS and a script's database both want."""
    (tmp_path / "mine").mkdir()
    (script := tmp_path / "mine" / "file").write_text("true")
    path = f"script:{script}"
    given: dict[str, Any] = {key: tmp_path / value if isinstance(value, str) else value for key, value in wish.items()}
    with pytest.raises(RolloutError, match=says) as refused:
        refuse(replace(asked, paths=(path,), gate=(path,), **given), before_recovery=True)
    assert not isinstance(refused.value, RunRefused)
    assert ["file"] == [each.name for each in (tmp_path / "mine").iterdir()]


@pytest.mark.parametrize("forge", ["host", "container", "auto"])
@pytest.mark.parametrize("name", ["a[b]", "a{b", "a*b", "a?b", "a\\b"])
def test_a_folder_whose_path_is_a_pattern(asked: Options, tmp_path: Path, forge: str, name: str) -> None:
    """Mix and rebar3 find nothing in it. In a container the deployment has another path."""
    odd = replace(asked, forge=forge, directory=tmp_path / name / "site")
    if forge == "host":
        assert {"realistic": "unfit_place"} == refusals(odd)
    else:
        refuse(odd, before_recovery=True)


def test_an_unreadable_script_is_refused(asked: Options, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before anything is made for it."""
    (script := tmp_path / "deploy.sh").write_text("true")
    path = f"script:{script}"
    if os.geteuid():
        script.chmod(0o000)
    else:
        monkeypatch.setattr("rollout.deployment.preflight.os.access", lambda file, mode: Path(file) != script)
    with pytest.raises(InvalidOption, match="a file that you may read"):
        refuse(replace(asked, paths=(path,), gate=(path,)), before_recovery=True)


def test_a_port_in_use_is_refused(asked: Options, held: socket.socket) -> None:
    """Whether the other program listens already or has only bound the port."""
    taken = replace(asked, port=held.getsockname()[1])
    with pytest.raises(RunRefused, match="it cannot be bound") as refused:
        refuse(taken, before_recovery=True)
    assert [PortTaken] == [type(refusal.error) for refusal in refused.value.refusals]
    held.listen()
    with pytest.raises(RunRefused, match=r"already in use \(.* \(pid \d+\)\)"):
        refuse(taken, before_recovery=True)


@pytest.mark.parametrize("offline", [False, True])
def test_a_script_needs_the_usual_port_of_a_database(
    asked: Options, tmp_path: Path, held: socket.socket, monkeypatch: pytest.MonkeyPatch, offline: bool
) -> None:
    """But for one that is cut off from this machine."""
    monkeypatch.setattr("rollout.deployment.obstacles.postgres.USUAL_PORT", held.getsockname()[1])
    script = tmp_path / "deploy.sh"
    script.write_text("true")
    path = f"script:{script}"
    of_a_script = replace(asked, paths=(path,), gate=(path,), offline=offline)
    if offline:
        refuse(of_a_script, before_recovery=True)
    else:
        with pytest.raises(RunRefused) as refused:
            refuse(of_a_script, before_recovery=True)
        assert [DatabasePortTaken] == [type(refusal.error) for refusal in refused.value.refusals]


def test_an_external_server_is_checked_for_each_path_that_uses_it(
    asked: Options, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is the last check, so a refused folder spares the query. Observed paths have their own server."""
    found: list[tuple[object, ...]] = []
    monkeypatch.setattr(preflight, "refuse_databases", lambda *given: found.append(given))
    url = "postgresql://me:secret@127.0.0.1:9/x"
    several = replace(asked, database=url, paths=ASIDE, gate=ASIDE[:1])
    refuse(several, before_recovery=True)
    assert [
        (url, "xavos", ("xavos_dev", "xavos_test")),
        (url, "xavos_incremental", ("xavos_incremental_dev", "xavos_incremental_test")),
    ] == found
    found.clear()
    asked.directory.mkdir()
    refusals(replace(asked, database=url))
    assert [] == found


def test_a_server_that_does_not_answer_keeps_its_cause(asked: Options) -> None:
    """The error does not show the password."""
    with pytest.raises(RunRefused, match=r"127\.0\.0\.1:9 cannot be reached") as refused:
        refuse(replace(asked, database="postgresql://me:secret@127.0.0.1:9/x"), before_recovery=True)
    assert ("database_unreachable", False) == (refused.value.cause, "secret" in str(refused.value))


@pytest.mark.parametrize("name", ["reports", "state", "cache"])
def test_a_file_in_place_of_a_folder_of_the_suite_is_refused(asked: Options, tmp_path: Path, name: str) -> None:
    """Before anything else, also of a campaign; the variable is named."""
    (tmp_path / "ours").mkdir()
    (tmp_path / "ours" / name).touch()
    for each in (asked, replace(asked, campaign=True)):
        with pytest.raises(FolderUnwritable, match=f"XAVOS_{name.upper()}_DIR"):
            refuse(each, before_recovery=True)


def test_a_campaign_has_sites_of_its_own(asked: Options) -> None:
    """Obstacles at the place of this run do not matter to a campaign."""
    asked.directory.mkdir()
    refuse(replace(asked, campaign=True), before_recovery=True)


@pytest.mark.parametrize("watched", [True, False])
def test_a_campaign_checks_the_server_of_its_trials(asked: Options, watched: bool) -> None:
    """Once, before it starts. A campaign with an observed path is refused for another reason."""
    paths = ("realistic", "ambitious") if watched else ("realistic",)
    wish = replace(asked, campaign=True, campaign_paths=paths, database="postgresql://me:secret@127.0.0.1:9/x")
    if watched:
        refuse(wish, before_recovery=True)
    else:
        with pytest.raises(DatabaseUnreachable):
            refuse(wish, before_recovery=True)


def test_things_that_recovery_will_remove_are_skipped_before_it(asked: Options) -> None:
    """The folder of a run that died; looked at again after recovery, and then in the way if it is still there."""
    dead(asked)
    asked.directory.mkdir()
    repository_path(asked.directory).mkdir()
    refuse(asked, before_recovery=True)
    elsewhere = replace(asked, directory=asked.directory.with_name("elsewhere"))
    elsewhere.directory.mkdir()
    assert {"realistic": "in_the_way"} == refusals(elsewhere), "only what is that run's"
    with pytest.raises(RunRefused, match="An earlier run could not remove it"):
        refuse(asked, before_recovery=False)
    recovery.recover(asked.state, asked.reports, Store(asked.cache), lambda text: None)
    assert {"realistic": "in_the_way"} == refusals(asked, before_recovery=False)


def test_so_are_its_port_and_its_databases(
    asked: Options, held: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its server may still listen, its role still be there."""
    monkeypatch.setattr(preflight, "refuse_databases", lambda *given: pytest.fail("asked too early"))
    with_server = replace(asked, port=held.getsockname()[1], database="postgresql://me@127.0.0.1:9/x")
    dead(with_server)
    refuse(with_server, before_recovery=True)
    assert {"realistic": "port_taken"} == refusals(with_server, before_recovery=False)


@pytest.mark.parametrize("kept", [True, False])
def test_an_own_deployment_in_the_way_is_named(asked: Options, kept: bool) -> None:
    """Whether it was kept by a run, with the command that removes it, or belongs to a running one."""
    run = dead(asked) if kept else Run(asked)
    if kept:
        with run.journal.path.open("a") as journal:
            for event in (
                f'"event": "kept", "path": "realistic", "url": "", "directory": "{asked.directory}", "manage": ""',
                '"event": "run.finished", "exit_code": 0, "seconds": 1, "reason": ""',
            ):
                journal.write("{" + f'"v": 1, "seq": 9, "run": "{run.id}", {event}' + "}\n")
    else:
        told: dict[str, Any] = dict.fromkeys(REQUIRED["run.started"], "")
        run.journal.record("run.started", **{**told, "options": {"directory": str(asked.directory)}})
    asked.directory.mkdir()
    with pytest.raises(RunRefused) as refused:
        refuse(asked, before_recovery=True)
    running = f"It belongs to run {run.id}, which is still running."
    whose = f"It is the deployment xavos, kept by run {run.id}." if kept else running
    assert whose in str(refused.value)
    assert "make undeploy" in str(refused.value)
    if not kept:
        run.close(settled=True)


def test_every_refusal_has_a_cause_of_its_own() -> None:
    """None is `unknown`, and each is one that the README explains."""
    kinds, found = [Refused], set()
    while kinds:
        kind = kinds.pop()
        kinds += kind.__subclasses__()
        found.add(kind.cause)
    assert found <= set(CAUSES) - {"unknown"}
    assert {"in_the_way", "unfit_place", "permission_denied", "port_taken"} == found


def test_invalid_options_of_a_comparison_are_refused_before_any_check(tmp_path: Path) -> None:
    """`parse_options` knows of no place; a taken name never comes as far as that."""
    (tmp_path / "deployments" / "mix").mkdir(parents=True)
    with pytest.raises(InvalidOption, match="--name='mix'"):
        parse_options({"name": "mix", "path": "all"}.get, {}, root=tmp_path)
