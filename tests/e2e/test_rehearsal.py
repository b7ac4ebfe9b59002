"""The whole rehearsal: from nothing and from checkpoints, its reports, and its kept site."""

from __future__ import annotations

import json
import os
import re
import xml.etree.ElementTree as ET

import httpx
import pytest
from jsonschema import Draft202012Validator

from rollout.config.options import ROOT
from rollout.config.plan import load_plan
from rollout.journal import read_events
from rollout.journal.query import Event
from tests.e2e.conftest import Rehearsed
from tests.e2e.world import World

SCHEMA = json.loads((ROOT / "docs" / "verdict.schema.json").read_text(encoding="utf-8"))

STATE = "folder and databases as they are"  # announced for every phase, before it is at work

pytestmark = pytest.mark.timeout(900)


def test_the_whole_path_passes_and_says_so(rehearsed: Rehearsed) -> None:
    """Exit 0; verdict.json keeps its contract; at least 45 checks passed, none failed; everything rolled back."""
    verdict = rehearsed.verdict
    path = verdict["paths"]["realistic"]
    assert 0 == rehearsed.ended.code, rehearsed.ended.output[-4000:]
    Draft202012Validator(SCHEMA).validate(verdict)
    assert ("deployed", True, "rehearsal") == (path["outcome"], verdict["rehearsal"], verdict["source"]["kind"])
    assert path["checks"]["passed"] >= 45
    assert (0, 0) == (path["checks"]["failed"], path["checks"]["blocked"])
    assert {"restored"} == {phase["rollback"]["outcome"] for phase in path["phases"]}
    assert "XAVOS was not deployed" in rehearsed.ended.output


def test_its_reports_are_complete(rehearsed: Rehearsed) -> None:
    """A valid junit.xml, a page that loads nothing, and a log for every command."""
    folder = rehearsed.world.reports / "latest"
    suite = ET.parse(folder / "junit.xml").getroot().find("testsuite")
    assert suite is not None
    assert "0" == suite.get("failures")
    page = (folder / "report.html").read_text(encoding="utf-8")
    loaded = r"""(?:\bsrc=|<link\b[^>]*\bhref=|url\()["']?(?:https?:)?//[^"')\s]+"""
    assert [] == re.findall(loaded, page)  # a link to click on is no resource
    events = read_events(folder / "journal.jsonl")
    logs = [event["log"] for event in events if event["event"] == "command.started"]
    assert logs
    assert [] == [log for log in logs if not (folder / log).is_file()]


def test_the_traits_of_a_phase_match_its_actions(built_phases: dict[str, list[Event]]) -> None:
    """The traits that the plan declares for a phase agree with the commands and acts in a journal of that phase."""
    for phase in load_plan("realistic", rehearsal=True).phases:
        if phase.name not in built_phases and "XAVOS_E2E_CACHE" in os.environ:
            pytest.skip(f"{phase.name} came from the checkpoints of an earlier session (XAVOS_E2E_CACHE)")
        own = built_phases[phase.name]
        ran = {(*event["argv"], "")[:2] for event in own if event["event"] == "command.started"}
        did = {
            "journals": bool(ran) or any(event["event"] == "act.intent" and event["text"] != STATE for event in own),
            "compiles": ("mix", "compile") in ran,
            "fetches": ("mix", "archive.install") in ran or ("mix", "phx.new") in ran,
            "migrates": ("mix", "ecto.migrate") in ran,
            "runs_tests": ("mix", "test") in ran,
            "runs_server": any("manage_xavos.sh" in program and word == "start" for program, word in ran),
            "checks_tools": ("psql", "--version") in ran,
        }
        assert did == {trait: trait in phase.traits for trait in did}, phase.name
        # `mix hex.info` and `mix hex.repo` ask Hex alone.
        works = {task for program, task in ran if program == "mix" and not task.startswith("hex.")}
        if works:
            assert "runs_mix" in phase.traits, (phase.name, works)


def test_nothing_is_left_of_it(rehearsed: Rehearsed) -> None:
    """No file, container, network, process or listener of the run."""
    assert () == tuple(fact for fact in rehearsed.world.seen() if "state/keys" not in fact)


def test_no_secret_is_in_its_output(rehearsed: Rehearsed, world: World) -> None:
    """The passwords of a kept deployment are only in its .env and in the state folder."""
    rehearsed.needs("database")
    ended = world.run("-k", "phase_passed", "--through=database", "--keep=always")
    lines = (world.directory / ".env").read_text().splitlines()
    settings = dict(line.split("=", 1) for line in lines)
    secrets = [settings[name] for name in ("PGPASSWORD", "SECRET_KEY_BASE", "TOKEN_SIGNING_SECRET")]
    written = ended.output + "".join(
        path.read_text(errors="replace") for path in world.reports.rglob("*") if path.is_file()
    )
    assert [] == [secret[:4] + "…" for secret in secrets if secret in written]


def test_a_second_run_restores_and_runs_all_checks(rehearsed: Rehearsed, world: World) -> None:
    """Every checkpointed phase is restored, no check is skipped, and nothing is left."""
    rehearsed.needs("server")
    before = world.seen()
    ended = world.run()
    verdict = world.verdict()
    path, first = verdict["paths"]["realistic"], rehearsed.verdict["paths"]["realistic"]
    assert 0 == ended.code, ended.output[-4000:]
    assert before == world.seen()
    restored = {phase["name"] for phase in path["phases"] if phase["restored"]}
    assert {
        "phoenix_app",
        "database",
        "ash_core",
        "authentication",
        "extras",
        "foundation",
        "migrations",
        "installation",
        "scripts",
    } == restored
    assert first["checks"] == path["checks"]
    assert "restored" in ended.output


def test_a_kept_deployment_stays_until_it_is_removed(rehearsed: Rehearsed, world: World) -> None:
    """It answers after pytest has ended. Status shows it, recovery skips it, and undeploy removes it."""
    rehearsed.needs("server")
    before = world.seen()
    ended = world.run("-k", "phase_passed", "--keep=on-success")
    assert 0 == ended.code, ended.output[-4000:]
    address = f"http://127.0.0.1:{world.port}"
    assert 200 == httpx.get(f"{address}/health/ready", timeout=30, trust_env=False).status_code
    status = world.command("status")
    assert address in status.output
    assert "  running\n" in status.output
    assert "No undo is pending." == world.run("--recover").output.strip()
    assert 200 == httpx.get(f"{address}/", timeout=30, trust_env=False).status_code
    again = world.run("-k", "phase_passed")
    assert 0 != again.code
    assert "exists already" in again.output
    assert 200 == httpx.get(f"{address}/health/ready", timeout=30, trust_env=False).status_code
    removed = world.command("undeploy")
    assert (0, "1 deployment(s) removed.") == (removed.code, removed.output.splitlines()[-1])
    assert before == world.seen()
    assert "Nothing is deployed." == world.command("status").output.strip()
