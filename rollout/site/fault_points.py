"""What may be wrong with a site on purpose: the places where an injected fault gets at it (see rollout/faults/)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol

from rollout.process import Outcome, Request

if TYPE_CHECKING:
    from rollout.hex.routes import Interceptor


class Troubles(Protocol):
    """Asked by a site and by the steps on it; `NO_TROUBLE` answers that nothing is wrong."""

    @property
    def interceptors(self) -> tuple[Interceptor, ...]:
        """What stands between the gateway and those who ask it."""

    def forge_options(self) -> Mapping[str, Any]:
        """Further options of the forge's container, as `docker.containers.run` takes them."""

    def command(self, phase: str, request: Request) -> Request:
        """The command that is run in place of `request`, after whatever is done to the site before it."""

    def commanded(self, phase: str, outcome: Outcome) -> None:
        """A command of the phase has ended."""


class _NoTrouble:
    interceptors: tuple[Interceptor, ...] = ()

    def forge_options(self) -> Mapping[str, Any]:
        return {}

    def command(self, phase: str, request: Request) -> Request:
        return request

    def commanded(self, phase: str, outcome: Outcome) -> None:
        return


NO_TROUBLE: Troubles = _NoTrouble()
