"""Defines one class for every journal event. Writer and readers share these classes.

Each line of a journal is one JSON object with the common keys
`{"v": 1, "seq": int, "t": ISO-8601 UTC with ms, "mono": seconds (float, this process), "run": id, "event": name, …}`
and the keys of its event. Durations are seconds, sizes bytes.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping

from rollout.journal.events import analyses, faults, loads, migrations, phases, production, runs, undo
from rollout.journal.events.base import KINDS, JournalEvent, decode, encode, keys_of, name_of, select

__all__ = [
    "EVENTS",
    "KINDS",
    "MEANINGS",
    "REQUIRED",
    "SCHEMA",
    "JournalEvent",
    "analyses",
    "decode",
    "encode",
    "faults",
    "loads",
    "migrations",
    "name_of",
    "phases",
    "production",
    "runs",
    "select",
    "undo",
]  # fmt: skip

SCHEMA = 1

EVENTS: Mapping[str, str] = {
    name: " ".join(key if required else f"{key}?" for key, required in keys_of(kind).items())
    for name, kind in KINDS.items()
}
"""Name of an event → its keys. A key with a `?` may be absent or null."""

MEANINGS: Mapping[str, str] = {name: inspect.getdoc(kind) or "" for name, kind in KINDS.items()}
"""Name of an event → what it says. docs/reference/journal-events.md is generated from both tables."""

REQUIRED: Mapping[str, frozenset[str]] = {
    name: frozenset(key for key, required in keys_of(kind).items() if required) for name, kind in KINDS.items()
}
