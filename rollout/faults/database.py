"""Faults of the database."""

from __future__ import annotations

from rollout.faults.fault import Kind

KINDS: tuple[Kind, ...] = ()
