"""Faults that are proven by words: what a command printed, or what the phase raised, says that it met the trouble."""

from __future__ import annotations

import re
from collections.abc import Iterator

from rollout.errors import RolloutError
from rollout.faults.fault import Fault, Wound
from rollout.process import Outcome
from rollout.site.site import Site

SERVER_LOG = "log/server.log"


class Sensed(Fault):
    """The bite is a line that `signs` match. The transient form is over as soon as somebody has met the trouble."""

    def __init__(self, wound: Wound, signs: str) -> None:
        super().__init__(wound)
        self.chance = wound.chance()
        self._signs = re.compile(signs, re.IGNORECASE)

    def commanded(self, site: Site, outcome: Outcome) -> None:
        self.look_into(site, outcome.tail, whose=outcome.request.label)

    def failed(self, site: Site, error: BaseException) -> None:
        """What the phase raises repeats what a command said; it counts where no command did."""
        if not self.witness.bites:
            self.look_into(site, "\n".join(map(_words, chain_of(error))), whose="the phase")

    def look_into(self, site: Site, text: str, *, whose: str) -> None:
        """Take the first line that matches for a bite."""
        found = next((line for line in text.splitlines() if self._signs.search(line)), None)
        if found is not None:
            self.met(site, f"{whose}: {found.strip()}")

    def look_into_log(self, site: Site) -> None:
        """Look where a server that runs in the background says what befell it, unless somebody has repeated it."""
        log = site.file(SERVER_LOG)
        if not self.witness.bites and log.is_file():
            self.look_into(site, log.read_text(encoding="utf-8", errors="replace"), whose=SERVER_LOG)

    def met(self, site: Site, evidence: str) -> None:
        """One bite; with it the transient form is over."""
        self.saw(evidence)
        if self.wound.is_transient:
            self.over(site)


def chain_of(error: BaseException) -> Iterator[BaseException]:
    """An error and what it came from, the nearest first."""
    found: BaseException | None = error
    seen: set[int] = set()
    while found is not None and id(found) not in seen:
        seen.add(id(found))
        yield found
        found = found.__cause__ or found.__context__


def _words(error: BaseException) -> str:
    said = error.message if isinstance(error, RolloutError) else error  # what we advise is no sign of anything
    return f"{type(error).__name__}: {said}"
