"""Base class of faults that write broken files into the application before a certain command."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from rollout.faults.fault import FaultSpec
from rollout.faults.output_witness import OutputWitnessFault
from rollout.process import Outcome, Request
from rollout.site.site import Site


class PlantedFiles(OutputWitnessFault):
    """Writes `files` once, before the first command that `plants_before` accepts; `lift` restores the old content."""

    def __init__(self, spec: FaultSpec, signs: str) -> None:
        super().__init__(spec, signs)
        self.planted: dict[Path, tuple[bytes | None, bytes]] = {}

    def plants_before(self, site: Site, request: Request) -> bool:
        """Whether the files are written before this command."""
        raise NotImplementedError

    def files(self, site: Site) -> Mapping[str, str]:
        """The broken files: path in the application → content."""
        raise NotImplementedError

    def before_command(self, site: Site, request: Request) -> Request:
        if not self.planted and self.plants_before(site, request):
            self.plant(site)
        return request

    def plant(self, site: Site) -> None:
        """Write the files and remember their old content."""
        for name, text in self.files(site).items():
            file, data = site.file(name), text.encode()
            self.planted[file] = (file.read_bytes() if file.is_file() else None, data)
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(data)

    def after_command(self, site: Site, outcome: Outcome) -> None:
        if self.planted and not outcome.ok:
            super().after_command(site, outcome)

    def failed(self, site: Site, error: BaseException) -> None:
        if self.planted:
            super().failed(site, error)

    def lift(self, site: Site) -> None:
        """Restore the old content of files that still have the planted one. A rollback may have restored others."""
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
    """The text with `insertion` after the first match of the pattern, if there is one."""
    return re.sub(pattern, lambda match: match.group(0) + insertion, text, count=1)
