"""A forge whose only network leads to the gateway, and a small registry built by real Hex."""

from __future__ import annotations

import os
import secrets
import tarfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import docker
import httpx
import pytest
from docker.models.containers import Container

from rollout.errors import NoEngine
from rollout.hex.gateway import Gateway
from rollout.hex.http_client import make_client
from rollout.hex.sources import Source
from rollout.hex.upstreams import Upstreams, choose_git, choose_npm
from rollout.site.engine import container_exec
from rollout.site.engine.base_image import without_registry
from rollout.site.postgres.container_tools import engine_client

GatewayMaker = Callable[..., Gateway]

MIX_EXS = """defmodule Small.{module} do
  use Mix.Project
  def project, do: [app: :{app}, version: "{version}", elixir: "~> 1.14", description: "small", deps: {deps},
                    package: [licenses: ["MIT"], links: %{{}}]]
  def application, do: []
end
"""
SMALL = (("alpha", "1.0.0", "[]"), ("alpha", "1.1.0-rc.1", "[]"), ("beta", "0.2.0", '[{:alpha, "~> 1.0"}]'))


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    exit_code: int
    output: str

    def require(self) -> str:
        assert 0 == self.exit_code, self.output
        return self.output


class Forge:
    """A container of the forge image."""

    def __init__(self, container: Container) -> None:
        self.container = container

    def run(
        self,
        *argv: str,
        cwd: str = "/tmp",  # noqa: S108 - its own
        env: Mapping[str, str] | None = None,
        seconds: int = 90,
    ) -> Ran:
        """Run a command to its end, again where the engine lost its output."""
        environment = {"MIX_ENV": "dev", "HOME": "/tmp/home", "LANG": "C.UTF-8", **(env or {})}  # noqa: S108
        command = ("sh", "-c", f'exec 2>&1; exec timeout {seconds} "$@"', "sh", *argv)
        answer = container_exec.ask(self.container, *command, repeatable=True, cwd=cwd, env=environment)
        assert answer.exit_code is not None
        return Ran(exit_code=answer.exit_code, output=answer.text)

    def write(self, path: str, content: str) -> None:
        buffer = BytesIO()
        with tarfile.open(fileobj=buffer, mode="w") as archive:
            member = tarfile.TarInfo(path.lstrip("/"))
            data = content.encode()
            member.size = len(data)
            archive.addfile(member, BytesIO(data))
        self.container.put_archive("/", buffer.getvalue())

    def fetch(self, folder: str, into: Path) -> None:
        chunks, _status = self.container.get_archive(folder)
        with tarfile.open(fileobj=BytesIO(b"".join(chunks))) as archive:
            archive.extractall(into, filter="data")


@pytest.fixture(scope="session")
def docker_client() -> Iterator[docker.DockerClient]:
    try:
        with engine_client() as client:
            yield client
    except NoEngine as error:
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def forge_image(docker_client: docker.DockerClient) -> str:
    """An image with Elixir and Hex that is on this machine."""
    named = os.environ.get("XAVOS_TEST_FORGE_IMAGE")
    tags = sorted(tag for image in docker_client.images.list() for tag in image.tags)
    found = [named] if named else [tag for tag in tags if without_registry(tag).startswith("xavos-forge:")]
    if not found:
        pytest.skip("no image xavos-forge on this machine")
    return found[0]


@pytest.fixture(scope="session")
def bridge(docker_client: docker.DockerClient) -> Iterator[tuple[str, str]]:
    """(name, this machine's address on it) of a network that leads nowhere else."""
    name = f"xavos-test-hex-{secrets.token_hex(4)}"
    network = docker_client.networks.create(name, driver="bridge", internal=True)
    try:
        network.reload()
        yield name, network.attrs["IPAM"]["Config"][0]["Gateway"]
    finally:
        network.remove()


@pytest.fixture(scope="session")
def forge(docker_client: docker.DockerClient, forge_image: str, bridge: tuple[str, str]) -> Iterator[Forge]:
    container = docker_client.containers.run(
        forge_image,
        ["sleep", "infinity"],
        entrypoint="",
        detach=True,
        network=bridge[0],
        name=bridge[0],
        init=True,
    )
    try:
        yield Forge(container)
    finally:
        container.remove(force=True, v=True)


@pytest.fixture(scope="session")
def built_registry(forge: Forge, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `mix hex.registry build` made: alpha 1.0.0 and 1.1.0-rc.1, beta 0.2.0 which needs alpha."""
    tarballs = "/tmp/registry/public/tarballs"  # noqa: S108 - inside the container
    forge.run("mkdir", "-p", tarballs).require()
    for app, version, deps in SMALL:
        place = f"/tmp/small/{app}-{version}"  # noqa: S108
        forge.run("mkdir", "-p", f"{place}/lib").require()
        forge.write(f"{place}/mix.exs", MIX_EXS.format(module=app.title(), app=app, version=version, deps=deps))
        forge.write(f"{place}/lib/{app}.ex", f'defmodule {app.title()} do\n  def version, do: "{version}"\nend\n')
        forge.run("mix", "hex.build", "-o", f"{tarballs}/{app}-{version}.tar", cwd=place).require()
    forge.run("openssl", "genrsa", "-out", "private_key.pem", "2048", cwd="/tmp/registry").require()  # noqa: S108
    build = ("mix", "hex.registry", "build", "public", "--name=hexpm", "--private-key=private_key.pem")
    forge.run(*build, cwd="/tmp/registry").require()  # noqa: S108
    folder = tmp_path_factory.mktemp("registry")
    forge.fetch("/tmp/registry/public", folder)  # noqa: S108
    return folder / "public"


@pytest.fixture
def client() -> Iterator[httpx.Client]:
    with make_client() as client:
        yield client


@pytest.fixture
def gateway_for(client: httpx.Client, bridge: tuple[str, str], tmp_path: Path) -> Iterator[GatewayMaker]:
    with ExitStack() as stack:

        def make(source: Source) -> Gateway:
            upstreams = Upstreams(
                hex=source,
                npm=choose_npm(source, client=client, variables={"PATH": ""}),
                git=choose_git("auto", source=source),
            )
            return stack.enter_context(Gateway(upstreams, cache=tmp_path / "cache", bind=bridge[1]))

        yield make
