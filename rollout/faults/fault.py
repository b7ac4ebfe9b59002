"""Base class of an injected fault: its catalogue entry, and the proof that it took effect."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any

from rollout.errors import Refused
from rollout.hex.routes import Interceptor
from rollout.journal import Journal
from rollout.journal.events.faults import FaultBit
from rollout.phases.step import Step
from rollout.process import Outcome, Request
from rollout.site.fault_points import RunningFleet
from rollout.site.site import Site
from rollout.text.plain import line

FORMS = ("transient", "persistent")
FAMILIES = ("registry", "database", "machine", "deployment", "production", "suite")
_MOST_EVIDENCE = 5


def either_form(*outcomes: str) -> Mapping[str, tuple[str, ...]]:
    """`Kind.expects` of a fault whose two forms have the same outcomes."""
    return dict.fromkeys(FORMS, outcomes)


class CannotInject(Refused):
    """The fault cannot be injected on this site."""

    def __init__(self, *, fault: str, why: str, option: str) -> None:
        super().__init__(f"The fault {fault} cannot be injected here: {why}.", advice=f"Leave it out, or {option}.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """An entry of the catalogue.

    `text` says what goes wrong, `bites` what the witness counts as proof. `lasts` says when the transient form ends.
    `traits`: the fault strikes phases with one of these traits (rollout/config/traits.py); empty: any phase.
    `spares`: it cannot strike phases with one of these traits.
    `forms`: the forms that differ. `by_the_clock`: it can strike at a time of the run instead of in a phase.
    `needs`: what the site must have, of "engine" (forge and database are containers), "database" (a server of our own),
    "root" (mounts) and "key" (the private key of the registry).
    `expects`: form → outcomes of a path that cleans up. If an optional phase fails, "deployed" is expected too.
    `alters`: a phase under this fault may pass with another result, so later phases use no checkpoint from without it.
    """

    name: str
    family: str
    text: str
    bites: str
    make: Callable[[FaultSpec], Fault]
    traits: tuple[str, ...] = ()
    spares: tuple[str, ...] = ()
    lasts: str = ""
    needs: tuple[str, ...] = ()
    forms: tuple[str, ...] = FORMS
    alters: bool = False
    by_the_clock: bool = False
    expects: Mapping[str, tuple[str, ...]] = field(
        default_factory=lambda: {"transient": ("deployed", "rolled_back"), "persistent": ("rolled_back", "refused")}
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Means:
    """What a site offers for injecting faults. `signs`: the private key of the registry is available."""

    forge: str
    database: str
    is_root: bool
    signs: bool


@dataclass(kw_only=True)
class Witness:
    """Collects the proof that a fault took effect. Thread-safe. The first bite is journaled at once."""

    journal: Journal
    facts: Mapping[str, Any]
    bites: int = 0
    evidence: list[str] = field(default_factory=list)
    _lock: Any = field(default_factory=threading.Lock)

    def record_bite(self, evidence: str) -> int:
        """Count one more bite with its evidence; returns the number of bites."""
        shown = line(evidence, 300)
        with self._lock:
            self.bites += 1
            first = self.bites == 1
            if shown not in self.evidence and len(self.evidence) < _MOST_EVIDENCE:
                self.evidence.append(shown)
            count = self.bites
        if first:
            with self.journal.forgiving():
                self.journal.record(FaultBit(evidence=shown, **self.facts))
        return count


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultSpec:
    """The specification of one injected fault: kind, form, and where or when it strikes.

    `phase` is None for a fault that strikes by the clock, `at` seconds after the start of the run. `chance` is seeded,
    so a repeated run makes the same random choices.
    """

    kind: Kind
    path: str
    phase: str | None
    at: float | None
    form: str
    seed: int

    @property
    def is_transient(self) -> bool:
        return self.form == "transient"

    def chance(self) -> random.Random:
        return random.Random(f"{self.seed} {self.kind.name} {self.phase}")  # noqa: S311 - repeatable, not secret

    @property
    def facts(self) -> Mapping[str, Any]:
        """The keys that every journal event of the fault has."""
        return {"fault": self.kind.name, "family": self.kind.family, "path": self.path, "phase": self.phase or "",
                "form": self.form, "seed": self.seed, **({"at": self.at} if self.at is not None else {})}  # fmt: skip


class Fault:
    """One injected fault. As a context manager it strikes on entering; a transient fault ends on leaving.

    Kinds of faults override the methods that they need, which are called in this order:
    `arm`: before the path's first phase, on an empty site.
    `before_fingerprint`: before the fingerprint of the struck phase, for changes that the fingerprint contains.
    `strike`: before the phase is applied.
    `before_command`, `after_command`: around each command of the phase. `at_step`: at each step of the production
    stage, which the load's time line names too. `failed`: after the phase raised an error.
    A persistent fault also gets `after_command` and `failed` of later phases, and `before_command` once it has bitten.
    `rolling_back`: before the phase's rollback, for kinds that strike only there.
    `lift`: ends the fault. It is called once, at the latest at the end of the path. It must not raise for missing
    things.
    """

    strikes_in_rollback = False
    is_over_with_its_phase = False  # it ends after the phase's rollback, even if it is persistent

    def __init__(self, spec: FaultSpec) -> None:
        self.spec = spec
        self.witness: Witness  # set by the injection before the fault strikes
        self.is_active = False
        self.is_over = False
        self._over_once = threading.Lock()

    # -- what a kind of fault overrides

    @property
    def interceptors(self) -> tuple[Interceptor, ...]:
        """Interceptors between the gateway and its clients. They forward requests while the fault is not active."""
        return ()

    def forge_options(self) -> Mapping[str, Any]:
        """Further options of the forge's container."""
        return {}

    def arm(self, site: Site) -> None:
        """Prepare the fault before the first phase."""

    def before_fingerprint(self, site: Site) -> None:
        """Strike before the fingerprint of the phase."""

    def strike(self, step: Step) -> None:
        """Inject the fault."""

    def before_command(self, site: Site, request: Request) -> Request:
        """Act before a command of the phase. Returns the command to run instead."""
        return request

    def after_command(self, site: Site, outcome: Outcome) -> None:
        """Search the output of a command for proof."""

    def at_step(self, site: Site, text: str, fleet: RunningFleet) -> None:
        """Act at a step of a roll, such as `b1 gets requests`."""

    def failed(self, site: Site, error: BaseException) -> None:
        """Search the error of the phase for proof."""

    def rolling_back(self, site: Site) -> None:
        """Strike the rollback of the phase."""

    def lift(self, site: Site) -> None:
        """End the fault and undo its changes."""

    # -- the context manager

    def on(self, step: Step) -> Fault:
        """Returns the fault, set to strike this step: `with fault.on(step): …`."""
        self._step = step
        return self

    def __enter__(self) -> Fault:
        self.is_active = True
        self.strike(self._step)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None:
            self.failed(self._step.site, error)
        if self.spec.is_transient:
            self.over(self._step.site)

    # -- for kinds of fault

    def over(self, site: Site) -> None:
        """End the fault, once; from any thread."""
        with self._over_once:
            if self.is_over:
                return
            self.is_active, self.is_over = False, True
            self.lift(site)

    def after(self, seconds: float, do: Callable[[], None]) -> None:
        """Call `do` after so many seconds, unless the process ends before."""
        timer = threading.Timer(seconds, do)
        timer.daemon = True
        timer.start()

    def record_bite(self, evidence: str) -> int:
        """Count one bite with its evidence; returns the number of bites."""
        return self.witness.record_bite(evidence)
