"""An observed path is not rolled back step by step: its residue is listed, then its site is removed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from fixtures.script import find_application
from rollout.config.plan import PhasePlan, load_plan
from rollout.errors import PhaseFailed, UsageError
from rollout.faults import CATALOGUE, FaultSpec
from rollout.phases.step import Step
from rollout.site import settings
from rollout.site.selection import Choice, require_own_server
from rollout.site.site import Site
from rollout.site.store.manifest import scan
from tests.unit.fakes import GROUND, Stage, code, options, plan, writes

WATCHED = PhasePlan(name="generation", observed=True)
AFTER = PhasePlan(name="setup", observed=True)


def fails(name: str) -> Callable[[Step], None]:
    """A phase's apply that writes a file and then fails."""

    def apply(step: Step) -> None:
        writes(name)(step)
        step.facts["packages"] = [{"name": "ash", "requirement": "~> 3.0", "version": "3.32.0", "seconds": None}]
        raise PhaseFailed("It broke.", cause="version_conflict")

    return apply


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    made = Stage(tmp_path, plan("ground", WATCHED, AFTER))
    made.site.observed = True
    return made


def test_an_observed_phase_is_not_rolled_back_and_its_files_are_listed(stage: Stage) -> None:
    """Only the folder is rolled back. The path's files are listed, and are no residue of a path that succeeded."""
    stage.play(GROUND, code("generation", writes("xavos/mix.exs")), code("setup", writes("notes.txt")))
    (left,) = stage.told("path.left")
    assert (left["items"], left["failed"]) == (["file notes.txt", "folder xavos: 1 file, 0.0 MB"], False)
    assert stage.rollbacks() == [("ground", "teardown", "restored")]
    assert stage.deployment.outcome() == "deployed"
    assert not stage.directory.exists()


def test_files_of_a_failed_observed_phase_are_residue_though_the_site_is_removed(stage: Stage) -> None:
    """The next step is blocked, the outcome is dirty, the machine is clean."""
    results = stage.play(GROUND, code("generation", fails("xavos/mix.exs")), code("setup", writes("never.txt")))
    assert [results[name].outcome for name in ("ground", "generation", "setup")] == ["passed", "failed", "blocked"]
    (left,) = stage.told("path.left")
    assert left["failed"] is True
    assert stage.deployment.residue == list(left["items"]) == ["folder xavos: 1 file, 0.0 MB"]
    assert stage.deployment.outcome() == "dirty"
    assert not stage.directory.exists()
    assert stage.deployment.is_settled


def test_the_packages_of_a_failed_observed_phase_are_journaled(stage: Stage) -> None:
    stage.play(GROUND, code("generation", fails("xavos/mix.exs")), code("setup", writes("never.txt")))
    (event,) = stage.told("phase.packages")
    assert [package["name"] for package in event["packages"]] == ["ash"]


def test_a_run_under_a_fault_restores_the_phases_before_it(tmp_path: Path) -> None:
    """A step before the struck one is restored, whatever it tells the site is told again; never where nothing strikes,
    nor where it is struck itself.
    """

    def worked(struck: str | None) -> tuple[bool, bool]:
        spec = FaultSpec(kind=CATALOGUE["two_runs"], path="realistic", phase=struck, at=None, form="transient", seed=1)
        stage = Stage(tmp_path, plan("ground", WATCHED, AFTER), fault=spec if struck else None, defers_restoring=True)
        fault = stage.injection.fault
        if fault is not None:
            fault.strike = lambda step: None  # type: ignore[method-assign]
        stage.site.observed = True
        work: list[str] = []

        def apply(step: Step) -> None:
            work.append(step.phase.name)
            writes("xavos/mix.exs")(step)

        def adopt(site: Site) -> None:
            site.app = "xavos"

        def asks(step: Step) -> None:
            assert step.site.file("mix.exs").read_text() == "x"

        results = stage.play(GROUND, code("generation", apply, adopt=adopt), code("setup", asks, checkpointed=False))
        assert results["setup"].passed, results["setup"].error
        assert stage.told("path.left")[0]["items"] == ["folder xavos: 1 file, 0.0 MB"]
        return bool(work), results["generation"].restored

    # `server`: a phase that `-k` or `--through` has taken out of the plan.
    assert [worked(struck) for struck in (None, "server", "setup", "setup", "generation", None)] == [
        (True, False), (True, False), (True, False), (False, True), (True, False), (True, False)
    ]  # fmt: skip


