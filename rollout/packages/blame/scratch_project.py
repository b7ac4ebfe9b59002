"""A folder of blame's own in the site: everything it makes is in there, and it goes away however blame ends."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

from rollout.phases.step import Step
from rollout.process import Launcher, Observer, Outcome, Request

PLACE = ".home/blame"


class Scratch:
    """Where blame's commands run. Hex, Mix and Rebar keep there what they would else leave in the site."""

    def __init__(self, step: Step) -> None:
        self.step = step
        self.folder = step.site.directory / PLACE

    @property
    def launcher(self) -> Launcher:
        return self.step.site.in_forge.launcher

    def place(self, relative: str) -> Path:
        """A path in the scratch folder, for this process."""
        return self.folder / relative

    def seen(self, relative: str = "") -> str:
        """The same, as the forge sees it."""
        return str(self.step.site.in_forge.root / PLACE / relative)

    def environment(self) -> Mapping[str, str]:
        """What every command of blame gets."""
        return {
            **self.step.site.environment(),
            "HOME": self.seen("home"),
            "HEX_HOME": self.seen("hex"),
            "TMPDIR": self.seen("tmp"),
            "MIX_ENV": "dev",
        }

    def request(self, *argv: str, label: str, deadline: float, cwd: str = "") -> Request:
        """A command in the scratch folder, or in `cwd` below it."""
        return Request(
            argv=argv,
            label=label,
            cwd=Path(self.seen(cwd)),
            env=self.environment(),
            deadline=min(deadline, self.step.remaining),
        )

    def run(self, *argv: str, label: str, deadline: float = 600.0, cwd: str = "", env: Mapping[str, str]) -> Outcome:
        """Run it to its end. Never raises for an exit code; PhaseFailed(timeout) where blame's time is over."""
        return self.step.run(
            *argv, label=label, deadline=deadline, cwd=self.seen(cwd), env={**self.environment(), **env}
        )

    def observer(self) -> Observer:
        return self.step.recorder()

    @contextlib.contextmanager
    def open(self) -> Iterator[Scratch]:
        """Make the folder, with what Hex has to know of the source; remove it in the end."""
        self._remove()
        try:
            for name in ("home", "hex", "tmp"):
                self.place(name).mkdir(parents=True)
            self._tell_hex_of_the_source()
            yield self
        finally:
            self._remove()

    def _tell_hex_of_the_source(self) -> None:
        """The site's own settings where it has them already, else made as its phase would make them."""
        told = self.step.site.directory / ".home/hex/hex.config"
        if told.is_file():
            shutil.copyfile(told, self.place("hex/hex.config"))
            return
        registry = self.step.site.registry
        self.place("source-key.pem").write_bytes(registry.public_key)
        for command in registry.setup_commands(key_file=self.seen("source-key.pem")):
            self.run(*command, label="register the package source", deadline=60, env={})

    def _remove(self) -> None:
        """Gone, also where a stopped command is still writing its last file."""
        for _attempt in range(3):
            shutil.rmtree(self.folder, ignore_errors=True)
            if not self.folder.exists():
                return
        shutil.rmtree(self.folder)
