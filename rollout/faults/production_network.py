"""Production faults of the network between an instance of the new release and the database.

The first instance of the new release reaches the database through a relay of this process, which disturbs what passes.
All others reach it directly. The instance is replaced by the next roll of its phase, so nothing needs the relay then.
"""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import urlsplit

from rollout.faults.fault import FaultSpec
from rollout.faults.production_roll import RollFault
from rollout.faults.relay import Passed, Relay
from rollout.site.fault_points import RunningFleet
from rollout.site.site import Site
from rollout.text.plain import counted

GONE_SECONDS = 5.0
LATE_SECONDS = (0.05, 0.2)
_ADDRESS = "DATABASE_URL"


class LinkFault(RollFault):
    """Disturbs the link between the first instance of the first roll and the database. `what` is the step for that."""

    occasions = 1
    what = ""

    def __init__(self, spec: FaultSpec) -> None:
        super().__init__(spec)
        self._relay: Relay | None = None
        self._restore: Callable[[], None] | None = None
        self._instance = ""

    def watch(self, site: Site, text: str, fleet: RunningFleet) -> None:
        if self._relay is None and text == f"migrations of {self.new} ended":
            self._divert(site, fleet)
        elif self._restore is not None and not self._instance and self.is_of_new(text, "started"):
            self._instance = text.partition(" ")[0]
            self._restore()  # the other instances have a link of their own
        self._testify()

    def is_step(self, text: str) -> bool:
        return bool(self._instance) and text == f"{self._instance} {self.what}"

    def meet(self, site: Site, text: str, fleet: RunningFleet) -> None:
        if self._relay is not None:
            self.disturb(self._relay)

    def disturb(self, relay: Relay) -> None:
        """Begin the disturbance."""
        raise NotImplementedError

    def evidence(self, passed: Passed) -> str:
        """What shows that data on the link was disturbed; "" as long as nothing was."""
        raise NotImplementedError

    def lift(self, site: Site) -> None:
        if self._restore is not None:
            self._restore()
        if self._relay is not None:
            self._testify()
            self._relay.__exit__(None, None, None)

    def _divert(self, site: Site, fleet: RunningFleet) -> None:
        server = site.database
        self._relay = Relay((server.host, server.port), host=site.network_gateway or "127.0.0.1").__enter__()
        address = urlsplit(fleet.setting(_ADDRESS))
        user = address.netloc.rpartition("@")[0]
        through = address._replace(netloc=f"{user}@{self._relay.host}:{self._relay.port}")
        self._restore = fleet.change_settings({_ADDRESS: through.geturl()})

    def _testify(self) -> None:
        """Count the first time that data was disturbed as a bite."""
        if self._relay is not None and not self.witness.bites and (found := self.evidence(self._relay.passed)):
            self.record_bite(f"{self._instance} and the database: {found}")


class LinkGone(LinkFault):
    """Nothing passes for five seconds from when the instance gets requests. No connection ends."""

    what = "gets requests"

    def disturb(self, relay: Relay) -> None:
        relay.stall()
        self.after(GONE_SECONDS, self._come_back)

    def _come_back(self) -> None:
        if self._relay is not None and not self.is_over:
            self._testify()
            self._relay.restore()

    def evidence(self, passed: Passed) -> str:
        if not passed.stalled:
            return ""
        waited, links = counted(passed.stalled, "piece"), counted(passed.connections, "connection")
        return f"{waited} of data had to wait on {links}"


class LinkSlow(LinkFault):
    """Everything is late, in both directions, from the start of the instance on."""

    what = "started"

    def __init__(self, spec: FaultSpec) -> None:
        super().__init__(spec)
        self._late = self.chance.uniform(*LATE_SECONDS)

    def disturb(self, relay: Relay) -> None:
        relay.delay(self._late)

    def evidence(self, passed: Passed) -> str:
        if not passed.delayed:
            return ""
        late, links = counted(passed.delayed, "piece"), counted(passed.connections, "connection")
        return f"{late} of data delayed by {self._late * 1000:.0f} ms on {links}"
