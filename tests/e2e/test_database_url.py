"""`--database=URL`: on a server of the user only our role and databases are created and removed."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest
from psycopg import sql

from rollout.journal import Journal, Redactor
from rollout.site.postgres import EmbeddedServer, EmbeddedUnavailable
from tests.e2e.conftest import Rehearsed
from tests.e2e.world import World, free_port

PASSWORD = f"boss-{secrets.token_hex(8)}"
OURS = {("ROLE", "xavos"), ("DATABASE", "xavos_dev"), ("DATABASE", "xavos_test")}
# Names that a pattern for our names would match.
ROLES = ("xavos2", "xavos_dev", "xavo", "held")
DATABASES = ("xavos", "xavos_dev2", "xavos_tes", "taken_dev")
_CHANGES = re.compile(
    r'LOG:  (?:statement|execute [^:]*):\s+(?:CREATE|DROP|ALTER|COMMENT ON) (DATABASE|ROLE)(?: IF EXISTS)? "?(\w+)'
)
# Every role with its rights and membership, every database with its owner and rights: a line each, with object ids.
_FACTS = """
SELECT format('role %s %s', r::text, shobj_description(r.oid, 'pg_authid')) FROM pg_authid r
UNION ALL SELECT format('member %s', m::text) FROM pg_auth_members m
UNION ALL SELECT format('setting %s', s::text) FROM pg_db_role_setting s
UNION ALL SELECT format('database %s %s %s %s', oid, datname, datdba, datacl) FROM pg_database
"""

pytestmark = pytest.mark.timeout(600)


class Theirs:
    """A server of the user. Its administrator may create databases and roles, but is no superuser."""

    def __init__(self, server: EmbeddedServer) -> None:
        self.server = server
        self.url = f"postgresql://boss:{PASSWORD}@127.0.0.1:{server.port}/postgres"

    def prepare(self) -> None:
        with self.server.connect() as connection:
            connection.execute("ALTER SYSTEM SET log_statement = 'ddl'")
            connection.execute("SELECT pg_reload_conf()")
            connection.execute(f"CREATE ROLE boss LOGIN CREATEDB CREATEROLE PASSWORD '{PASSWORD}'")
            for role in ROLES:
                connection.execute(sql.SQL("CREATE ROLE {} LOGIN CREATEDB").format(sql.Identifier(role)))
            for name in DATABASES:
                connection.execute(sql.SQL("CREATE DATABASE {} OWNER xavos2").format(sql.Identifier(name)))
        for name in DATABASES:
            with self.server.connect(name) as connection:
                connection.execute("CREATE TABLE precious AS SELECT n, md5(n::text) FROM generate_series(1, 100) n")

    def facts(self) -> frozenset[str]:
        """All facts of the server."""
        with self.server.connect() as connection:
            found = {str(row[0]) for row in connection.execute(sql.SQL(_FACTS))}
        for name in (*DATABASES, "postgres"):
            with self.server.connect(name) as connection:
                tables = connection.execute("SELECT oid, relname, relowner, relacl FROM pg_class WHERE oid > 16383")
                found |= {f"table {name} {row}" for row in tables}
                if name in DATABASES:
                    rows = connection.execute("SELECT xmin, ctid, p.* FROM precious p")
                    found |= {f"row {name} {row}" for row in rows}
        return frozenset(found)

    def log(self) -> str:
        return (self.server.folder / "server.log").read_text(errors="replace")


@pytest.fixture(scope="module")
def theirs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Theirs]:
    folder, run = tmp_path_factory.mktemp("theirs"), f"theirs-{secrets.token_hex(4)}"
    journal = Journal(folder / "journal.jsonl", run=run, redactor=Redactor())
    try:
        server = EmbeddedServer(run=run, folder=folder / "postgres", journal=journal)
    except EmbeddedUnavailable as error:
        journal.close()
        pytest.skip(f"no PostgreSQL to stand for the user's own: {error}")
    try:
        server.start()
        found = Theirs(server)
        found.prepare()
        yield found
    finally:
        server.stop()
        journal.close()


def _assert_secret_is_nowhere(world: World) -> None:
    for path in (path for path in world.reports.rglob("*") if path.is_file()):
        assert PASSWORD not in path.read_text(errors="replace"), path


def test_the_path_deploys_in_a_server_of_the_users_and_leaves_it_as_it_was(
    rehearsed: Rehearsed, world: World, theirs: Theirs
) -> None:
    """Every phase passes. The server's log names only our role and databases. Afterwards all is as before."""
    rehearsed.needs("server")
    before, seen, logged = theirs.facts(), world.seen(), len(theirs.log())
    ended = world.run("--forge=container", f"--database={theirs.url}")
    assert ended.code == 0, ended.output[-4000:]
    path = world.verdict()["paths"]["realistic"]
    assert world.verdict()["database"]["kind"] == "url"
    assert (path["outcome"], path["residue"], path["checks"]["failed"]) == ("deployed", [], 0)
    assert {(phase["outcome"], phase["rollback"]["outcome"]) for phase in path["phases"]} == {("passed", "restored")}
    assert before == theirs.facts()
    assert seen == world.seen()
    assert set(_CHANGES.findall(theirs.log()[logged:])) == OURS
    _assert_secret_is_nowhere(world)


