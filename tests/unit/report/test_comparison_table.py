"""Page and summary of a run with three paths: every fact of the journal is shown, and hostile text is escaped."""

from __future__ import annotations

import base64
import copy
import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest

from rollout.report import comparison_table, page, summary, write_reports
from rollout.report.attachments import MOST_BYTES, MOST_BYTES_EACH, attach, logs_in
from rollout.report.comparison_table import ComparisonCell, comparison
from rollout.report.grid import Cell, Group, Row
from rollout.report.page import CHOICES
from rollout.report.trends import trends
from rollout.report.view import View, view
from rollout.results.claims import InvalidClaims
from rollout.text.plain import percent, slug
from tests.unit.report import golden, journals
from tests.unit.report.golden import Events
from tests.unit.report.outline import Outline, outline


@pytest.fixture(scope="module")
def events() -> Events:
    return journals.with_matrix(journals.comparison(journals.past()))


@pytest.fixture(scope="module")
def shown(events: Events) -> View:
    return view(events)


@pytest.fixture(scope="module")
def drawn(events: Events) -> Outline:
    return outline(page(events, lambda log: b"all of " + log.encode()))


def group(shown: View, name: str) -> Group:
    return next(each for each in shown.grid if each.name == name)


def row(shown: View, name: str, title: str) -> Row:
    return next(each for each in group(shown, name).rows if each.title == title)


def states(cells: tuple[Cell, ...]) -> tuple[str, ...]:
    return tuple(cell.state for cell in cells)


def test_the_top_has_the_outcome_of_each_path_and_the_gate(drawn: Outline) -> None:
    """Headline, gate, source, and one sentence for each path."""
    for part in (
        "1 of 3 paths deployed",
        "Exit code 0: the gate is met, realistic is deployed with every check passed. "
        "Compared, not gating: ambitious, incremental.",
        "mirror http://packages.example.org (because asked for)",
        "The ambitious path failed at igniter_new (version_conflict)",
        "left 3 things behind; its site was removed afterwards.",
        "The incremental path failed at authentication (registry_unreachable)",
        "XAVOS was deployed on the realistic path through server: 13 phases passed",
        "XAVOS answers at http://127.0.0.1:4001",
    ):
        assert part in drawn.text


@pytest.mark.parametrize(
    ("name", "title", "expected"),
    [
        ("packages", "packages phase passed", ("not_attempted", "passed", "passed")),
        ("phoenix_app", "phoenix app phase passed", ("failed", "passed", "passed")),
        ("phoenix_app", "the lock agrees with mix.exs", ("blocked", "passed", "passed")),
        ("authentication", "sign in is routed", ("blocked", "blocked", "passed")),
        ("scripts", "scripts phase passed", ("not_attempted", "not_attempted", "passed")),
        ("server", "the page answers 200", ("blocked", "blocked", "passed")),
        ("Rollback", "rollback of database", ("no_rollback", "restored", "no_rollback")),
        ("Residue", journals.LEFT[2], ("left", "clean", "clean")),
    ],
)
def test_checks_rollbacks_and_residue_are_rows(shown: View, name: str, title: str, expected: tuple[str, ...]) -> None:
    """There is a column for each path. A check that a path does not attempt is shown as such."""
    assert expected == states(row(shown, name, title).cells)


def test_groups_are_in_the_order_of_the_plans(shown: View) -> None:
    """The order is that of the longest plan. Rollback and residue come last."""
    assert [*journals.GROUPS, "Rollback", "Residue"] == [
        each.name for each in shown.grid if each.name not in {"igniter_new", "setup", "overlay"}
    ]


def test_rollbacks_are_last_in_first_out(shown: View) -> None:
    titles = [each.title for each in group(shown, "Rollback").rows]
    assert ["rollback of authentication", "rollback of ash_core"] == titles[:2]


def test_the_head_of_a_group_shows_its_phase(shown: View) -> None:
    """A restored phase, a phase with two attempts, and a phase with another name."""
    assert ("passed", "14 s, restored") == (
        (head := group(shown, "worktree").heads[2]).words, head.note,
    )  # fmt: skip
    assert group(shown, "ash_core").heads[2].note == "1 min 40 s, 2 attempts"
    assert group(shown, "ash_core").heads[0].words == ""
    assert group(shown, "database").heads[0].words == "not attempted"


