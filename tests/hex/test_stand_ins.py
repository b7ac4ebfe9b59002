"""Runs one small application on the stand-ins and on real packages, and compares both with the recorded answers.

The answers are recorded from real packages (`small_application/answers.txt`). So stand-ins cannot drift unseen, even on
a machine without real packages.
"""

from __future__ import annotations

import io
import os
import tarfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import httpx
import pytest

from rollout.config.options import parse_options
from rollout.hex.gateway import Gateway
from rollout.hex.sources import RehearsalSource, Source, is_rehearsal
from rollout.hex.upstreams import choose_source, default_bundle
from rollout.rehearsal import build_registry, load_scenario
from tests.hex.conftest import Forge, GatewayMaker

pytestmark = pytest.mark.timeout(1800)

APPLICATION = Path(__file__).parent / "small_application"
RECORDED = APPLICATION / "answers.txt"
VARIABLE = "XAVOS_TEST_REAL_SOURCE"
COMPILE_SECONDS = 900


@pytest.fixture
def stand_ins(forge: Forge, tmp_path: Path) -> RehearsalSource:
    """The registry of the default scenario, built in the forge."""

    def run(argv: Sequence[str], folder: Path, env: Mapping[str, str]) -> tuple[int, str]:
        place = f"/tmp/{folder.name}"  # noqa: S108 - inside the container
        forge.run("mkdir", "-p", place).require()
        forge.container.put_archive(place, packed(folder))
        ran = forge.run(*argv, cwd=place, env=env)
        forge.fetch(f"{place}/public", folder)
        return ran.exit_code, ran.output

    return RehearsalSource(build_registry(load_scenario("default"), tmp_path / "rehearsal", run).folder)


@pytest.fixture
def real_packages(client: httpx.Client, tmp_path: Path) -> Source:
    """Real packages from the source that XAVOS_TEST_REAL_SOURCE names, else from the default bundle."""
    cache = parse_options(lambda name: None).cache
    bundle = default_bundle(cache)
    present = next((each for each in (bundle, bundle.with_suffix(".tar")) if each.exists()), None)
    option = os.environ.get(VARIABLE) or (f"bundle:{present}" if present else None)
    if option is None:
        pytest.skip(f"no real packages: {VARIABLE} is not set, and there is no bundle at {bundle}")
    source = choose_source(option, client=client, cache=cache, state=tmp_path, rehearsal=tmp_path).source
    if is_rehearsal(source):
        pytest.skip(f"no real packages: {option} contains stand-ins")
    return source


def test_stand_ins_give_the_recorded_answers(
    forge: Forge, gateway_for: GatewayMaker, stand_ins: RehearsalSource
) -> None:
    """Real packages gave the same ones."""
    assert recorded() == answers(forge, gateway_for(stand_ins), name="stand-ins")


def test_real_packages_give_the_recorded_answers(
    forge: Forge, gateway_for: GatewayMaker, real_packages: Source
) -> None:
    """A new release of a real package has not changed them."""
    assert recorded() == answers(forge, gateway_for(real_packages), name="real-packages")


def recorded() -> dict[str, str]:
    """Name → answer."""
    return parsed(RECORDED.read_text(encoding="utf-8"))


def parsed(output: str) -> dict[str, str]:
    """The lines `= NAME TERM` of the application's output."""
    lines = (line.removeprefix("= ").partition(" ") for line in output.splitlines() if line.startswith("= "))
    return {name: answer for name, _space, answer in lines}


def answers(forge: Forge, gateway: Gateway, *, name: str) -> dict[str, str]:
    """Fetch the dependencies through the gateway, compile the application and run its script."""
    place = f"/tmp/{name}"  # noqa: S108 - inside the container
    forge.run("mkdir", "-p", place).require()
    forge.container.put_archive(place, packed(APPLICATION))
    forge.write(f"{place}/source-key.pem", gateway.public_key.decode())
    env = {**gateway.forge_environment(), "HEX_HOME": f"{place}/hex"}
    for command in (*gateway.setup_commands(key_file="source-key.pem"), ("mix", "deps.get")):
        forge.run(*command, cwd=place, env=env).require()
    forge.run("mix", "compile", cwd=place, env=env, seconds=COMPILE_SECONDS).require()
    return parsed(forge.run("mix", "run", "answers.exs", cwd=place, env=env).require())


def packed(folder: Path) -> bytes:
    """The content of a folder as a tar file."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for child in sorted(folder.iterdir()):
            archive.add(child, arcname=child.name, filter=readable)
    return buffer.getvalue()


def readable(member: tarfile.TarInfo) -> tarfile.TarInfo:
    """Let the forge's user read and write it."""
    member.mode |= 0o777 if member.isdir() else 0o666
    return member
