"""What an injected fault may do to a fleet (RunningFleet of rollout/site/fault_points.py)."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Mapping
from typing import Protocol

import docker.errors
import httpx

from rollout.application import APPLICATION
from rollout.errors import RolloutError
from rollout.phases.step import Step
from rollout.production import image, migrator
from rollout.production.instances import Instance, InstanceHost
from rollout.production.proxy import Proxy
from rollout.production.release import Release

_ENDS_WITHIN = 5.0
_GONE = (RolloutError, docker.errors.DockerException, KeyError, OSError)


class Exposable(Protocol):
    """The parts of a fleet that a fault reaches."""

    step: Step
    host: InstanceHost
    proxy: Proxy
    settings: Mapping[str, str]
    instances: dict[str, Instance]
    releases: dict[str, Release]


class ExposedFleet:
    """A fleet without what belongs to the roll alone."""

    def __init__(self, fleet: Exposable) -> None:
        self._fleet = fleet

    def names(self) -> tuple[str, ...]:
        return tuple(self._fleet.instances)

    def log(self, name: str) -> str:
        with contextlib.suppress(*_GONE):
            return self._fleet.host.log(name).decode("utf-8", "replace")
        return ""

    def kill(self, name: str) -> bool:
        host = self._fleet.host
        with contextlib.suppress(*_GONE):
            if host.is_running(name):
                host.kill(name)
                return self._has_ended(name)
        return False

    def _has_ended(self, name: str) -> bool:
        """Wait for its end. A command that has ended may be removed by then."""
        until = time.monotonic() + _ENDS_WITHIN
        with contextlib.suppress(*_GONE):
            while self._fleet.host.is_running(name):
                if time.monotonic() > until:
                    return False
                time.sleep(0.02)
        return True

    def exhaust(self, name: str) -> bool:
        with contextlib.suppress(*_GONE):
            return self._fleet.host.exhaust(name)
        return False

    def freeze(self, name: str) -> bool:
        return self._fleet.host.freeze(name)

    def thaw(self, name: str) -> None:
        with contextlib.suppress(*_GONE):
            self._fleet.host.thaw(name)

    def restart_proxy(self) -> str:
        proxy = self._fleet.proxy
        before, known = proxy.uptime(), set(proxy.statuses())
        proxy.restart()
        kept = known & set(proxy.statuses())
        return f"it had run for {before} s, now it has for {proxy.uptime()} s, with {len(kept)} of {len(known)} servers"

    def migrate_again(self, label: str) -> tuple[str, ...]:
        fleet = self._fleet
        return migrator.migrate(
            fleet.step, fleet.host, fleet.releases[label], fleet.settings, name=f"{label}-migrate-again"
        )

    def take_image_away(self, label: str) -> Callable[[], None]:
        return image.take_away(self._fleet.step, self._fleet.releases[label])

    def setting(self, name: str) -> str:
        return self._fleet.settings[name]

    def change_settings(self, changes: Mapping[str, str]) -> Callable[[], None]:
        fleet, before = self._fleet, self._fleet.settings
        for value in changes.values():
            fleet.step.site.run.redactor.add(value)
        fleet.settings = {**before, **changes}

        def restore() -> None:
            fleet.settings = before

        return restore

    def cookie_of(self, name: str, *, sent: str = "") -> str:
        client = self._fleet.instances[name].client(self._fleet.settings["PHX_HOST"], timeout=5)
        with contextlib.suppress(httpx.HTTPError), client:
            answer = client.get(APPLICATION.safe_paths[0], headers={"cookie": sent} if sent else {})
            return str(answer.headers.get("set-cookie", "")).partition(";")[0]
        return ""
