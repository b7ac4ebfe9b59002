"""Base class of faults that are verified by a command's output or by the error of the phase."""

from __future__ import annotations

import re
from collections.abc import Iterator

from rollout.errors import RolloutError
from rollout.faults.fault import Fault, FaultSpec
from rollout.process import Outcome
from rollout.site.site import Site

SERVER_LOG = "log/server.log"


class OutputWitnessFault(Fault):
    """A line that matches `signs` is a bite. The transient form ends with the first one."""

    def __init__(self, spec: FaultSpec, signs: str) -> None:
        super().__init__(spec)
        self.chance = spec.chance()
        self._signs = re.compile(signs, re.IGNORECASE)

    def after_command(self, site: Site, outcome: Outcome) -> None:
        self.search(site, outcome.tail, whose=outcome.request.label)

    def failed(self, site: Site, error: BaseException) -> None:
        """Search the error, unless a command has shown the effect: the error repeats its output."""
        if not self.witness.bites:
            self.search(site, "\n".join(map(_as_text, causes_of(error))), whose="the phase")

    def search(self, site: Site, text: str, *, whose: str) -> None:
        """Count the first matching line as a bite."""
        found = next((line for line in text.splitlines() if self._signs.search(line)), None)
        if found is not None:
            self.bite(site, f"{whose}: {found.strip()}")

    def search_log(self, site: Site) -> None:
        """Search the log of the server, unless the fault has bitten already."""
        log = site.file(SERVER_LOG)
        if not self.witness.bites and log.is_file():
            self.search(site, log.read_text(encoding="utf-8", errors="replace"), whose=SERVER_LOG)

    def bite(self, site: Site, evidence: str) -> None:
        """Count one bite, which ends the transient form."""
        self.record_bite(evidence)
        if self.spec.is_transient:
            self.over(site)


def causes_of(error: BaseException) -> Iterator[BaseException]:
    """The error and its causes, nearest first."""
    found: BaseException | None = error
    seen: set[int] = set()
    while found is not None and id(found) not in seen:
        seen.add(id(found))
        yield found
        found = found.__cause__ or found.__context__


def _as_text(error: BaseException) -> str:
    said = error.message if isinstance(error, RolloutError) else error  # without the advice, which may contain signs
    return f"{type(error).__name__}: {said}"
