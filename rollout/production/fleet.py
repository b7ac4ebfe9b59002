"""The running instances of a deployment and the proxy in front of them. Starts, checks, drains and stops instances."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path

import httpx

from rollout.application import APPLICATION
from rollout.diagnosis import classify
from rollout.errors import PhaseFailed
from rollout.journal.events import JournalEvent, production
from rollout.phases.step import Step
from rollout.process import Outcome, Request
from rollout.production.exposed_fleet import ExposedFleet
from rollout.production.instances import Ended, Instance, InstanceHost
from rollout.production.logs import keep_log
from rollout.production.proxy import Proxy
from rollout.production.release import Release
from rollout.site.postgres.login import free_port

READY_WITHIN = 60.0
"""Seconds from the start of an instance until it has to be ready."""
DRAIN_WITHIN = 10.0
"""Seconds that an instance may go on with what it has begun, before it is told to stop."""
STOP_WITHIN = 45.0
"""Seconds from SIGTERM until the instance has to have ended."""
_UP_WITHIN = 15.0
_POLL = 0.1


class NotReady(PhaseFailed):
    """An instance did not become ready."""


class Fleet:
    """Instances by name, in the order of their start. `mark` tells the load generator what happens."""

    def __init__(
        self,
        step: Step,
        host: InstanceHost,
        proxy: Proxy,
        settings: Mapping[str, str],
    ) -> None:
        self.host = host
        self.proxy = proxy
        self.settings = settings
        self.enter(step)
        self.instances: dict[str, Instance] = {}
        self.releases: dict[str, Release] = {}

    def enter(self, step: Step, *, mark: Callable[[str], object] = lambda text: None) -> None:
        """Acts and events from now on are those of this phase."""
        self.step, self._mark = step, mark
        self.host.enter(step)
        self.proxy.enter(step)

    def mark(self, text: str) -> None:
        """Tell the load generator, and a fault that is injected, what happens."""
        self._mark(text)
        self.step.site.fault_points.at_step(self.step.phase.name, text, ExposedFleet(self))

    def serving(self, release: Release) -> tuple[Instance, ...]:
        """The instances of a release."""
        return tuple(each for each in self.instances.values() if each.release.label == release.label)

    def start(self, name: str, release: Release) -> Instance:
        """Start an instance and wait until it is ready. It gets no request before `admit`.

        Raises NotReady with the reason and the end of its log.
        """
        self.releases[release.label] = release
        port, began = free_port(), time.monotonic()
        instance = self.host.start(name, release, {**self.settings, "PORT": str(port), **release.variables}, port)
        self.instances[name] = instance
        self._tell(production.InstanceStarted(**self.step.where, instance=name, release=release.label, port=port))
        self.mark(f"{name} started")
        self._wait_until_ready(instance)
        seconds = round(time.monotonic() - began, 3)
        self._tell(production.InstanceReady(**self.step.where, instance=name, seconds=seconds))
        self.mark(f"{name} ready")
        return instance

    def admit(self, instance: Instance) -> None:
        """Let the proxy send it requests, and wait until the proxy has seen it ready. Raises NotReady."""
        self.proxy.add(instance)
        until = time.monotonic() + _UP_WITHIN
        while not (status := self.proxy.statuses().get(instance.name)) or not status.is_up:
            if time.monotonic() > until:
                raise NotReady(
                    f"The proxy does not see {instance.name} ready after {_UP_WITHIN:.0f} s: "
                    f"{f'{status.status}, {status.check}' if status else 'it does not know it'}.",
                    cause="timeout",
                    advice="Read the proxy's log in the run's report folder.",
                )
            time.sleep(_POLL)
        self.mark(f"{instance.name} gets requests")

    def retire(self, name: str) -> Ended:
        """Drain an instance, stop it, and forget it."""
        self.mark(f"{name} drained")
        if name in self.proxy.statuses():
            self.proxy.drain(name)
            self._wait_until_idle(name)
        ended = self.stop(name)
        if name in self.proxy.statuses():
            self.proxy.remove(name)
        return ended

    def stop(self, name: str, *, grace: float = STOP_WITHIN) -> Ended:
        """Send SIGTERM and wait for its end. The proxy goes on with what it thinks of the instance."""
        self.mark(f"{name} told to stop")
        ended = self.host.stop(name, grace=grace)
        self.instances.pop(name, None)
        self._tell(
            production.InstanceStopped(
                **self.step.where,
                instance=name,
                exit_code=ended.exit_code,
                seconds=round(ended.seconds, 3),
                how="killed" if ended.was_killed else "ended",
                log=keep_log(self.step.site.run, name, ended.log),
            )
        )
        self.mark(f"{name} stopped")
        return ended

    def _wait_until_ready(self, instance: Instance) -> None:
        until, last = time.monotonic() + min(READY_WITHIN, self.step.remaining), "no answer"
        with instance.client(self.settings["PHX_HOST"], timeout=3) as client:
            while time.monotonic() < until:
                if not self.host.is_running(instance.name):
                    raise self._ended_early(instance)
                try:
                    answer = client.get(APPLICATION.ready_path)
                except httpx.HTTPError as error:
                    last = f"{type(error).__name__}: {error}"
                else:
                    if answer.status_code == 200:
                        return
                    last = f"HTTP {answer.status_code}: {answer.text[:200]}"
                time.sleep(_POLL)
        raise NotReady(
            f"{instance.name} is not ready after {READY_WITHIN:.0f} s. Its last answer: {last}. "
            f"Its log ends with: {self._end_of_log(instance.name)}",
            cause="timeout",
            advice="Read the log of the instance in the run's report folder.",
        )

    def _ended_early(self, instance: Instance) -> NotReady:
        log = self._end_of_log(instance.name)
        request = Request(argv=(instance.release.program, "start"), label=instance.name, cwd=Path("/"))
        found = classify(Outcome(request=request, exit_code=None, seconds=0, tail=log))
        return NotReady(f"{instance.name} ended before it was ready: {found.message}. Its log ends with: {log}",
                        cause=found.cause, advice=found.advice, package=found.package)  # fmt: skip

    def _wait_until_idle(self, name: str) -> None:
        began = time.monotonic()
        sessions = 0
        while time.monotonic() - began < min(DRAIN_WITHIN, self.step.remaining):
            sessions = self.proxy.statuses()[name].sessions
            if not sessions:
                break
            time.sleep(_POLL)
        seconds = round(time.monotonic() - began, 3)
        self._tell(production.InstanceDrained(**self.step.where, instance=name, left=sessions, seconds=seconds))

    def _end_of_log(self, name: str) -> str:
        run, log = self.step.site.run, self.host.log(name)
        keep_log(run, name, log)
        return run.redactor.text(log.decode("utf-8", "replace")[-1500:])

    def _tell(self, event: JournalEvent) -> None:
        self.step.site.run.journal.tell(event)
