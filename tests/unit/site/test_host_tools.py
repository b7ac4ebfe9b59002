"""The tools of this machine are found from any home folder."""

from __future__ import annotations

from pathlib import Path

from rollout.site.host_tools import host_variables


def _program(folder: Path, name: str, script: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(f"#!/bin/sh\n{script}\n")
    (folder / name).chmod(0o755)


def test_programs_come_first_on_path_and_hex_and_rebar_are_named(tmp_path: Path) -> None:
    """The user's Elixir prints the paths."""
    _program(tmp_path, "elixir", r'printf "warning: noise\n/e/bin\n/o/bin\n/u/hex-2\n/u/rebar3\n"')
    assert host_variables({"PATH": f"{tmp_path}:/bin"}) == {
        "PATH": f"/e/bin:/o/bin:{tmp_path}:/bin",
        "ERL_LIBS": "/u/hex-2",
        "MIX_REBAR3": "/u/rebar3",
    }


def test_hex_that_elixir_finds_needs_no_variable(tmp_path: Path) -> None:
    """Then the rebar3 on PATH is used."""
    _program(tmp_path, "elixir", r'printf "/e/bin\n/o/bin\n\n\n"')
    _program(tmp_path, "rebar3", "exit 0")
    assert host_variables({"PATH": str(tmp_path)}) == {
        "PATH": f"/e/bin:/o/bin:{tmp_path}",
        "MIX_REBAR3": f"{tmp_path}/rebar3",
    }


def test_an_elixir_that_does_not_run_changes_nothing(tmp_path: Path) -> None:
    """If it is missing or fails, the phase that checks its version reports that."""
    assert host_variables({"PATH": str(tmp_path)}) == {"PATH": str(tmp_path)}
    _program(tmp_path, "elixir", "echo broken; exit 1")
    assert host_variables({"PATH": str(tmp_path)}) == {"PATH": str(tmp_path)}
