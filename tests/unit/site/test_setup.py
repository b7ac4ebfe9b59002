"""The set-up (bootstrap.py, rollout.cli.setup): what it creates, and its errors."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from types import ModuleType

import pytest

from rollout import errors
from rollout.cli import setup
from rollout.site.engine.client import Engine, NoEngine

ENGINE = Engine(url="unix:///x", kind="docker", version="28", rootless=False, os="debian")


def run_it(root: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    argv = [sys.executable, str(root / "bootstrap.py"), *arguments]
    return subprocess.run(argv, capture_output=True, text=True, timeout=300, check=False)


def test_the_environment_is_created_once_and_reused(bootstrap: ModuleType) -> None:
    root: Path = bootstrap.ROOT
    began = time.monotonic()
    first = run_it(root, "platform")
    made = time.monotonic()
    second = run_it(root, "platform")
    used = time.monotonic()

    assert (0, 0) == (first.returncode, second.returncode)
    assert "Setting up" in first.stderr
    assert "" == second.stderr
    assert used - made < (made - began) / 2


def test_changed_lock_or_cut_short_set_up_is_made_again(bootstrap: ModuleType) -> None:
    root: Path = bootstrap.ROOT
    run_it(root, "platform")
    assert bootstrap.is_ready()

    (root / ".venv" / "made-of").unlink()
    assert not bootstrap.is_ready()

    run_it(root, "platform")
    (root / "requirements.lock").write_text("# another\n")
    assert not bootstrap.is_ready()


def test_two_at_once_make_it_once(bootstrap: ModuleType) -> None:
    argv = [sys.executable, str(bootstrap.ROOT / "bootstrap.py"), "platform"]
    both = [subprocess.Popen(argv, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True) for _ in range(2)]

    said = [process.communicate(timeout=300)[1] for process in both]

    assert [0, 0] == [process.returncode for process in both]
    assert 1 == sum("Setting up" in text for text in said)


def test_lock_without_hashes_is_refused(bootstrap: ModuleType) -> None:
    (bootstrap.ROOT / "requirements.lock").write_text("pip==24.0\n")

    ended = run_it(bootstrap.ROOT, "platform")

    assert 2 == ended.returncode
    assert "hash" in ended.stderr.lower()
    assert not bootstrap.is_ready()


def test_python_without_venv_tells_the_command_where_it_may_not_run_it(
    bootstrap: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bootstrap.importlib.util, "find_spec", lambda name: None)
    monkeypatch.setattr(os, "geteuid", lambda: 1000)

    with pytest.raises(bootstrap.SetupError) as caught:
        bootstrap.build_with_pip()

    assert "sudo apt-get" in caught.value.commands[0]


def test_old_python_is_named_with_what_to_do(
    bootstrap: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(bootstrap.shutil, "which", lambda name: None)

    assert 2 == bootstrap.with_newer_python(["platform"])
    assert "Python 3.11 or newer is needed" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "environment", "expected"),
    [
        ((), {}, {"forge": "auto", "postgres": "auto"}),
        (("--forge=host",), {}, {"postgres": "auto"}),
        (("--forge", "host", "--database=embedded"), {}, {}),
        (("--database=postgresql://u@h/d",), {"XAVOS_FORGE": "container"}, {"forge": "container"}),
        (("--forge=container",), {"XAVOS_FORGE": "host"}, {"forge": "container", "postgres": "auto"}),
        (("--plan",), {}, {}),
        (("--stage=production", "--forge=host"), {}, {"postgres": "auto"}),
        (("--stage", "production"), {}, dict.fromkeys(("forge", "postgres", "release", "proxy"), "auto")),
        (("--database=embedded",), {"XAVOS_STAGE": "production"},
         dict.fromkeys(("forge", "release", "proxy"), "auto")),
        (("-k", "x", "--doctor"), {}, {}),
    ],
)
def test_only_what_the_run_may_need_is_prepared(
    arguments: tuple[str, ...], environment: dict[str, str], expected: dict[str, str]
) -> None:
    assert expected == setup.needed_images(arguments, environment)


def test_a_named_engine_is_never_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    """Even as root, who could install another one."""
    found = NoEngine(reason="DOCKER_HOST=x: refused", named=True, mend="unset DOCKER_HOST   # or start what it names")
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(setup, "find_engine", lambda: found)
    monkeypatch.setattr(setup, "install_engine", lambda say, reason: pytest.fail("installed one"))

    with pytest.raises(errors.NoEngine, match="unset DOCKER_HOST"):
        setup.prepare({"forge": "auto"}, print)


def test_nothing_is_created_if_everything_exists(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(setup, "find_engine", lambda: ENGINE)
    monkeypatch.setattr(setup, "image_present", lambda engine, name: True)
    monkeypatch.setattr(setup, "ensure_image", lambda *args, **kwargs: pytest.fail("made one"))
    said: list[str] = []

    setup.prepare({"forge": "auto", "postgres": "auto"}, said.append)

    assert [] == said


def test_user_without_rights_gets_commands_and_exit_code_two(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(setup, "find_engine", lambda: NoEngine(reason="no socket"))
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setattr(setup, "_has_substitutes", lambda needed: False)

    assert 2 == setup.main([])
    assert "sudo apt-get update && sudo apt-get install --no-install-recommends docker.io" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("needed", "able", "goes_on"), [("auto", True, True), ("auto", False, False), ("container", True, False)]
)
def test_auto_continues_without_an_engine_that_cannot_be_started(
    monkeypatch: pytest.MonkeyPatch, needed: str, able: bool, goes_on: bool
) -> None:
    """Root in a container that cannot start dockerd, as in most CI."""

    def cannot(say: object, *, reason: str) -> Engine:
        raise errors.NoEngine(reason="dockerd does not start")

    monkeypatch.setattr(setup, "find_engine", lambda: NoEngine(reason="no socket"))
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(setup, "install_engine", cannot)
    monkeypatch.setattr(setup, "_has_substitutes", lambda needed: able)
    said: list[str] = []
    if goes_on:
        setup.prepare({"forge": needed}, said.append)
        assert "dockerd does not start" in said[0]
    else:
        with pytest.raises(errors.NoEngine, match="dockerd does not start"):
            setup.prepare({"forge": needed}, said.append)
