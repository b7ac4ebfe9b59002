"""Database faults on a real server: when they strike, what counts as a bite, and that the role is restored."""

from __future__ import annotations

import contextlib
import secrets
import socket
import time
import types
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg
import pytest

from fixtures import installation
from rollout.config.plan import PhasePlan, load_plan
from rollout.diagnosis import failure
from rollout.errors import AlreadyExists, PhaseFailed
from rollout.faults import CATALOGUE, log_witness, places
from rollout.faults.database import KINDS
from rollout.faults.fault import FaultSpec, Witness
from rollout.faults.log_witness import LogWitnessFault
from rollout.faults.outage import waiting_for
from rollout.journal import Journal, Redactor
from rollout.phases.step import Step
from rollout.process import Outcome, Request
from rollout.site import postgres
from rollout.site.postgres import (
    ContainerServer,
    DatabaseServer,
    DatabaseUnreachable,
    EmbeddedServer,
    EmbeddedUnavailable,
    ServerFailed,
    container,
)
from rollout.site.postgres.login import Login
from tests.unit.fakes import Stage, plan

PASSWORD = "the deployment knows it"
ROLE = "xavos_fault_test"
NAMES = {"dev": f"{ROLE}_dev", "test": f"{ROLE}_test"}
MIGRATE = ("mix", "ecto.migrate")


def wait_for(condition: Callable[[], bool], *, seconds: float) -> bool:
    """Wait until the condition holds; False where it does not within `seconds`."""
    until = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > until:
            return False
        time.sleep(0.05)
    return True


def asked(*argv: str) -> Request:
    return Request(argv=argv, label=" ".join(argv), cwd=Path("/"))


def ended(text: str, *argv: str) -> Outcome:
    return Outcome(request=asked(*(argv or MIGRATE)), exit_code=1, seconds=0, tail=text, log=None)


def fault_of(name: str, journal: Journal, *, phase: str = "migrations", form: str = "persistent", seed: int = 1) -> Any:
    spec = FaultSpec(kind=CATALOGUE[name], path="realistic", phase=phase, at=None, form=form, seed=seed)
    fault = spec.kind.make(spec)
    fault.witness = Witness(journal=journal, facts=spec.facts)
    return fault


