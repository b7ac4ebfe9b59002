"""A tool of the forge that is another one than it was: found first by PATH, in a folder of the site."""

from __future__ import annotations

import contextlib
import shutil
from dataclasses import replace
from pathlib import Path

from rollout.faults.fault import Wound
from rollout.faults.output_witness import Sensed
from rollout.process import Request
from rollout.site.site import Site

_FOLDER = ".home/fault-bin"


class Shimmed(Sensed):
    """Commands find `tool` in the shim's folder; what it does there, `script` says."""

    tool = ""

    def script(self) -> str:
        """The shim, as a script of sh; `$real` is the PATH without it."""
        raise NotImplementedError

    def command(self, site: Site, request: Request) -> Request:
        folder = site.directory / _FOLDER
        if not folder.is_dir():
            folder.mkdir(parents=True)
            write_tool(folder / self.tool, self.script(), real=request.env["PATH"])
        path = f"{site.in_forge.root / _FOLDER}:{request.env['PATH']}"
        return replace(request, env={**request.env, "PATH": path})

    def lift(self, site: Site) -> None:
        with contextlib.suppress(FileNotFoundError):
            shutil.rmtree(site.directory / _FOLDER)


class TooOld(Shimmed):
    """The tool says that it is an old version."""

    def __init__(self, wound: Wound) -> None:
        super().__init__(wound, r"ToolMissing: .*found")
        self.tool, self._asked, self._said = self.chance.choice((
            ("elixir", "--short-version", "1.14.5"),
            ("git", "--version", "git version 2.17.1"),
            ("psql", "--version", "psql (PostgreSQL) 11.22"),
        ))  # fmt: skip

    def script(self) -> str:
        return f'[ "$*" = "{self._asked}" ] && {{ echo "{self._said}"; exit 0; }}\nPATH=$real exec {self.tool} "$@"\n'


class Missing(Shimmed):
    """The tool cannot be had: what calls it is told what a shell says of a command that it does not find."""

    def __init__(self, wound: Wound, *, anywhere: tuple[str, ...], first: tuple[str, ...]) -> None:
        super().__init__(wound, r"fault-bin/|: command not found$|: not found$")
        self.tool = self.chance.choice(first if wound.phase == "prerequisites" else anywhere)

    def script(self) -> str:
        return f'echo "sh: 1: exec: {self.tool}: not found" >&2\nexit 127\n'


def write_tool(file: Path, script: str, *, real: str) -> None:
    """Write an executable of that name."""
    file.write_text(f"#!/bin/sh\nreal='{real}'\n{script}", encoding="utf-8")
    file.chmod(0o755)
