"""Fixtures for the checks of the production stage: commands of a release, and instances that a check starts."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import httpx
import pytest

from rollout.application import APPLICATION
from rollout.deployment.deployment import Deployment
from rollout.phases.step import Step
from rollout.production.deployed import Deployed, deployed_on
from rollout.production.instances import Ended, Instance, InstanceHost
from rollout.production.release import Release
from rollout.site.postgres.login import free_port
from suite.phases import group_of

_NUMBERS = itertools.count(1)
ENDS_WITHIN = 10.0
"""Seconds within which a release that lacks a setting has to end."""
_STARTS_WITHIN = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A command of a release that has ended: exit code, seconds and output."""

    exit_code: int | None
    seconds: float
    output: str

    @classmethod
    def of(cls, ended: Ended) -> Run:
        return cls(exit_code=ended.exit_code, seconds=ended.seconds, output=ended.log.decode("utf-8", "replace"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Runner:
    """Runs a release for a check, beside the instances of the deployment."""

    host: InstanceHost
    settings: Mapping[str, str]

    def command(self, release: Release, *argv: str, without: str = "", deadline: float = 60.0, **env: str) -> Run:
        """Run `bin/NAME …` of the release to its end, without one variable of its settings or with others."""
        variables = {name: value for name, value in {**self.settings, **env}.items() if name != without}
        words = (f"{release.root}/bin/{argv[0]}", *argv[1:])
        name = f"check{next(_NUMBERS)}"
        return Run.of(self.host.run_once(name, release, words, variables, deadline=deadline))

    def evaluate(self, release: Release, code: str) -> str:
        """What the release prints for Elixir code, without starting the application."""
        done = self.command(release, APPLICATION.app, "eval", f"IO.puts({code})")
        assert done.exit_code == 0, done.output
        return done.output.strip().splitlines()[-1]

    def shell(self, release: Release, script: str) -> Run:
        """Run a shell script where the release runs."""
        name = f"check{next(_NUMBERS)}"
        return Run.of(self.host.run_once(name, release, ("sh", "-c", script), self.settings, deadline=60))

    def start(self, release: Release, **env: str) -> Instance:
        """Start an instance that gets no requests of the proxy, and wait until it answers or has ended."""
        port, name = free_port(), f"check{next(_NUMBERS)}"
        return self.host.start(name, release, {**self.settings, "PORT": str(port), **env}, port)

    def wait_for(self, instance: Instance, condition: Callable[[], bool]) -> None:
        """Wait until the condition holds. Fails with the instance's log if it ends, or after a minute."""
        until = time.monotonic() + _STARTS_WITHIN
        while not condition():
            log = self.host.log(instance.name).decode("utf-8", "replace")
            assert self.host.is_running(instance.name), f"{instance.name} has ended: {log[-1500:]}"
            assert time.monotonic() < until, f"{instance.name}: {log[-1500:]}"
            time.sleep(0.1)


def is_of_another_build(released: Deployed) -> bool:
    """Whether release A is an image that the user has named, by its id. It was built somewhere else."""
    return released.releases["a"].image.startswith("sha256:")


@pytest.fixture
def released(deployment: Deployment) -> Deployed:
    """The releases of the deployment, and the instances that run them."""
    return deployed_on(deployment.site)


@pytest.fixture
def runner(request: pytest.FixtureRequest, deployment: Deployment, released: Deployed) -> Runner:
    """Runs a release with the settings of production."""
    answering = deployment.plan.phase_for(group_of(request.node)) or deployment.plan.phases[-1]
    step = Step(deployment.site, deployment.plan, answering)
    return Runner(host=released.host_on(step), settings=released.settings)


@pytest.fixture
def public(deployment: Deployment, released: Deployed) -> Iterator[httpx.Client]:
    """A client of the proxy, as the world outside has it. It follows no redirect."""
    headers = {"host": released.settings["PHX_HOST"]}
    with httpx.Client(base_url=deployment.site.base_url, timeout=30, trust_env=False, headers=headers) as client:
        yield client


def direct(instance: Instance, **headers: str) -> httpx.Client:
    """A client of one instance, past the proxy. Header names have underscores for dashes."""
    made = {name.replace("_", "-"): value for name, value in headers.items()}
    return httpx.Client(base_url=f"http://{instance.address}", timeout=30, trust_env=False, headers=made)
