"""A real run, site and deployment in a temporary folder, on this machine, with no database and no registry."""

from __future__ import annotations

import contextlib
import signal
import types
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from rollout.config.options import Options, parse_options
from rollout.config.plan import PhasePlan, Plan
from rollout.config.run import Run
from rollout.deployment import provisioner
from rollout.deployment.deployment import Deployment
from rollout.deployment.interrupts import Interrupts
from rollout.faults import FaultSpec, Injection
from rollout.phases.phase import PhaseCode, PhaseResult
from rollout.phases.step import Step
from rollout.site.forge import HostForge
from rollout.site.site import Site
from rollout.site.store.packs import Packs


def options(folder: Path, **given: str) -> Options:
    """Options with every folder below `folder`; `given` as on the command line, with underscores."""
    flags = {"source": "rehearsal", "port": "39999", "keep": "never", **given}
    environment = {f"XAVOS_{name}_DIR": str(folder / name.lower()) for name in ("CACHE", "STATE", "REPORTS")}
    return parse_options(lambda name: flags.get(name.replace("-", "_")), environment, root=folder)


def plan(*phases: PhasePlan | str) -> Plan:
    """A plan of phases, given whole or by name."""
    made = tuple(PhasePlan(name=phase) if isinstance(phase, str) else phase for phase in phases)
    return Plan(name="realistic", description="", phases=made, file=Path("test.toml"))


class Stage:
    """A run of a plan on this machine; `play` enters the phases one in another, as their fixtures do."""

    def __init__(
        self, folder: Path, plan: Plan, *, fault: FaultSpec | None = None, defers_restoring: bool = False, **given: str
    ) -> None:
        self.options = options(folder, **given)
        self.plan = plan
        self.run = Run(self.options)
        source = types.SimpleNamespace(kind="rehearsal", identity="test", description="test")
        upstreams: Any = types.SimpleNamespace(hex=source)
        self.site = Site(self.options, self.run, engine=None, upstreams=upstreams, forge="host", database="embedded")
        self.site.forge = HostForge(root=self.site.directory, toolchain="test")
        self.interrupts = Interrupts()
        self.injection = Injection(fault, self.run.journal)
        self.deployment = Deployment(
            self.run, self.site, plan, self.interrupts, self.injection, defers_restoring=defers_restoring
        )

    @property
    def directory(self) -> Path:
        return self.site.directory

    def play(self, *codes: PhaseCode, within: Callable[[], None] = lambda: None) -> dict[str, PhaseResult]:
        """Enter every phase, call `within` at the deepest point, leave them in reverse; close the run."""
        try:
            self._enter(codes, None, within)
        finally:
            self.deployment.finish()
            self.run.close(settled=self.deployment.is_settled)
        return self.deployment.results

    def _enter(self, codes: tuple[PhaseCode, ...], after: PhaseResult | None, within: Callable[[], None]) -> None:
        if not codes:
            within()
            return
        with self.deployment.phase(codes[0], after=after) as result:
            self._enter(codes[1:], result, within)

    def told(self, event: str) -> list[Mapping[str, Any]]:
        """Every event of that name in the journal."""
        return [found for found in self.run.journal.events() if found["event"] == event]

    def rollbacks(self) -> list[tuple[str, str, str]]:
        """(phase, why, outcome) of every rollback, in order."""
        return [(event["phase"], event["why"], event["outcome"]) for event in self.told("rollback.finished")]


def code(name: str, apply: Callable[[Step], None], **how: Any) -> PhaseCode:
    return PhaseCode(name=name, apply=apply, **how)


def writes(name: str, text: str = "x") -> Callable[[Step], None]:
    """A phase's apply that writes one file."""

    def apply(step: Step) -> None:
        path = step.site.file(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    return apply


@contextlib.contextmanager
def interrupted_after(seconds: float) -> Iterator[None]:
    """In here KeyboardInterrupt comes so many seconds after the beginning, and has to."""

    def interrupt(number: int, frame: types.FrameType | None) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, interrupt)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        with pytest.raises(KeyboardInterrupt):
            yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def spoil(folder: Path, digest: str, by: bytes) -> None:
    """Put other bytes in the place of an object, where the packs of `folder` have it."""
    found = Packs(folder).find(digest)
    assert found is not None
    with (folder / found.pack).open("r+b") as file:
        file.seek(found.offset)
        file.write((by * found.size)[: found.size])


GROUND = code("ground", provisioner.make_folder, checkpointed=False)
