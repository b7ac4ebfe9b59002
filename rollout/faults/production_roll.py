"""Base class of production faults, and those that strike instances: killed, frozen, slow to become ready."""

from __future__ import annotations

import re
from collections.abc import Callable

from rollout.faults.fault import Fault, FaultSpec
from rollout.site.fault_points import RunningFleet
from rollout.site.site import Site

_ROLL = re.compile(r"roll (\w+) → (\w+)")
_OCCASIONS = 2  # a transient fault strikes at the first or the second time that its step comes
FROZEN_SECONDS = (3.0, 8.0)


class RollFault(Fault):
    """Strikes while one release replaces another. `old` and `new` are the labels of both in the present roll.

    The transient form strikes once, at a seeded time of those that its step comes. The persistent form strikes
    whenever it comes.
    """

    occasions = _OCCASIONS

    def __init__(self, spec: FaultSpec) -> None:
        super().__init__(spec)
        self.chance = spec.chance()
        self.old = self.new = ""
        self._passed_over = self.chance.randrange(self.occasions) if spec.is_transient else 0

    def at_step(self, site: Site, text: str, fleet: RunningFleet) -> None:
        if found := _ROLL.fullmatch(text):
            self.old, self.new = found.groups()
        if not self.new:
            return
        self.watch(site, text, fleet)
        if not self.is_active or not self.is_step(text):
            return
        if self._passed_over:
            self._passed_over -= 1
            return
        self.meet(site, text, fleet)

    def watch(self, site: Site, text: str, fleet: RunningFleet) -> None:
        """See every step of a roll, also those at which the fault does not strike."""

    def is_step(self, text: str) -> bool:
        """Whether the fault strikes at this step."""
        raise NotImplementedError

    def meet(self, site: Site, text: str, fleet: RunningFleet) -> None:
        """Strike. A transient fault calls `over` when it has ended."""
        raise NotImplementedError

    def is_of_new(self, text: str, what: str) -> bool:
        """Whether the step is this one of an instance of the new release: `b1 ready` for `ready`."""
        return re.fullmatch(rf"{self.new}\d+ {what}", text) is not None

    def bitten(self, site: Site, evidence: str) -> None:
        """Count one bite, which ends the transient form."""
        self.record_bite(evidence)
        if self.spec.is_transient:
            self.over(site)


class NewInstanceKilled(RollFault):
    """An instance of the new release is killed as soon as it gets requests."""

    def is_step(self, text: str) -> bool:
        return self.is_of_new(text, "gets requests")

    def meet(self, site: Site, text: str, fleet: RunningFleet) -> None:
        name = text.partition(" ")[0]
        if fleet.kill(name):
            self.bitten(site, f"{name} got requests, was sent SIGKILL, and has ended")


class NewInstanceOutOfMemory(RollFault):
    """An instance of the new release reaches its limit of memory as soon as it gets requests."""

    def is_step(self, text: str) -> bool:
        return self.is_of_new(text, "gets requests")

    def meet(self, site: Site, text: str, fleet: RunningFleet) -> None:
        name = text.partition(" ")[0]
        if fleet.exhaust(name):
            self.bitten(site, f"{name} got requests, had no memory left, and was killed by the kernel for that")


class OldInstanceKilled(RollFault):
    """Instances of the old release are killed when a new one is ready: one of them, or all in the persistent form."""

    def is_step(self, text: str) -> bool:
        return self.is_of_new(text, "ready")

    def meet(self, site: Site, text: str, fleet: RunningFleet) -> None:
        serving = [name for name in fleet.names() if re.fullmatch(rf"{self.old}\d+", name)]
        killed = [name for name in self._victims(serving) if fleet.kill(name)]
        if killed:
            self.bitten(site, f"{', '.join(killed)} got requests, was sent SIGKILL, and has ended")

    def _victims(self, serving: list[str]) -> list[str]:
        return [self.chance.choice(serving)] if self.spec.is_transient and serving else serving


class _Frozen(RollFault):
    """Freezes an instance of the new release: for some seconds, or every one of them for ever."""

    what = ""

    def __init__(self, spec: FaultSpec) -> None:
        super().__init__(spec)
        self._seconds = self.chance.uniform(*FROZEN_SECONDS)
        self._thaws: list[Callable[[], None]] = []

    def is_step(self, text: str) -> bool:
        return self.is_of_new(text, self.what)

    def meet(self, site: Site, text: str, fleet: RunningFleet) -> None:
        name = text.partition(" ")[0]
        if self.spec.is_transient and self._thaws:
            return
        if fleet.freeze(name):
            self._thaws.append(lambda: fleet.thaw(name))
            lasts = f"for {self._seconds:.1f} s" if self.spec.is_transient else "for ever"
            self.record_bite(f"{name} was frozen {lasts}, after the step: {text}")
            if self.spec.is_transient:
                self.after(self._seconds, lambda: self.over(site))

    def lift(self, site: Site) -> None:
        for thaw in self._thaws:
            thaw()


class NewInstanceSlow(_Frozen):
    """An instance of the new release is frozen while it starts, so it becomes ready late or never."""

    what = "started"


class NewInstanceHangs(_Frozen):
    """An instance of the new release is frozen while it gets requests, so it accepts them and does not answer."""

    what = "gets requests"
