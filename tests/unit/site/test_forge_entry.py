"""A deployment's scripts enter its forge through the engine of the run."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from rollout.config.options import ROOT
from rollout.site.engine.address import Tls
from rollout.site.engine.client import Engine
from rollout.site.shell_access import shell_commands

SCRIPTS = ROOT / "app/scripts"
FORGE = "xavos-1-forge"
# Prints its arguments, and knows the forge and its state.
FAKE = """#!/bin/bash
if [ "$1" = --version ]; then echo "{version}"; exit; fi
{{ echo "{name} $*"; env | grep -E '^(DOCKER|CONTAINER)_' | sort; }} >>"$CALLS"
for word in "$@"; do
  case $word in inspect) echo "${{STATE-true}}"; exit ;; start) exit 0 ;; esac
done
"""


class Machine:
    """A deployment whose scripts find only the engine commands that a test provides."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "deployment"
        shutil.copytree(SCRIPTS, self.root / "scripts")
        self.programs = folder / "bin"
        self.programs.mkdir()
        for program in ("bash", "env", "dirname", "sort", "grep", "cat"):
            (self.programs / program).symlink_to(Path(shutil.which(program) or program))
        self.calls = folder / "calls"

    def has(self, name: str, version: str) -> None:
        program = self.programs / name
        program.write_text(FAKE.format(name=name, version=version))
        program.chmod(0o755)

    def settings(self, engine: Engine | None) -> None:
        settings = {} if engine is None else engine.settings()
        lines = {"PORT": "4001", "XAVOS_FORGE_CONTAINER": FORGE, **settings}
        (self.root / ".env").write_text("".join(f"{name}={value}\n" for name, value in lines.items()))

    def status(self, **env: str) -> subprocess.CompletedProcess[str]:
        given = {"PATH": str(self.programs), "CALLS": str(self.calls), **env}
        argv = [str(self.root / "scripts/manage_xavos.sh"), "status"]
        return subprocess.run(argv, env=given, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False)

    def called(self) -> list[str]:
        return self.calls.read_text().splitlines() if self.calls.exists() else []


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def engine(kind: str, url: str, tls: Tls | None = None) -> Engine:
    return Engine(url=url, kind=kind, version="1", rootless=False, os="debian", tls=tls)


ELSEWHERE = {"DOCKER_HOST": "tcp://elsewhere:1", "DOCKER_CONTEXT": "elsewhere", "CONTAINER_HOST": "tcp://elsewhere:2",
             "DOCKER_TLS_VERIFY": "1", "DOCKER_CERT_PATH": "/elsewhere"}  # fmt: skip
ENTERED = f"exec -i --workdir /srv/xavos --env XAVOS_IN_FORGE={FORGE} {FORGE} scripts/manage_xavos.sh status"


def test_docker_of_the_run_is_used_in_any_environment(machine: Machine) -> None:
    machine.has("docker", "Docker version 28.2.2, build e6534b4")
    machine.settings(engine("docker", "unix:///run/user/1000/docker.sock"))

    assert 0 == machine.status(**ELSEWHERE).returncode
    host = "DOCKER_HOST=unix:///run/user/1000/docker.sock"
    asked = "docker container inspect --format {{.State.Running}} " + FORGE
    assert [asked, host, f"docker {ENTERED}", host] == machine.called()


def test_podman_of_the_run_is_used_even_with_docker_installed(machine: Machine) -> None:
    machine.has("docker", "Docker version 28.2.2, build e6534b4")
    machine.has("podman", "podman version 4.3.1")
    machine.settings(engine("podman", "unix:///run/podman/podman.sock"))

    machine.status(**ELSEWHERE)

    assert f"podman --remote --url unix:///run/podman/podman.sock {ENTERED}" == machine.called()[-1]


def test_docker_reaches_podman_where_its_own_command_is_missing(machine: Machine) -> None:
    machine.has("docker", "Docker version 28.2.2, build e6534b4")
    machine.settings(engine("podman", "unix:///run/podman/podman.sock"))

    machine.status()

    assert [f"docker {ENTERED}", "DOCKER_HOST=unix:///run/podman/podman.sock"] == machine.called()[-2:]


def test_podman_that_is_called_docker_is_known(machine: Machine) -> None:
    """Debian's podman-docker ignores DOCKER_HOST and cannot reach Docker."""
    machine.has("docker", "podman version 4.3.1")
    machine.settings(engine("podman", "unix:///run/podman/podman.sock"))
    machine.status()
    assert f"docker --remote --url unix:///run/podman/podman.sock {ENTERED}" == machine.called()[-1]

    machine.settings(engine("docker", "unix:///var/run/docker.sock"))
    ended = machine.status()
    assert 1 == ended.returncode
    assert f"the command docker is needed to reach the forge {FORGE}" in ended.stderr