def test_a_failed_check_has_cause_command_advice_and_log(drawn: Outline) -> None:
    """And the whole log as a download."""
    for part in (
        "version conflict ambitious, igniter_new (beacon)",
        "What to do Leave beacon out of the plan.",
        "mix igniter.new xavos --install ash,beacon",
        "exit code 1, 1 min 35 s",
    ):
        assert part in drawn.text
    links = [attributes for tag, attributes in drawn.tags if tag == "a" and "download" in attributes]
    kept = next(link for link in links if link["download"] == "igniter_new-ash,beacon.log")
    data = (kept["href"] or "").partition("base64,")[2]
    assert base64.b64decode(data).decode() == f"all of {journals.FAILED_LOG}"
    beside = [attributes.get("href") for tag, attributes in drawn.tags if tag == "a"]
    assert journals.FAILED_LOG in map(unquote, filter(None, beside))


def test_a_failed_check_shows_its_own_command() -> None:
    """The last command since the previous check, with the tail of its output and its log."""
    story = golden.Story()
    story.all_pass_before(None)
    story.command("server", tail="expected 200, found 503\n", exit_code=22)
    story.check("server", "page_answers_200", "failed", message="expected 200, found 503")
    events = story.ends("deployed", 1)

    cell = row(view(events), "server", "page answers 200").cells[0]
    assert cell.command is not None
    assert ("check_failed", "mix server", "expected 200, found 503") == (
        cell.cause, cell.command.typed, cell.command.tail,
    )  # fmt: skip
    text = outline(page(events)).text
    assert "1 check failed after the phase had passed" in text
    assert "exit code 22" in text


def test_every_link_has_a_target(drawn: Outline) -> None:
    """Anchors are unique, every link inside the page has its target, and every row of a check has a link."""
    ids = [attributes["id"] for _, attributes in drawn.tags if attributes.get("id")]
    assert len(ids) == len(set(ids))
    inside = [
        (attributes.get("href") or "")[1:]
        for tag, attributes in drawn.tags
        if tag == "a" and (attributes.get("href") or "").startswith("#")
    ]
    assert set() == set(inside) - set(ids)
    rows = {attributes.get("id") for tag, attributes in drawn.tags if attributes.get("class") == "check"}
    assert rows <= set(inside)


def test_the_page_loads_nothing_from_a_network(drawn: Outline) -> None:
    """It has no URL to load, and its policy forbids loading."""
    assert not [tag for tag, _ in drawn.tags if tag in {"link", "img", "iframe", "object", "embed", "audio", "video"}]
    assert not [
        attributes for _, attributes in drawn.tags if {"src", "srcset", "onload", "onclick"} & attributes.keys()
    ]
    policy = next(a["content"] for tag, a in drawn.tags if tag == "meta" and a.get("http-equiv"))
    assert "default-src 'none'" in (policy or "")


def test_the_timeline_shows_every_part(shown: View) -> None:
    """Restored, retried, failed and rollback, on one scale for all paths."""
    assert ("passed", "restored", "retried", "failed", "rollback") == shown.kinds
    longest = max(part.left + part.width for part in shown.paths[2].bars[-1].segments)
    assert 95 < longest <= 100.01
    assert all(part.left + part.width < 60 for bar in shown.paths[1].bars for part in bar.segments)


def test_packages_have_requirement_and_version_by_path(shown: View) -> None:
    """One row for each, with size and licence. A package that was not installed has no version."""
    by_name = {package.name: package for package in shown.inventory}
    assert 26 == len(by_name)
    ambitious, incremental, realistic = by_name["ash"].by_path
    assert ambitious is not None
    assert incremental is not None
    assert realistic is not None
    assert ("", "3.32.0", "31 s") == (ambitious.version, incremental.version, realistic.seconds)
    assert ("MIT", "2.4 MB") == (by_name["ash"].licences, by_name["ash"].size)
    assert (None, None) == by_name["cloak"].by_path[1:]


