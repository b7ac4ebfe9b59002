"""Runs the migrations of a project forward, back as far as they go, and forward again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from rollout.diagnosis import ADVICE, classify
from rollout.errors import PhaseFailed
from rollout.migrations.health import applied_versions
from rollout.phases.step import Step
from rollout.process import Outcome
from rollout.site import postgres
from rollout.site.site import Site
from rollout.site.views import CheckedSite

_LEDGER = "table public.schema_migrations"


@dataclass(frozen=True, slots=True, kw_only=True)
class BackAndForth:
    """What going back and forth has shown.

    `applied` and `reverted` count versions in all databases. `stopped_at` names the migration that did not go back,
    with its error; "" if every one did. `drift`: how the schema after it differs from that before. `left`: what of the
    schema is still there with no migration applied.
    """

    applied: int
    reverted: int
    stopped_at: str = ""
    drift: tuple[str, ...] = ()
    left: tuple[str, ...] = ()


class IrreversibleMigration(PhaseFailed):
    """A migration cannot be rolled back, and with it none before it."""

    def __init__(self, *, stopped_at: str, reverted: int, applied: int) -> None:
        super().__init__(
            f"{reverted} of {applied} migrations were rolled back; then {stopped_at}",
            cause="migration_irreversible",
            advice=ADVICE["migration_irreversible"],
        )


def forward(step: Step) -> None:
    """Run every migration. Raises PhaseFailed."""
    step.must_retrying("mix", "ecto.migrate", label="mix ecto.migrate", deadline=600)


def back_and_forth(step: Step) -> BackAndForth:
    """Roll back as far as the migrations go, migrate again, and compare. Raises PhaseFailed if forward fails."""
    site = step.site
    before, schemas = versions(site), _schemas(site)
    outcome = step.run("mix", "ecto.rollback", "--all", label="mix ecto.rollback --all", deadline=600)
    lower = versions(site)
    left = () if any(lower.values()) else _own_left(site)
    stopped_at = "" if outcome.ok else _stopped_at(site, lower, outcome)
    step.must("mix", "ecto.migrate", label="mix ecto.migrate, again", deadline=600)
    after = _schemas(site)
    drift = tuple(line for name in schemas for line in postgres.differences(schemas[name], after[name]))
    applied = sum(map(len, before.values()))
    return BackAndForth(applied=applied, reverted=applied - sum(map(len, lower.values())), stopped_at=stopped_at,
                        drift=drift, left=left)  # fmt: skip


def versions(site: CheckedSite) -> Mapping[str, tuple[int, ...]]:
    """Name of a development database → the versions of its migrations that are applied."""
    found = {}
    for name in _databases(site):
        with site.database.connect(name) as connection:
            found[name] = tuple(version for own in applied_versions(connection).values() for version in own)
    return found


def files_of(application: Path) -> tuple[tuple[int, str], ...]:
    """(version, path below the application) of every migration in its sources, oldest first."""
    patterns = ("priv/*/migrations/**/*.exs", "apps/*/priv/*/migrations/**/*.exs")
    found = (path for pattern in patterns for path in application.glob(pattern))
    numbered = ((path.name.partition("_")[0], str(path.relative_to(application))) for path in found)
    return tuple(sorted((int(start), path) for start, path in numbered if start.isdigit()))


def _stopped_at(site: Site, lower: Mapping[str, tuple[int, ...]], outcome: Outcome) -> str:
    """The newest migration that is still applied, and why it was not rolled back."""
    newest = max((version for own in lower.values() for version in own), default=0)
    name = Path(dict(files_of(site.application)).get(newest, str(newest))).name
    return f"{name}: {classify(outcome).message}"


def _schemas(site: Site) -> Mapping[str, Mapping[str, str]]:
    found = {}
    for name in _databases(site):
        with site.database.connect(name) as connection:
            found[name] = postgres.schema(connection)
    return found


def _own_left(site: Site) -> tuple[str, ...]:
    """The tables that no migration has removed, though none is applied."""
    return tuple(fact for own in _schemas(site).values() for fact in own
                 if fact.startswith("table ") and fact != _LEDGER)  # fmt: skip


def _databases(site: CheckedSite) -> tuple[str, ...]:
    return tuple(name for purpose, name in site.databases.items() if purpose.startswith("dev"))
