"""The console command: its subcommands, their help, and what they hand to pytest and to the modules of the suite."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from rollout.config.flags import CAMPAIGN, FLAGS
from rollout.config.flags import COMMANDS as SWITCHES
from rollout.config.options import ROOT
from rollout.project.file import FILE
from xavos_rollout import commands
from xavos_rollout.commands import COMMANDS, main
from xavos_rollout.place import PACKAGES, SUITE, put_first_on_path

NAMES = ("init", "doctor", "plan", "deploy", "status", "undeploy", "recover", "campaign", "report", "bench")


@pytest.fixture(autouse=True)
def _elsewhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The current folder is an empty one, and no variable of the user chooses anything."""
    monkeypatch.chdir(tmp_path)
    for folder in ("REPORTS", "STATE", "CACHE"):
        monkeypatch.setenv(f"XAVOS_{folder}_DIR", str(tmp_path / folder.lower()))
    for name in ("PATH", "PATHS", "PROJECT"):
        monkeypatch.delenv(f"XAVOS_{name}", raising=False)


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, ...]]:
    """The command lines that pytest would have got."""
    seen: list[tuple[str, ...]] = []

    def run(arguments: Sequence[str]) -> int:
        seen.append(tuple(arguments))
        return 3

    monkeypatch.setattr(pytest, "main", run)
    return seen


def test_every_subcommand_is_listed_and_has_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert 0 == main(["--help"])
    overview = capsys.readouterr().out
    for name in NAMES:
        assert 0 == main([name, "--help"])
        assert capsys.readouterr().out.startswith(f"usage: xavos-rollout {name}")
        assert f"\n  {name} " in overview


def test_a_command_lists_the_flags_that_it_takes(capsys: pytest.CaptureFixture[str]) -> None:
    listed = {}
    for name in ("deploy", "campaign"):
        main([name, "--help"])
        text = capsys.readouterr().out
        listed[name] = {flag.name for flag in FLAGS if f"  {flag.option} " in text or f"  {flag.option}\n" in text}
    of_all = {flag.name for flag in FLAGS} - set(SWITCHES)
    assert of_all - set(CAMPAIGN) == listed["deploy"]
    assert of_all == listed["campaign"]


def test_an_unknown_command_is_named_with_the_nearest(capsys: pytest.CaptureFixture[str]) -> None:
    assert pytest.ExitCode.USAGE_ERROR == main(["stats"])
    assert "no command 'stats'. Did you mean status?" in capsys.readouterr().err


@pytest.mark.parametrize("name", SWITCHES)
def test_a_command_is_a_switch_of_pytest(name: str, started: list[tuple[str, ...]]) -> None:
    """Without a rollout.toml it is about XAVOS. All other arguments are passed on."""
    assert 3 == main([name, "--port=4002", "-x"])
    assert [(f"--{name}", "--port=4002", "-x")] == started


def test_deploy_is_about_the_application_of_the_folder(started: list[tuple[str, ...]]) -> None:
    """The run itself says what to do if there is no rollout.toml."""
    main(["deploy", "--port=4002"])
    main(["deploy", "--project=../shop"])
    assert [("--path=app", "--project=.", "--port=4002"), ("--path=app", "--project=../shop")] == started


@pytest.mark.parametrize(("name", "expected"), [("plan", "--path=app"), ("campaign", "--paths=app")])
def test_with_a_rollout_toml_other_commands_are_too(
    name: str, expected: str, started: list[tuple[str, ...]], tmp_path: Path
) -> None:
    (tmp_path / FILE).touch()
    main([name])
    assert (expected, "--project=.") == started[0][1:]


def test_a_path_that_the_user_names_stays(started: list[tuple[str, ...]], monkeypatch: pytest.MonkeyPatch) -> None:
    main(["deploy", "--path=realistic"])
    monkeypatch.setenv("XAVOS_PATH", "incremental")
    main(["deploy"])
    assert [("--path=realistic",), ()] == started


def test_without_a_folder_the_newest_report_is_made_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        main(["report"])
    assert f"{tmp_path / 'reports' / 'latest'}/journal.jsonl does not exist" in capsys.readouterr().err


def test_other_commands_go_to_their_modules(capsys: pytest.CaptureFixture[str]) -> None:
    assert set(NAMES) <= {command.name for command in COMMANDS}
    assert 2 == main(["undeploy", "another"])
    assert "Deployed: nothing. Not another; nothing was removed." in capsys.readouterr().err


def test_the_plugin_imports_nothing_that_pytest_has_not() -> None:
    """Every pytest of the user's environment imports it."""
    program = "import pytest, sys; had = set(sys.modules); import xavos_rollout.plugin; print(*set(sys.modules) - had)"
    shown = subprocess.run((sys.executable, "-c", program), cwd=ROOT, capture_output=True, text=True, check=True)
    assert {"xavos_rollout", "xavos_rollout.plugin"} == set(shown.stdout.split())


def test_a_package_that_hides_ours_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of the suite would run as it should."""
    monkeypatch.setattr(sys, "path", list(sys.path))
    assert () == put_first_on_path()
    assert str(SUITE) == sys.path[0]
    other = tmp_path / "fixtures" / "__init__.py"
    other.parent.mkdir()
    other.touch()
    places = {name: SUITE / name for name in PACKAGES} | {"fixtures": other.parent}
    monkeypatch.setattr("xavos_rollout.place._folder", places.get)
    (sentence,) = put_first_on_path()
    assert f"its own package fixtures, but this interpreter finds {other.parent}" in sentence
    assert commands.PROGRAM in sentence