def test_blame_has_a_section_if_it_ran(drawn: Outline, shown: View) -> None:
    """With sentence, culprits, evidence and probes. Other runs have no such section."""
    (blame,) = shown.blames
    assert ("ambitious", ("beacon",), 3) == (blame.path, blame.culprits, len(blame.probes))
    assert "beacon ~> 0.5 cannot be combined with the application's gettext ~> 1.0." in drawn.text
    assert "3 subsets installed, 1 min 1 s" in drawn.text
    assert 'id="blame"' not in page(journals.alone())
    assert () == view(golden.failed()).blames


def test_unfinished_blame_is_shown_as_such(events: Events) -> None:
    cut = tuple(event for event in events if event["event"] != "blame.finished")
    assert "Blame did not finish." in outline(page(cut)).text


def test_the_grid_of_packages_is_a_triangle(shown: View) -> None:
    """Each package has a cell with the application, and one with each package before it."""
    (matrix,) = shown.matrices
    assert [1, 2, 3, 4] == [len(cells) for _, cells in matrix.rows]
    by_name = dict(matrix.rows)
    assert ["failed", "blocked", "blocked"] == [pair.state for pair in by_name["beacon"]]
    assert [("beacon", "conflict")] == [(names, pair.words) for names, pair in matrix.faults]


# -- claims ------------------------------------------------------------------------------------------


def cell(shown: View, aspect: str, path: str) -> ComparisonCell:
    found = next(each for each in shown.comparison.aspects if each.name == aspect)
    return next(each for each in found.cells if each.path == path)


@pytest.mark.parametrize(
    ("aspect", "path", "verdict", "words"),
    [
        ("Success probability", "ambitious", "not_measured", "not measured"),
        ("Package count", "ambitious", "confirmed", "confirmed"),
        ("Package count", "realistic", "refuted", "refuted"),
        ("Error recovery", "ambitious", "not_measured", "not measured"),
        ("Validation", "ambitious", "confirmed", "confirmed"),
        ("Validation", "realistic", "confirmed", "confirmed"),
        ("Package conflicts", "ambitious", "not_measured", "not measured"),
        ("Deployment time", "realistic", "confirmed", "confirmed"),
        ("Production viability", "realistic", "not_measured", "not measured"),
        ("The archive igniter_new", "ambitious", "refuted", "refuted"),
        ("Validation", "incremental", "", ""),
    ],
)
def test_claims_are_compared_with_measurements(shown: View, aspect: str, path: str, verdict: str, words: str) -> None:
    """Confirmed, refuted or not measured. A path without a claim has the measurement only."""
    found = cell(shown, aspect, path)
    assert (verdict, words) == (found.verdict, found.verdict_words)


def test_runs_decide_no_rate(shown: View) -> None:
    """Their count is shown beside the claim, without an interval and without a verdict."""
    for aspect in shown.comparison.aspects:
        for each in aspect.cells:
            assert " of " not in each.measured or "n=" in each.spread
    found = cell(shown, "Deployment success rate", "realistic")
    assert ("–", "", None) == (found.measured, found.spread.removeprefix("no campaign"), found.rate)
    assert "5 of 6 runs from nothing deployed with every check passed" == found.beside
    assert ("not_measured", comparison_table.ONLY_A_CAMPAIGN) == (found.verdict, found.because)
    two_of_three_broken = [replace(one, outcome="rolled_back") for one in journals.past()[:2]]
    few = view(journals.alone(history=[*two_of_three_broken, *journals.past()[2:3]]))
    assert "not_measured" == cell(few, "Deployment success rate", "realistic").verdict


def campaign_read(**measures: Any) -> dict[str, Any]:
    """The event `campaign.read` with a campaign of the realistic path."""
    row = {"run": "20261101-000000-c0ffee", "at": "2026-11-01T10:00:00+00:00",
           "href": "../20261101-000000-c0ffee/report.html", "trials": 90, "measures": measures}  # fmt: skip
    return {"event": "campaign.read", "campaigns": {"realistic": row}, "run": "r", "seq": 9999, "t": "", "mono": 0.0}


WORLD = {"share": 0.86, "n": 300, "low": 0.82, "high": 0.89}
CLEAN = {"hits": 117, "n": 117, "low": 0.97, "high": 1.0}


