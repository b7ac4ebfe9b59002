"""The history of runs: bounded size, whole lines, tolerance of corrupt lines, separate populations."""

from __future__ import annotations

import json
import os
import threading
from pathlib import Path
from typing import Any

import pytest

from rollout.journal import Journal, Redactor
from rollout.journal.query import last
from rollout.report.trends import past_of, trends
from rollout.results import history
from rollout.results.attempts import Attempt
from rollout.results.history import as_row, from_row, read, update
from tests.unit.report import golden, journals
from tests.unit.report.golden import Events


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    return Journal(tmp_path / "journal.jsonl", run="run-now", redactor=Redactor())


def lines(state: Path) -> list[str]:
    return (state / history.FILE).read_text(encoding="utf-8").splitlines()


def written(state: Path, *attempts: Attempt) -> None:
    state.mkdir(parents=True, exist_ok=True)
    with (state / history.FILE).open("a", encoding="utf-8") as file:
        file.writelines(json.dumps(as_row(one)) + "\n" for one in attempts)


def updated(journal: Journal, state: Path, events: Events) -> Events:
    update(journal, state, events)
    return (*events, dict(last(journal.events(), "history.read")))


def test_each_path_has_a_line_that_can_be_read_again(tmp_path: Path, journal: Journal) -> None:
    """The attempts read equal those written."""
    update(journal, tmp_path / "state", journals.comparison())

    assert ["ambitious", "incremental", "realistic"] == [one.path for one in read(tmp_path / "state").attempts]
    assert 3 == len(lines(tmp_path / "state"))
    event = last(journal.events(), "history.read")
    assert ([], 0) == (event["runs"], event["skipped"])
    assert "problem" not in event


def test_the_journal_holds_the_earlier_runs(tmp_path: Path, journal: Journal) -> None:
    """Without the run itself. So the report can be drawn again from the journal alone."""
    written(tmp_path, *journals.past())
    events = updated(journal, tmp_path, journals.alone())

    assert journals.past() == past_of(events)
    assert len(journals.past()) + 1 == len(lines(tmp_path))


def test_only_attempts_of_the_same_population_are_read(tmp_path: Path, journal: Journal) -> None:
    """A rehearsal is not compared with real packages."""
    written(tmp_path, *journals.past(), journals.earlier(days=9, population="rehearsal:default"))
    rehearsed = updated(journal, tmp_path, journals.alone(source="rehearsal"))
    assert ["rehearsal:default"] == [one.population for one in past_of(rehearsed)]


@pytest.mark.parametrize(
    "junk",
    [
        b"\x00\xff\xfe", b"{", b"[]", b"null", b'{"v": 1}', b'{"v": 2, "run": "x"}', b"NaN", b"\xe2\x80",
        b'"' + b"x" * 100_000,
    ],
)  # fmt: skip
def test_a_corrupt_line_is_ignored_and_counted(junk: bytes, tmp_path: Path, journal: Journal) -> None:
    """The valid lines around it count. The report shows the number of ignored lines."""
    written(tmp_path, journals.earlier(days=2))
    with (tmp_path / history.FILE).open("ab") as file:
        file.write(junk + b"\n")
    written(tmp_path, journals.earlier(days=1))

    events = updated(journal, tmp_path, journals.alone())
    assert 2 == len(past_of(events))
    assert 1 == trends((), past_of(events), events).skipped
    assert junk in (tmp_path / history.FILE).read_bytes()


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("seconds", "long"), ("seconds", float("nan")), ("seconds", -1), ("phases", [["a", "passed"]]),
        ("phases", [["a", "passed", "x", False]]), ("phases", 3), ("checks", {"odd": 1}), ("checks", []),
        ("outcome", None), ("complete", 1), ("exists", []), ("left", "much"), ("population", 3), ("asked", [1]),
    ],
)  # fmt: skip
def test_a_row_with_a_wrong_or_missing_value_is_rejected(key: str, value: Any) -> None:
    """So no report is drawn from it."""
    assert from_row(as_row(journals.earlier())) == journals.earlier()
    assert from_row({**as_row(journals.earlier()), key: value}) is None
    assert from_row({name: it for name, it in as_row(journals.earlier()).items() if name != key}) is None


