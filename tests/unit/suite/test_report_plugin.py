"""The reporting plugins in a real pytest, on the events of a fake run."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from html import unescape
from pathlib import Path
from xml.etree import ElementTree

import pytest

from rollout.report.__main__ import main

CONFTEST = """
import json, os, types
from pathlib import Path
import pytest
from suite import stash
from rollout.journal import Journal, Redactor

pytest_plugins = ("suite.checks", "suite.report", "suite.terminal", "suite.closing")
HOSTILE = "<script>alert(1)</script>\\x1b[31mred\\x1b[0m <img src=x onerror=alert(2)>"


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config):
    from suite.report import configure_reports
    from suite.terminal import open_console
    folder = Path(config.rootpath) / "reports" / "run-1"
    folder.mkdir(parents=True)
    journal = Journal(folder / "journal.jsonl", run="run-1", redactor=Redactor())
    config.stash[stash.RUN] = types.SimpleNamespace(
        folder=folder, journal=journal, events=journal.events, options=types.SimpleNamespace(path="realistic"))
    config.addinivalue_line("markers", "phase(name): as suite.phases has it")
    configure_reports(config)
    journal.subscribe(open_console(config))
    phases = ["ash_core", "extras", "server"]
    source = {"kind": os.environ["KIND"], "detail": "", "why": ""}
    journal.record("run.started", pid=1, argv=[], options={}, source=source,
        forge={"kind": "host"}, database={"kind": "embedded"}, host={}, versions={}, paths=["realistic"],
        plan={"realistic": [{"name": n, "description": HOSTILE, "packages": []} for n in phases]})
    journal.record("path.started", path="realistic", phases=phases, through=None)


def phase(name, fails=False):
    @pytest.fixture(scope="session", name=name)
    def apply(pytestconfig):
        journal = pytestconfig.stash[stash.RUN].journal
        where = {"path": "realistic", "phase": name}
        journal.record("phase.started", before="0", **where)
        journal.record("act.intent", id=name, text="files", undo={}, **where)
        journal.record("command.started", id=name, label="mix deps.get", argv=[],
                       cwd="", deadline=1, log=f"logs/{name}.log", **where)
        journal.record("command.finished", id=name, exit_code=1, seconds=1, timed_out=False, tail=HOSTILE * 9)
        failure = {"cause": "package_missing", "package": HOSTILE, "message": HOSTILE, "advice": "Look.",
                   "log": f"logs/{name}.log"}
        outcome = "failed" if fails else "passed"
        journal.record("phase.finished", outcome=outcome, seconds=1, restored=False, attempts=1,
                       failure=failure if fails else None, **where)
        def back(why):
            journal.record("rollback.started", why=why, **where)
            journal.record("rollback.finished", why=why, outcome="restored", seconds=0.5, residue=[],
                           **where)
        if fails:
            back("failed")
        yield not fails
        if not fails:
            back("teardown")
    return apply


ash_core = phase("ash_core")
extras = phase("extras", fails=True)


def pytest_sessionfinish(session, exitstatus):
    journal = session.config.stash[stash.RUN].journal
    journal.record("path.finished", path="realistic", outcome="rolled_back", seconds=3)
    journal.record("run.finished", exit_code=int(exitstatus), seconds=3, reason="1 failed")
"""
CHECKS = {
    "test_1_ash_core": """
import pytest
pytestmark = pytest.mark.phase("ash_core")

def test_ash_core_phase_passed(ash_core):
    '''Ash is there.'''
    assert ash_core

@pytest.mark.parametrize("name", ["<b>&--> x"])
def test_page_answers_in(ash_core, name):
    print(name)

def test_rehearsal_cannot_answer(ash_core):
    pytest.skip("stand-ins have no pages")
""",
    "test_2_extras": """
import pytest
from rollout.errors import PhaseFailed
pytestmark = pytest.mark.phase("extras")

def test_extras_phase_passed(extras):
    print("x" * 10_000_000)
    raise PhaseFailed("<i>no</i> package " + "y" * 1_000_000, cause="package_missing", advice="Look.")
""",
    "test_3_server": """
import pytest
pytestmark = pytest.mark.phase("server")

@pytest.fixture(autouse=True)
def blocked():
    pytest.skip("blocked by extras: package_missing")

@pytest.mark.parametrize("n", range(3))
def test_page_answers_200(n):
    assert False
