"""Roll acts back, last in first out, each journaled; what cannot be undone is tried again, then owed and named."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import tenacity

from rollout.errors import RolloutError
from rollout.journal import Act, Journal
from rollout.rollback.undo import Workshop, undo

ATTEMPTS = 3
_PASSES = "database_unreachable"


def roll_back(
    acts: Iterable[Act], journal: Journal, workshop: Workshop, *, pause: Callable[[float], None] = time.sleep
) -> tuple[str, ...]:
    """Undo every act (oldest first in `acts`); returns what is left, one line each. Goes on after a failure.

    Where a database server does not answer, it is looked up again (one of ours is started again by that) and the act
    tried up to three times; once a server has been given up, its other acts are tried once.
    """
    left = []
    for act in reversed(tuple(acts)):
        began = time.monotonic()
        try:
            text = _undo(act, journal, workshop, pause)
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


def _undo(act: Act, journal: Journal, workshop: Workshop, pause: Callable[[float], None]) -> str:
    server = str(act.undo.get("server") or "")
    if not server or server in workshop.given_up:
        return undo(act.undo, workshop, cut_off=act.cut_off)

    def again(state: tenacity.RetryCallState) -> None:
        workshop.servers.pop(server, None)
        error = state.outcome.exception() if state.outcome else None
        journal.record("undo.retried", id=act.id, attempt=state.attempt_number, error=str(error), path=act.path,
                       phase=act.phase)  # fmt: skip

    retrying = tenacity.Retrying(
        retry=tenacity.retry_if_exception(lambda error: getattr(error, "cause", None) == _PASSES),
        stop=tenacity.stop_after_attempt(ATTEMPTS),
        wait=tenacity.wait_exponential(multiplier=1, min=1, max=4),
        sleep=pause,
        before_sleep=again,
        reraise=True,
    )
    try:
        return str(retrying(undo, act.undo, workshop, cut_off=act.cut_off))
    except RolloutError as error:
        if error.cause == _PASSES:
            workshop.given_up.add(server)
        raise


def essential(acts: tuple[Act, ...]) -> tuple[Act, ...]:
    """Leave out what goes with something larger that goes as well.

    The state of a folder with the folder; processes with their container; a role with its server (a server of ours that
    does not start again would otherwise keep its role owed for ever).
    """
    folders = {act.undo["path"] for act in acts if act.undo["kind"] == "directory"}
    containers = {act.undo["name"] for act in acts if act.undo["kind"] == "container"}
    made = (act.undo for act in acts if act.undo["kind"] in {"container", "embedded"})
    servers = {undo["server"] for undo in made if "server" in undo}

    def goes_anyway(undo: Mapping[str, Any]) -> bool:
        return (
            (undo["kind"] == "state" and undo["directory"] in folders)
            or (undo["kind"] == "processes" and undo["forge"].get("name") in containers)
            or (undo["kind"] == "role" and undo["server"] in servers)
        )

    return tuple(act for act in acts if not goes_anyway(act.undo))
