"""Page and summary of golden journals: content, escaping, size limits, timeline, writing."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from rollout.journal.merging import JOURNAL
from rollout.report import append_step_summary, page, panel, summary, write_reports
from rollout.report.__main__ import main
from rollout.report.markdown import fenced, fitting
from rollout.report.summary import comment
from rollout.report.timeline import bars, ticks
from rollout.results.verdict import as_json, verdict
from tests.unit.report import golden
from tests.unit.report.journals import HOSTILE
from tests.unit.report.outline import outline


@pytest.mark.parametrize("story", golden.STORIES)
def test_every_story_draws_a_well_formed_page_without_network(story: str) -> None:
    """Properly nested, with a language, without external resources, and with one script."""
    tags = outline(page(golden.STORIES[story]())).tags

    assert ("html", {"lang": "en"}) in tags
    assert not [tag for tag, _ in tags if tag in {"link", "img", "iframe", "object"}]
    assert [("script", {})] == [tag for tag in tags if tag[0] == "script"]
    assert all(attributes.get("scope") for tag, attributes in tags if tag == "th")


@pytest.mark.parametrize(
    ("story", "sentence"),
    [
        (
            "passed",
            "XAVOS was deployed on the realistic path through server: 8 phases passed in 1 min 41 s; 8 checks passed.",
        ),
        (
            "rehearsal",
            "The realistic path through server was rehearsed with stand-in packages: "
            "8 phases passed in 1 min 41 s; "
            "8 checks passed.",
        ),
        (
            "failed",
            "The realistic path failed at ash_core (registry_unreachable) after 1 min 18 s; "
            "everything was rolled back, "
            "and fingerprints prove that nothing is left.",
        ),
        (
            "dirty",
            "The realistic path failed at database (database_denied) after 1 min 3 s; 2 things could not be removed.",
        ),
        ("refused", "The realistic path was refused at prerequisites (port_taken); nothing was changed."),
        (
            "killed",
            "The realistic path was killed at ash_core after 1 min 0 s; its changes are still there until "
            "`pytest --recover` undoes them.",
        ),
        ("extras_failed", "The optional phase extras failed and was undone."),
        ("interrupted", "The realistic path was interrupted at ash_core after"),
        ("check_failed", "8 checks passed, 1 failed."),
    ],
)
def test_page_and_summary_say_the_same_sentence(story: str, sentence: str) -> None:
    """There is one sentence for each path."""
    events = golden.STORIES[story]()

    assert sentence in page(events)
    assert sentence.replace("`", "\\`") in summary(events)


def test_a_rehearsal_has_a_banner_and_is_never_called_deployed() -> None:
    """The banner is on the page and in the summary. The badge is "rehearsed"."""
    banner = "Rehearsal: stand-in packages. XAVOS was not deployed."

    for report in (page(golden.rehearsal()), summary(golden.rehearsal())):
        assert banner in report
        assert "XAVOS was deployed" not in report
        assert ">deployed<" not in report
    assert '<span class="word">rehearsed</span>' in page(golden.rehearsal())
    assert '<strong class="badge">rehearsed</strong>' in panel(golden.rehearsal())
    assert "Rehearsal" not in page(golden.passed())


@pytest.mark.parametrize("story", ["rehearsal", "passed"])
def test_every_report_is_about_the_application_of_the_user(story: str) -> None:
    """A title is text: nothing of it becomes markup."""
    first, *others = golden.STORIES[story]()
    events = [{**first, "application": "Shop <b>"}, *others]
    assert "run.started" == first["event"]

    assert "Shop <b>" == as_json(verdict(events))["application"]
    assert "Shop &lt;b&gt; deployment" in page(events)
    assert "# Shop &lt;b&gt; deployment" in summary(events)
    word = "Shop &lt;b&gt; was not deployed" if story == "rehearsal" else "Shop &lt;b&gt; was deployed"
    for report in (page(events), summary(events), panel(events)):
        assert word in report
        assert "XAVOS was" not in report


def test_failure_shows_cause_advice_log_and_its_tail() -> None:
    """At the top of the page."""
    shown = page(golden.failed())

    for part in (
        "registry unreachable</span>",
        "realistic, ash_core (ash)",
        "Check the network, then run again.",
        '<a href="logs/ash_core.log">',
        "** (Mix) No package with name ash",
    ):
        assert part in shown


def test_output_of_the_command_is_shown_if_the_failure_has_none() -> None:
    """It comes from the events of the command."""
    shown = page(golden.failed(tail=""))

    assert 'aria-label="Last output, ash_core of realistic">ok</pre>' in shown


def test_residue_kept_notes_packages_and_earlier_runs_have_their_rows() -> None:
    """Every fact of the journal is on the page."""
    assert "role xavos still exists" in page(golden.dirty())
    assert '<a href="http://127.0.0.1:4001">' in page(golden.passed())
    assert "make undeploy" in page(golden.passed())
    assert "assets: plain, because npm does not answer" in page(golden.passed())
    assert "3.32.0" in page(golden.passed())
    assert "20261122-080000-dead: dirty, left: port 4001 is still open" in page(golden.recovering())
    assert "attempt 1 failed (registry_unreachable), repeated after 5.0 s" in page(golden.retried())


def test_hostile_text_stays_text() -> None:
    """In every field of every report that shows foreign text."""
    events = json.loads(json.dumps(golden.failed(tail=HOSTILE, message=HOSTILE)))
    for event in events:
        for key in ("text", "detail", "label", "check", "error", "description", "by"):
            if key in event:
                event[key] = HOSTILE
        if event["event"] == "run.started":
            event["source"]["detail"] = event["versions"]["elixir"] = HOSTILE
            event["plan"]["realistic"][0]["description"] = HOSTILE
        if event["event"] == "rollback.finished":
            event["residue"] = [HOSTILE]
        if event["event"] == "phase.packages":
            event["packages"][0].update(name=HOSTILE, licences=[HOSTILE], requirement=HOSTILE)
    events.insert(
        -1,
        {
            **events[-1],
            "event": "kept",
            "path": "realistic",
            "url": "javascript:alert(1)",
            "directory": HOSTILE,
            "manage": HOSTILE,
            "first_operator": HOSTILE,
            "remove": HOSTILE,
        },
    )

    drawn = page(events)
    assert [] == [tag for tag, _ in outline(drawn).tags if tag == "img"]
    assert 1 == sum(tag == "script" for tag, _ in outline(drawn).tags)
    assert 'href="javascript' not in drawn
    assert "\x1b" not in drawn
    outside_fences = re.sub(r"`[^`\n]*`", "", "".join(summary(events).split("````")[::2]))
    assert "<script>" not in outside_fences
    assert "\n# no" not in outside_fences


def test_hostile_log_names_are_no_links() -> None:
    """Only a file in the logs folder of the run has a link."""
    for log in ("https://evil/x", "../../etc/passwd", "logs/../../x", "javascript:alert(1)"):
        events = [dict(event) for event in golden.failed()]
        for event in events:
            if event.get("failure"):
                event["failure"] = {**event["failure"], "log": log}
        links = [attributes.get("href") or "" for tag, attributes in outline(page(events)).tags if tag == "a"]
        assert [] == [link for link in links if "passwd" in link or "evil" in link or "alert" in link or "logs" in link]


def test_ten_megabyte_line_is_bounded() -> None:
    """To 20 KB of output, and 1,000 KiB of summary."""
    events = golden.failed(tail="x" * 10_000_000, message="y" * 10_000_000)

    assert len(page(events)) < len(page(golden.failed())) + 100_000
    assert len(summary(events)) < 40_000


def test_summary_stays_under_its_limit() -> None:
    """With thousands of notes and failed checks."""
    story = golden.Story()
    for number in range(3000):
        story.say("phase.note", path="realistic", phase="packages", text=f"{number} " + "é" * 900)
        story.check("packages", f"c{number}_" + "x" * 900, "failed", message="é" * 4000)
    events = [dict(event, tail="é" * 100_000) for event in story.ends("dirty", 1)]

    assert len(summary(events).encode()) < 1_000 * 1024


def test_ticks_are_round_and_few() -> None:
    """For any duration of a run."""
    for seconds in (0.001, 0.9, 42.0, 351.0, 4000.0, 90_000.0):
        marks = ticks(seconds)
        assert 1 <= len(marks) <= 8
        assert all(0 <= mark.left <= 100 for mark in marks)
    assert ["0 s", "1 min", "2 min", "3 min", "4 min", "5 min"] == [mark.label for mark in ticks(351.0)]


def test_timeline_shows_restored_retried_failed_and_rollback_parts() -> None:
    """All segments are inside the bar."""
    kinds = {}
    for story in ("restored", "retried", "failed", "dirty", "killed"):
        events = golden.STORIES[story]()
        path = verdict(events).paths[0]
        drawn = bars(path, [event for event in events if event.get("path") == "realistic"])
        kinds[story] = {part.kind for bar in drawn for part in bar.segments}
        assert all(part.left >= 0 and part.left + part.width <= 100.01 for bar in drawn for part in bar.segments)

    assert kinds == {
        "restored": {"passed", "restored", "rollback"},
        "retried": {"passed", "retried"},
        "failed": {"passed", "failed", "rollback"},
        "dirty": {"passed", "failed", "rollback", "dirty"},
        "killed": {"passed", "interrupted"},
    }


def test_reports_are_drawn_again_from_the_journal(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`python -m rollout.report FOLDER`: the same verdict, summary and page, to the last character."""
    (tmp_path / JOURNAL).write_text("".join(json.dumps(event) + "\n" for event in golden.killed()), encoding="utf-8")
    write_reports(tmp_path, golden.killed())
    names = ("verdict.json", "summary.md", "comment.md", "report.html")
    before = {name: (tmp_path / name).read_text(encoding="utf-8") for name in names}
    for name in before:
        (tmp_path / name).unlink()

    assert main([str(tmp_path)]) == 0
    assert before == {name: (tmp_path / name).read_text(encoding="utf-8") for name in before}
    assert "was killed at ash_core" in (tmp_path / "report.html").read_text(encoding="utf-8")
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "comment.md",
        JOURNAL,
        "report.html",
        "summary.md",
        "verdict.json",
    ]
    assert "was killed" in capsys.readouterr().out