""",
}


ROOT = Path(__file__).resolve().parents[3]


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """A finished pytest run: its exit code, output, and report folder."""

    code: int
    text: str
    folder: Path

    def read(self, name: str) -> str:
        return (self.folder / "reports" / "run-1" / name).read_text(encoding="utf-8")

    def shows(self, *patterns: str) -> None:
        """Each pattern matches a line, in this order."""
        pytest.LineMatcher(self.text.splitlines()).fnmatch_lines(patterns)


def tell(
    folder: Path,
    *arguments: str,
    conftest: str = CONFTEST,
    kind: str = "hexpm",
    files: Mapping[str, str] = CHECKS,
    **variables: str,
) -> Told:
    """Run the fake run in a separate pytest."""
    (folder / "pytest.ini").write_text("[pytest]\ninitial_sort = original\nrender_collapsed = passed,skipped\n")
    (folder / "conftest.py").write_text(conftest)
    for name, source in files.items():
        (folder / f"{name}.py").write_text(source)
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(ROOT),
        "GITHUB_STEP_SUMMARY": str(folder / "step.md"),
        "BUILD_TAG": "<script>alert(3)</script>",
        "COLUMNS": "100",
        "KIND": kind,
        **variables,
    }
    command = (sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *arguments)
    run = subprocess.run(command, cwd=folder, env=environment, capture_output=True, timeout=60, check=False)
    return Told(code=run.returncode, text=run.stdout.decode("utf-8", "replace"), folder=folder)


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Told:
    """The fake run, run once."""
    return tell(tmp_path_factory.mktemp("story"), "--color=no")


def test_a_broken_phase_is_one_failure_and_blocks_the_rest(tmp_path: Path) -> None:
    """Console: outcome sentence, phases, first failure with how to go on, path of the report."""
    told = tell(tmp_path, "-v", "--tb=line")

    told.shows(
        "*test_page_answers_200*BLOCKED*",
        "*= deployment =*",
        "realistic: 2 checks passed, 1 failed, 3 blocked, 1 skipped",
        "  ash_core * passed; rollback: restored in 0.5 s",
        "  extras * failed; rollback: restored in 0.5 s",
        "  server * not reached",
        "extras: package_missing (*",
        "What to do: Look.",
        "Log: logs/extras.log",
        "SKIPPED [[]1] stand-ins have no pages",
        "BLOCKED [[]3] extras: package_missing",
    )
    assert told.code == 1


def test_the_last_lines_summarise_the_run(tmp_path: Path) -> None:
    """The last ten lines: verdict, failed check, next step, report; then pytest's own count."""
    told = tell(tmp_path, "-ra")

    last = told.text.rstrip().splitlines()[-10:]
    pytest.LineMatcher(last).fnmatch_lines(
        [
            "*= result =*",
            "The realistic path failed at extras (package_missing) after 3.0 s; everything was rolled back, *",
            "Failed: extras: extras phase passed*",
            "Next: Look.",
            "Report: *run-1/report.html",
            "*1 failed, 2 passed, 1 skipped, 3 blocked*",
        ],
        consecutive=True,
    )


COLOURED = """
import pytest
pytestmark = pytest.mark.phase("ash_core")

def test_a_difference_is_highlighted(ash_core):
    print("\x1b[32mgreen\x1b[0m")
    assert {"a": "one"} == {"a": "two"}
"""


def test_no_terminal_code_is_written_where_colours_are_forced(tmp_path: Path) -> None:
    """PY_COLORS=1: the screen is coloured, junit.xml and the pages are not."""
    told = tell(tmp_path, "test_0_coloured.py", files={"test_0_coloured": COLOURED}, PY_COLORS="1")

    assert "\x1b[" in told.text
    written = told.read("junit.xml")
    assert "assert {&apos;a&apos;: &apos;one&apos;}" in written or "{'a': 'one'}" in written
    for name in ("junit.xml", "tests.html", "report.html", "verdict.json", "summary.md"):
        for code in ("#x1B", "\x1b", "\\u001b", "&#x1b;"):
            assert code not in told.read(name), (name, code)


def test_without_the_report_plugin_the_journal_is_complete(tmp_path: Path) -> None:
    """As in the trials of a campaign: no page, no summary, no output about checks."""
    told = tell(tmp_path, "-p", "no:rollout-report")
    assert told.code == 1
    assert {path.name for path in (tmp_path / "reports" / "run-1").iterdir()} == {"journal.jsonl"}
    assert "deployment ==" not in told.text
    checks = [line for line in told.read("journal.jsonl").splitlines() if '"check.finished"' in line]
    assert len(checks) == 7


def test_dots_show_blocked_checks_as_b(told: Told) -> None:
    """Without -v a blocked check is a yellow b."""
    told.shows("*bbb*")


def test_live_lines_start_on_lines_of_their_own(told: Told) -> None:
    """pytest's progress and the live view do not share a line."""
    lines = [line for line in told.text.splitlines() if line.endswith(" …") or any(mark in line for mark in "✔✘↺")]
    assert len(lines) >= 3
    assert all(line[:8].count(":") == 2 for line in lines)


def test_report_keeps_hostile_text_as_text(told: Told) -> None:
    """Markup, terminal codes and a 10 MB line reach the page escaped and bounded."""
    assert "&lt;script&gt;alert(1)" in told.read("report.html")
    for name in ("report.html", "tests.html"):
        page = told.read(name)
        assert "<script>alert" not in page
        assert "<img src=x" not in page
        assert "\x1b" not in page
        assert "x" * 25_000 not in page
        assert len(page) < 1_000_000


