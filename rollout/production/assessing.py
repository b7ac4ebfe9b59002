"""Assesses the migrations of a release before they run: by rules, and on copies of the production database."""

from __future__ import annotations

import itertools
import shutil
from collections.abc import Sequence

from rollout.migrations.assessment import Assessment
from rollout.migrations.operations import Migration
from rollout.migrations.reader import read_migrations
from rollout.migrations.rule import Settings
from rollout.phases.step import Step
from rollout.process import Outcome
from rollout.production.assessed import Assessed
from rollout.production.deployed import Deployed
from rollout.production.instances import Ended
from rollout.production.logs import keep_log
from rollout.production.migrator import COMMAND, DEADLINE, MigrationFailed, command, reason, versions
from rollout.production.release import Release
from rollout.site.forge import TEMPORARY

MIGRATORS = 3
"""How many migrate commands are started at once."""
_SCRATCH = f"{TEMPORARY}/migrations"
_FOLDER = "priv/repo/migrations"


def assess(step: Step, deployed: Deployed, release: Release, *, rows: int) -> Assessed:
    """Judge the migrations of a release, and run them on copies of the production database with `rows` rows in a table.

    The production database is only read. A migration that fails on a copy is a finding and no error.
    Raises MigrationsUnread, DumpUnavailable.
    """
    site, host, numbers = step.site, deployed.host_on(step), itertools.count(1)
    applied = frozenset(int(version) for version in versions(step))

    def run(argv: tuple[str, ...], database: str) -> None:
        name = f"{release.label}-migrate-{next(numbers)}"
        url = site.database.url(user=site.role, password=site.settings["PGPASSWORD"], database=database)
        env = release.command_settings({**deployed.settings, "DATABASE_URL": url})
        ended = host.run_once(name, release, argv, env, deadline=min(DEADLINE, step.remaining))
        keep_log(site.run, name, ended.log)
        _require_success(ended, database)

    assessment = Assessment(
        server=site.database,
        database=site.databases["prod"],
        owner=site.role,
        run=site.run.id,
        path=step.plan.name,
        act=step.act,
        record=site.run.journal.record,
        migrations=_read(step),
        # The release's own command gives a statement up that waits too long for a lock.
        settings=Settings(server_major=int(site.database.version.partition(".")[0]), applied=applied,
                          lock_timeout=release.has_command(COMMAND)),
        migrate=lambda database: run(command(release), database),
        roll_back=lambda database: run(command(release, back_to=max(applied, default=0)), database),
        rows=rows,
    )  # fmt: skip
    return Assessed(
        new=assessment.new,
        findings=assessment.judge(),
        measurement=assessment.measure(),
        reversal=assessment.reverse(),
        several=assessment.race(MIGRATORS),
    )


def _read(step: Step) -> tuple[Migration, ...]:
    scratch = step.site.directory / _SCRATCH
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir(parents=True)
    root = step.site.in_forge.root

    def run(argv: Sequence[str]) -> Outcome:
        return step.run(*argv, label="read the migrations", deadline=120)

    try:
        return read_migrations((str(root / step.site.app / _FOLDER),), run, scratch=scratch, seen=f"{root}/{_SCRATCH}")
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _require_success(ended: Ended, database: str) -> None:
    if ended.exit_code != 0:
        raise MigrationFailed(f"The migrate command has failed on the copy {database}: {reason(ended)}",
                              cause="sql_error", advice="Read its log in the run's report folder.")  # fmt: skip
