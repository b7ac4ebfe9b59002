"""Finds and runs PostgreSQL's client programs (pg_dump, pg_restore) on this machine."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

from rollout.process import LocalLauncher, Observer, Quiet, Request, execute
from rollout.site.postgres.dump import ToolResult
from rollout.site.postgres.errors import DumpUnavailable
from rollout.site.postgres.login import Login

Observe = Callable[[], Observer]
_DEADLINE = 300.0
_DEBIAN = Path("/usr/lib/postgresql")


class LocalToolbox:
    """Runs the programs of one folder, logged in with `login`."""

    def __init__(self, folder: Path, major: int, login: Login, observe: Observe) -> None:
        self._folder = folder
        self.major = major
        self._login = login
        self._observe = observe

    def run(self, program: str, *arguments: str, files: Mapping[str, bytes], output: bool) -> ToolResult:
        with tempfile.TemporaryDirectory(prefix="xavos-rollout-") as place:
            folder = Path(place)
            for name, data in files.items():
                (folder / name).write_bytes(data)
            wanted = folder / "output"
            request = Request(
                argv=(
                    str(self._folder / program),
                    *(_placed(argument, folder, files) for argument in arguments),
                    *((f"--file={wanted}",) if output else ()),
                ),
                label=program,
                cwd=folder,
                env={"PATH": os.defpath, **self._login.environment()},
                deadline=_DEADLINE,
            )
            outcome = execute(request, LocalLauncher(), self._observe())
            return ToolResult(
                ok=outcome.ok,
                output=wanted.read_bytes() if output and wanted.exists() else b"",
                messages=outcome.tail or ("" if outcome.ok else outcome.describe()),
            )


def find_tools(server_major: int, *, also: tuple[Path, ...] = ()) -> tuple[Path, int]:
    """The folder and version of the oldest pg_dump that can read this server. Raises DumpUnavailable.

    The oldest is used, because an older server may not understand what a newer pg_restore sends.
    """
    on_path = shutil.which("pg_dump")
    folders = [Path(on_path).parent] if on_path else []
    folders += [*_DEBIAN.glob("*/bin"), *also]
    found = {folder: program_major(folder / "pg_dump") for folder in folders if (folder / "pg_restore").exists()}
    fitting = sorted((major, str(folder)) for folder, major in found.items() if major >= server_major)
    if not fitting:
        newest = max(found.values(), default=0)
        reason = f"the newest pg_dump here is {newest}" if newest else "there is no pg_dump here"
        raise DumpUnavailable(reason=f"the server is PostgreSQL {server_major}, and {reason}")
    major, folder = fitting[0]
    return Path(folder), major


def program_major(program: Path) -> int:
    """The major version that `program --version` prints; 0 if it does not run."""
    request = Request(
        argv=(str(program), "--version"),
        label=f"{program.name} --version",
        cwd=Path("/"),
        env={"PATH": os.defpath},
        deadline=10,
    )
    outcome = execute(request, LocalLauncher(), Quiet())
    match = re.search(r"\(PostgreSQL\) (\d+)", outcome.tail) if outcome.ok else None
    return int(match[1]) if match else 0


def _placed(argument: str, folder: Path, files: Mapping[str, bytes]) -> str:
    before, at, name = argument.partition("@")
    return f"{before}{folder / name}" if at and name in files else argument
