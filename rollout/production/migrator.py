"""Runs the migrations of a release once, and stops them when statements of the application wait for them too long."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import psycopg

from rollout.application import APPLICATION
from rollout.diagnosis import classify
from rollout.errors import PhaseFailed
from rollout.journal.events import production
from rollout.migrations.health import applied_versions
from rollout.phases.step import Step
from rollout.process import Outcome, Request
from rollout.production.instances import KILLED, Ended, InstanceHost
from rollout.production.logs import keep_log
from rollout.production.release import Release
from rollout.site.postgres import Connection, DatabaseServer

COMMAND = "migrate"
"""The release's own command. A release without it is migrated by Ecto.Migrator through `eval`."""
WAIT_LIMIT = 2.0
"""Seconds that a statement may wait for a migration before the migration is stopped."""
DEADLINE = 300.0
_LOOK = 0.05
_EVAL = (
    "Application.load(:{app}); for repo <- Application.fetch_env!(:{app}, :ecto_repos), "
    "do: {{:ok, _, _}} = Ecto.Migrator.with_repo(repo, &Ecto.Migrator.run(&1, {direction}))"
)
_BLOCKERS = """
SELECT DISTINCT blocker.pid, left(waiting.query, 200), extract(epoch FROM clock_timestamp() - waiting.query_start)
FROM pg_stat_activity AS waiting
CROSS JOIN LATERAL unnest(pg_blocking_pids(waiting.pid)) AS holder
JOIN pg_stat_activity AS blocker ON blocker.pid = holder
WHERE waiting.datname = %(database)s AND waiting.wait_event_type = 'Lock'
  AND waiting.backend_start < %(since)s AND blocker.backend_start >= %(since)s
  AND clock_timestamp() - waiting.query_start > make_interval(secs => %(limit)s)
"""


class MigrationFailed(PhaseFailed):
    """The migrate command has failed, or was stopped because it blocked the application.

    `is_killed`: SIGKILL from outside has ended it.
    """

    is_killed = False


def migrate(
    step: Step, host: InstanceHost, release: Release, settings: Mapping[str, str], *, name: str = ""
) -> tuple[str, ...]:
    """Run the release's migrations; returns the versions that were applied. Raises MigrationFailed.

    `name` is that of the command's container or process, `b-migrate` for release `b` unless another one is given.
    A statement of the application that waits for them longer than WAIT_LIMIT ends them.
    """
    before, name = versions(step), name or f"{release.label}-migrate"
    env = release.command_settings(settings)
    with guarded(step.site.database, step.site.databases["prod"]) as guard:
        ended = host.run_once(name, release, command(release), env, deadline=min(DEADLINE, step.remaining))
    applied = tuple(version for version in versions(step) if version not in before)
    message = guard.verdict or ("" if ended.exit_code == 0 else reason(ended))
    keep_log(step.site.run, f"{name}-{time.time_ns()}", ended.log)
    step.site.run.journal.tell(
        production.MigrationsRan(
            **step.where,
            release=release.label,
            outcome="failed" if message else "passed",
            seconds=round(ended.seconds, 3),
            applied=applied,
            message=message[:2000],
        )
    )
    if message:
        text = step.site.run.redactor.text(ended.log.decode("utf-8", "replace"))
        request = Request(argv=command(release), label="the release's migrate command", cwd=Path("/"))
        found = classify(Outcome(request=request, exit_code=ended.exit_code, seconds=ended.seconds, tail=text))
        failed = MigrationFailed(
            f"The migrations of release {release.label} have failed: {message}",
            cause="migration_blocks" if guard.verdict else found.cause,
            advice="Nothing was replaced. Read the migration's log in the run's report folder.",
        )
        failed.is_killed = ended.exit_code in KILLED and not ended.was_killed and not guard.verdict
        raise failed
    return applied


def versions(step: Step) -> tuple[str, ...]:
    """The versions in the production database's schema_migrations, oldest first; none without the table."""
    with step.site.database.connect(step.site.databases["prod"]) as connection:
        return tuple(map(str, applied_versions(connection).get("public", ())))


@dataclass(slots=True)
class _Guard:
    """Ends migrations that block. `verdict` says why, "" as long as nothing was ended."""

    verdict: str = ""
    ended: threading.Event = field(default_factory=threading.Event)


@contextlib.contextmanager
def guarded(server: DatabaseServer, database: str) -> Iterator[_Guard]:
    """End every backend that began in the block and that an older one waits for longer than WAIT_LIMIT."""
    guard = _Guard()
    with server.connect(database) as connection:
        since = connection.execute("SELECT clock_timestamp()").fetchone()
        watcher = threading.Thread(target=_watch, args=(guard, connection, database, since[0] if since else None))
        watcher.start()
        try:
            yield guard
        finally:
            guard.ended.set()
            watcher.join()


def _watch(guard: _Guard, connection: Connection, database: str, since: object) -> None:
    """End the backend that others wait for. Runs in a thread until the migrate command has ended."""
    values = {"database": database, "since": since, "limit": WAIT_LIMIT}
    with contextlib.suppress(psycopg.Error):  # without a server there is no lock to watch; the command says so itself
        while not guard.ended.wait(_LOOK):
            for pid, query, waited in connection.execute(_BLOCKERS, values).fetchall():
                guard.verdict = guard.verdict or (
                    f"a statement of the application had waited {waited:.1f} s for them, more than {WAIT_LIMIT:.0f} s: "
                    f"{' '.join(query.split())}"
                )
                connection.execute("SELECT pg_terminate_backend(%s)", (pid,))


def command(release: Release, *, back_to: int | None = None) -> tuple[str, ...]:
    """The command that runs all migrations, or undoes every one that is later than the version `back_to`."""
    if release.has_command(COMMAND):
        return (f"{release.root}/bin/{COMMAND}", *(("rollback", str(back_to)) if back_to is not None else ()))
    direction = ":up, all: true" if back_to is None else f":down, to_exclusive: {back_to}"
    return (release.program, "eval", _EVAL.format(app=APPLICATION.app, direction=direction))


def reason(ended: Ended) -> str:
    """Why a migrate command has failed, in one line."""
    lines = [line.strip() for line in ended.log.decode("utf-8", "replace").splitlines() if line.strip()]
    wrong = next((line for line in reversed(lines) if line.startswith("**")), lines[-1] if lines else "no output")
    how = "it did not end in time and was killed" if ended.was_killed else f"exit code {ended.exit_code}"
    return f"{how}: {wrong[:500]}"
