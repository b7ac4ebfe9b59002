"""A file system of the deployment's own below its folder, full or read-only without harm to anybody else."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from typing import Any

from rollout.faults.fault import CannotInject, Wound
from rollout.faults.output_witness import Sensed
from rollout.journal import pending_undos
from rollout.phases.step import Step
from rollout.process import Outcome
from rollout.rollback.rollback import roll_back
from rollout.rollback.undo import UndoContext
from rollout.site.mounts import mount
from rollout.site.repository import MARK
from rollout.site.site import Site

ROOMY = "size=16g"
_FIRST = "prerequisites"  # in every plan the phase that makes folder and forge, and whose rollback disposes of both
_LITTLE_KIB = (0, 4, 8)  # a page or two: phases that write no more than a settings file meet it as well


class OnADisk(Sensed):
    """The deployment's folder is a tmpfs from before its forge begins: a mount that comes later is not seen in there.

    What the strike does to it is journaled with its undo, which no phase's rollback knows: the trouble stays until it
    is lifted, until the path's end is settled, or until the run is recovered.
    """

    def __init__(self, wound: Wound, signs: str) -> None:
        super().__init__(wound, signs)
        self._site: Site | None = None
        self._act = ""

    def arm(self, site: Site) -> None:
        self._site = site

    def forge_options(self) -> Mapping[str, Any]:
        """Asked between the folder and the container that it is mounted in."""
        if self._site is not None:
            self._mount(self._site)
        return {}

    def strike(self, step: Step) -> None:
        site = step.site
        if not os.path.ismount(site.directory):
            raise CannotInject(fault=self.wound.kind.name, why="the deployment's folder is not on a disk of its own",
                               option="have the forge in a container")  # fmt: skip
        options = self.squeeze(site)
        record = {"kind": "remount", "path": str(site.directory), "source": source(site), "options": f"rw,{ROOMY}"}
        with site.run.journal.act(
            f"remount {site.directory} with {options}", record, path=self.wound.path
        ) as self._act:
            mount("-o", f"remount,{options}", str(site.directory))

    def squeeze(self, site: Site) -> str:
        """The options that are the trouble."""
        raise NotImplementedError

    def is_so(self, site: Site) -> bool:
        """Whether the kernel says at this moment that the disk is as it was squeezed."""
        raise NotImplementedError

    def commanded(self, site: Site, outcome: Outcome) -> None:
        """Also where a command fails by it and gives another reason, as `mkdir -p` in Erlang does."""
        before = self.witness.bites
        super().commanded(site, outcome)
        if not outcome.ok and self.witness.bites == before and self.is_active and self.is_so(site):
            said = (outcome.tail.strip().splitlines() or [""])[-1].strip()
            self.met(site, f"{outcome.request.label}: ended with {outcome.exit_code} on such a disk: {said}")

    def lift(self, site: Site) -> None:
        acts = tuple(act for act in pending_undos(site.run.journal.events()) if act.id == self._act)
        with site.run.journal.forgiving():
            roll_back(acts, site.run.journal, UndoContext(store=site.store, secrets={}, servers={}))

    def _mount(self, site: Site) -> None:
        directory = site.directory
        record = {"kind": "mount", "path": str(directory), "source": source(site)}
        with site.run.journal.act(f"mount a tmpfs on {directory}", record, path=self.wound.path, phase=_FIRST):
            kept = (directory / MARK).read_text(encoding="utf-8")
            mount("-t", "tmpfs", "-o", f"{ROOMY},mode=755", source(site), str(directory))
            (directory / MARK).write_text(kept, encoding="utf-8")


class Full(OnADisk):
    """There is no more room on it than a few KiB."""

    def __init__(self, wound: Wound) -> None:
        super().__init__(wound, r"no space left on device|\benospc\b")

    def squeeze(self, site: Site) -> str:
        little = self.chance.choice(_LITTLE_KIB) * 1024
        return f"size={max(shutil.disk_usage(site.directory).used + little, 4096)}"

    def is_so(self, site: Site) -> bool:
        return shutil.disk_usage(site.directory).free == 0


class ReadOnly(OnADisk):
    """Nothing can be written to it."""

    def __init__(self, wound: Wound) -> None:
        super().__init__(wound, r"read-only file system|\berofs\b")

    def squeeze(self, site: Site) -> str:
        return "ro"

    def is_so(self, site: Site) -> bool:
        return bool(os.statvfs(site.directory).f_flag & os.ST_RDONLY)


def source(site: Site) -> str:
    """What the mount is called in the table of mounts: by it the undo knows its own."""
    return f"xavos-{site.run.id}"
