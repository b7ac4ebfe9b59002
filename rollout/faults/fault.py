"""A fault: one trouble that is brought about on purpose, and the witness that it bit."""

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
from rollout.phases.step import Step
from rollout.process import Outcome, Request
from rollout.site.site import Site
from rollout.text.plain import line

FORMS = ("transient", "persistent")
FAMILIES = ("registry", "database", "machine", "deployment", "suite")
_MOST_EVIDENCE = 5


def either_form(*outcomes: str) -> Mapping[str, tuple[str, ...]]:
    """`Kind.expects` of a fault whose two forms come to the same."""
    return dict.fromkeys(FORMS, outcomes)


class CannotInject(Refused):
    """A fault that has no means on this site."""

    def __init__(self, *, fault: str, why: str, option: str) -> None:
        super().__init__(f"The fault {fault} cannot be injected here: {why}.", advice=f"Leave it out, or {option}.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """An entry of the catalogue.

    `text` says what goes wrong, `bites` what the witness counts as proof. `traits`: it can strike a phase
    that has one of them (rollout/config/traits.py); empty: any phase. `spares`: phases with one of these traits have no
    moment at which it could strike. `lasts` says when the transient
    form goes away; `forms` are those that make a difference. `needs`: means it has to have, of "engine" (forge and
    database are containers), "database" (the server is ours to interrupt), "root" (mounts), "key" (to sign what the
    registry says). `by_the_clock`: it can strike at a moment of the run instead of a phase. `expects`: form → outcomes
    of a path that promises to clean up; an optional phase that fails lets the path be deployed in any case. `alters`: a
    phase that passes all the same may have come to something else than without it, so that nothing kept without it may
    follow.
    """

    name: str
    family: str
    text: str
    bites: str
    make: Callable[[Wound], Fault]
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
    """What there is on a site to inject faults with: kinds of forge and database, root's rights, the registry's key."""

    forge: str
    database: str
    is_root: bool
    signs: bool


@dataclass(kw_only=True)
class Witness:
    """What proves that a fault bit. Thread-safe; the first bite is in the journal before anything comes of it."""

    journal: Journal
    facts: Mapping[str, Any]
    bites: int = 0
    evidence: list[str] = field(default_factory=list)
    _lock: Any = field(default_factory=threading.Lock)

    def saw(self, evidence: str) -> int:
        """One more bite, and what shows it; returns how many there are."""
        told = line(evidence, 300)
        with self._lock:
            self.bites += 1
            first = self.bites == 1
            if told not in self.evidence and len(self.evidence) < _MOST_EVIDENCE:
                self.evidence.append(told)
            count = self.bites
        if first:
            with self.journal.forgiving():
                self.journal.record("fault.bit", evidence=told, **self.facts)
        return count


@dataclass(frozen=True, slots=True, kw_only=True)
class Wound:
    """Where, when and how a fault strikes.

    `phase` is the path's own, None for one that strikes by the clock: `at` seconds after the run began. `chance` is
    seeded, so that what a fault leaves to chance is the same whenever the run is repeated.
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
        """What every event of the fault says."""
        return {"fault": self.kind.name, "family": self.kind.family, "path": self.path, "phase": self.phase or "",
                "form": self.form, "seed": self.seed, **({"at": self.at} if self.at is not None else {})}  # fmt: skip


class Fault:
    """One injected trouble. As a context manager it strikes on entering; a transient one is over on leaving.

    A run meets its methods in this order; a kind of fault overrides those that it needs. `arm`: before the path's first
    phase, nothing is there yet. `look`: before the struck phase is looked at (for what changes how the site looks from
    outside, and must be the same after the rollback). `strike`: before the phase is applied. `command`, `commanded`:
    around each command of the phase, while the fault is active. `failed`: what the phase raised. A persistent one hears
    `commanded` and `failed` in the phases after it as well, and once it has bitten also `command`. `rolling_back`:
    before the phase's rollback, for kinds that strike there and nowhere else. `lift`: the trouble goes away; called
    once, at the latest when the path has ended, and it may not raise for what is gone already.
    """

    strikes_in_rollback = False
    is_over_with_its_phase = False  # what `look` did is taken back after the phase's rollback, persistent or not

    def __init__(self, wound: Wound) -> None:
        self.wound = wound
        self.witness: Witness  # given by the injection, before anything strikes
        self.is_active = False
        self.is_over = False
        self._over_once = threading.Lock()

    # -- what a kind of fault overrides

    @property
    def interceptors(self) -> tuple[Interceptor, ...]:
        """What stands between the gateway and those who ask it, from the beginning; passes on while not active."""
        return ()

    def forge_options(self) -> Mapping[str, Any]:
        """Further options of the forge's container."""
        return {}

    def arm(self, site: Site) -> None:
        """Prepare what has to be there from the beginning."""

    def look(self, site: Site) -> None:
        """Strike before the fingerprint of the phase is taken."""

    def strike(self, step: Step) -> None:
        """Bring the trouble about."""

    def command(self, site: Site, request: Request) -> Request:
        """Do something before a command of the phase, or have another one run in its place."""
        return request

    def commanded(self, site: Site, outcome: Outcome) -> None:
        """Look for the bite in what a command printed."""

    def failed(self, site: Site, error: BaseException) -> None:
        """Look for the bite in what the phase raised."""

    def rolling_back(self, site: Site) -> None:
        """Strike the rollback of the phase."""

    def lift(self, site: Site) -> None:
        """Make the trouble go away."""

    # -- the context manager

    def on(self, step: Step) -> Fault:
        """The fault, about to strike this step: `with fault.on(step): …`."""
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
        if self.wound.is_transient:
            self.over(self._step.site)

    # -- for kinds of fault

    def over(self, site: Site) -> None:
        """The trouble is over, whoever says so first; from any thread."""
        with self._over_once:
            if self.is_over:
                return
            self.is_active, self.is_over = False, True
            self.lift(site)

    def after(self, seconds: float, do: Callable[[], None]) -> None:
        """Do something in `seconds`, unless the process ends before."""
        timer = threading.Timer(seconds, do)
        timer.daemon = True
        timer.start()

    def saw(self, evidence: str) -> int:
        """One bite, and what shows it; returns how many there were."""
        return self.witness.saw(evidence)