def test_the_two_pages_link_to_each_other(told: Told) -> None:
    """The report of the suite and pytest-html's page."""
    assert '<a href="tests.html">' in told.read("report.html")
    assert '<a href="report.html">' in told.read("tests.html")
    assert 'id="rollout"' in told.read("tests.html")


def test_reports_made_again_are_identical(told: Told) -> None:
    """They are made from the journal on disk."""
    names = ("report.html", "summary.md", "verdict.json")
    before = {name: told.read(name) for name in names}
    assert main([str(told.folder / "reports" / "run-1")]) == 0
    assert before == {name: told.read(name) for name in names}


def test_report_rows_have_phase_cause_and_rollback(told: Told) -> None:
    """Our columns replace pytest-html's; the rollback is filled in after the last teardown."""
    page = told.read("tests.html")
    data = json.loads(_attribute(page, "data-jsonblob"))
    rows = {nodeid.partition("::")[2]: tests[0]["resultsTableRow"] for nodeid, tests in data["tests"].items()}
    assert '<td class="col-rollback">restored in 0.5 s</td>' in rows["test_ash_core_phase_passed"]
    assert '<td class="col-cause">package_missing</td>' in rows["test_extras_phase_passed"]
    assert '<td class="col-links"><a href="logs/extras.log">log</a></td>' in rows["test_extras_phase_passed"]
    blocked = rows["test_page_answers_200[0]"]
    assert ">Blocked<" in blocked[0]
    assert '<td class="col-phase">server</td>' in blocked
    assert '<td class="col-cause">blocked by extras</td>' in blocked


def test_junit_xml_is_well_formed_and_counts_blocked_as_skipped(told: Told) -> None:
    """Each test case has path, phase and, where it has one, cause; blocked checks say by what."""
    suite = ElementTree.parse(told.folder / "reports/run-1/junit.xml").getroot().find("testsuite")
    assert suite is not None
    assert (suite.get("tests"), suite.get("failures"), suite.get("errors"), suite.get("skipped")) == (
        "7",
        "1",
        "0",
        "4",
    )
    cases = {case.get("name"): case for case in suite.iter("testcase")}
    failed = {p.get("name"): p.get("value") for p in cases["test_extras_phase_passed"].iter("property")}
    assert failed == {"path": "realistic", "phase": "extras", "cause": "package_missing"}
    skipped = cases["test_page_answers_200[0]"].find("skipped")
    assert skipped is not None
    assert skipped.get("message") == "blocked by extras: package_missing"
    assert (told.folder / "reports/run-1/junit.xml").stat().st_size < 200_000


def test_journal_has_every_check_once(told: Told) -> None:
    """check.finished: sentence, phase, outcome, message and the phase that blocks."""
    lines = told.read("journal.jsonl").splitlines()
    checks = [event for event in map(json.loads, lines) if event["event"] == "check.finished"]
    assert [check["outcome"] for check in checks] == [
        "passed",
        "passed",
        "skipped",
        "failed",
        *["blocked"] * 3,
    ]
    assert checks[0]["check"] == "ash core phase passed"
    assert checks[0]["doc"] == "Ash is there."
    assert checks[2]["message"] == "stand-ins have no pages"
    assert checks[4]["by"] == "extras"
    assert all(len(line) < 20_000 for line in lines)


def test_verdict_and_summaries_are_written(told: Told) -> None:
    """verdict.json, summary.md, and the same summary on the job page of GitHub Actions."""
    verdict = json.loads(told.read("verdict.json"))
    assert verdict["exit_code"] == 1
    assert verdict["paths"]["realistic"]["outcome"] == "rolled_back"
    assert verdict["paths"]["realistic"]["checks"] == {"passed": 2, "failed": 1, "blocked": 3, "skipped": 1}
    written = told.read("summary.md")
    assert "<script>" not in written.split("```")[0]
    assert (told.folder / "step.md").read_text(encoding="utf-8").strip() == written.strip()


def test_a_run_without_a_journal_is_left_alone(tmp_path: Path) -> None:
    """The suite's own tests, which open no run, get no report and no summary."""
    plugins = 'pytest_plugins = ("suite.checks", "suite.report", "suite.terminal", "suite.closing")'
    told = tell(tmp_path, "-k", "nothing", conftest=plugins)

    assert told.code == pytest.ExitCode.NO_TESTS_COLLECTED
    assert "= deployment =" not in told.text
    assert not list(tmp_path.glob("**/report.html"))


def test_the_banner_of_a_rehearsal_is_on_console_and_page(tmp_path: Path) -> None:
    """A rehearsal is never reported as a deployment of XAVOS."""
    told = tell(tmp_path, kind="rehearsal")

    banner = "Rehearsal: stand-in packages. XAVOS was not deployed."
    told.shows(f"*{banner}", "*= deployment =*", banner)
    assert banner in told.read("report.html")
    assert json.loads(told.read("verdict.json"))["rehearsal"] is True


def _attribute(page: str, name: str) -> str:
    return unescape(page.partition(f'{name}="')[2].partition('"')[0])
