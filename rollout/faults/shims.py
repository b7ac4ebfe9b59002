"""Faults that replace a tool of the forge by a shim, a script in a folder that comes first in PATH."""

from __future__ import annotations

import contextlib
import shutil
from dataclasses import replace
from pathlib import Path

from rollout.faults.fault import FaultSpec
from rollout.faults.output_witness import OutputWitnessFault
from rollout.process import Request
from rollout.site.site import Site

_FOLDER = ".home/fault-bin"


class ShimFault(OutputWitnessFault):
    """Commands find `script` under the name of `tool`."""

    tool = ""

    def script(self) -> str:
        """The text of the shim, for sh. `$real` is the PATH without the shim."""
        raise NotImplementedError

    def before_command(self, site: Site, request: Request) -> Request:
        folder = site.directory / _FOLDER
        if not folder.is_dir():
            folder.mkdir(parents=True)
            write_tool(folder / self.tool, self.script(), real=request.env["PATH"])
        path = f"{site.in_forge.root / _FOLDER}:{request.env['PATH']}"
        return replace(request, env={**request.env, "PATH": path})

    def lift(self, site: Site) -> None:
        with contextlib.suppress(FileNotFoundError):
            shutil.rmtree(site.directory / _FOLDER)


class TooOld(ShimFault):
    """The tool reports an old version."""

    def __init__(self, spec: FaultSpec) -> None:
        super().__init__(spec, r"ToolMissing: .*found")
        self.tool, self._question, self._answer = self.chance.choice((
            ("elixir", "--short-version", "1.14.5"),
            ("git", "--version", "git version 2.17.1"),
            ("psql", "--version", "psql (PostgreSQL) 11.22"),
        ))  # fmt: skip

    def script(self) -> str:
        answer = f'[ "$*" = "{self._question}" ] && {{ echo "{self._answer}"; exit 0; }}'
        return f'{answer}\nPATH=$real exec {self.tool} "$@"\n'


class Missing(ShimFault):
    """The tool is missing: the shim fails as a shell does for a missing command."""

    def __init__(self, spec: FaultSpec, *, anywhere: tuple[str, ...], first: tuple[str, ...]) -> None:
        super().__init__(spec, r"fault-bin/|: command not found$|: not found$")
        self.tool = self.chance.choice(first if spec.phase == "prerequisites" else anywhere)

    def script(self) -> str:
        return f'echo "sh: 1: exec: {self.tool}: not found" >&2\nexit 127\n'


def write_tool(file: Path, script: str, *, real: str) -> None:
    """Write an executable file."""
    file.write_text(f"#!/bin/sh\nreal='{real}'\n{script}", encoding="utf-8")
    file.chmod(0o755)