def test_the_number_of_lines_is_bounded(tmp_path: Path, journal: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    """The oldest lines and corrupt lines are removed; the newest stay."""
    monkeypatch.setattr(history, "MOST_LINES", 5)
    written(tmp_path, *(journals.earlier(days=days) for days in range(9, 4, -1)))
    with (tmp_path / history.FILE).open("a") as file:
        file.write("{torn")
    update(journal, tmp_path, journals.comparison())

    kept = read(tmp_path)
    assert (5, 0) == (len(kept.attempts), kept.skipped)
    assert ["realistic"] * 2 + ["ambitious", "incremental", "realistic"] == [one.path for one in kept.attempts]
    assert not list(tmp_path.glob(".history*"))


def test_the_size_in_bytes_is_bounded(tmp_path: Path, journal: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    """Independent of the length of a line."""
    monkeypatch.setattr(history, "MOST_BYTES", 6000)
    written(tmp_path, *(journals.earlier(days=days) for days in range(9, 0, -1)))
    update(journal, tmp_path, journals.alone())

    assert (tmp_path / history.FILE).stat().st_size <= 6000
    assert golden.RUN == read(tmp_path).attempts[-1].run


def test_a_torn_line_does_not_damage_the_next(tmp_path: Path, journal: Journal) -> None:
    """A process was killed while it wrote."""
    written(tmp_path, journals.earlier())
    whole = (tmp_path / history.FILE).read_bytes()
    (tmp_path / history.FILE).write_bytes(whole + whole[: len(whole) // 2])
    update(journal, tmp_path, journals.alone())

    kept = read(tmp_path)
    assert (2, 1) == (len(kept.attempts), kept.skipped)


def test_many_runs_may_end_at_the_same_time(tmp_path: Path) -> None:
    """Each line is whole, and no line is lost."""

    def end(number: int) -> None:
        own = Journal(tmp_path / f"{number}.jsonl", run=f"run-{number}", redactor=Redactor())
        update(own, tmp_path / "state", journals.alone())
        own.close()

    threads = [threading.Thread(target=end, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    kept = read(tmp_path / "state")
    assert (8, 0) == (len(kept.attempts), kept.skipped)


def test_an_unusable_history_is_reported_and_is_not_a_failure(tmp_path: Path, journal: Journal) -> None:
    """The history is a folder, or the state folder is a file."""
    (tmp_path / "a" / history.FILE).mkdir(parents=True)
    (tmp_path / "b").write_text("a file")
    for state in ("a", "b"):
        events = updated(journal, tmp_path / state, journals.alone())
        assert () == past_of(events)
        assert history.FILE in trends((), (), events).problem


def test_a_run_journals_a_bounded_number_of_lines(
    tmp_path: Path, journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It takes the newest ones."""
    monkeypatch.setattr(history, "MOST_READ", 3)
    written(tmp_path, *(journals.earlier(days=days) for days in range(9, 0, -1)))
    events = updated(journal, tmp_path, journals.alone())
    assert [3, 2, 1] == [int(one.run[-6:], 16) for one in past_of(events)]


def test_a_run_that_started_no_path_writes_no_line(tmp_path: Path, journal: Journal) -> None:
    """It has no attempt."""
    events = tuple(event for event in journals.alone() if event["event"] in {"run.started", "run.finished"})
    update(journal, tmp_path, events)
    assert not (tmp_path / history.FILE).exists()


def test_a_line_that_does_not_fit_on_the_disk_is_removed_again(
    tmp_path: Path, journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So the history holds no partial line."""
    written(tmp_path, journals.earlier())
    before = (tmp_path / history.FILE).read_bytes()
    write = os.write

    def short(descriptor: int, data: bytes) -> int:
        return write(descriptor, data[:100]) if b"population" in data else write(descriptor, data)

    events = journals.alone()
    monkeypatch.setattr(os, "write", lambda fd, data: short(fd, data) if fd != journal._file else write(fd, data))
    events = updated(journal, tmp_path, events)
    assert "No space left" in trends((), (), events).problem
    assert before == (tmp_path / history.FILE).read_bytes()
