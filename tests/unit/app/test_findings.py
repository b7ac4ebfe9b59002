"""What phases of the path `app` find, and how a project chooses its checks."""

from __future__ import annotations

import types
from pathlib import Path
from typing import Any

import pytest

from rollout.app.locked import LockOutdated, what_changes
from rollout.app.migrations import IrreversibleMigration, files_of
from rollout.diagnosis import CAUSES
from rollout.hex.lockfile import Locked
from rollout.process import Outcome, Request
from rollout.project.file import loads
from suite.phases import _leave_out

HEAD = '[application]\nname = "shop"\n'


def test_migrations_of_all_repos_and_of_an_umbrella_are_found_in_order(tmp_path: Path) -> None:
    for name in (
        "priv/repo/migrations/20260102000000_second.exs", "priv/archive/migrations/20260101000000_first.exs",
        "apps/web/priv/repo/migrations/20260103000000_third.exs", "priv/repo/migrations/.formatter.exs",
        "priv/repo/seeds.exs",
    ):  # fmt: skip
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    assert (
        (20260101000000, "priv/archive/migrations/20260101000000_first.exs"),
        (20260102000000, "priv/repo/migrations/20260102000000_second.exs"),
        (20260103000000, "apps/web/priv/repo/migrations/20260103000000_third.exs"),
    ) == files_of(tmp_path)


def test_a_lock_that_does_not_fit_names_package_and_remedy() -> None:
    outcome = Outcome(request=Request(argv=("mix",), label="mix", cwd=Path("/")), exit_code=1, seconds=1, tail="")
    error = LockOutdated(package="spark", changes=("spark 2.3.5 was added",), outcome=outcome)
    assert ("lock_outdated", "spark") == (error.cause, error.package)
    assert "mix.lock does not fit mix.exs: spark 2.3.5 was added." == error.message
    assert "mix deps.get" in error.advice
    assert error.cause in CAUSES


def test_what_a_lock_would_become_is_told_package_by_package() -> None:
    """A release that was replaced under its version has the same version and another checksum."""

    def lock(**releases: str) -> dict[str, Locked]:
        parts = {name: text.split() for name, text in releases.items()}
        return {name: Locked(kind="hex", app=name, name=name, version=version, outer_checksum=checksum)
                for name, (version, checksum) in parts.items()}  # fmt: skip

    before, after = (
        lock(bandit="1.8.0 aa", jason="1.4.5 bb"),
        lock(bandit="1.8.0 cc", jason="1.4.5 bb", spark="2.3.5 dd"),
    )
    assert ("spark", ("spark 2.3.5 was added", "bandit 1.8.0 has another checksum at the source")) == what_changes(
        before, after
    )
    assert (None, ()) == what_changes(before, before)


def test_a_migration_that_does_not_go_back_says_how_far_it_went() -> None:
    error = IrreversibleMigration(stopped_at="1_first.exs: cannot reverse", reverted=2, applied=3)
    assert "2 of 3 migrations were rolled back; then 1_first.exs: cannot reverse" == error.message
    assert error.cause == "migration_irreversible"
    assert error.cause in CAUSES


class _Item:
    def __init__(self, name: str) -> None:
        self.name = name
        self.marks: list[Any] = []

    def add_marker(self, mark: Any) -> None:
        self.marks.append(mark)


@pytest.mark.parametrize("left_out", ["test_page", "test_page[/]"])
def test_a_project_leaves_out_checks_by_name_with_or_without_parameter(left_out: str) -> None:
    items: list[Any] = [_Item("test_page[/]"), _Item("test_pages[/]")]
    project = loads(f'{HEAD}[checks.leave_out]\n"{left_out}" = "it is slow"\n')
    session: Any = types.SimpleNamespace(project=project, notes=[])
    _leave_out(session, items)
    assert ["rollout.toml leaves it out: it is slow"] == [mark.kwargs["reason"] for mark in items[0].marks]
    assert [] == items[1].marks
    assert [] == session.notes


def test_a_misspelt_check_is_told() -> None:
    session: Any = types.SimpleNamespace(project=loads(f'{HEAD}[checks.leave_out]\ntest_pag = "slow"\n'), notes=[])
    _leave_out(session, [])
    assert ["rollout.toml leaves out test_pag, which is no check of this run."] == session.notes
