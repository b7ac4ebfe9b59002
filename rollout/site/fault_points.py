"""Fault points: the places where an injected fault acts on a site (see rollout/faults/)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Protocol

from rollout.process import Outcome, Request

if TYPE_CHECKING:
    from rollout.hex.routes import Interceptor


class RunningFleet(Protocol):
    """What a fault can do to the instances of the production stage while one release replaces another.

    Instances are named as in rollout/production/instances.py; the migrate command of release `b` is `b-migrate`.
    """

    def names(self) -> tuple[str, ...]:
        """The instances, in the order of their start. Some may have ended."""

    def log(self, name: str) -> str:
        """What an instance has printed so far; "" if it is gone."""

    def kill(self, name: str) -> bool:
        """Send SIGKILL. Returns whether it ran until then and has ended now."""

    def exhaust(self, name: str) -> bool:
        """Let it reach its limit of memory. Returns whether the kernel has killed it for that."""

    def freeze(self, name: str) -> bool:
        """Stop all its processes without an end of them. Returns whether they are frozen."""

    def thaw(self, name: str) -> None:
        """Let a frozen instance go on. Does nothing if it is gone or not frozen."""

    def restart_proxy(self) -> str:
        """Kill the proxy and start it again. Returns what shows that it is another process."""

    def migrate_again(self, label: str) -> tuple[str, ...]:
        """Run the migrate command of a release beside the one of the roll. Returns the versions that were applied.

        Raises PhaseFailed if the command fails.
        """

    def take_image_away(self, label: str) -> Callable[[], None]:
        """Remove the image of a release from the engine. Returns a function that puts it back."""

    def setting(self, name: str) -> str:
        """A variable with which instances are started."""

    def change_settings(self, changes: Mapping[str, str]) -> Callable[[], None]:
        """Start later instances with other settings. Returns a function that restores the settings."""

    def cookie_of(self, name: str, *, sent: str = "") -> str:
        """The session cookie that a safe page of an instance sets in its answer to the cookie `sent`; "" for none."""


class FaultPoints(Protocol):
    """What a fault can change. The site and the steps on it call these; `NO_FAULTS` changes nothing."""

    @property
    def interceptors(self) -> tuple[Interceptor, ...]:
        """Interceptors between the gateway and its clients."""

    def forge_options(self) -> Mapping[str, Any]:
        """Further options of the forge's container, as `docker.containers.run` takes them."""

    def before_command(self, phase: str, request: Request) -> Request:
        """Act on the site before a command of the phase. Returns the command to run instead of `request`."""

    def after_command(self, phase: str, outcome: Outcome) -> None:
        """A command of the phase has ended."""

    def at_step(self, phase: str, text: str, fleet: RunningFleet) -> None:
        """A step of the production stage, such as `b1 started`. May raise PhaseFailed."""


class _NoFaults:
    interceptors: tuple[Interceptor, ...] = ()

    def forge_options(self) -> Mapping[str, Any]:
        return {}

    def before_command(self, phase: str, request: Request) -> Request:
        return request

    def after_command(self, phase: str, outcome: Outcome) -> None:
        return

    def at_step(self, phase: str, text: str, fleet: RunningFleet) -> None:
        return


NO_FAULTS: FaultPoints = _NoFaults()
