"""Fault points: the places where an injected fault acts on a site (see rollout/faults/)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol

from rollout.process import Outcome, Request

if TYPE_CHECKING:
    from rollout.hex.routes import Interceptor


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


class _NoFaults:
    interceptors: tuple[Interceptor, ...] = ()

    def forge_options(self) -> Mapping[str, Any]:
        return {}

    def before_command(self, phase: str, request: Request) -> Request:
        return request

    def after_command(self, phase: str, outcome: Outcome) -> None:
        return


NO_FAULTS: FaultPoints = _NoFaults()
