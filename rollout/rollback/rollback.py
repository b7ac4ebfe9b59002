"""Undoes the changes of a run, newest first. A failed undo is retried, then left for recovery."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import tenacity

from rollout.errors import RolloutError
from rollout.journal import Act, Journal
from rollout.rollback.undo import UndoContext, undo

ATTEMPTS = 3
_TEMPORARY = "database_unreachable"


def roll_back(
    acts: Iterable[Act], journal: Journal, context: UndoContext, *, pause: Callable[[float], None] = time.sleep
) -> tuple[str, ...]:
    """Undo every act, newest first. Continues after a failure. Returns the pending undos, one line each.

    `acts` has the oldest first. If a database server does not answer, it is attached again (which starts a server of
    the suite), and the undo is tried up to three times. After that, its other undos are tried once each.
    """
    pending = []
    for act in reversed(tuple(acts)):
        began = time.monotonic()
        try:
            text = _undo(act, journal, context, pause)
        except Exception as error:  # noqa: BLE001 - a failed undo must not prevent the others
            reason = str(error) if isinstance(error, RolloutError) else f"{type(error).__name__}: {error}"
            journal.record("undo.failed", id=act.id, error=reason, path=act.path, phase=act.phase)
            pending.append(f"{act.text}: {reason}")
        else:
            journal.record(
                "undo.done",
                id=act.id,
                seconds=round(time.monotonic() - began, 3),
                text=text,
                path=act.path,
                phase=act.phase,
            )
    return tuple(pending)


def _undo(act: Act, journal: Journal, context: UndoContext, pause: Callable[[float], None]) -> str:
    server = str(act.undo.get("server") or "")
    if not server or server in context.unreachable:
        return undo(act.undo, context, cut_off=act.cut_off)

    def again(state: tenacity.RetryCallState) -> None:
        context.servers.pop(server, None)
        error = state.outcome.exception() if state.outcome else None
        journal.record("undo.retried", id=act.id, attempt=state.attempt_number, error=str(error), path=act.path,
                       phase=act.phase)  # fmt: skip

    retrying = tenacity.Retrying(
        retry=tenacity.retry_if_exception(lambda error: getattr(error, "cause", None) == _TEMPORARY),
        stop=tenacity.stop_after_attempt(ATTEMPTS),
        wait=tenacity.wait_exponential(multiplier=1, min=1, max=4),
        sleep=pause,
        before_sleep=again,
        reraise=True,
    )
    try:
        return str(retrying(undo, act.undo, context, cut_off=act.cut_off))
    except RolloutError as error:
        if error.cause == _TEMPORARY:
            context.unreachable.add(server)
        raise


def essential(acts: tuple[Act, ...]) -> tuple[Act, ...]:
    """Leave out acts whose undo is included in that of another act.

    These are the state of a folder (included in the folder), processes (in their container), and a role or a copy of a
    database (in its server).
    Otherwise a server that does not start again would keep its role pending forever.
    """
    folders = {act.undo["path"] for act in acts if act.undo["kind"] == "directory"}
    containers = {act.undo["name"] for act in acts if act.undo["kind"] == "container"}
    made = (act.undo for act in acts if act.undo["kind"] in {"container", "embedded"})
    servers = {undo["server"] for undo in made if "server" in undo}

    def is_included(undo: Mapping[str, Any]) -> bool:
        return (
            (undo["kind"] == "state" and undo["directory"] in folders)
            or (undo["kind"] == "processes" and undo["forge"].get("name") in containers)
            or (undo["kind"] in {"role", "database_copy"} and undo["server"] in servers)
        )

    return tuple(act for act in acts if not is_included(act.undo))