class Listener:
    """A fake server with a `log`. It accepts or refuses connections."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self.lets_in = True

    def connect(self, database: str | None = None) -> Any:
        if not self.lets_in:
            raise DatabaseUnreachable(host="h", port=1, reason="Connection refused")
        return types.SimpleNamespace(close=lambda: None)

    def pause(self) -> None:
        self.said.append("pause")
        self.lets_in = False

    def resume(self) -> None:
        self.said.append("resume")


def site_with(server: Any, folder: Path, **facts: Any) -> Any:
    return types.SimpleNamespace(database=server, server=server, file=lambda name: folder / name, **facts)


def step_on(site: Any, phase: str, *, observed: bool = False) -> Any:
    return types.SimpleNamespace(site=site, phase=PhasePlan(name=phase, observed=observed))


# -- at which step of a roll


@pytest.mark.parametrize("phase", ["instances", "upgrade"])
@pytest.mark.parametrize("seed", range(4))
def test_it_starts_once_at_a_step_of_the_production_stage(
    journal: Journal, tmp_path: Path, phase: str, seed: int
) -> None:
    """Such phases run no command of the forge. The first instances of a site come without a roll."""
    server, fleet = Listener(), types.SimpleNamespace(names=lambda: ("a1",), log=lambda name: "")
    fault = fault_of("database_stopped", journal, phase=phase, seed=seed)
    steps = ("a1 started", "a1 ready", "a1 gets requests")
    roll = () if phase == "instances" else ("roll a → b", "migrations of b", "migrations of b ended", "b1 started")
    for text in (*steps, *roll, *steps):
        fault.at_step(site_with(server, tmp_path), text, fleet)
    assert server.said == ["pause"]
    fault._is_applied.set()


def test_the_logs_of_instances_are_proof(journal: Journal, tmp_path: Path) -> None:
    server, said = Listener(), {"a1": "an old tcp connect: connection refused - :econnrefused\n"}
    fleet = types.SimpleNamespace(names=lambda: ("a1",), log=said.__getitem__)
    fault = fault_of("database_stopped", journal, phase="instances")
    fault._is_applied.set()  # this test polls, not a thread
    site = site_with(server, tmp_path)
    fault.at_step(site, "a1 started", fleet)
    fault.poll(site)
    assert 0 == fault.witness.bites, "that was there before"
    said["a1"] += "Postgrex.Protocol failed to connect: tcp connect: connection refused - :econnrefused\n"
    fault.poll(site)
    assert 1 == fault.witness.bites
    assert "the log of a1" in fault.witness.evidence[0]


# -- where


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
@pytest.mark.parametrize("path", ["realistic", "incremental", "ambitious"])
def test_every_kind_can_strike_phases_that_query_the_database(kind: Any, path: str) -> None:
    """A path that is only observed rolls nothing back, so nothing of that can be struck."""
    there = places(kind, load_plan(path, rehearsal=True))
    assert bool(there) is not (path == "ambitious" and kind.name.endswith("in_rollback"))
    assert set(there) <= {"setup", "database", "migrations", "installation", "scripts", "server"}


def test_every_kind_has_expected_outcomes_for_each_form() -> None:
    assert 12 == len(KINDS)
    for kind in KINDS:
        assert set(kind.forms) == set(kind.expects), kind.name
        assert {"database", "engine"} & set(kind.needs), kind.name


# -- when


@pytest.mark.parametrize(
    ("argv", "begins"),
    [
        (("mix", "ash.codegen", "install_xavos"), False),
        (("mix", "compile", "--force"), False),
        (("mix", "ecto.create"), True),
        (MIGRATE, True),
        (("mix", "ash.setup"), True),
        (("mix", "test", "--seed", "0"), True),
        (("mix", "run", "-e", "1"), True),
        (("sh", "-c", "mkdir -p log && setsid --fork mix phx.server"), True),
    ],
)
def test_it_strikes_before_the_first_command_that_queries_the_database(
    tmp_path: Path, journal: Journal, argv: tuple[str, ...], begins: bool
) -> None:
    server = Listener()
    fault = fault_of("database_stopped", journal)
    site = site_with(server, tmp_path)
    with fault.on(step_on(site, "migrations")):
        assert [] == server.said
        for _ in range(2):  # once
            assert asked(*argv) == fault.before_command(site, asked(*argv))
    assert (["pause"] if begins else []) == server.said


def test_the_seed_decides_whether_it_starts_with_the_phase(tmp_path: Path, journal: Journal) -> None:
    begun = set()
    for seed in range(12):
        server = Listener()
        fault = fault_of("database_stopped", journal, phase="database", seed=seed)
        with fault.on(step_on(site_with(server, tmp_path), "database")):
            begun.add(tuple(server.said))
    assert {(), ("pause",)} == begun


def test_sessions_are_killed_during_migrations(journal: Journal) -> None:
    fault = fault_of("killed_while_migrating", journal)
    assert [False, True, True, True] == [
        fault.starts_before(asked(*argv))
        for argv in (("mix", "ecto.create"), MIGRATE, ("mix", "ash.setup"), ("mix", "test"))
    ]


# -- the witness


class Told(LogWitnessFault):
    """Nothing but the ears."""

    def __init__(self, spec: FaultSpec) -> None:
        super().__init__(spec, r"refused")
        self.log = ""
        self.put_back = 0

    def inject(self, site: Any) -> None:
        """Nothing."""

    def revert(self, site: Any) -> None:
        self.put_back += 1


def told(journal: Journal, *, form: str = "persistent") -> Told:
    fault = Told(
        FaultSpec(kind=CATALOGUE["database_stopped"], path="realistic", phase="server", at=None, form=form, seed=1)
    )
    fault.witness = Witness(journal=journal, facts=fault.spec.facts)
    fault._lingers = 0.05
    return fault


def test_only_lines_after_the_strike_count_and_only_once(tmp_path: Path, journal: Journal) -> None:
    (tmp_path / "log").mkdir()
    log = tmp_path / "log/server.log"
    log.write_text("connection refused, long ago\n")
    fault, site = told(journal), site_with(Listener(), tmp_path)
    fault.after_command(site, ended("connection refused before it began"))
    with fault.on(step_on(site, "server")):
        with log.open("a") as file:
            file.write("well\nconnection refused now\n")
        assert wait_for(lambda: fault.witness.bites == 1, seconds=3)
        fault.poll(site)
    assert 1 == fault.witness.bites
    assert ["the application's log: connection refused now"] == fault.witness.evidence


def test_the_last_lines_are_read_on_leaving(tmp_path: Path, journal: Journal) -> None:
    (tmp_path / "log").mkdir()
    fault, site = told(journal), site_with(Listener(), tmp_path)
    with fault.on(step_on(site, "server")):
        (tmp_path / "log/server.log").write_text("refused\n")
    assert 1 == fault.witness.bites


def test_the_reason_of_a_retry_is_a_bite(tmp_path: Path, journal: Journal) -> None:
    fault, site = told(journal), site_with(Listener(), tmp_path)
    with fault.on(step_on(site, "server")):
        for phase in ("elsewhere", "server"):
            for whose in ("PostgreSQL", "mix ecto.migrate: PostgreSQL"):  # the latter has been printed
                said = f"{whose} at {phase} cannot be reached: Connection refused"
                journal.record("phase.retry", attempt=1, cause="database_unreachable", wait=1, path="realistic",
                               message=said, phase=phase)  # fmt: skip
    (evidence,) = fault.witness.evidence
    assert "PostgreSQL at server" in evidence


def test_the_transient_form_ends_soon_after_its_first_bite(tmp_path: Path, journal: Journal) -> None:
    fault, site = told(journal, form="transient"), site_with(Listener(), tmp_path)
    later: list[tuple[float, Callable[[], None]]] = []
    fault.after = lambda seconds, do: later.append((seconds, do))  # type: ignore[method-assign]
    with fault.on(step_on(site, "server")):
        assert [log_witness._LONGEST_SECONDS] == [seconds for seconds, _ in later]  # if it has no effect
        fault.after_command(site, ended("connection refused"))
        seconds, be_over = later[-1]
        assert (fault._lingers, False) == (seconds, fault.is_over)
        be_over()
        assert fault.is_over
        assert 1 == fault.put_back
    assert 1 == fault.put_back


def test_the_persistent_form_stays_until_it_is_lifted(tmp_path: Path, journal: Journal) -> None:
    fault, site = told(journal), site_with(Listener(), tmp_path)
    later: list[float] = []
    fault.after = lambda seconds, do: later.append(seconds)  # type: ignore[method-assign]
    with fault.on(step_on(site, "server")):
        fault.after_command(site, ended("connection refused"))
    assert 1 == fault.witness.bites
    assert [] == later
    assert not fault.is_over
    fault.over(site)
    assert 1 == fault.put_back


def test_on_an_observed_path_it_ends_with_the_first_failed_phase(tmp_path: Path, journal: Journal) -> None:
    fault, site = told(journal), site_with(Listener(), tmp_path)
    with contextlib.suppress(ValueError), fault.on(step_on(site, "server", observed=True)):
        raise ValueError
    assert fault.is_over


def test_lifting_a_fault_that_never_started_changes_nothing(tmp_path: Path, journal: Journal) -> None:
    fault = told(journal)
    fault.over(site_with(Listener(), tmp_path))
    assert 0 == fault.put_back


@pytest.mark.parametrize("lets_in", [True, False])
def test_a_server_that_accepts_our_connection_was_not_stopped(
    tmp_path: Path, journal: Journal, monkeypatch: pytest.MonkeyPatch, lets_in: bool
) -> None:
    server = Listener()
    monkeypatch.setattr(server, "pause", lambda: setattr(server, "lets_in", lets_in))
    fault, site = fault_of("database_stopped", journal), site_with(server, tmp_path)
    with fault.on(step_on(site, "migrations")):
        fault.before_command(site, asked(*MIGRATE))
        fault.after_command(site, ended("tcp connect (127.0.0.1:1): connection refused - :econnrefused"))
    assert (0 if lets_in else 1) == fault.witness.bites


def test_connections_that_wait_for_a_paused_server_are_bites() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        host, port = listening.getsockname()
        server: Any = types.SimpleNamespace(host=host, port=port)
        assert [] == list(waiting_for(server))
        with socket.create_connection((host, port)):
            (seen,) = waiting_for(server)  # the other end of it is none
            assert f"{host}:{port}" in seen


def test_undos_that_could_not_reach_the_server_are_bites(
    tmp_path: Path, journal: Journal
) -> None:
    server, unreachable = Listener(), "PostgreSQL at h:1 cannot be reached: Connection refused."
    earlier = unreachable.replace("h:1", "h:2")
    journal.record("undo.retried", id="a", attempt=1, error=earlier, path="realistic", phase="later")
    fault = fault_of("database_gone_in_rollback", journal, form="transient")
    site = site_with(server, tmp_path)
    fault.rolling_back(site)
    assert ["pause"] == server.said
    journal.record("undo.failed", id="b", error="StillThere: busy", path="realistic", phase="scripts")
    journal.record("undo.retried", id="c", attempt=1, error=unreachable, path="realistic", phase="scripts")
    fault.over(site)
    assert [f"undo.retried: {unreachable}"] == fault.witness.evidence
    assert ["pause", "resume"] == server.said


def test_without_a_server_there_is_no_rollback_to_strike(tmp_path: Path, journal: Journal) -> None:
    fault = fault_of("database_refused_in_rollback", journal)
    site = site_with(None, tmp_path)
    fault.rolling_back(site)
    fault.over(site)
    assert 0 == fault.witness.bites


# -- on a real server


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DatabaseServer]:
    folder, run = tmp_path_factory.mktemp("server"), f"t{secrets.token_hex(4)}"
    journal = Journal(folder / "journal.jsonl", run=run, redactor=Redactor())
    try:
        server = EmbeddedServer(run=run, folder=folder / "postgres", journal=journal)
    except EmbeddedUnavailable as error:
        pytest.skip(str(error))
    try:
        server.start()
        yield server
    finally:
        server.stop()
        journal.close()


class OnTheServer:
    """The role of a deployment on a real server; `fingerprint` is how it looks from outside."""

    def __init__(self, server: DatabaseServer, folder: Path, journal: Journal, *, role: str = ROLE) -> None:
        self.server, self.role, self.journal = server, role, journal
        self.site = site_with(server, folder, role=role, databases=NAMES, provisioned=role != postgres.SUPERUSER,
                              database_digest=self._digest)  # fmt: skip
        if role != postgres.SUPERUSER:
            self.provision()

    def provision(self) -> None:
        postgres.provision(self.server, role=self.role, password=PASSWORD, databases=tuple(NAMES.values()),
                           run=self.journal.run, journal=self.journal)  # fmt: skip

    def clean(self) -> None:
        with self.server.connect() as connection:
            for name in NAMES.values():
                connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
            connection.execute(f'DROP ROLE IF EXISTS "{ROLE}"')

    def login(self, database: str = "postgres") -> psycopg.Connection[tuple[Any, ...]]:
        password = PASSWORD if self.role == ROLE else self.server.secrets()["password"]
        return psycopg.connect(host=self.server.host, port=self.server.port, user=self.role, password=password,
                               dbname=database, autocommit=True)  # fmt: skip

    def fingerprint(self) -> Mapping[str, str]:
        if self.role == postgres.SUPERUSER:
            return postgres.everything(self.server, self.role)
        return postgres.facts(self.server, tuple(NAMES.values()), self.role)

    def _digest(self, name: str) -> str | None:
        return postgres.digest_of_database(postgres.facts(self.server, (name,), self.role), name)


@pytest.fixture
def ours(server: DatabaseServer, tmp_path: Path, journal: Journal) -> Iterator[OnTheServer]:
    made = OnTheServer(server, tmp_path, journal)
    yield made
    made.clean()


@pytest.fixture
def superuser(server: DatabaseServer, tmp_path: Path, journal: Journal) -> OnTheServer:
    return OnTheServer(server, tmp_path, journal, role=postgres.SUPERUSER)


def _turned_away(ours: OnTheServer, name: str) -> None:
    with ours.login() as connection:
        connection.execute(f'CREATE DATABASE "{name}"')


@pytest.mark.parametrize("name", ["wrong_password", "no_createdb", "connection_limit"])
@pytest.mark.parametrize("whose", ["ours", "superuser"])
def test_the_server_logs_the_denial_until_the_role_is_restored(
    name: str, whose: str, journal: Journal, request: pytest.FixtureRequest
) -> None:
    where: OnTheServer = request.getfixturevalue(whose)
    before = where.fingerprint()
    fault = fault_of(name, journal, phase="database")
    with fault.on(step_on(where.site, "database")):
        fault.before_command(where.site, asked("mix", "ecto.create"))
        with pytest.raises(psycopg.Error):
            _turned_away(where, NAMES["dev"])
        assert wait_for(lambda: fault.witness.bites > 0, seconds=5)
    fault.over(where.site)
    assert before == where.fingerprint()
    _turned_away(where, NAMES["dev"])
    with where.server.connect() as connection:
        connection.execute(f'DROP DATABASE "{NAMES["dev"]}"')


@pytest.mark.parametrize("name", ["no_createdb", "connection_limit", "wrong_password"])
def test_in_a_later_phase_it_lasts_from_before_the_fingerprint_until_after_the_rollback(
    name: str, ours: OnTheServer, journal: Journal
) -> None:
    """So that the phase's rollback can be proven, and the one before it as well."""
    undisturbed = ours.fingerprint()
    fault = fault_of(name, journal)
    fault.before_fingerprint(ours.site)
    looked_at = ours.fingerprint()
    with fault.on(step_on(ours.site, "migrations")):
        fault.before_command(ours.site, asked(*MIGRATE))
    assert looked_at == ours.fingerprint()
    assert fault.is_over_with_its_phase
    fault.over(ours.site)
    assert undisturbed == ours.fingerprint()


