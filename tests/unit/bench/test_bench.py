"""The numbers of `make bench`, computed from journals with known times; runs are measured from outside."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest

from rollout.bench import __main__ as bench
from rollout.bench import runs
from rollout.bench.errors import RunFailed
from rollout.bench.lookups import Pair
from rollout.bench.overhead import Interval, busy, gaps, overhead, union
from rollout.journal import Journal, Redactor

Event = dict[str, Any]


def _event(mono: float, event: str, **facts: Any) -> Event:
    return {"mono": mono, "event": event, **facts}


def _command(identity: str, start: float, end: float) -> list[Event]:
    return [
        _event(start, "command.started", id=identity, label=identity),
        _event(end, "command.finished", id=identity, seconds=end - start),
    ]


def _act(identity: str, kind: str, start: float, end: float) -> list[Event]:
    return [
        _event(start, "act.intent", id=identity, text=identity, undo={"kind": kind}),
        _event(end, "act.done", id=identity, seconds=end - start),
    ]


def test_time_in_commands_is_no_overhead() -> None:
    """Of ten seconds, two commands take seven: three are overhead."""
    found = overhead([*_command("c1", 101, 104), *_command("c2", 105, 109)], started=100, ended=110)
    assert (10, 7, 3) == (found.wall, found.busy, found.seconds)
    assert pytest.approx(0.3) == found.share


def test_start_and_end_of_the_process_are_overhead() -> None:
    """Time before the first event and after the last one counts, because the wall time is measured outside."""
    assert pytest.approx(0.5) == overhead(_command("c1", 105, 110), started=100, ended=110).share


def test_overlapping_intervals_count_once() -> None:
    events = [*_act("a1", "processes", 101, 106), *_command("c1", 102, 105), *_command("c2", 104, 108)]
    assert 7 == overhead(events, started=100, ended=110).busy


def test_acts_of_the_engine_are_busy_and_acts_of_the_suite_are_overhead() -> None:
    """Starting a container is the engine's work; making a folder or adding a worktree is the suite's."""
    served = [*_act("a1", "container", 101, 103), *_act("a2", "role", 103, 104)]
    ours = [*_act("a3", "directory", 105, 106), *_act("a4", "worktree", 106, 107), *_act("a5", "state", 107, 108)]
    assert ["a1", "a2"] == [interval.what for interval in busy([*served, *ours])]


def test_removing_a_container_is_busy_and_restoring_files_is_overhead() -> None:
    events = [
        *_act("a1", "container", 101, 102),
        *_act("a2", "state", 102, 102),
        _event(107, "undo.done", id="a2", seconds=3, text="files"),
        _event(109, "undo.done", id="a1", seconds=1.5, text="container gone"),
    ]
    assert [Interval(start=101, end=102, what="a1"), Interval(start=107.5, end=109, what="container gone")] == [
        *busy(events)
    ]


def test_a_wait_is_no_overhead() -> None:
    assert 2 == overhead([_event(105, "wait.finished", text="ready", seconds=2)], started=100, ended=110).busy


def test_an_interval_without_an_end_is_not_counted() -> None:
    assert 0 == overhead(_command("c1", 101, 104)[:1], started=100, ended=110).busy


def test_intervals_are_cut_to_the_run() -> None:
    """Clocks of another process cannot add busy time."""
    spans = [Interval(start=start, end=end, what="") for start, end in ((90, 104), (108, 200), (10, 20))]
    assert ((100, 104), (108, 110)) == union(spans, 100, 110)


def test_gaps_are_the_intervals_of_overhead() -> None:
    """The longest first; together they are the overhead."""
    events = [*_command("c1", 101, 104), _event(105, "checkpoint.saved"), *_command("c2", 109, 110)]
    found = gaps(events, started=100, ended=110.5)
    assert [5, 1, 0.5] == [gap.end - gap.start for gap in found]
    assert "checkpoint.saved" in found[0].what
    total = sum(gap.end - gap.start for gap in found)
    assert pytest.approx(total) == overhead(events, started=100, ended=110.5).seconds


def test_the_journal_uses_the_monotonic_clock_of_the_machine(tmp_path: Path) -> None:
    """`mono` of an event lies between two readings outside, also if another process writes the event."""
    journal = Journal(tmp_path / "journal.jsonl", run="r", redactor=Redactor())
    before = time.monotonic()
    with journal.waiting("nothing"):
        time.sleep(0.02)
    after = time.monotonic()
    journal.record("phase.finished", path="p", phase="a", outcome="passed", seconds=1, restored=True, attempts=1)
    journal.close()
    measured = runs.read(tmp_path / "journal.jsonl", started=before, ended=after)
    assert 0.02 <= measured.overhead.busy <= after - before
    assert 1 == measured.restored


def test_a_run_that_fails_is_not_measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """pytest refuses an option it does not know: an error that names the log, and no number."""
    with pytest.raises(RunFailed, match="exit code 4"):
        runs.measure(tmp_path, arguments=("--no-such-option",), environment={"PATH": "/usr/bin:/bin"})


def test_a_measured_run_gets_its_own_folders_and_no_option_of_the_caller(tmp_path: Path) -> None:
    environment = runs._environment(tmp_path, {"XAVOS_SOURCE": "hexpm", "CI": "true", "PATH": "/bin"})
    assert {"PATH", "XAVOS_CACHE_DIR", "XAVOS_STATE_DIR", "XAVOS_REPORTS_DIR"} == environment.keys()
    assert str(tmp_path / "cache") == environment["XAVOS_CACHE_DIR"]


REPORT = {"overhead_rehearsal": 0.02, "overhead_real": None, "lookup_speedup": 9.0, "second_run_ratio": 0.2}


def test_the_summary_says_which_targets_are_met() -> None:
    said = bench.summary(REPORT)
    assert said[0].endswith("met)")
    assert "not measured" in said[1]
    assert said[2].endswith("MISSED)")
    assert said[3].endswith("met)")


@pytest.fixture
def measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """`main` on made-up runs and look-ups: the first run takes 10 s, 1 s of it overhead; the second 2 s."""

    def measure(home: Path, *, arguments: tuple[str, ...], environment: object = None) -> runs.Measured:
        second = home.exists()
        home.mkdir(parents=True, exist_ok=True)
        journal = home / "journal.jsonl"
        start = {"event": "run.started", "mono": 0.0, "source": {"kind": arguments[0].partition("=")[2]}}
        busy_for = 1.0 if second else 9.0
        lines = (start, *_command("c1", 0.0, busy_for))
        journal.write_text("".join(json.dumps(line) + "\n" for line in lines))
        return runs.read(journal, started=0.0, ended=2.0 if second else 10.0)

    monkeypatch.setattr(bench, "measure", measure)
    monkeypatch.setattr(bench, "compare", lambda *_, samples, **__: (Pair(mix=20.0, ours=0.5),) * samples)
    for variable, folder in (("XAVOS_CACHE_DIR", "c"), ("XAVOS_STATE_DIR", "s"), ("XAVOS_REPORTS_DIR", "reports")):
        monkeypatch.setenv(variable, str(tmp_path / folder))
    return tmp_path / "reports" / "bench.json"


def test_without_real_packages_the_report_has_null_for_them(measured: Path) -> None:
    assert 0 == bench.main(["--samples=2", "--source=rehearsal"])
    report = json.loads(measured.read_text())
    assert (0.1, None, 40.0, 0.2) == tuple(report[key] for key in bench.TARGETS)
    samples = report["samples"]
    assert [2, 0, 2, 2] == [len(samples[key]) for key in bench.TARGETS]
    assert [10.0, 9.0, 0.1] == [samples["overhead_rehearsal"][0][key] for key in ("wall", "busy", "share")]
    assert {"os", "cpus", "memory", "python", "load"} <= report["machine"].keys()


def test_with_a_source_of_real_packages_both_are_measured(measured: Path) -> None:
    assert 0 == bench.main(["--samples=1", "--source=mirror:http://mirror.invalid"])
    report = json.loads(measured.read_text())
    assert 0.1 == report["overhead_real"]
    assert ["rehearsal", "mirror:http://mirror.invalid"] == [
        each["source"] for each in report["samples"]["second_run_ratio"]
    ]
    assert "mirror" == report["real"]["source"]


def test_an_invalid_option_writes_no_report(measured: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert 1 == bench.main(["--source=nonsense"])
    assert not measured.exists()
    assert "--source" in capsys.readouterr().err