def test_the_newest_campaign_decides_with_its_date_and_a_link() -> None:
    """By the interval of its real-world success, and by the residue of its trials."""
    events = [*journals.alone(history=journals.past()), campaign_read(success=WORLD, failures_clean=CLEAN)]
    shown = view(events)
    found = cell(shown, "Deployment success rate", "realistic")
    assert ("confirmed", "the whole interval is within 80\N{NO-BREAK SPACE}% to 90\N{NO-BREAK SPACE}%") == (
        found.verdict, found.because,
    )  # fmt: skip
    assert (
        "86\N{NO-BREAK SPACE}% of trials under the mix of troubles deployed with every check passed" == found.measured
    )
    assert "n=300" in found.spread
    assert found.beside.startswith("5 of 6 runs")
    assert "confirmed" == cell(shown, "Error recovery", "realistic").verdict
    assert "not_measured" == cell(shown, "Package conflicts", "realistic").verdict
    drawn = page(events)
    assert '<a href="../20261101-000000-c0ffee/report.html">its report</a>' in drawn
    assert "campaign of 2026-11-01" in outline(drawn).text
    assert "campaign of 2026-11-01 ([its report](../20261101-000000-c0ffee/report.html))" in summary(events)


@pytest.mark.parametrize(
    "href",
    ["javascript:alert(1)", "https://evil.example/report.html", "../x/other.html", "/etc/report.html", "../../a b"],
)
def test_a_campaign_links_to_reports_of_runs_only(href: str) -> None:
    """The journal may hold any link."""
    event = campaign_read(success=WORLD)
    event["campaigns"]["realistic"]["href"] = href
    assert "its report</a>" not in page([*journals.alone(), event])


def test_a_campaign_whose_report_is_gone_has_no_link(tmp_path: Path) -> None:
    """Its date stays."""
    events = [*journals.alone(), campaign_read(success=WORLD)]
    there = tmp_path / "20261101-000000-c0ffee"
    there.mkdir()
    (there / "report.html").write_text("")
    assert "its report</a>" in write_reports(tmp_path / "run", events).read_text()
    (there / "report.html").unlink()
    drawn = write_reports(tmp_path / "run", events).read_text()
    assert "its report</a>" not in drawn
    assert "campaign of 2026-11-01" in drawn


@pytest.mark.parametrize(
    "row", [None, {}, {"measures": 3}, {"measures": {"success": {"share": "x", "n": 1, "low": 0, "high": 1}}},
            {"measures": {"success": {"hits": 5, "n": 3, "low": 0, "high": 1}}}, {"measures": {"success": [1]}}],
)  # fmt: skip
def test_an_invalid_row_decides_nothing(row: Any) -> None:
    """Such as an edited one, or one of another version."""
    event = {**campaign_read(), "campaigns": {"realistic": row}}
    assert "not_measured" == cell(view([*journals.alone(), event]), "Deployment success rate", "realistic").verdict


def test_a_path_of_a_campaign_only_has_its_column() -> None:
    """The campaign decides the claims about it."""
    event = campaign_read(success={"share": 0.1, "n": 300, "low": 0.05, "high": 0.15})
    event["campaigns"] = {"ambitious": event["campaigns"]["realistic"]}
    shown = view([*journals.alone(), event])
    assert (("realistic", "ambitious"), ("this run", "campaign only")) == (
        shown.comparison.paths, shown.comparison.origins,
    )  # fmt: skip
    assert "refuted" == cell(shown, "Deployment success rate", "ambitious").verdict


def test_a_time_needs_three_runs_from_nothing() -> None:
    """Two decide nothing, and restored runs do not count."""
    good = [one for one in journals.past() if one.path == "realistic" and one.counts and one.succeeded]
    cells = {
        count: cell(view(journals.alone(history=good[:count])), "Deployment time", "realistic") for count in (1, 2, 3)
    }
    own = int(cells[1].spread.rpartition("=")[2]) - 1  # 0 if this run itself was restored
    assert ["not_measured", "confirmed"] == [cells[2 - own].verdict, cells[3 - own].verdict]
    assert "n=2: a time needs at least 3 runs from nothing" == cells[2 - own].because
    restored = [replace(one, phases=tuple(replace(p, restored=True) for p in one.phases)) for one in good]
    assert "not_measured" == cell(view(journals.alone(history=restored)), "Deployment time", "realistic").verdict


