"""Builds a release of the application in the forge with Mix, without any setting of the site."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from rollout.application import APPLICATION
from rollout.errors import PostconditionFailed
from rollout.journal.events import production
from rollout.phases.step import Step
from rollout.site.store.manifest import scan

FOLDER = ".production"
"""The folder below the application that holds releases, their static files and the proxy's configuration."""
INSIDE = "/app"
"""Where the image of a release has it."""
_BUILD = {"MIX_ENV": "prod", "MIX_QUIET": "0"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """A built release. `label` names it in this run: `a`, `b`, …

    `folder` is the release on this machine, as `mix release` has made it: `bin/`, `lib/`, `releases/`, `erts-*/`.
    `version` is that of the release, `image` its OCI image; "" without a container engine, where the folder is run.
    `variables` are what the environment of its instances has besides the settings of the deployment.
    """

    label: str
    version: str
    folder: Path
    image: str = ""
    variables: Mapping[str, str] = field(default_factory=dict)

    @property
    def root(self) -> str:
        """The folder of the release, as its instances see it."""
        return INSIDE if self.image else str(self.folder)

    @property
    def program(self) -> str:
        """The program that `mix release` makes."""
        return f"{self.root}/bin/{APPLICATION.app}"

    def command_settings(self, settings: Mapping[str, str]) -> dict[str, str]:
        """The environment of a command of the release: that of an instance, but it serves nothing."""
        return {name: value for name, value in {**settings, **self.variables}.items() if name != "PHX_SERVER"}

    @property
    def migrations(self) -> tuple[str, ...]:
        """The versions of the migrations in the release, oldest first."""
        files = self.folder.glob(f"lib/{APPLICATION.app}-*/priv/repo/migrations/*.exs")
        return tuple(sorted(name for file in files if (name := file.name.partition("_")[0]).isdigit()))

    def has_command(self, name: str) -> bool:
        """Whether the release has its own `bin/NAME` beside the generated program."""
        return (self.folder / "bin" / name).is_file()


def build(step: Step, label: str) -> Release:
    """Fetch what only production needs, compile, build the assets, and assemble the release.

    The environment has none of the site's settings, so nothing of them can be compiled in. Raises PhaseFailed.
    """
    began = time.monotonic()
    target, env = f"{FOLDER}/{label}", {**_BUILD, APPLICATION.revision_variable: label}
    for argv, deadline in _commands(str(step.site.in_forge.root / step.site.app / target)):
        step.must(*argv, label=f"{' '.join(argv[:2])} ({label})", deadline=deadline, env=env, settings=False)
    release = find(step.site.file(target), label)
    step.site.run.journal.record(
        production.ReleaseBuilt(
            **step.where,
            release=label,
            version=release.version,
            folder=target,
            bytes=sum(file.stat().st_size for file in release.folder.rglob("*") if file.is_file()),
            seconds=round(time.monotonic() - began, 3),
        )
    )
    return release


def _commands(target: str) -> tuple[tuple[tuple[str, ...], float], ...]:
    """The commands that build a release into a folder, each with its deadline in seconds."""
    return (
        (("mix", "deps.get", "--only", "prod", "--check-locked"), 300.0),
        (("mix", "deps.compile"), 1500.0),
        (("mix", "compile"), 900.0),
        (("mix", "assets.deploy"), 300.0),
        (("mix", "release", "--overwrite", "--path", target), 300.0),
    )


def find(folder: Path, label: str) -> Release:
    """The release in a folder. Raises PostconditionFailed if there is none."""
    start = folder / "releases" / "start_erl.data"
    if not start.is_file() or not (folder / "bin" / APPLICATION.app).is_file():
        raise PostconditionFailed(expected=f"a release in {folder.name}", found="no start_erl.data or no program")
    return Release(label=label, version=start.read_text(encoding="utf-8").split()[1], folder=folder)


def digests(folder: Path) -> Mapping[str, str]:
    """Path → digest of every file of a release, for a comparison of two builds."""
    return {path: digest for path, (kind, _, _, _, digest) in scan(folder).entries.items() if kind == "f"}