def test_a_run_killed_with_databases_in_it_is_recovered(rehearsed: Rehearsed, world: World, theirs: Theirs) -> None:
    """After SIGKILL with role, databases and XAVOS, recovery removes ours from the server."""
    rehearsed.needs("server")
    before, seen = theirs.facts(), world.seen()
    killed = world.run("-k", "phase_passed", f"--database={theirs.url}", SABOTAGE="server:kill:end:1")
    assert killed.code == -9, killed.output[-4000:]
    assert before < theirs.facts()
    recovered = world.run("--recover")
    assert recovered.code == 0, recovered.output
    assert before == theirs.facts()
    assert seen == world.seen()
    _assert_secret_is_nowhere(world)


@pytest.mark.parametrize(("name", "what"), [("held", "database role held"), ("taken", "database taken_dev")])
def test_an_existing_role_or_database_is_refused(
    cache: Path, world: World, theirs: Theirs, name: str, what: str
) -> None:
    """A role or database of the user with our name: the run is refused and changes nothing."""
    before, seen = theirs.facts(), world.seen()
    ended = world.run("--forge=container", f"--database={theirs.url}", f"--name={name}")
    path = world.verdict()["paths"]["realistic"]
    assert ended.code == 1
    assert (path["outcome"], path["checks"]["failed"]) == ("refused", 1), ended.output[-4000:]
    assert what in " ".join(path["failure"]["message"].split())
    assert before == theirs.facts()
    assert seen == world.seen()


@pytest.mark.parametrize(
    ("change", "cause"),
    [
        ("wrong password", "database_denied"),
        ("nobody listens", "database_unreachable"),
        ("no rights", "database_denied"),
    ],
)
def test_a_server_that_cannot_be_used_is_one_clear_error(
    cache: Path, world: World, theirs: Theirs, change: str, cause: str
) -> None:
    """The first check fails with the cause, all others are blocked, and nothing has changed."""
    url = {
        "wrong password": theirs.url.replace(PASSWORD, "wrong-password"),
        "nobody listens": theirs.url.replace(f":{theirs.server.port}/", f":{free_port()}/"),
        "no rights": theirs.url,
    }[change]
    if change == "no rights":
        with theirs.server.connect() as connection:
            connection.execute("ALTER ROLE boss NOCREATEDB")
    try:
        before, seen = theirs.facts(), world.seen()
        ended = world.run("--forge=container", f"--database={url}")
        after = theirs.facts()
    finally:
        with theirs.server.connect() as connection:
            connection.execute("ALTER ROLE boss CREATEDB")
    path = world.verdict()["paths"]["realistic"]
    assert ended.code == 1
    assert path["failure"]["cause"] == cause, ended.output[-4000:]
    assert path["checks"]["failed"] == 1
    assert path["residue"] == []
    assert {phase["outcome"] for phase in path["phases"][1:]} <= {"blocked"}
    assert before == after
    assert seen == world.seen()
    assert "wrong-password" not in ended.output
    _assert_secret_is_nowhere(world)