def test_a_rehearsal_decides_nothing_about_real_packages() -> None:
    """It measures the machinery only."""
    shown = view(journals.alone(source="rehearsal"))
    assert "not_measured" == cell(shown, "Deployment success rate", "realistic").verdict
    assert "it uses stand-in packages" in cell(shown, "Deployment success rate", "realistic").because
    assert "in rehearsal" == cell(shown, "Package count", "realistic").spread
    assert "confirmed" == cell(shown, "Validation", "realistic").verdict


def test_a_path_of_the_history_has_its_column() -> None:
    """Claims about the ambitious path are compared with its earlier runs, although this run does not have it."""
    shown = view(journals.alone(history=journals.past()))
    assert ("realistic", "ambitious") == shown.comparison.paths
    assert (6, 2) == shown.comparison.runs
    assert (
        "0 of 2 runs from nothing deployed with every check passed"
        == cell(shown, "Success probability", "ambitious").beside
    )
    assert "earlier runs only, 2 earlier runs" in outline(page(journals.alone(history=journals.past()))).text


def test_invalid_claims_are_reported_and_do_not_stop_the_report(monkeypatch: pytest.MonkeyPatch) -> None:
    """A user may have edited the file."""

    def broken() -> None:
        raise InvalidClaims(path=Path("plans/claims.toml"), where="claim 3", problem="it needs text")

    monkeypatch.setattr(comparison_table, "load_claims", broken)
    assert comparison((), (), "real").problem.startswith("claims.toml, claim 3")
    assert "claims.toml, claim 3: it needs text" in outline(page(journals.alone())).text


# -- history -----------------------------------------------------------------------------------------


def test_earlier_runs_have_outcomes_durations_and_a_trend(shown: View, drawn: Outline) -> None:
    """Newest first. The scale of the sparkline starts at zero."""
    past = {path.path: path for path in shown.trends.paths}
    assert {"ambitious", "realistic"} == past.keys()
    assert ("6 earlier runs, 5 deployed with every check passed", 6) == (
        past["realistic"].sentence, len(past["realistic"].runs),
    )  # fmt: skip
    assert "2026-11-22 10:00" == past["realistic"].runs[0].at
    core = next(phase for phase in past["realistic"].phases if phase.name == "ash_core")
    assert ("1 min 40 s", 6) == (core.now, core.runs)
    assert core.spark is not None
    assert ("now", 7) == (core.spark.points[-1].kind, len(core.spark.points))
    assert "compile_error at ash_core, 1 check failed" in drawn.text


def test_a_first_run_has_no_history() -> None:
    assert 'id="history"' not in page(journals.alone())
    assert () == trends((), (), journals.alone()).paths


# -- text of others ----------------------------------------------------------------------------------

# These keys keep their values, because code reads them by name or they determine the shape of the report.
_OURS = {"event", "path", "phase", "run", "t", "outcome", "nodeid", "paths", "phases", "attempts", "gate", "kind", "id",
         "why", "name", "log", "v", "population", "at"}  # fmt: skip


def hostile(value: Any) -> Any:
    """The same value with every text in it replaced by a hostile one."""
    if isinstance(value, str):
        return journals.HOSTILE
    if isinstance(value, dict):
        return {key: it if key in _OURS else hostile(it) for key, it in value.items()}
    return [hostile(it) for it in value] if isinstance(value, list) else value


def test_hostile_text_stays_text_everywhere(events: Events) -> None:
    """In output, names and descriptions: it creates no tag, no attribute and no script."""
    attacked = [hostile(copy.deepcopy(event)) for event in json.loads(json.dumps(events))]
    drawn = outline(page(attacked, lambda _: journals.HOSTILE.encode()))

    usual = {tag for tag, _ in outline(page(events)).tags}
    assert {tag for tag, _ in drawn.tags} <= usual
    assert 1 == sum(tag == "script" for tag, _ in drawn.tags)
    assert not [attributes for _, attributes in drawn.tags if {"onerror", "onload", "onclick"} & attributes.keys()]
    assert not [a for _, a in drawn.tags if (a.get("href") or "").lower().startswith(("javascript:", "data:text/html"))]
    assert "<script>alert(1)</script>" in drawn.text
    assert "\x1b" not in "".join(drawn.words)
    outside = re.sub(r"`[^`\n]*`", "", "".join(summary(attacked).split("````")[::2]).replace("\\`", ""))
    assert "<script>" not in outside
    assert "\n# no" not in outside


