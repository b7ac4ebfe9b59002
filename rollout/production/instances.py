"""Runs the instances of a release, each in a container of its own or as a process of this machine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import httpx

from rollout.phases.step import Step
from rollout.production.release import Release

CONTAINER_BYTES = 768 * 1024**2  # memory that an instance may use


@dataclass(frozen=True, slots=True, kw_only=True)
class Instance:
    """A started instance. `name` is the letter of its release and a number: `a1`. `address` is `host:port`."""

    name: str
    release: Release
    address: str
    port: int

    def client(self, host: str, *, timeout: float) -> httpx.Client:
        """A client that asks this instance as the proxy does, for the public name `host`. It follows no redirect."""
        headers = {"host": host, "x-forwarded-proto": "https"}
        return httpx.Client(base_url=f"http://{self.address}", timeout=timeout, trust_env=False, headers=headers)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """How an instance has ended. `exit_code` is None if nothing tells it; `log` is its whole output."""

    exit_code: int | None
    seconds: float
    log: bytes
    was_killed: bool = False


KILLED = (137, -9)
"""Exit codes of what was ended by SIGKILL: as a shell or an engine tells it, and as Python tells it."""


class InstanceHost(Protocol):
    """Starts, watches and stops what a release runs."""

    def enter(self, step: Step) -> None:
        """Acts from now on are those of this phase."""

    def start(self, name: str, release: Release, env: Mapping[str, str], port: int) -> Instance:
        """Start an instance. It is journaled with its undo first."""

    def run_once(
        self, name: str, release: Release, argv: tuple[str, ...], env: Mapping[str, str], *, deadline: float
    ) -> Ended:
        """Run a command of the release to its end, or kill it at the deadline."""

    def is_running(self, name: str) -> bool:
        """Whether the instance has not ended. It may be frozen."""

    def exit_code(self, name: str) -> int | None:
        """The exit code of an instance that has ended; None while it runs."""

    def exhaust(self, name: str) -> bool:
        """Let the instance reach its limit of memory. Returns whether the kernel has killed it for that.

        False where instances have no limit of their own.
        """

    def freeze(self, name: str) -> bool:
        """Stop all its processes without an end of them. Returns whether they are frozen."""

    def thaw(self, name: str) -> None:
        """Let a frozen instance go on. Does nothing if it is gone or not frozen."""

    def log(self, name: str) -> bytes:
        """What the instance has printed so far."""

    def memory(self, name: str) -> int | None:
        """Bytes that the instance uses; None if nothing tells it."""

    def stop(self, name: str, *, grace: float) -> Ended:
        """Send SIGTERM, kill the instance if it still runs after `grace` seconds, and remove it."""

    def kill(self, name: str) -> None:
        """Send SIGKILL. The instance is not removed."""
