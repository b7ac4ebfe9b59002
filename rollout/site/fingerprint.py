"""The fingerprint of a site, and the differences between two. A rollback is proven by equal fingerprints."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass

from rollout.site.store import manifest as trees
from rollout.site.store.manifest import Manifest


@dataclass(frozen=True, slots=True, kw_only=True)
class Fingerprint:
    """A site seen from outside: `tree` (None without a folder) and `facts`, e.g. `role xavos` → `login createdb`."""

    tree: Manifest | None
    facts: Mapping[str, str]

    @property
    def digest(self) -> str:
        tree = self.tree.digest if self.tree else ""
        facts = json.dumps(sorted(self.facts.items()))
        return hashlib.blake2b(f"{tree} {facts}".encode(), digest_size=20).hexdigest()


REPLACEABLE = "instance "
"""Keys of facts about what later phases may end, but must not leave behind: instances of a release."""


def residue(before: Fingerprint, after: Fingerprint) -> tuple[str, ...]:
    """All differences, one line each. Empty means restored."""
    empty = Manifest({})
    lines = list(trees.differences(before.tree or empty, after.tree or empty))
    if (before.tree is None) != (after.tree is None):
        lines.append("the deployment's folder " + ("was left behind" if before.tree is None else "is lost"))
    for key in sorted(before.facts.keys() | after.facts.keys()):
        old, new = before.facts.get(key), after.facts.get(key)
        if old is None:
            lines.append(f"left behind: {key}" + (f" ({new})" if new else ""))
        elif new is None and key.startswith(REPLACEABLE):
            continue  # a roll has replaced it; its own phase is rolled back with the rest
        elif new is None:
            lines.append(f"lost: {key}" + (f" (was {old})" if old else ""))
        elif old != new:
            lines.append(f"changed: {key}: {old} → {new}")
    return tuple(lines)
