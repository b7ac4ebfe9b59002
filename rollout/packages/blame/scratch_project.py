"""Temporary folder in the site for everything that blame creates. It is removed at the end."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

from rollout.phases.step import Step
from rollout.process import Launcher, Observer, Outcome, Request

FOLDER = ".home/blame"


class ScratchProject:
    """The folder in which blame's commands run. Caches and settings of Hex, Mix and Rebar are in it too."""

    def __init__(self, step: Step) -> None:
        self.step = step
        self.folder = step.site.directory / FOLDER

    @property
    def launcher(self) -> Launcher:
        return self.step.site.in_forge.launcher

    def place(self, relative: str) -> Path:
        """A path in the folder, for this process."""
        return self.folder / relative

    def seen(self, relative: str = "") -> str:
        """The same path in the forge."""
        return str(self.step.site.in_forge.root / FOLDER / relative)

    def environment(self) -> Mapping[str, str]:
        """The environment variables of every command."""
        return {
            **self.step.site.environment(),
            "HOME": self.seen("home"),
            "HEX_HOME": self.seen("hex"),
            "TMPDIR": self.seen("tmp"),
            "MIX_ENV": "dev",
        }

    def request(self, *argv: str, label: str, deadline: float, cwd: str = "") -> Request:
        """A command in the folder, or in `cwd` below it."""
        return Request(
            argv=argv,
            label=label,
            cwd=Path(self.seen(cwd)),
            env=self.environment(),
            deadline=min(deadline, self.step.remaining),
        )

    def run(self, *argv: str, label: str, deadline: float = 600.0, cwd: str = "", env: Mapping[str, str]) -> Outcome:
        """Run a command and return its outcome, whatever its exit code. Raises PhaseFailed (timeout)."""
        return self.step.run(
            *argv, label=label, deadline=deadline, cwd=self.seen(cwd), env={**self.environment(), **env}
        )

    def observer(self) -> Observer:
        return self.step.recorder()

    @contextlib.contextmanager
    def open(self) -> Iterator[ScratchProject]:
        """Create the folder, register the package source with Hex, and remove the folder at the end."""
        self._remove()
        try:
            for name in ("home", "hex", "tmp"):
                self.place(name).mkdir(parents=True)
            self._register_source()
            yield self
        finally:
            self._remove()

    def _register_source(self) -> None:
        """Copy the site's Hex settings, or create them where the site has none yet."""
        config = self.step.site.directory / ".home/hex/hex.config"
        if config.is_file():
            shutil.copyfile(config, self.place("hex/hex.config"))
            return
        registry = self.step.site.registry
        self.place("source-key.pem").write_bytes(registry.public_key)
        for command in registry.setup_commands(key_file=self.seen("source-key.pem")):
            self.run(*command, label="register the package source", deadline=60, env={})

    def _remove(self) -> None:
        """Remove the folder, also while a stopped command writes its last file."""
        for _attempt in range(3):
            shutil.rmtree(self.folder, ignore_errors=True)
            if not self.folder.exists():
                return
        shutil.rmtree(self.folder)