def test_an_observed_phase_is_not_retried(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the cause is one that may pass by itself, too."""
    tried = []

    def must(self: Step, *argv: str, **how: object) -> None:
        tried.append(argv)
        raise PhaseFailed("No answer.", cause="registry_unreachable")

    monkeypatch.setattr(Step, "must", must)

    def apply(step: Step) -> None:
        step.must_retrying("mix", "deps.get")

    stage.play(GROUND, code("generation", apply), code("setup", writes("never.txt")))
    assert tried == [("mix", "deps.get")]
    assert stage.told("phase.retry") == []


class TestWhatItMayAnswerFor:
    PHASE = PhasePlan(name="script", observed=True, may_answer_for=("phoenix_app", "server"))

    def played(self, folder: Path, apply: Callable[[Step], None]) -> Stage:
        stage = Stage(folder, plan("ground", self.PHASE))
        stage.site.observed = True
        stage.play(GROUND, code("script", apply))
        return stage

    def test_is_attempted_once_it_has_been_found(self, tmp_path: Path) -> None:
        stage = self.played(tmp_path, lambda step: step.facts.update(found=["phoenix_app"]))
        assert [event["attempts"] for event in stage.told("path.started")] == [["ground", "script"]]
        assert [event["attempts"] for event in stage.told("path.attempts")] == [["ground", "script", "phoenix_app"]]
        assert stage.deployment.attempts("phoenix_app")
        assert not stage.deployment.attempts("server")

    def test_is_not_where_the_step_failed_before(self, tmp_path: Path) -> None:
        stage = self.played(tmp_path, fails("x"))
        assert [event["attempts"] for event in stage.told("path.attempts")] == [["ground", "script"]]


class TestTheApplicationOfAScript:
    @pytest.mark.parametrize(
        ("files", "found"),
        [
            (["work/mix.exs"], "work"),
            (["work/xavos/mix.exs", "work/xavos/deps/ash/mix.exs"], "work/xavos"),
            (["work/deps/ash/mix.exs"], None),
            (["work/b/mix.exs", "work/a/mix.exs"], "work/a"),
            (["work/a/mix.exs", "work/xavos/mix.exs"], "work/xavos"),
            (["work/one/two/three/mix.exs"], "work/one/two/three"),
            (["work/one/two/three/four/mix.exs"], None),
            ([".home/mix/mix.exs"], None),
            (["work/README.md"], None),
        ],
    )
    def test_is_the_nearest(self, tmp_path: Path, files: list[str], found: str | None) -> None:
        for name in files:
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).touch()
        assert find_application(tmp_path) == found

    @pytest.mark.parametrize(
        ("there", "made", "changed", "found"),
        [
            # what a script puts beside itself counts as what it puts into the worktree
            (["script/shop/bin/deploy.sh"], ["script/shop/bin/xavos/mix.exs"], [], "script/shop/bin/xavos"),
            # a worktree of the repository around it, which is an application itself
            (["script/shop/mix.exs"], ["script/shop-wt/mix.exs"], [], "script/shop-wt"),
            (["script/shop/mix.exs"], ["work/one/two/mix.exs"], [], "work/one/two"),
            # the repository itself, where nothing else came of it
            (["script/shop/mix.exs", "script/shop/apps/a/mix.exs"], [], [], "script/shop"),
            (["script/shop/mix.exs", "script/shop/apps/a/mix.exs"], [], ["script/shop/apps/a/mix.exs"],
             "script/shop/apps/a"),
            (["script/shop/mix.exs"], ["script/shop/deps/ash/mix.exs"], [], "script/shop"),
        ],
    )  # fmt: skip
    def test_a_new_application_is_preferred_to_one_that_was_there(
        self, tmp_path: Path, there: list[str], made: list[str], changed: list[str], found: str
    ) -> None:
        for name in there:
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_text("of before")
        before = scan(tmp_path)
        for name in (*made, *changed):
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_text("of now")
        assert find_application(tmp_path, before, beside="script/shop/bin") == found


class TestRefused:
    def test_an_external_server(self, tmp_path: Path) -> None:
        database = Choice(kind="url", why="asked for")
        with pytest.raises(UsageError, match="cannot use the server of --database"):
            require_own_server(options(tmp_path), load_plan("ambitious"), database)
        require_own_server(options(tmp_path), load_plan("realistic"), database)

    def test_a_network_in_which_localhost_is_not_the_database(self, tmp_path: Path) -> None:
        database = Choice(kind="container", why="asked for")
        offline = options(tmp_path, offline="1", path="ambitious")
        with pytest.raises(UsageError, match="localhost"):
            require_own_server(offline, load_plan("ambitious"), database)

    def test_a_script_asks_where_its_database_is(self, tmp_path: Path) -> None:
        file = tmp_path / "x.sh"
        file.touch()
        script = options(tmp_path, offline="1", path=f"script:{file}")
        database = Choice(kind="container", why="asked for")
        require_own_server(script, load_plan(script.path), database)


def test_the_ambitious_plan_asks_for_everything_at_once() -> None:
    """All packages in one step, which answers for four groups of checks."""
    ambitious = load_plan("ambitious")
    generation = ambitious.phase("generation")
    assert len(generation.packages) == len({package.name for package in generation.packages}) == 24
    assert generation.groups == ("phoenix_app", "ash_core", "authentication", "extras")
    assert all(package.requirement.startswith("~> ") for package in ambitious.packages)
    assert [phase.name for phase in ambitious.phases if not phase.observed] == ["prerequisites"]
    assert {"packages", "worktree", "installation", "scripts"}.isdisjoint(ambitious.groups)


def test_the_secrets_of_a_generated_application_are_those_it_has_written_in(stage: Stage) -> None:
    config = stage.directory / "config/dev.exs"
    config.parent.mkdir(parents=True)
    config.write_text('config :xavos, dev_routes: true, token_signing_secret: "abc"\n  secret_key_base: "def"\n')
    assert settings.secrets_of(stage.site) == {"SECRET_KEY_BASE": "def", "TOKEN_SIGNING_SECRET": "abc"}
