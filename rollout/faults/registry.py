"""Faults of the registry."""

from __future__ import annotations

from rollout.faults.fault import Kind

KINDS: tuple[Kind, ...] = ()
