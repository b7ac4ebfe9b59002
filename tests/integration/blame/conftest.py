"""A site with a forge and a gateway in front of a registry with planted faults; no database, one phase."""

from __future__ import annotations

import dataclasses
import secrets
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pytest

from rollout.config.plan import Package, PhasePlan, Plan
from rollout.config.run import Run
from rollout.hex.gateway import Gateway
from rollout.hex.http_client import NoUpstream
from rollout.hex.sources import RehearsalSource, Source
from rollout.hex.upstreams import Upstreams, choose_git
from rollout.process import Quiet, Request, execute
from rollout.rehearsal import build_registry, load_scenario
from rollout.rehearsal.scenario import ROOT
from rollout.site.engine.client import Engine
from rollout.site.engine.discovery import find_engine
from rollout.site.engine.images import image_present, image_tag
from rollout.site.forge import ContainerForge
from rollout.site.site import Site
from tests.integration.blame import plantings
from tests.unit.fakes import options

SEEDS = range(20)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class BlameSite:
    """A site, and plans that could have failed on it."""

    site: Site

    def plan(self, packages: Mapping[str, str]) -> Plan:
        wanted = tuple(Package(name=name, requirement=requirement) for name, requirement in packages.items())
        phase = PhasePlan(name="installing", packages=wanted)
        return Plan(name="ambitious", description="", phases=(phase,), file=Path("planted.toml"))

    def events(self, event: str) -> list[Mapping[str, object]]:
        return [each for each in self.site.run.journal.events() if each["event"] == event]


@pytest.fixture(scope="session")
def forge_engine() -> Engine:
    found = find_engine()
    if not isinstance(found, Engine):
        pytest.skip(f"no container engine: {found.reason}")
    if not image_present(found, "forge"):
        pytest.skip("no forge image on this machine")
    return found


def mix_exs(core: Mapping[str, str]) -> str:
    deps = ", ".join(f'{{:{name}, "{requirement}"}}' for name, requirement in core.items())
    return f"""defmodule Xavos.MixProject do
  use Mix.Project
  def project, do: [app: :xavos, version: "0.1.0", deps: deps()]
  defp deps, do: [{deps}, {{:icons, github: "some/icons", tag: "v1", app: false, compile: false}}]
end
"""


@pytest.fixture(scope="session")
def blame_site(forge_engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[BlameSite]:
    """One site for all plantings: each has packages of its own, so none sees another's."""
    folder = tmp_path_factory.mktemp("blame_site")
    run = Run(options(folder))
    directory = run.options.directory
    directory.mkdir(parents=True)
    (directory / ".home").mkdir()
    container = ContainerForge.create(
        forge_engine.client(),
        name=f"xavos-test-blame-{secrets.token_hex(4)}",
        image=image_tag("forge"),
        directory=directory,
        run=run.id,
        network=None,
    )
    try:
        source: Source = RehearsalSource(_registry(folder, container, directory))
        none = NoUpstream(reason="not needed here")
        upstreams = Upstreams(hex=source, npm=none, git=choose_git("auto", source=source))
        site = Site(run.options, run, engine=forge_engine, upstreams=upstreams, forge="container", database="embedded")
        site.forge = container
        (directory / "mix.exs").write_text(mix_exs(plantings.CORE))
        with Gateway(upstreams, cache=folder / "cache") as gateway:
            site.gateway = gateway
            _register(site)
            yield BlameSite(site=site)
    finally:
        forge_engine.client().containers.get(container.name).remove(force=True, v=True)
        run.close(settled=True)


def _register(site: Site) -> None:
    """Tell Hex the registry's key, as the phase `worktree` does."""
    site.file(".home/source-key.pem").write_bytes(site.registry.public_key)
    for command in site.registry.setup_commands(key_file=str(site.in_forge.root / ".home/source-key.pem")):
        request = Request(argv=command, label="register", cwd=site.in_forge.root, env=site.environment(), deadline=120)
        assert execute(request, site.in_forge.launcher, Quiet()).ok


def _registry(folder: Path, container: ContainerForge, directory: Path) -> Path:
    """Every planting's packages in one signed registry, built where the container sees it."""
    root = folder / "rehearsal"
    name = plantings.write_scenario(root, map(plantings.plant, SEEDS), signing=ROOT / "registry.exs")

    def run(argv: Sequence[str], where: Path, env: Mapping[str, str]) -> tuple[int, str]:
        inside = container.root / where.relative_to(directory)
        request = Request(
            argv=tuple(argv), label="build", cwd=inside, env={**container.environment(), **env}, deadline=170
        )
        done = execute(request, container.launcher, Quiet())
        return 1 if done.exit_code is None else done.exit_code, done.tail

    built = build_registry(load_scenario(name, root=root), directory / "registry", run)
    moved = folder / "registry"
    built.folder.parent.rename(moved)
    (directory / "registry").rmdir()
    return moved / "public"
