"""Fetches what mix.lock says, and explains a lock that does not fit mix.exs."""

from __future__ import annotations

from rollout.diagnosis import ADVICE
from rollout.errors import PhaseFailed
from rollout.hex import dependency_facts, lock_changes, lockfile
from rollout.phases.step import Step
from rollout.process import Outcome

LOCK = "mix.lock"
CAUSE = "lock_outdated"


class LockOutdated(PhaseFailed):
    """mix.lock does not fit mix.exs. `changes` says what `mix deps.get` would write."""

    def __init__(self, *, package: str | None, changes: tuple[str, ...], outcome: Outcome) -> None:
        what = "; ".join(changes) or "the log says what"
        super().__init__(
            f"mix.lock does not fit mix.exs: {what}.",
            cause=CAUSE,
            package=package,
            advice=ADVICE[CAUSE],
            log=outcome.log,
        )


def fetch(step: Step) -> None:
    """`mix deps.get --check-locked`. Raises LockOutdated, PhaseFailed."""
    step.retrying(lambda: _fetch(step))


def _fetch(step: Step) -> None:
    command = ("mix", "deps.get", "--check-locked")
    outcome, wrong = step.attempt(*command, label="mix deps.get --check-locked", deadline=900)
    if outcome.ok:
        return
    error = wrong()
    if error.cause != CAUSE:
        raise error
    before = lockfile.read(step.site.file(LOCK))
    # The phase has failed, so its rollback removes what this fetches.
    step.run("mix", "deps.get", label="mix deps.get, to see what it changes", deadline=300)
    package, changes = what_changes(before, lockfile.read(step.site.file(LOCK)))
    raise LockOutdated(package=package, changes=changes, outcome=outcome)


def what_changes(before: lockfile.Lock, after: lockfile.Lock) -> tuple[str | None, tuple[str, ...]]:
    """The first package that differs between two locks, and a clause for each."""
    found = lock_changes.changes(before, after)
    changed = (*found.added, *found.upgraded, *found.downgraded, *found.moved, *found.removed)
    same = [name for name in before if name in after and before[name].version == after[name].version]
    replaced = [name for name in same if before[name].outer_checksum != after[name].outer_checksum]
    names = (*(change.package for change in changed), *replaced)
    clauses = (f"{name} {after[name].version} has another checksum at the source" for name in replaced)
    return next(iter(names), None), (*(change.sentence() for change in changed), *clauses)


def record_packages(step: Step) -> None:
    """Record all locked packages for the report: version, size, licences."""
    lock = lockfile.read(step.site.file(LOCK))
    step.facts["packages"] = [
        {"name": name, "requirement": "", "version": entry.version, "seconds": None,
         "size": dependency_facts.size(sources), "licences": dependency_facts.licences(sources)}
        for name, entry in lock.items()
        for sources in (step.site.file(f"deps/{name}"),)
        if sources.is_dir()
    ]  # fmt: skip