def test_a_comment_is_the_beginning_of_the_summary() -> None:
    """Of a short run it is all of it."""
    events = golden.STORIES["failed"]()
    assert summary(events) == comment(events)


def test_a_comment_ends_between_two_blocks() -> None:
    """GitHub refuses a longer one, and a fence that is cut would swallow what follows."""
    blocks = ["# Run", fenced("x" * 40), fenced("ä" * 40), "- last"]
    assert "\n".join(blocks) + "\n" == fitting(blocks, 400)
    cut = fitting(blocks, 150)
    assert cut.startswith("\n".join(blocks[:2]))
    assert cut.endswith("report.html has the rest*\n")
    assert (0, True) == (cut.count("```") % 2, len(cut.encode()) <= 150)


def test_a_folder_without_a_journal_is_a_clear_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It ends with exit code 2 and says which folder to give."""
    with pytest.raises(SystemExit) as stopped:
        main([str(tmp_path)])

    assert stopped.value.code == 2
    assert "Give the folder of a run" in capsys.readouterr().err


def test_a_failed_write_leaves_the_old_report(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Files are replaced atomically, and no temporary file stays."""
    write_reports(tmp_path, golden.passed())
    old = (tmp_path / "verdict.json").read_text(encoding="utf-8")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(OSError, match="No space left"):
        write_reports(tmp_path, golden.failed())
    assert old == (tmp_path / "verdict.json").read_text(encoding="utf-8")
    assert not list(tmp_path.glob(".*"))


def test_step_summary_is_appended_and_never_an_error(tmp_path: Path) -> None:
    """The text is appended to GitHub's file. A path that cannot be written is ignored."""
    target = tmp_path / "step.md"
    target.write_text("before\n", encoding="utf-8")
    append_step_summary("text", {"GITHUB_STEP_SUMMARY": str(target)})
    append_step_summary("text", {"GITHUB_STEP_SUMMARY": str(tmp_path / "no" / "such")})
    append_step_summary("text", {})

    assert target.read_text(encoding="utf-8") == "before\ntext\n"
