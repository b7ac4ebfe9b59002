"""Faults of the machine."""

from __future__ import annotations

from rollout.faults.fault import Kind

KINDS: tuple[Kind, ...] = ()
