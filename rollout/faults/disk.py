"""Disk faults: mounts a tmpfs on the deployment's folder and makes it full or read-only."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from typing import Any

from rollout.faults.fault import CannotInject, FaultSpec
from rollout.faults.output_witness import OutputWitnessFault
from rollout.journal import pending_undos
from rollout.phases.step import Step
from rollout.process import Outcome
from rollout.rollback.rollback import roll_back
from rollout.rollback.undo import UndoContext
from rollout.site.mounts import mount
from rollout.site.repository import MARK
from rollout.site.site import Site

ROOMY = "size=16g"
_FIRST = "prerequisites"  # the phase that creates folder and forge, and whose rollback removes them, in every plan
_LITTLE_KIB = (0, 4, 8)  # a page or two: also a phase that writes only a settings file fails


class DiskFault(OutputWitnessFault):
    """The deployment's folder is a tmpfs, mounted before the forge starts, because a container sees no later mount.

    The strike remounts it. The undo of that is journaled without a phase, so no phase's rollback ends the fault early.
    """

    def __init__(self, spec: FaultSpec, signs: str) -> None:
        super().__init__(spec, signs)
        self._site: Site | None = None
        self._act = ""

    def arm(self, site: Site) -> None:
        self._site = site

    def forge_options(self) -> Mapping[str, Any]:
        """Mount the tmpfs: called after the folder is created and before the forge's container."""
        if self._site is not None:
            self._mount(self._site)
        return {}

    def strike(self, step: Step) -> None:
        site = step.site
        if not os.path.ismount(site.directory):
            raise CannotInject(fault=self.spec.kind.name, why="the deployment's folder is not on a disk of its own",
                               option="have the forge in a container")  # fmt: skip
        options = self.remount_options(site)
        record = {"kind": "remount", "path": str(site.directory), "source": source(site), "options": f"rw,{ROOMY}"}
        with site.run.journal.act(f"remount {site.directory} with {options}", record, path=self.spec.path) as self._act:
            mount("-o", f"remount,{options}", str(site.directory))

    def remount_options(self, site: Site) -> str:
        """The mount options that inject the fault."""
        raise NotImplementedError

    def is_affected(self, site: Site) -> bool:
        """Whether the disk is full or read-only at this moment."""
        raise NotImplementedError

    def after_command(self, site: Site, outcome: Outcome) -> None:
        """Search the output. A command may also fail with another message, as `mkdir -p` in Erlang does."""
        before = self.witness.bites
        super().after_command(site, outcome)
        if not outcome.ok and self.witness.bites == before and self.is_active and self.is_affected(site):
            said = (outcome.tail.strip().splitlines() or [""])[-1].strip()
            self.bite(site, f"{outcome.request.label}: ended with {outcome.exit_code} on such a disk: {said}")

    def lift(self, site: Site) -> None:
        acts = tuple(act for act in pending_undos(site.run.journal.events()) if act.id == self._act)
        with site.run.journal.forgiving():
            roll_back(acts, site.run.journal, UndoContext(store=site.store, secrets={}, servers={}))

    def _mount(self, site: Site) -> None:
        directory = site.directory
        record = {"kind": "mount", "path": str(directory), "source": source(site)}
        with site.run.journal.act(f"mount a tmpfs on {directory}", record, path=self.spec.path, phase=_FIRST):
            kept = (directory / MARK).read_text(encoding="utf-8")
            mount("-t", "tmpfs", "-o", f"{ROOMY},mode=755", source(site), str(directory))
            (directory / MARK).write_text(kept, encoding="utf-8")


class Full(DiskFault):
    """The disk has at most a few KiB left."""

    def __init__(self, spec: FaultSpec) -> None:
        super().__init__(spec, r"no space left on device|\benospc\b")

    def remount_options(self, site: Site) -> str:
        little = self.chance.choice(_LITTLE_KIB) * 1024
        return f"size={max(shutil.disk_usage(site.directory).used + little, 4096)}"

    def is_affected(self, site: Site) -> bool:
        return shutil.disk_usage(site.directory).free == 0


class ReadOnly(DiskFault):
    """The disk is mounted read-only."""

    def __init__(self, spec: FaultSpec) -> None:
        super().__init__(spec, r"read-only file system|\berofs\b")

    def remount_options(self, site: Site) -> str:
        return "ro"

    def is_affected(self, site: Site) -> bool:
        return bool(os.statvfs(site.directory).f_flag & os.ST_RDONLY)


def source(site: Site) -> str:
    """The source of the mount, by which its undo identifies it."""
    return f"xavos-{site.run.id}"
