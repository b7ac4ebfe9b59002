"""What the production stage has deployed on a site: its releases, and their instances behind the proxy."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

from rollout.phases.step import Step
from rollout.production.assessed import Assessed
from rollout.production.container_host import ContainerHost
from rollout.production.fleet import Fleet
from rollout.production.image import pack
from rollout.production.instances import InstanceHost
from rollout.production.load_outcome import Loaded
from rollout.production.process_host import ProcessHost
from rollout.production.release import FOLDER, Release, find
from rollout.production.soaked import Soaked
from rollout.site import settings
from rollout.site.site import Site


@dataclass(kw_only=True)
class Deployed:
    """Releases by label, and the fleet once there are instances.

    `load_values` are what the set-up of the load has printed, `loads` the loads that have ended, by name.
    """

    site: Site
    releases: dict[str, Release] = field(default_factory=dict)
    fleet: Fleet | None = None
    _host: InstanceHost | None = None
    load_values: dict[str, str] = field(default_factory=dict)
    loads: dict[str, Loaded] = field(default_factory=dict)
    assessed: Assessed | None = None
    soaked: Soaked | None = None

    @property
    def running(self) -> Fleet:
        """The fleet, after the phase `instances`."""
        assert self.fleet is not None, "the phase instances makes the fleet"
        return self.fleet

    @cached_property
    def settings(self) -> dict[str, str]:
        """The environment of every instance, but for its port. The secrets are new for each run."""
        return settings.production(self.site)

    def host_on(self, step: Step) -> InstanceHost:
        """What runs instances on this site. Its acts belong to the phase of `step` from now on."""
        if self._host is None:
            is_container = self.site.forge_kind == "container"
            self._host = ContainerHost(step) if is_container else ProcessHost(step, self.site.file(FOLDER) / "run")
        self._host.enter(step)
        return self._host

    def publish(self, step: Step, label: str) -> None:
        """Take the release from its folder, and pack it into an image if the forge is a container."""
        release = find(step.site.file(f"{FOLDER}/{label}"), label)
        self.releases[label] = pack(step, release) if step.site.forge_kind == "container" else release


def deployed_on(site: Site) -> Deployed:
    """What is deployed on a site. Empty before the phase `release`."""
    if not isinstance(site.production, Deployed):
        site.production = Deployed(site=site)
    return site.production
