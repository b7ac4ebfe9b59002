"""Checks of the prerequisites: tools, folder, database server."""

from __future__ import annotations

import re
import shutil

import pytest

from deploy_tests.support.commands import Ask
from rollout.phases.phase import PhaseResult
from rollout.site.views import CheckedSite

pytestmark = [pytest.mark.phase("prerequisites"), pytest.mark.timeout(60)]


def test_prerequisites_phase_passed(phase: PhaseResult) -> None:
    phase.require()


def test_elixir_runs_on_the_erlang_it_was_built_for_or_newer(ask: Ask) -> None:
    """Elixir that was built for a newer OTP fails in unexpected places."""
    said = ask("elixir", "--version", repeatable=True).tail
    found = re.search(
        r"Erlang/OTP (\d+).*^Elixir [\d.]+\S* \(compiled with Erlang/OTP (\d+)\)", said, re.DOTALL | re.MULTILINE
    )
    assert found, said
    assert int(found[2]) <= int(found[1])


def test_git_fetches_from_a_git_repository(ask: Ask, site: CheckedSite) -> None:
    """Mix fetches dependencies by Git, without the settings of user and machine."""
    bare = site.file(".git-probe")
    fetched = ask("sh", "-c", "git init --quiet --bare .git-probe && git ls-remote --exit-code .git-probe; echo $?")
    try:
        # 2: the repository was reached and has no reference.
        assert fetched.tail.strip().splitlines()[-1:] == ["2"], fetched.tail
        assert bare.is_dir()
    finally:
        shutil.rmtree(bare, ignore_errors=True)


def test_a_c_compiler_makes_programs_that_run(ask: Ask, site: CheckedSite) -> None:
    """Native packages are compiled in the forge."""
    script = "echo 'int main(void) { return 7; }' | cc -x c -o .cc-probe - && ./.cc-probe"
    made = ask("sh", "-c", script)
    site.file(".cc-probe").unlink(missing_ok=True)
    assert made.exit_code == 7, made.tail


def test_the_forge_sees_the_folder_of_the_deployment(ask: Ask, site: CheckedSite) -> None:
    probe = site.file(".forge-probe")
    probe.write_text("seen from this side")
    try:
        assert ask("cat", ".forge-probe", repeatable=True).tail == "seen from this side"
    finally:
        probe.unlink()


def test_psql_in_the_forge_reaches_the_database_server(ask: Ask, site: CheckedSite) -> None:
    """The server refuses an unknown user. So PostgreSQL listens there, seen from the forge."""
    address = f"host={site.database.host} port={site.database.port} user=nobody_of_this_name dbname=postgres"
    asked = ask(
        "psql", "--no-password", "--dbname", f"{address} connect_timeout=5", "--command", "SELECT 1", repeatable=True
    )
    assert not asked.ok
    assert "FATAL" in asked.tail or "no password supplied" in asked.tail, asked.tail


def test_two_gibibytes_of_disk_are_free(site: CheckedSite) -> None:
    assert shutil.disk_usage(site.directory).free >= 2 * 1024**3


def test_an_offline_forge_reaches_nothing_outside(ask: Ask, site: CheckedSite) -> None:
    if not site.options.offline:
        pytest.skip("needs --offline")
    assert site.engine is not None
    client = site.engine.client()
    for name in (site.in_forge.record["name"], site.database.undo_record()["name"]):
        attached = client.containers.get(name).attrs["NetworkSettings"]["Networks"]
        assert [site.network] == list(attached)
    assert client.networks.get(site.network or "").attrs["Internal"] is True
    for address in ("https://1.1.1.1", "https://8.8.8.8", "https://github.com"):
        # 7: no connection, 6: no name, 28: no answer
        outcome = ask("curl", "--silent", "--noproxy", "*", "--max-time", "2", "--output", "/dev/null", address)
        assert outcome.exit_code in (6, 7, 28), f"{address} was reached from an offline forge"
