"""The history: kept bounded, written whole, read in spite of what is broken, and never mixed."""

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
from rollout.results.history import as_row, conclude, from_row, read
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


def concluded(journal: Journal, state: Path, events: Events) -> Events:
    conclude(journal, state, events)
    return (*events, dict(last(journal.events(), "history.read")))


def test_a_line_a_path_is_kept_and_read_again(tmp_path: Path, journal: Journal) -> None:
    """What goes in comes out."""
    conclude(journal, tmp_path / "state", journals.comparison())

    assert ["ambitious", "incremental", "realistic"] == [one.path for one in read(tmp_path / "state").attempts]
    assert 3 == len(lines(tmp_path / "state"))
    told = last(journal.events(), "history.read")
    assert ([], 0) == (told["runs"], told["skipped"])
    assert "problem" not in told


def test_the_journal_tells_of_the_runs_before_this_one(tmp_path: Path, journal: Journal) -> None:
    """Earlier ones, not itself: so the report is drawn again from the journal alone."""
    written(tmp_path, *journals.past())
    events = concluded(journal, tmp_path, journals.alone())

    assert journals.past() == past_of(events)
    assert len(journals.past()) + 1 == len(lines(tmp_path))


def test_rehearsals_and_real_packages_are_never_read_together(tmp_path: Path, journal: Journal) -> None:
    """Nor are two scenarios."""
    written(tmp_path, *journals.past(), journals.earlier(days=9, population="rehearsal:default"))
    rehearsed = concluded(journal, tmp_path, journals.alone(source="rehearsal"))
    assert ["rehearsal:default"] == [one.population for one in past_of(rehearsed)]


@pytest.mark.parametrize(
    "junk",
    [
        b"\x00\xff\xfe", b"{", b"[]", b"null", b'{"v": 1}', b'{"v": 2, "run": "x"}', b"NaN", b"\xe2\x80",
        b'"' + b"x" * 100_000,
    ],
)  # fmt: skip
def test_a_corrupt_line_is_passed_over_and_told(junk: bytes, tmp_path: Path, journal: Journal) -> None:
    """The good lines around it count; the report says how many did not."""
    written(tmp_path, journals.earlier(days=2))
    with (tmp_path / history.FILE).open("ab") as file:
        file.write(junk + b"\n")
    written(tmp_path, journals.earlier(days=1))

    events = concluded(journal, tmp_path, journals.alone())
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
def test_a_row_of_another_kind_is_none_of_ours(key: str, value: Any) -> None:
    """Whoever wrote it, no report is drawn from it."""
    assert from_row(as_row(journals.earlier())) == journals.earlier()
    assert from_row({**as_row(journals.earlier()), key: value}) is None
    assert from_row({name: it for name, it in as_row(journals.earlier()).items() if name != key}) is None


def test_the_history_is_bounded(tmp_path: Path, journal: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    """The oldest lines go, corrupt ones with them; the newest stay."""
    monkeypatch.setattr(history, "MOST_LINES", 5)
    written(tmp_path, *(journals.earlier(days=days) for days in range(9, 4, -1)))
    with (tmp_path / history.FILE).open("a") as file:
        file.write("{torn")
    conclude(journal, tmp_path, journals.comparison())

    kept = read(tmp_path)
    assert (5, 0) == (len(kept.attempts), kept.skipped)
    assert ["realistic"] * 2 + ["ambitious", "incremental", "realistic"] == [one.path for one in kept.attempts]
    assert not list(tmp_path.glob(".history*"))


def test_the_history_is_bounded_in_bytes(tmp_path: Path, journal: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    """However long a line is."""
    monkeypatch.setattr(history, "MOST_BYTES", 6000)
    written(tmp_path, *(journals.earlier(days=days) for days in range(9, 0, -1)))
    conclude(journal, tmp_path, journals.alone())

    assert (tmp_path / history.FILE).stat().st_size <= 6000
    assert golden.RUN == read(tmp_path).attempts[-1].run


def test_a_torn_line_does_not_swallow_the_next(tmp_path: Path, journal: Journal) -> None:
    """Somebody was killed while writing."""
    written(tmp_path, journals.earlier())
    whole = (tmp_path / history.FILE).read_bytes()
    (tmp_path / history.FILE).write_bytes(whole + whole[: len(whole) // 2])
    conclude(journal, tmp_path, journals.alone())

    kept = read(tmp_path)
    assert (2, 1) == (len(kept.attempts), kept.skipped)


def test_many_runs_may_end_at_once(tmp_path: Path) -> None:
    """Each line is whole, and none is lost."""

    def end(number: int) -> None:
        own = Journal(tmp_path / f"{number}.jsonl", run=f"run-{number}", redactor=Redactor())
        conclude(own, tmp_path / "state", journals.alone())
        own.close()

    threads = [threading.Thread(target=end, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    kept = read(tmp_path / "state")
    assert (8, 0) == (len(kept.attempts), kept.skipped)


def test_a_history_that_cannot_be_kept_is_told_and_no_failure(tmp_path: Path, journal: Journal) -> None:
    """A folder where the file should be, or a file where the folder should be."""
    (tmp_path / "a" / history.FILE).mkdir(parents=True)
    (tmp_path / "b").write_text("a file")
    for state in ("a", "b"):
        events = concluded(journal, tmp_path / state, journals.alone())
        assert () == past_of(events)
        assert history.FILE in trends((), (), events).problem


def test_a_run_takes_over_a_bounded_number_of_lines(
    tmp_path: Path, journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The newest ones."""
    monkeypatch.setattr(history, "MOST_READ", 3)
    written(tmp_path, *(journals.earlier(days=days) for days in range(9, 0, -1)))
    events = concluded(journal, tmp_path, journals.alone())
    assert [3, 2, 1] == [int(one.run[-6:], 16) for one in past_of(events)]


def test_a_run_that_began_no_path_leaves_no_line(tmp_path: Path, journal: Journal) -> None:
    """Nothing was tried."""
    events = tuple(event for event in journals.alone() if event["event"] in {"run.started", "run.finished"})
    conclude(journal, tmp_path, events)
    assert not (tmp_path / history.FILE).exists()


def test_a_line_that_does_not_fit_the_disk_is_taken_back(
    tmp_path: Path, journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half a line would be a corrupt one."""
    written(tmp_path, journals.earlier())
    before = (tmp_path / history.FILE).read_bytes()
    write = os.write

    def short(descriptor: int, data: bytes) -> int:
        return write(descriptor, data[:100]) if b"population" in data else write(descriptor, data)

    events = journals.alone()
    monkeypatch.setattr(os, "write", lambda fd, data: short(fd, data) if fd != journal._file else write(fd, data))
    told = concluded(journal, tmp_path, events)
    assert "No space left" in trends((), (), told).problem
    assert before == (tmp_path / history.FILE).read_bytes()
