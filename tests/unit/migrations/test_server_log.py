"""Errors in the log of a PostgreSQL server, with and without SQLSTATEs."""

from __future__ import annotations

from rollout.migrations.server_log import count_errors, errors_in

LOG = """2026-01-01 10:00:00 UTC [12] ERROR:  cached plan must not change result type
2026-01-01 10:00:00 UTC [12] STATEMENT:  SELECT column "x" does not exist
2026-01-01 10:00:00 UTC [13] ERROR:  column u0.age does not exist at character 8
2026-01-01 10:00:00 UTC [13] ERROR:  relation "users" does not exist at character 15
2026-01-01 10:00:00 UTC [14] FATAL:  sorry, too many clients already
2026-01-01 10:00:00 UTC [15] 42703 app ERROR:  Spalte existiert nicht
2026-01-01 10:00:00 UTC [16] ERROR:  53300: too many connections for role "app"
2026-01-01 10:00:00 UTC [16] ERROR:  duplicate key value violates unique constraint "users_pkey"
2026-01-01 10:00:00 UTC [17] LOG:  checkpoint starting: time
"""


def test_errors_of_code_that_does_not_fit_are_counted_with_and_without_sqlstates() -> None:
    assert {"0A000": 1, "42703": 2, "42P01": 1, "53300": 2} == count_errors(LOG)


def test_every_error_is_found_with_its_number() -> None:
    found = errors_in(f"{LOG}{LOG}2026-01-01 10:00:00 UTC [18] PANIC:  could not write to file\n")
    assert found["cached plan must not change result type"] == 2
    assert found["could not write to file"] == 1
    assert not [message for message in found if "checkpoint" in message or "STATEMENT" in message]


def test_what_belongs_to_a_good_upgrade_is_no_error() -> None:
    """A migration is tried again (app/lib/xavos/release.ex), and a name that is taken is told to whoever wants it."""
    assert errors_in("[1] ERROR:  canceling statement due to lock timeout\n") == {}
    assert errors_in('[1] ERROR:  duplicate key value violates unique constraint "agents_name"\n') == {}
    assert errors_in('[1] ERROR:  null value in column "due" of relation "work" violates not-null constraint\n') != {}
    assert errors_in("[1] ERROR:  canceling statement due to statement timeout\n") != {}
