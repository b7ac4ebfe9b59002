"""The plan of the path `app`, fitted to a project, and the options that choose it."""

from __future__ import annotations

from pathlib import Path

import pytest

from rollout.app.fitting import fit
from rollout.config.plan import load_plan
from rollout.errors import InvalidOption
from rollout.project.file import loads
from rollout.project.target import target_of
from suite.project import fitted, phase_modules, project_in, title_in
from tests.unit.fakes import options

HEAD = '[application]\nname = "shop"\nrepos = ["Shop.Repo"]\n'
SERVICE = '[services.search]\nimage = "search:1"\nport = 9200\n'


def left_out(text: str) -> dict[str, str]:
    plan = fit(load_plan("app"), loads(text))
    return {phase.name: phase.why_left_out for phase in plan.left_out}


def test_a_project_with_everything_leaves_nothing_out() -> None:
    assert {} == left_out(f'{HEAD}[assets]\nkind = "esbuild"\n{SERVICE}')


def test_what_a_project_has_not_is_left_out_with_its_reason() -> None:
    assert {
        "services": "rollout.toml names no services",
        "assets": "the application builds no assets",
    } == left_out(HEAD)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('[application]\nname = "shop"\n', "rollout.toml names no Ecto repository"),
        (f"{HEAD}[database]\nneeded = false\n", "the application has no PostgreSQL database"),
    ],
)
def test_without_a_database_nothing_is_migrated(text: str, reason: str) -> None:
    found = left_out(text)
    assert (reason, reason) == (found["database"], found["migrations"])


def test_a_phase_that_is_left_out_cannot_be_the_last() -> None:
    plan = fit(load_plan("app"), loads(HEAD))
    with pytest.raises(InvalidOption, match="this one is left out: the application builds no assets"):
        plan.through("assets")


def test_the_order_of_the_other_phases_stays() -> None:
    plan = fit(load_plan("app"), loads(HEAD))
    assert ("prerequisites", "repository", "dependencies", "compile", "database", "migrations", "tests", "server") == (
        plan.phase_names
    )


def test_every_phase_of_the_plan_but_the_first_has_code_of_its_own() -> None:
    modules = {name.rpartition(".")[2] for name in phase_modules(load_plan("app"))}
    names = {"compile": "compilation", "tests": "own_tests"}
    assert modules == {names.get(phase.name, phase.name) for phase in load_plan("app").phases[1:]}
    assert () == phase_modules(load_plan("realistic"))


def test_the_path_needs_a_project(tmp_path: Path) -> None:
    with pytest.raises(InvalidOption, match="--project"):
        options(tmp_path, path="app")


def test_a_deployment_is_called_after_its_application(tmp_path: Path) -> None:
    """Unless a name is given. A name that a deployment cannot have gets an end."""
    (tmp_path / "rollout.toml").write_text(HEAD)
    chosen = options(tmp_path, path="app", project=str(tmp_path))
    assert "shop" == chosen.name
    assert "other" == options(tmp_path, path="app", project=str(tmp_path), name="other").name
    (tmp_path / "rollout.toml").write_text(HEAD.replace("shop", "oban"))
    assert "oban_app" == options(tmp_path, path="app", project=str(tmp_path)).name


def test_a_run_is_about_the_title_of_its_project(tmp_path: Path) -> None:
    (tmp_path / "rollout.toml").write_text(HEAD + 'title = "The Shop"\n')
    assert "The Shop" == title_in(options(tmp_path, path="app", project=str(tmp_path)))
    assert not title_in(options(tmp_path, path="realistic", project=str(tmp_path)))


def test_other_paths_have_no_project(tmp_path: Path) -> None:
    (tmp_path / "rollout.toml").write_text(HEAD)
    chosen = options(tmp_path, project=str(tmp_path))
    plan = load_plan("realistic")
    assert project_in(chosen) is None
    assert plan is fitted(plan, chosen)


def test_the_machinery_sees_the_application_of_the_project() -> None:
    target = target_of(loads(f'{HEAD}[server]\nready = "/ready"\npages = ["/a"]\n[release.variables]\nKEY = "x"\n'))
    assert ("shop", "Shop", "/ready", "/", ("/a",), ("KEY",)) == (
        target.title, target.module, target.ready_path, target.live_path, target.safe_paths, target.required_variables
    )  # fmt: skip
    assert target.starts_server(("sh", "-c", "exec mix phx.server"))
    assert not target.starts_server(("mix", "compile"))