def test_the_transient_form_starts_after_the_fingerprint(ours: OnTheServer, journal: Journal) -> None:
    before = ours.fingerprint()
    fault = fault_of("connection_limit", journal, form="transient")
    fault.before_fingerprint(ours.site)
    assert before == ours.fingerprint()
    with fault.on(step_on(ours.site, "migrations")):
        fault.before_command(ours.site, asked(*MIGRATE))
        assert before != ours.fingerprint()
    assert before == ours.fingerprint()


@pytest.mark.parametrize("name", ["wrong_password", "no_createdb", "connection_limit"])
def test_a_role_that_the_rollback_removed_is_not_restored(
    name: str, ours: OnTheServer, journal: Journal
) -> None:
    fault = fault_of(name, journal, phase="database")
    fault.before_command(ours.site, asked("mix", "ecto.create"))
    ours.clean()
    fault.over(ours.site)
    assert {} == ours.fingerprint()


@pytest.mark.parametrize("form", ["transient", "persistent"])
def test_sessions_are_killed_but_never_our_own(
    form: str, ours: OnTheServer, journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rollout.faults.role._KILL_SECONDS", (0.01, 0.02))
    fault = fault_of("killed_while_migrating", journal, form=form)
    most = fault._kills
    killed = 0
    with ours.server.connect() as own, fault.on(step_on(ours.site, "migrations")):
        fault.before_command(ours.site, asked(*MIGRATE))
        for _ in range(5):
            with contextlib.suppress(psycopg.Error), ours.login() as session:
                for _ in range(10):
                    session.execute("SELECT pg_sleep(0.05)")
                continue
            killed += 1
        own.execute("SELECT 1")
    fault.over(ours.site)
    assert (most if form == "transient" else 5) == killed
    assert killed == fault.witness.bites


def test_our_session_as_the_same_superuser_is_not_killed(superuser: OnTheServer, journal: Journal) -> None:
    fault = fault_of("killed_while_migrating", journal, phase="setup")
    with superuser.server.connect() as own, fault.on(step_on(superuser.site, "setup")):
        fault.before_command(superuser.site, asked("mix", "ash.setup"))
        with pytest.raises(psycopg.OperationalError), superuser.login() as session:
            session.execute("SELECT pg_sleep(5)")
        own.execute("SELECT 1")
    fault.over(superuser.site)


def test_a_foreign_database_makes_the_phase_refuse_and_stays_unchanged(ours: OnTheServer, journal: Journal) -> None:
    ours.clean()
    undisturbed = ours.fingerprint()
    fault = fault_of("name_taken", journal, phase="database")
    fault.before_fingerprint(ours.site)
    before = ours.fingerprint()
    with pytest.raises(AlreadyExists), fault.on(step_on(ours.site, "database")):
        ours.provision()
    assert before == ours.fingerprint()
    assert [True] == [NAMES["dev"] in evidence for evidence in fault.witness.evidence]
    assert not fault.is_over
    fault.over(ours.site)
    assert undisturbed == ours.fingerprint()


def test_a_path_that_changes_a_foreign_database_is_detected(ours: OnTheServer, journal: Journal) -> None:
    ours.clean()
    fault = fault_of("name_taken", journal, phase="setup")
    fault.before_fingerprint(ours.site)
    with fault.on(step_on(ours.site, "setup", observed=True)), ours.server.connect(NAMES["dev"]) as connection:
        connection.execute("CREATE TABLE schema_migrations (version bigint)")
    assert any("has changed" in evidence for evidence in fault.witness.evidence)
    fault.over(ours.site)


def test_an_unused_foreign_database_is_no_bite(ours: OnTheServer, journal: Journal) -> None:
    ours.clean()
    fault = fault_of("name_taken", journal, phase="database")
    fault.before_fingerprint(ours.site)
    with fault.on(step_on(ours.site, "database")):
        fault.after_command(ours.site, ended("The database was created", "mix", "ecto.create"))
    fault.over(ours.site)
    assert 0 == fault.witness.bites


# -- what came of it: a container that is paused or on no network, a retry of what we ask ourselves


class Docker:
    """A container as the engine shows it."""

    def __init__(self, status: str, networks: Mapping[str, Any], ports: Mapping[str, Any] | None = None) -> None:
        self.status = status
        self.labels = {"xavos.run": "r"}
        self.attrs = {
            "HostConfig": {"PortBindings": ports, "NetworkMode": "xavos-r"},
            "NetworkSettings": {"Networks": networks},
        }
        self.done: list[str] = []

    def start(self) -> None:
        self.done.append("start")

    def unpause(self) -> None:
        self.done.append("unpause")


def _attached(monkeypatch: pytest.MonkeyPatch, found: Docker) -> Login:
    logins: list[Login] = []
    monkeypatch.setattr(container, "named_container", lambda name: contextlib.nullcontext(found))
    monkeypatch.setattr(container, "wait_until_answering", lambda login, **how: logins.append(login))
    ContainerServer.attach("c", {"user": "postgres", "password": "x"})
    return logins[0]


@pytest.mark.parametrize(
    ("status", "done"), [("running", []), ("paused", ["unpause"]), ("exited", ["start"]), ("created", ["start"])]
)
def test_an_own_server_is_resumed_from_every_state_of_its_container(
    monkeypatch: pytest.MonkeyPatch, status: str, done: list[str]
) -> None:
    found = Docker(status, {}, {"5432/tcp": [{"HostPort": "4711"}]})
    assert ("127.0.0.1", 4711) == ((login := _attached(monkeypatch, found)).host, login.port)
    assert done == found.done


@pytest.mark.parametrize("networks", [{}, {"xavos-r": {"IPAddress": ""}}])
def test_a_container_without_an_address_is_not_taken_for_localhost(
    monkeypatch: pytest.MonkeyPatch, networks: Mapping[str, Any]
) -> None:
    with pytest.raises(ServerFailed, match="no address on the network xavos-r") as failed:
        _attached(monkeypatch, Docker("running", networks))
    assert "database_unreachable" == failed.value.cause


def test_our_own_queries_are_retried_too(tmp_path: Path) -> None:
    stage = Stage(tmp_path, plan("database"))
    answers: list[int] = []

    def provision() -> str:
        answers.append(1)
        if len(answers) < 3:
            raise DatabaseUnreachable(host="h", port=1, reason="Connection refused")
        return "made"

    waits: list[float] = []
    step = Step(stage.site, stage.plan, stage.plan.phase("database"), pause=waits.append)
    assert "made" == step.retrying(provision)
    assert [1, 2] == waits
    assert ["database_unreachable"] * 2 == [event["cause"] for event in stage.told("phase.retry")]
    stage.run.close(settled=True)


@pytest.mark.parametrize(
    ("said", "code", "cause"),
    [
        ("[error] tcp connect (127.0.0.1:1): connection refused - :econnrefused", 1, "database_unreachable"),
        ("** (CompileError) lib/xavos.ex:1: undefined", 1, "compile_error"),
        ("3 tests, 1 failure", 2, "tests_failed"),
    ],
)
def test_tests_that_never_started_fail_with_the_cause(said: str, code: int, cause: str) -> None:
    """So that they begin again where it was the database; tests that have failed are not asked twice."""
    outcome = replace(ended(said, "mix", "test"), exit_code=code)
    step: Any = types.SimpleNamespace(attempt=lambda *argv, **how: (outcome, lambda: failure(outcome)))
    with pytest.raises(PhaseFailed) as failed:
        installation._test(step)
    assert cause == failed.value.cause


def test_tests_that_passed_are_counted() -> None:
    outcome = replace(ended("12 tests, 0 failures, 2 skipped", "mix", "test"), exit_code=0)
    step: Any = types.SimpleNamespace(attempt=lambda *argv, **how: (outcome, lambda: failure(outcome)))
    assert ("12", "0", "2") == installation._test(step).groups()
