"""Roll acts back, last in first out, each journaled; what cannot be undone is owed and named."""

from __future__ import annotations

import time
from collections.abc import Iterable

from rollout.errors import RolloutError
from rollout.journal import Act, Journal
from rollout.undo import Workshop, undo


def roll_back(acts: Iterable[Act], journal: Journal, workshop: Workshop) -> tuple[str, ...]:
    """Undo every act (oldest first in `acts`); returns what is left, one line each. Goes on after a failure."""
    left = []
    for act in reversed(tuple(acts)):
        began = time.monotonic()
        try:
            text = undo(act.undo, workshop)
        except Exception as error:  # noqa: BLE001 - one that fails must not keep the others from being undone
            reason = str(error) if isinstance(error, RolloutError) else f"{type(error).__name__}: {error}"
            journal.record("undo.failed", id=act.id, error=reason, path=act.path, phase=act.phase)
            left.append(f"{act.text}: {reason}")
        else:
            journal.record(
                "undo.done",
                id=act.id,
                seconds=round(time.monotonic() - began, 3),
                text=text,
                path=act.path,
                phase=act.phase,
            )
    return tuple(left)
