"""The ground: tools, folder, database server."""

from __future__ import annotations

import re
import shutil

import pytest

from deploy_tests.conftest import Ask
from rollout.phase import PhaseResult
from rollout.site.site import Site

pytestmark = [pytest.mark.phase("prerequisites"), pytest.mark.timeout(60)]


def test_prerequisites_phase_passed(phase: PhaseResult) -> None:
    phase.require()


def test_elixir_is_1_17_or_newer(ask: Ask) -> None:
    version = ask("elixir", "--short-version", repeatable=True).tail.strip()
    assert tuple(int(part) for part in version.split(".")[:2]) >= (1, 17)


def test_erlang_is_otp_26_or_newer(ask: Ask) -> None:
    code = "io:put_chars(erlang:system_info(otp_release)), halt()."
    release = ask("erl", "-noshell", "-eval", code, repeatable=True).tail
    assert int(release) >= 26


def test_git_is_there_for_git_dependencies(ask: Ask) -> None:
    assert ask("git", "--version").ok


def test_a_c_compiler_is_there_for_native_packages(ask: Ask) -> None:
    assert ask("cc", "--version").ok


def test_the_forge_sees_the_folder_of_the_deployment(ask: Ask, site: Site) -> None:
    probe = site.file(".forge-probe")
    probe.write_text("seen from this side")
    try:
        assert ask("cat", ".forge-probe", repeatable=True).tail == "seen from this side"
    finally:
        probe.unlink()


def test_the_database_server_is_version_13_or_newer(site: Site) -> None:
    assert int(site.database.version.split(".")[0]) >= 13


def test_psql_speaks_to_servers_of_this_version(ask: Ask, site: Site) -> None:
    found = re.search(r"(\d+)\.", ask("psql", "--version", repeatable=True).tail)
    assert found is not None
    assert int(found.group(1)) >= 13


def test_two_gibibytes_of_disk_are_free(site: Site) -> None:
    assert shutil.disk_usage(site.directory).free >= 2 * 1024**3


def test_an_offline_forge_reaches_nothing_outside(ask: Ask, site: Site) -> None:
    if not site.options.offline:
        pytest.skip("asked only with --offline")
    assert site.engine is not None
    client = site.engine.client()
    for name in (site.in_forge.record["name"], site.database.undo_record()["name"]):
        attached = client.containers.get(name).attrs["NetworkSettings"]["Networks"]
        assert [site.network] == list(attached)
    assert client.networks.get(site.network or "").attrs["Internal"] is True
    for address in ("https://1.1.1.1", "https://8.8.8.8", "https://github.com"):
        # 7: no connection, 6: no name, 28: no answer
        outcome = ask("curl", "--silent", "--noproxy", "*", "--max-time", "2", "--output", "/dev/null", address)
        assert outcome.exit_code in (6, 7, 28), f"{address} was reached from a forge that is cut off"