@pytest.mark.parametrize(("verify", "variable"), [(True, "DOCKER_TLS_VERIFY"), (False, "DOCKER_TLS")])
def test_engine_behind_tls_gets_its_certificates(verify: bool, variable: str, machine: Machine) -> None:
    machine.has("docker", "Docker version 28.2.2, build e6534b4")
    machine.settings(engine("docker", "tcp://h:2376", Tls(folder="/certificates", verify=verify)))

    machine.status(DOCKER_CERT_PATH="/elsewhere")

    assert ["DOCKER_CERT_PATH=/certificates", "DOCKER_HOST=tcp://h:2376", f"{variable}=1"] == machine.called()[-3:]


def test_forge_that_is_stopped_is_started_by_the_same_engine(machine: Machine) -> None:
    machine.has("podman", "podman version 4.3.1")
    machine.settings(engine("podman", "unix:///p.sock"))

    assert 0 == machine.status(STATE="false").returncode
    assert f"podman --remote --url unix:///p.sock start {FORGE}" in machine.called()


def test_engine_that_does_not_answer_is_named(machine: Machine) -> None:
    machine.has("podman", "podman version 4.3.1")
    machine.settings(engine("podman", "unix:///p.sock"))

    ended = machine.status(STATE="")

    assert 1 == ended.returncode
    assert f"there is no container {FORGE}, or podman does not answer at unix:///p.sock." in ended.stderr


def test_deployment_of_an_earlier_run_is_reached_by_docker(machine: Machine) -> None:
    machine.has("docker", "Docker version 28.2.2, build e6534b4")
    machine.settings(None)

    assert 0 == machine.status().returncode
    assert f"docker {ENTERED}" == machine.called()[-1]


def test_a_folder_that_is_called_like_the_forges_is_not_the_forge(machine: Machine) -> None:
    """`--directory=/srv/xavos` on the host: here the test's folder and the forge's have the same name."""
    machine.has("docker", "Docker version 28.2.2, build e6534b4")
    machine.settings(engine("docker", "unix:///x.sock"))
    for script in (machine.root / "scripts").iterdir():
        script.write_text(script.read_text().replace("/srv/xavos", os.path.realpath(machine.root)))

    assert 0 == machine.status().returncode
    assert machine.called()[-2].startswith("docker exec")


def test_inside_the_forge_no_engine_is_used(machine: Machine) -> None:
    machine.has("docker", "Docker version 28.2.2, build e6534b4")
    machine.settings(engine("docker", "unix:///x.sock"))

    ended = machine.status(XAVOS_IN_FORGE=FORGE)

    assert (3, []) == (ended.returncode, machine.called())
    assert "XAVOS is not running" in ended.stdout


def test_another_forge_is_not_this_one(machine: Machine) -> None:
    """A script that is started inside another deployment's forge, or with its environment."""
    machine.has("docker", "Docker version 28.2.2, build e6534b4")
    machine.settings(engine("docker", "unix:///x.sock"))

    machine.status(XAVOS_IN_FORGE="xavos-2-forge")

    assert f"docker {ENTERED}" in machine.called()


@pytest.mark.parametrize(
    ("found", "begins"),
    [
        (engine("docker", "unix:///var/run/docker.sock"), ["docker"]),
        (engine("docker", "unix:///a b.sock"), ["env", "DOCKER_HOST=unix:///a b.sock", "docker"]),
        (engine("podman", "unix:///p.sock"), ["podman", "--remote", "--url", "unix:///p.sock"]),
        (
            engine("docker", "tcp://h:1", Tls(folder="/c")),
            ["env", "DOCKER_HOST=tcp://h:1", "DOCKER_TLS_VERIFY=1", "DOCKER_CERT_PATH=/c", "docker"],
        ),
    ],
)
def test_the_printed_command_line_uses_the_same_engine(found: Engine, begins: list[str]) -> None:
    forge = SimpleNamespace(root=Path("/srv/xavos"), kind="container", record={"name": FORGE})
    site: Any = SimpleNamespace(forge=forge, in_forge=forge, engine=found, observed=False, provisioned=False)

    words = shlex.split(shell_commands(site)["forge"])

    assert [*begins, "exec"] == words[: len(begins) + 1]
    assert [FORGE, "bash"] == words[-2:]
