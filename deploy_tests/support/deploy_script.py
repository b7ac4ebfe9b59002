"""Runs scripts/deploy_xavos.sh in the forge, with instances of its own beside those of the deployment."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from deploy_tests.support.commands import Ask
from deploy_tests.support.production import is_of_another_build
from rollout.application import APPLICATION
from rollout.process import Outcome
from rollout.production.deployed import Deployed
from rollout.site import settings
from rollout.site.forge import TEMPORARY
from rollout.site.postgres.login import free_port
from rollout.site.store.tree_removal import remove_tree
from rollout.site.views import CheckedSite

SCRIPT = "scripts/deploy_xavos.sh"


@dataclass(frozen=True, slots=True, kw_only=True)
class DeployScript:
    """The script with one instance from `port` on; the instance also has `port` + 1."""

    ask: Ask
    site: CheckedSite
    released: Deployed
    folder: str
    port: int

    def __call__(self, *words: str, ready_seconds: int = 60) -> Outcome:
        options = (f"--settings={self.folder}/production.env", f"--state={self.folder}/state", "--instances=1",
                   f"--first-port={self.port}")  # fmt: skip
        env = {"XAVOS_READY_SECONDS": str(ready_seconds)}
        label = f"deploy_xavos.sh {' '.join(words)}"
        return self.ask(SCRIPT, *options, *words, label=label, deadline=150, env=env, settings=False)

    def must(self, *words: str) -> str:
        """What a command that has to succeed has printed."""
        ended = self(*words)
        assert ended.ok, ended.tail
        return ended.tail

    def release(self, label: str) -> str:
        """A release of the deployment, as the script sees it."""
        folder = self.released.releases[label].folder
        return str(self.site.in_forge.root / folder.relative_to(self.site.directory))

    def answers(self, port: int) -> str:
        """The label of the release that answers at a port; "" if none does."""
        address = f"http://{self.site.in_forge.address()}:{port}{APPLICATION.live_path}"
        try:
            told = httpx.get(address, timeout=10, trust_env=False, headers={"host": "localhost"})
        except httpx.TransportError:
            return ""
        return str(told.json()["revision"])


def commands(printed: str) -> list[str]:
    """The commands that the script has run, or would run."""
    return [line for line in printed.splitlines() if line.startswith("+ ")]


@pytest.fixture
def deploy_script(ask: Ask, site: CheckedSite, released: Deployed) -> Iterator[DeployScript]:
    """The script, with the settings of production. Its instances are ended afterwards."""
    if is_of_another_build(released):
        pytest.skip("the release in an image does not tell its label")
    folder = Path(TEMPORARY) / "deploy_script"
    (site.directory / folder).mkdir(parents=True)
    # No proxy asks these instances, so nobody has to see that they drain.
    settings.write(site.directory / folder / "production.env", {**released.settings, "DRAIN_SECONDS": "0"})
    script = DeployScript(
        ask=ask, site=site, released=released, folder=str(site.in_forge.root / folder), port=free_port()
    )
    try:
        yield script
    finally:
        ended = script("stop")
        remove_tree(site.directory / folder)
        assert ended.ok, ended.tail
