"""Checks of the databases of the deployment: owner, encoding, rights, and that no other is used."""

from __future__ import annotations

import psycopg
import pytest

from deploy_tests.support.commands import Ask
from rollout.phases.phase import PhaseResult
from rollout.site import postgres
from rollout.site.postgres import queries
from rollout.site.postgres.login import open_connection
from rollout.site.views import CheckedSite

pytestmark = [pytest.mark.phase("app_database"), pytest.mark.timeout(120)]


def test_database_phase_passed(phase: PhaseResult) -> None:
    """The application's own configuration leads to the databases of this deployment, which exist."""
    phase.require()


def test_psycopg_reaches_the_database_as_the_application_would(dev_database: postgres.Connection) -> None:
    assert dev_database.execute("SELECT 1").fetchone() == (1,)


def test_the_database_is_in_utf8(dev_database: postgres.Connection, site: CheckedSite) -> None:
    assert queries.encoding(dev_database, site.databases["dev"]) == "UTF8"


def test_every_database_belongs_to_the_role_of_the_deployment(
    dev_database: postgres.Connection, site: CheckedSite
) -> None:
    names = [name for purpose, name in site.databases.items() if purpose.startswith("dev")]
    assert {name: queries.owner(dev_database, name) for name in names} == dict.fromkeys(names, site.role)


def test_the_role_may_connect_and_create_tables(dev_database: postgres.Connection, site: CheckedSite) -> None:
    assert queries.rights(dev_database, site.role) >= {"connect", "create", "create in public"}


def test_the_role_is_no_superuser(dev_database: postgres.Connection, site: CheckedSite) -> None:
    """A migration that needs one would fail in production."""
    assert queries.rights(dev_database, site.role).isdisjoint({"superuser", "create roles"})


def test_a_wrong_password_is_refused(dev_database: postgres.Connection, site: CheckedSite) -> None:
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        open_connection(host=site.database.host, port=site.database.port, user=site.role, password="not the password",
                        dbname=site.databases["dev"], connect_timeout=5)  # fmt: skip


def test_creating_it_again_changes_nothing(ask: Ask, site: CheckedSite) -> None:
    before = site.database_digest(site.databases["dev"])
    again = ask("mix", "ecto.create", label="create the database again", repeatable=True)
    assert again.ok, again.tail
    assert site.database_digest(site.databases["dev"]) == before
