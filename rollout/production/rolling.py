"""Replaces one release by another, instance by instance, and takes the new one back when it is bad.

It starts, checks, then switches, as Kamal and Argo Rollouts do. They leave migrations to the user; this does not:

1. The migrations of the new release run once, before any of its instances.
2. For each old instance a new one is started. It has to be ready and to answer its safe pages, and gets requests. Then
   the old one is drained and stopped.
   What was killed from outside says nothing about the release. So a migrate command or a new instance that was killed,
   or that the engine could not start, gets a second start.
3. Every new instance is observed for a while. Failed answers, its end, or memory near its limit take it back.

Until the last old instance has been stopped, taking back means that new instances are drained. Afterwards old
instances are started again first.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

import httpx

from rollout.application import APPLICATION
from rollout.errors import EngineFailed, PhaseFailed, RolloutError
from rollout.journal.events import production
from rollout.production.fleet import Fleet
from rollout.production.instances import CONTAINER_BYTES, KILLED, Instance
from rollout.production.migrator import MigrationFailed, migrate, versions
from rollout.production.release import Release

OBSERVE_SECONDS = 5.0
"""How long a new instance is observed with requests on it before the next old one is replaced."""
FAILED_ANSWERS = 3
"""So many answers 5xx of a new instance while it is observed take it back."""
OUTAGE_SECONDS = 15.0
"""While no instance is ready, neither a new nor an old one, a roll waits so long for what all of them need."""
MEMORY_SHARE = 0.8
"""A new instance that uses more of its memory limit is taken back."""
_ASKED = 3  # times that each safe page is requested before an instance gets requests of others
_LOOK = 0.25


class BadRelease(PhaseFailed):
    """A release was taken back. `step` says what has noticed it: migrate, start, pages or observation."""

    def __init__(self, *, step: str, message: str, cause: str = "bad_release", is_outside: bool = False) -> None:
        """`is_outside`: it was killed, or the engine failed. Another start may succeed."""
        self.step, self.is_outside = step, is_outside
        super().__init__(message, cause=cause, advice="The old release serves as before. Mend the new one.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Roll:
    """How a release was replaced. `applied` are the migrations that ran."""

    old: str
    new: str
    seconds: float
    applied: tuple[str, ...]


def roll(fleet: Fleet, old: Release, new: Release, *, migrates: bool = True, observe: float = OBSERVE_SECONDS) -> Roll:
    """Replace every instance of `old` by one of `new`. Raises BadRelease after `new` was taken back.

    `migrates`: whether the migrations of `new` run first. `observe`: seconds for each new instance.
    """
    began = time.monotonic()
    fleet.releases |= {old.label: old, new.label: new}
    fleet.mark(f"roll {old.label} → {new.label}")
    replaced: list[str] = []
    try:
        applied = _migrate(fleet, new) if migrates else ()
        for instance in fleet.serving(old):
            name = f"{new.label}{instance.name.removeprefix(old.label)}"
            _establish(fleet, name, new, observe)
            fleet.retire(instance.name)
            replaced.append(instance.name)
    except RolloutError as error:
        _take_back(fleet, old, new, replaced)
        bad = error if isinstance(error, BadRelease) else BadRelease(step="roll", message=error.message,
                                                                     cause=error.cause or "unknown")  # fmt: skip
        _finished(fleet, Roll(old=old.label, new=new.label, seconds=_since(began), applied=()), bad)
        raise bad from error
    done = Roll(old=old.label, new=new.label, seconds=_since(began), applied=applied)
    _finished(fleet, done, None)
    return done


def _migrate(fleet: Fleet, new: Release) -> tuple[str, ...]:
    fleet.mark(f"migrations of {new.label}")
    try:
        return fleet.step.retrying(lambda: _migrate_twice(fleet, new))  # if the database does not answer
    except PhaseFailed as error:
        raise BadRelease(step="migrate", message=error.message, cause=error.cause or "unknown") from error
    finally:
        fleet.mark(f"migrations of {new.label} ended")


def _migrate_twice(fleet: Fleet, new: Release) -> tuple[str, ...]:
    """A command that was killed runs again. Each migration is a transaction or fails the second time."""
    before = versions(fleet.step)
    try:
        return migrate(fleet.step, fleet.host, new, fleet.settings)
    except MigrationFailed as error:
        if not error.is_killed:
            raise
    fleet.mark(f"migrations of {new.label} a second time")
    migrate(fleet.step, fleet.host, new, fleet.settings)
    return tuple(version for version in versions(fleet.step) if version not in before)


def _establish(fleet: Fleet, name: str, new: Release, observe: float) -> None:
    """Bring an instance up and observe it, a second time if the first one was ended from outside."""
    try:
        _bring_up(fleet, name, new)
        _observe(fleet, name, observe)
    except BadRelease as error:
        if not error.is_outside:
            raise
        fleet.mark(f"{name} is started a second time")
        if name in fleet.instances:
            fleet.retire(name)
        _bring_up(fleet, name, new)
        _observe(fleet, name, observe)


def _bring_up(fleet: Fleet, name: str, new: Release) -> None:
    """Start an instance, request its safe pages, and let it get requests."""
    try:
        instance = fleet.start(name, new)
    except (PhaseFailed, EngineFailed) as error:
        raise BadRelease(step="start", message=error.message, cause=error.cause or "unknown",
                         is_outside=isinstance(error, EngineFailed) or _is_killed(fleet, name)) from error  # fmt: skip
    wrong = failing_pages(fleet, instance)
    if wrong:
        raise BadRelease(step="pages", message=f"{name} is ready, but {wrong}.")
    fleet.admit(instance)


def failing_pages(fleet: Fleet, instance: Instance) -> str:
    """What the safe pages of an instance answer that they should not; "" if each answers below 500 three times."""
    with instance.client(fleet.settings["PHX_HOST"], timeout=10) as client:
        for path in APPLICATION.safe_paths * _ASKED:
            try:
                answer = client.get(path)
            except httpx.HTTPError as error:
                return f"GET {path} ends with {type(error).__name__}: {error}"
            if answer.status_code >= 500:
                return f"GET {path} answers {answer.status_code}"
    return ""


def _is_killed(fleet: Fleet, name: str) -> bool:
    return name in fleet.instances and fleet.host.exit_code(name) in KILLED


def _observe(fleet: Fleet, name: str, seconds: float) -> None:
    """Watch an instance that gets requests. Raises BadRelease."""
    until, before = time.monotonic() + seconds, fleet.proxy.statuses()[name]
    no_longer, is_outage = until + OUTAGE_SECONDS, False
    while time.monotonic() < until or is_outage:
        if not fleet.host.is_running(name):
            raise BadRelease(step="observation", message=f"{name} has ended while it got requests.",
                             is_outside=_is_killed(fleet, name))  # fmt: skip
        everybody = fleet.proxy.statuses()
        now = everybody[name]
        failed = (now.answers_5xx - before.answers_5xx) + (now.response_errors - before.response_errors)
        if failed >= FAILED_ANSWERS:
            raise BadRelease(step="observation", message=f"{name} has failed {failed} requests.")
        if now.requests < before.requests:
            before = now  # the proxy has started again and counts from zero
        # If nobody is ready, what all of them need is gone, such as the database.
        is_outage = all(each.is_down for each in everybody.values()) and time.monotonic() < no_longer
        if now.is_down and not is_outage:
            raise BadRelease(step="observation", message=f"{name} is not ready any more ({now.status}, {now.check}).")
        used = fleet.host.memory(name)
        if used is not None and used > MEMORY_SHARE * CONTAINER_BYTES:
            raise BadRelease(
                step="observation",
                message=f"{name} uses {used / 1e6:.0f} MB of its {CONTAINER_BYTES / 1e6:.0f} MB.",
                cause="out_of_memory",
            )
        time.sleep(_LOOK)


def _take_back(fleet: Fleet, old: Release, new: Release, replaced: list[str]) -> None:
    """Start the old instances that are gone or have ended, let them get requests, and remove the new ones."""
    fleet.mark(f"taking {new.label} back")
    ended = [each.name for each in fleet.serving(old) if not fleet.host.is_running(each.name)]
    for name in ended:
        fleet.retire(name)
    for name in (*replaced, *ended):
        fleet.admit(fleet.start(name, old))
    for instance in fleet.serving(new):
        fleet.retire(instance.name)
    fleet.mark(f"{new.label} taken back")


def _finished(fleet: Fleet, done: Roll, error: BadRelease | None) -> None:
    fleet.step.site.run.journal.tell(
        production.RollFinished(
            **fleet.step.where,
            old=done.old,
            new=done.new,
            outcome="taken_back" if error else "replaced",
            seconds=done.seconds,
            cause=(error.cause or "") if error else "",
            message=error.message[:1000] if error else "",
        )
    )


def _since(began: float) -> float:
    return round(time.monotonic() - began, 3)
