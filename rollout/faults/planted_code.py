"""Faults that are something wrong in the application's own files, planted before the command that will meet it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from rollout.faults.fault import Wound
from rollout.faults.output_witness import Sensed
from rollout.process import Outcome, Request
from rollout.site.site import Site


class Planted(Sensed):
    """Planted once, before the first command that `awaits` approves of; taken out again when the trouble is over."""

    def __init__(self, wound: Wound, signs: str) -> None:
        super().__init__(wound, signs)
        self.planted: dict[Path, tuple[bytes | None, bytes]] = {}

    def awaits(self, site: Site, request: Request) -> bool:
        """Whether this is the command to plant it before."""
        raise NotImplementedError

    def files(self, site: Site) -> Mapping[str, str]:
        """What is planted: files of the application, and what they hold then."""
        raise NotImplementedError

    def command(self, site: Site, request: Request) -> Request:
        if not self.planted and self.awaits(site, request):
            self.plant(site)
        return request

    def plant(self, site: Site) -> None:
        """Write the files, and remember what they held."""
        for name, text in self.files(site).items():
            file, data = site.file(name), text.encode()
            self.planted[file] = (file.read_bytes() if file.is_file() else None, data)
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(data)

    def commanded(self, site: Site, outcome: Outcome) -> None:
        if self.planted and not outcome.ok:
            super().commanded(site, outcome)

    def failed(self, site: Site, error: BaseException) -> None:
        if self.planted:
            super().failed(site, error)

    def lift(self, site: Site) -> None:
        """Put back what is still as it was planted; what a rollback has put back already is not touched."""
        for file, (before, planted) in self.planted.items():
            if not file.is_file() or file.read_bytes() != planted:
                continue
            if before is None:
                file.unlink()
            else:
                file.write_bytes(before)


def mix(request: Request, *words: str) -> bool:
    """Whether a command is `mix` with these first words."""
    return request.argv[: len(words) + 1] == ("mix", *words)


def after(pattern: str, text: str, insertion: str) -> str:
    """The text with something behind the first match of a pattern; as it is where there is none."""
    return re.sub(pattern, lambda match: match.group(0) + insertion, text, count=1)
