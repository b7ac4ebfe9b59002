"""The real Hex client in a forge whose only network is the gateway."""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Mapping
from pathlib import Path

import pytest

from rollout.hex import lockfile
from rollout.hex.bundle import open_bundle
from rollout.hex.gateway import Gateway
from rollout.hex.registry import read_names, read_package, read_versions
from rollout.hex.sources import BundleSource, RehearsalSource
from tests.hex.conftest import Forge, GatewayMaker, Ran

PROJECT = """defmodule App.MixProject do
  use Mix.Project
  def project, do: [app: :app, version: "0.1.0", deps: [{:beta, "~> 0.2"}]]
end
"""


@pytest.fixture
def source(built_registry: Path, tmp_path: Path) -> RehearsalSource:
    """A copy of the registry that the test may damage."""
    return RehearsalSource(shutil.copytree(built_registry, tmp_path / "registry"))


class Project:
    """A Mix project in the forge, with a HEX_HOME of its own."""

    def __init__(self, forge: Forge, gateway: Gateway) -> None:
        self._forge = forge
        self.folder = f"/tmp/app-{secrets.token_hex(4)}"  # noqa: S108 - inside the container
        self.env: Mapping[str, str] = {
            **gateway.forge_environment(),
            "HEX_HOME": f"{self.folder}/.hex",
            "MIX_HOME": f"{self.folder}/.mix",
        }
        forge.run("mkdir", "-p", self.folder).require()
        forge.write(f"{self.folder}/mix.exs", PROJECT)

    def run(self, *argv: str) -> Ran:
        return self._forge.run(*argv, cwd=self.folder, env=self.env)

    def set_up(self, gateway: Gateway, *, key_file: bool = False) -> Project:
        """Run the gateway's set-up commands, with the key in a file or by its fingerprint."""
        place = f"{self.folder}/key.pem" if key_file else None
        if place:
            self._forge.write(place, gateway.public_key.decode())
        for command in gateway.setup_commands(place):
            self.run(*command).require()
        return self

    def lock(self) -> lockfile.Lock:
        return lockfile.parse(self.run("cat", "mix.lock").require())


def test_our_decoder_reads_what_hex_built(built_registry: Path) -> None:
    """Names, versions and packages, with verified signatures."""
    source = RehearsalSource(built_registry)
    assert ["alpha", "beta"] == sorted(read_names((built_registry / "names").read_bytes(), source.key))
    versions = read_versions((built_registry / "versions").read_bytes(), source.key)
    assert {"1.0.0", "1.1.0-rc.1"} == set(versions["alpha"])
    (release,) = read_package((built_registry / "packages/beta").read_bytes(), source.key, name="beta").releases
    assert [("alpha", "~> 1.0", False)] == [
        (each.package, each.requirement, each.optional) for each in release.dependencies
    ]


@pytest.mark.parametrize("key_file", [True, False], ids=["key file", "fingerprint"])
def test_dependencies_are_fetched_and_verified(
    forge: Forge, source: RehearsalSource, gateway_for: GatewayMaker, key_file: bool
) -> None:
    """The lock has the registry's checksums; everything came through the gateway."""
    gateway = gateway_for(source)
    project = Project(forge, gateway).set_up(gateway, key_file=key_file)
    project.run("mix", "deps.get").require()
    lock = project.lock()
    assert {"alpha": "1.0.0", "beta": "0.2.0"} == {name: locked.version for name, locked in lock.items()}
    release = read_package((source.folder / "packages/beta").read_bytes(), source.key, name="beta").releases[0]
    assert release.outer_checksum is not None
    assert release.outer_checksum.hex() == lock["beta"].outer_checksum
    assert release.inner_checksum.hex() == lock["beta"].inner_checksum
    assert {"/tarballs/alpha-1.0.0.tar", "/tarballs/beta-0.2.0.tar"} <= {each.path for each in gateway.records_since()}


def test_hex_rejects_the_registry_without_its_key(
    forge: Forge, source: RehearsalSource, gateway_for: GatewayMaker
) -> None:
    """So verification is on."""
    gateway = gateway_for(source)
    ran = Project(forge, gateway).run("mix", "deps.get")
    assert 0 != ran.exit_code
    assert "Could not verify authenticity" in ran.output


def test_hex_rejects_a_changed_tarball(forge: Forge, source: RehearsalSource, gateway_for: GatewayMaker) -> None:
    """The gateway passes it on and logs the cause."""
    with (source.folder / "tarballs/beta-0.2.0.tar").open("ab") as tarball:
        tarball.write(b"\0" * 512)
    gateway = gateway_for(source)
    ran = Project(forge, gateway).set_up(gateway).run("mix", "deps.get")
    assert 0 != ran.exit_code
    assert "hecksum mismatch" in ran.output
    assert "checksum_mismatch" in gateway.causes_since()


def test_a_bundle_is_enough_without_any_network(
    forge: Forge, source: RehearsalSource, gateway_for: GatewayMaker, tmp_path: Path
) -> None:
    """The lock is byte for byte the same."""
    gateway = gateway_for(source)
    project = Project(forge, gateway).set_up(gateway)
    project.run("mix", "deps.get").require()
    gateway.record_bundle(tmp_path / "bundle.tar")
    gateway.stop()
    shutil.rmtree(source.folder)

    outside = forge.run("curl", "-sS", "-m", "3", "https://repo.hex.pm/names")
    assert 0 != outside.exit_code, "the forge's network is not cut off"
    bundled = gateway_for(BundleSource(open_bundle(tmp_path / "bundle.tar", unpack_into=tmp_path / "unpacked")))
    again = Project(forge, bundled).set_up(bundled)
    again.run("mix", "deps.get").require()
    again.run("mix", "compile").require()
    assert project.run("cat", "mix.lock").output == again.run("cat", "mix.lock").output
    assert {} == bundled.causes_since()


def test_hex_info_works_through_the_gateway(forge: Forge, source: RehearsalSource, gateway_for: GatewayMaker) -> None:
    """Hex reads the terms that the gateway encodes."""
    gateway = gateway_for(source)
    project = Project(forge, gateway).set_up(gateway)
    assert "Releases: 1.1.0-rc.1, 1.0.0" in project.run("mix", "hex.info", "alpha").require()
    assert "alpha ~> 1.0" in project.run("mix", "hex.info", "beta", "0.2.0").require()
    assert "No package with name nope" in project.run("mix", "hex.info", "nope").output
