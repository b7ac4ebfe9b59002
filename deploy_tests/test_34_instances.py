"""Checks the instances of release A behind the proxy, as the world outside and as operators see them."""

from __future__ import annotations

import time
from collections.abc import Iterator

import httpx
import psutil
import psycopg
import pytest
from psycopg import sql

from deploy_tests.support.production import Runner, direct
from rollout.application import APPLICATION
from rollout.deployment.deployment import Deployment
from rollout.load.profile import INSTANCE_HEADER
from rollout.migrations.health import applied_versions, capacity, invalid_indexes, unvalidated_constraints
from rollout.phases.phase import PhaseResult
from rollout.production.deployed import Deployed
from rollout.production.instances import Instance
from rollout.production.migrator import COMMAND
from rollout.site.views import CheckedSite

pytestmark = [pytest.mark.phase("instances"), pytest.mark.timeout(180)]

READY, LIVE = APPLICATION.ready_path, APPLICATION.live_path
_RECOVERS_WITHIN = 30.0


@pytest.fixture
def fleet(released: Deployed) -> tuple[Instance, ...]:
    return tuple(released.running.instances.values())


@pytest.fixture
def instance(fleet: tuple[Instance, ...]) -> Instance:
    return fleet[0]


@pytest.fixture
def database(site: CheckedSite) -> Iterator[psycopg.Connection[tuple[object, ...]]]:
    with site.database.connect(site.databases["prod"]) as connection:
        yield connection


def test_instances_phase_passed(phase: PhaseResult) -> None:
    phase.require()


def test_the_proxy_answers_on_the_port_of_the_deployment(public: httpx.Client) -> None:
    assert public.get(READY).status_code == 200


def test_every_instance_gets_requests(public: httpx.Client, fleet: tuple[Instance, ...]) -> None:
    answered = {public.get(LIVE).headers[INSTANCE_HEADER] for _ in range(4 * len(fleet))}
    assert answered == {each.name for each in fleet}


def test_an_answer_names_one_instance_only(public: httpx.Client) -> None:
    assert len(public.get(LIVE).headers.get_list(INSTANCE_HEADER)) == 1


def test_the_first_page_answers(public: httpx.Client) -> None:
    assert [public.get(path).status_code for path in APPLICATION.safe_paths] == [200] * len(APPLICATION.safe_paths)


def test_plain_http_is_sent_to_https(instance: Instance, released: Deployed) -> None:
    with direct(instance, host=released.settings["PHX_HOST"], x_forwarded_proto="http") as client:
        answer = client.get("/")
    assert answer.status_code in {301, 302, 307, 308}
    assert answer.headers["location"].startswith("https://")


def test_browsers_are_told_to_stay_with_https(public: httpx.Client) -> None:
    assert "max-age=" in public.get("/").headers.get("strict-transport-security", "")


@pytest.mark.parametrize("path", [READY, LIVE])
@pytest.mark.parametrize("host", ["localhost", "10.0.0.7", "balancer.example.org"])
def test_health_is_never_redirected(instance: Instance, path: str, host: str) -> None:
    with direct(instance, host=host, x_forwarded_proto="http") as client:
        assert client.get(path).status_code == 200


def test_cookies_are_sent_over_https_only(public: httpx.Client) -> None:
    cookies = public.get("/sign-in").headers.get_list("set-cookie")
    assert cookies
    assert not [cookie for cookie in cookies if "secure" not in cookie.lower() or "httponly" not in cookie.lower()]


@pytest.mark.parametrize(("origin", "status"), [("https://{host}", 101), ("https://evil.example.org", 403)])
def test_sockets_accept_our_origin_and_no_other(
    public: httpx.Client, released: Deployed, origin: str, status: int
) -> None:
    headers = {
        "origin": origin.format(host=released.settings["PHX_HOST"]),
        "connection": "Upgrade",
        "upgrade": "websocket",
        "sec-websocket-version": "13",
        "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==",
    }
    with public.stream("GET", "/live/websocket?vsn=2.0.0", headers=headers) as answer:
        assert answer.status_code == status


@pytest.mark.parametrize("path", ["/dev/dashboard", "/dev/mailbox", "/phoenix/live_reload/frame", "/dev"])
def test_pages_of_development_are_gone(public: httpx.Client, path: str) -> None:
    assert public.get(path).status_code == 404


def test_an_error_page_shows_no_code(public: httpx.Client) -> None:
    answer = public.get("/no-such-page-of-the-checks")
    assert answer.status_code == 404
    assert "Elixir" not in answer.text
    assert "plug_code" not in answer.text


def test_digested_files_are_cached_for_ever(public: httpx.Client, deployment: Deployment) -> None:
    if deployment.site.source.kind == "rehearsal":
        pytest.skip("the stand-in for Phoenix names files without their digest")
    page = public.get("/").text
    names = [word for word in page.replace("'", '"').split('"') if word.startswith("/assets/") and "vsn=d" in word]
    assert names
    for name in names:
        answer = public.get(name)
        assert answer.status_code == 200
        assert "max-age=31536000" in answer.headers["cache-control"]