def test_anchors_have_safe_characters_only() -> None:
    """Names are converted before they become part of an anchor."""
    assert "a-b-c" == slug("A.b/c!")
    assert "x" == slug("<>")
    assert re.fullmatch(r"[a-z0-9-]+", slug(journals.HOSTILE))


def test_shares_are_whole_per_cents_and_never_rounded_to_none_or_all() -> None:
    words = [percent(share).replace("\N{NO-BREAK SPACE}", " ") for share in (0, 0.001, 0.206, 0.9, 0.999, 1)]
    assert ["0 %", "< 1 %", "21 %", "90 %", "> 99 %", "100 %"] == words


def test_three_paths_fit_the_limits() -> None:
    """The page fits in a mail, the summary in the job page of a CI."""
    events = journals.comparison([journals.earlier(days=1) for _ in range(200)])
    assert len(page(events)) < 1_000_000
    assert len(summary(events).encode()) < 1_000 * 1024


# -- logs --------------------------------------------------------------------------------------------


def test_logs_are_embedded_within_bounds() -> None:
    """Long logs are cut at their beginning. No more logs after the limit, and no unreadable ones."""
    names = [f"logs/{number}.log" for number in range(20)]
    attached = attach([*names, *names], lambda log: None if log == names[0] else b"x" * (MOST_BYTES_EACH + 1))

    assert names[0] not in attached
    assert MOST_BYTES // MOST_BYTES_EACH == len(attached)
    one = attached[names[1]]
    content = base64.b64decode(one.address.partition("base64,")[2])
    assert (1, MOST_BYTES_EACH + 1) == (one.left_out, one.size)
    assert content.startswith("[… 1 bytes before this are cut; logs/1.log".encode())


def test_only_logs_of_the_run_are_embedded(tmp_path: Path) -> None:
    """No name and no link can lead out of its folder."""
    (tmp_path / "run" / "logs").mkdir(parents=True)
    (tmp_path / "run" / "paths" / "ambitious" / "logs").mkdir(parents=True)
    (tmp_path / "secret.log").write_text("secret")
    (tmp_path / "run" / "logs" / "a.log").write_text("own")
    (tmp_path / "run" / "paths" / "ambitious" / "logs" / "b.log").write_text("of a path")
    (tmp_path / "run" / "logs" / "link.log").symlink_to(tmp_path / "secret.log")
    read = logs_in(tmp_path / "run")

    assert (b"own", b"of a path") == (read("logs/a.log"), read("paths/ambitious/logs/b.log"))
    for name in ("logs/link.log", "logs/../../secret.log", "../secret.log", "paths/../logs/a.log", "logs/none.log",
                 str(tmp_path / "secret.log"), "logs/..", "journal.jsonl", ""):  # fmt: skip
        assert read(name) is None


def each_state(shown: View) -> Iterator[str]:
    for every in shown.grid:
        for line in every.rows:
            yield from states(line.cells)


def test_the_filter_knows_every_state(shown: View) -> None:
    """No cell has a state that the filter cannot select."""
    known = {state for _, selected in CHOICES for state in selected} | {"clean", "no_rollback", "made"}
    assert set(each_state(shown)) <= known


def test_a_path_whose_session_crashed_shows_its_last_output() -> None:
    """It may have crashed before its start: an unreadable plan, a missing engine."""
    story = journals.PathsStory()
    journals.realistic(story)
    story.say("path.aborted", path="ambitious", exit_code=4, message="ERROR: the port 4002 is taken\n")
    text = outline(page(story.run_ends(1, "ambitious: refused"))).text
    assert "The session of this path ended early, with exit code 4." in text
    assert "ERROR: the port 4002 is taken" in text