def test_static_files_are_sent_compressed(public: httpx.Client, deployment: Deployment) -> None:
    if deployment.site.source.kind == "rehearsal":
        pytest.skip("the stand-in for Plug sends files as they are")
    page = public.get("/").text
    name = next(word for word in page.split('"') if word.startswith("/assets/") and ".css" in word)
    assert public.get(name, headers={"accept-encoding": "gzip"}).headers.get("content-encoding") == "gzip"


def test_the_root_file_system_cannot_be_written(released: Deployed, runner: Runner) -> None:
    release = released.releases["a"]
    if not release.image:
        pytest.skip("the release runs as a process of this machine")
    assert "Read-only" in runner.shell(release, "touch /app/probe 2>&1; echo").output


def test_only_the_port_of_the_application_is_open(fleet: tuple[Instance, ...]) -> None:
    """No port of Erlang's distribution, no epmd."""
    ports = {each.port for each in fleet}
    owners = {pid for pid, _, port in _listeners() if port in ports}
    assert None not in owners, "the owner of a port cannot be seen"
    assert {port for pid, _, port in _listeners() if pid in owners} == ports


def test_no_instance_listens_to_other_machines(fleet: tuple[Instance, ...], site: CheckedSite) -> None:
    if site.network:
        pytest.skip("the network of the deployment is isolated")
    ports = {each.port for each in fleet}
    found = [(address, port) for _, address, port in _listeners() if port in ports]
    assert {port for _, port in found} == ports
    assert {address for address, _ in found} <= {"127.0.0.1", "::1"}


def test_the_log_holds_no_secret(fleet: tuple[Instance, ...], released: Deployed, runner: Runner) -> None:
    logs = b"".join(runner.host.log(each.name) for each in fleet)
    assert logs
    secrets = [secret for secret in released.settings.values() if len(secret) > 20]
    assert secrets
    assert not [secret for secret in secrets if secret.encode() in logs]


def test_requests_are_logged_on_standard_output(
    public: httpx.Client, fleet: tuple[Instance, ...], runner: Runner
) -> None:
    public.get("/")
    assert b"GET /" in b"".join(runner.host.log(each.name) for each in fleet)


def test_connections_fit_the_server(
    database: psycopg.Connection[tuple[object, ...]], released: Deployed, fleet: tuple[Instance, ...]
) -> None:
    """During an upgrade one more instance runs, and the migrations have a pool of their own."""
    assert capacity(database, [int(released.settings["POOL_SIZE"])] * (len(fleet) + 2)).fits


def test_every_migration_ran_once(database: psycopg.Connection[tuple[object, ...]], released: Deployed) -> None:
    assert tuple(map(str, applied_versions(database)["public"])) == released.releases["a"].migrations


def test_every_index_is_valid(database: psycopg.Connection[tuple[object, ...]]) -> None:
    assert invalid_indexes(database) == ()


def test_every_constraint_is_validated(database: psycopg.Connection[tuple[object, ...]]) -> None:
    assert set(unvalidated_constraints(database)) - APPLICATION.unvalidated == set()


def test_migrating_again_changes_nothing(
    database: psycopg.Connection[tuple[object, ...]], released: Deployed, runner: Runner
) -> None:
    release = released.releases["a"]
    if not release.has_command(COMMAND):
        pytest.skip("the release has no command of its own for migrations")
    before = database.execute("SELECT version, inserted_at FROM schema_migrations ORDER BY version").fetchall()
    done = runner.command(release, COMMAND)
    assert done.exit_code == 0, done.output
    assert database.execute("SELECT version, inserted_at FROM schema_migrations ORDER BY version").fetchall() == before


def test_readiness_follows_the_database_in_the_same_process(
    instance: Instance, site: CheckedSite, runner: Runner
) -> None:
    """The database refuses connections for a while: not ready, alive, and ready again without a restart."""
    name = site.databases["prod"]
    with site.database.connect() as admin, direct(instance, host="localhost", x_forwarded_proto="https") as client:
        statement = sql.SQL("ALTER DATABASE {} WITH ALLOW_CONNECTIONS {}")
        admin.execute(statement.format(sql.Identifier(name), sql.SQL("false")))
        try:
            admin.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", (name,))
            assert _wait_for(client, READY, 503)
            assert client.get(LIVE).status_code == 200
        finally:
            admin.execute(statement.format(sql.Identifier(name), sql.SQL("true")))
        assert _wait_for(client, READY, 200)
    assert runner.host.is_running(instance.name)


def _wait_for(client: httpx.Client, path: str, status: int) -> bool:
    until = time.monotonic() + _RECOVERS_WITHIN
    while time.monotonic() < until:
        if client.get(path).status_code == status:
            return True
        time.sleep(0.2)
    return False


def _listeners() -> list[tuple[int | None, str, int]]:
    """Process, address and port of everything that listens on TCP."""
    found = psutil.net_connections("tcp")
    return [
        (each.pid, each.laddr.ip, each.laddr.port) for each in found if each.laddr and each.status == psutil.CONN_LISTEN
    ]
