"""The journal: on disk before the act, readable after any end, without secrets."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rollout.config.options import ROOT
from rollout.journal import CommandRecorder, Journal, JournalUnwritable, Redactor, pending_undos, read_events
from rollout.journal.redaction import MASK
from rollout.process import Outcome, Request

WHERE = {"path": "realistic", "phase": "database"}


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    journal = Journal(tmp_path / "open" / "r.jsonl", run="r", redactor=Redactor())
    yield journal
    journal.close()


def test_an_event_is_on_disk_when_record_returns(journal: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    """Written whole, synced, one JSON object a line, numbered."""
    synced: list[int] = []
    monkeypatch.setattr("rollout.journal.writer._sync", synced.append)
    journal.record("phase.note", text="one", **WHERE)
    journal.record("phase.note", text="two\nlines", **WHERE)
    events = [json.loads(line) for line in journal.path.read_text().splitlines()]
    assert [("one", 1), ("two\nlines", 2)] == [(event["text"], event["seq"]) for event in events]
    assert 2 == len(synced)
    assert tuple(events) == read_events(journal.path) == journal.events()


SYNCED = """
import os, sys
from pathlib import Path

order = []
for name in ("fsync", "fdatasync"):
    if hasattr(os, name):
        setattr(os, name, lambda handle: order.append("synced"))

from rollout.journal import Journal, Redactor

journal = Journal(Path(sys.argv[1]), run="r", redactor=Redactor())
with journal.act("make a folder", {"kind": "directory", "path": "/x", "run": "r"}, path="p", phase="q"):
    order.append("done")
print(order)
"""


def test_the_sync_function_is_the_operating_systems(tmp_path: Path) -> None:
    """An intent is synced before its act; a function that only looks like it would survive a kill, not a power cut."""
    command = (sys.executable, "-c", SYNCED, str(tmp_path / "r.jsonl"))
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert "['synced', 'done', 'synced']" == ran.stdout.strip(), ran.stderr


def test_a_journal_is_private(journal: Journal) -> None:
    """Nobody else reads it."""
    assert 0o600 == journal.path.stat().st_mode & 0o777


@pytest.mark.parametrize(("event", "facts"), [("no.such.event", {}), ("phase.note", {"path": "p", "phase": "q"})])
def test_only_the_vocabulary_is_written(journal: Journal, event: str, facts: dict[str, Any]) -> None:
    """An unknown event, or one that lacks a fact, is a programming error."""
    with pytest.raises(KeyError):
        journal.record(event, **facts)
    assert () == read_events(journal.path)


def test_an_incomplete_last_line_is_skipped_and_ended(journal: Journal) -> None:
    """After a kill while writing, complete lines are read, and later ones are appended completely."""
    journal.record("phase.note", text="whole", **WHERE)
    with journal.path.open("ab") as file:
        file.write(b'{"event": "phase.note", "text": "to')
    assert ["whole"] == [event["text"] for event in read_events(journal.path)]
    later = Journal(journal.path, run="r", redactor=Redactor(), first_seq=2)
    later.record("phase.note", text="after", **WHERE)
    later.close()
    assert ["whole", "after"] == [event["text"] for event in read_events(journal.path)]


@settings(deadline=None)
@given(cut=st.integers(min_value=0, max_value=400))
def test_a_journal_cut_anywhere_yields_its_complete_lines(tmp_path_factory: pytest.TempPathFactory, cut: int) -> None:
    """Whatever the byte it was killed at."""
    path = tmp_path_factory.mktemp("cut") / "j.jsonl"
    journal = Journal(path, run="r", redactor=Redactor())
    for number in range(3):
        journal.record("phase.note", text=f"number {number} — ü", **WHERE)
    journal.close()
    data = path.read_bytes()[:cut]
    path.write_bytes(data)
    whole = data.count(b"\n")
    complete = data[data.rfind(b"\n") + 1 :].endswith(b"}")
    assert whole + (1 if complete else 0) == len(read_events(path))


def test_an_undo_is_pending_from_the_announcement_of_its_act(journal: Journal) -> None:
    """Also where it failed; its undo is pending until it is done."""
    with pytest.raises(OSError, match="no"), journal.act("make a folder", {"kind": "directory", "path": "/x"}, **WHERE):
        assert 1 == len(pending_undos(read_events(journal.path)))
        raise OSError("no")
    (act,) = pending_undos(read_events(journal.path))
    assert ("make a folder", "database", "/x") == (act.text, act.phase, act.undo["path"])
    journal.record("undo.done", id=act.id, seconds=0, text="gone")
    assert () == pending_undos(read_events(journal.path))


def test_a_failed_undo_stays_pending(journal: Journal) -> None:
    """Until one succeeds."""
    with journal.act("a", {"kind": "directory", "path": "/x"}, **WHERE) as identity:
        pass
    journal.record("undo.failed", id=identity, error="busy")
    assert [identity] == [act.id for act in pending_undos(journal.events())]


def test_acts_are_given_oldest_first(journal: Journal) -> None:
    """Their ids differ, their order is that of the announcements."""
    for number in range(50):
        with journal.act(str(number), {"kind": "directory", "path": "/x"}, **WHERE):
            pass
    assert [str(number) for number in range(50)] == [act.text for act in pending_undos(journal.events())]


class TestFullDisk:
    """Writing to the disk fails."""

    @pytest.fixture
    def full(self, journal: Journal, monkeypatch: pytest.MonkeyPatch) -> Journal:
        """A disk with room for half a line."""
        journal.record("phase.note", text="before", **WHERE)
        write = os.write

        def half(file: int, data: bytes) -> int:
            if len(data) < 40:
                raise OSError(errno.ENOSPC, "No space left on device")
            return write(file, data[: len(data) - 20])

        monkeypatch.setattr(os, "write", half)
        return journal

    def test_it_raises_and_leaves_no_half_line(self, full: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
        """JournalUnwritable with the cause disk_full; the next line is not glued to a torn one."""
        with pytest.raises(JournalUnwritable, match="No space left on device") as raised:
            full.record("phase.note", text="lost", **WHERE)
        assert "disk_full" == raised.value.cause
        monkeypatch.undo()
        full.record("phase.note", text="after", **WHERE)
        assert ["before", "after"] == [event["text"] for event in read_events(full.path)]

    def test_events_kept_in_memory_are_written_with_the_next_one(
        self, full: Journal, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """In order, with the next event or at the end, because all reports are made from the journal."""
        with full.forgiving():
            full.record("undo.done", id="a", seconds=0, text="gone")
            full.record("undo.done", id="b", seconds=0, text="gone")
        assert [event["seq"] for event in read_events(full.path)] == [1]
        monkeypatch.undo()
        full.record("phase.note", text="after", **WHERE)
        assert full.is_whole
        assert list(full.events()) == list(read_events(full.path))
        assert [event["seq"] for event in full.events()] == [1, 2, 3, 4]

    def test_events_kept_in_memory_are_written_at_the_end(self, full: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
        with full.forgiving():
            full.record("undo.done", id="a", seconds=0, text="gone")
        monkeypatch.undo()
        full.close()
        assert full.is_whole
        assert list(full.events()) == list(read_events(full.path))

    def test_an_end_event_does_not_raise(self, full: Journal) -> None:
        full.tell("run.finished", exit_code=0, seconds=1, reason="")
        assert "run.finished" == full.events()[-1]["event"]

    def test_a_rollback_continues_in_memory(self, full: Journal) -> None:
        """Inside `forgiving` the event is kept for this process; in the journal on disk the undo stays pending."""
        with full.forgiving():
            full.record("undo.done", id="a", seconds=0, text="gone")
        assert "undo.done" == full.events()[-1]["event"]
        assert ["before"] == [event["text"] for event in read_events(full.path)]
        with pytest.raises(JournalUnwritable):
            full.record("phase.note", text="lost", **WHERE)


def test_a_device_that_is_full_is_named() -> None:
    """/dev/full: the real thing."""
    journal = Journal(Path("/dev/full"), run="r", redactor=Redactor())
    with pytest.raises(JournalUnwritable, match="/dev/full cannot be written: No space left on device"):
        journal.record("phase.note", text="lost", **WHERE)
    journal.close()


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    """The journal's place is a file."""
    (tmp_path / "file").write_text("")
    with pytest.raises(JournalUnwritable, match="cannot be written"):
        Journal(tmp_path / "file" / "j.jsonl", run="r", redactor=Redactor())


class TestSecrets:
    """Masked before anything is written."""

    def test_never_in_undo_records(self, journal: Journal) -> None:
        """A masked record could not be undone: a user called like their password still has a folder."""
        journal.redactor.add("postgres")
        journal.record(
            "act.intent", id="1", text="make /srv/postgres", undo={"kind": "directory", "path": "/srv/postgres"}
        )
        assert "/srv/postgres" == pending_undos(journal.events())[0].undo["path"]

    def test_in_events(self, journal: Journal) -> None:
        """In text, in nested values, and in every URL."""
        journal.redactor.add("s3cret-password")
        journal.record(
            "path.started",
            path="with s3cret-password",
            phases=[
                {
                    "urls": [
                        "postgresql://me:hunter2@host/db?password=hunter2",
                        "https://hunter2@host/",
                        "s3cret-password",
                    ]
                }
            ],
        )
        written = journal.path.read_text()
        assert "s3cret-password" not in written
        assert "hunter2" not in written
        assert [f"postgresql://me:{MASK}@host/db?password={MASK}", f"https://{MASK}@host/", MASK] == journal.events()[
            0
        ]["phases"][0]["urls"]

    def test_in_a_log_when_split_over_chunks(self, journal: Journal, tmp_path: Path) -> None:
        """A secret that arrives in pieces is masked as a whole."""
        journal.redactor.add("s3cret-password")
        shown: list[str] = []
        recorder = CommandRecorder(journal, tmp_path / "logs", where=WHERE, sink=shown.append)
        request = Request(argv=("x", "s3cret-password"), label="a/b c", cwd=tmp_path)
        log = recorder.started(request)
        secrets = (b"it is s3cr", b"et-pass", b"word, and postgresql://u:hun", b"ter2@h/d\nlast s3cret-", b"password")
        for chunk in secrets:
            recorder.output(chunk)
        recorder.finished(Outcome(request=request, exit_code=0, seconds=1, tail="it is s3cret-password", log=log))
        everything = log.read_text() + journal.path.read_text() + "".join(shown)
        assert "s3cret" not in everything
        assert "hunter2" not in everything
        assert f"it is {MASK}, and postgresql://u:{MASK}@h/d\nlast {MASK}" == log.read_text()

    def test_a_tail_that_begins_within_a_secret(self, journal: Journal, tmp_path: Path) -> None:
        """The end of the output that the journal keeps does not begin with the rest of a secret."""
        secret = "s3cret-" + "x" * 64
        journal.redactor.add(secret)
        recorder = CommandRecorder(journal, tmp_path / "logs", where=WHERE)
        request = Request(argv=("x",), label="x", cwd=tmp_path)
        recorder.started(request)
        tail = secret + "y" * 3960
        recorder.finished(Outcome(request=request, exit_code=0, seconds=1, tail=tail))
        assert "xxxx" not in journal.path.read_text()

    def test_short_words_are_not_secrets(self) -> None:
        """A password of a few letters would mask half of every sentence."""
        redactor = Redactor()
        redactor.add("a", "", "xavos")
        assert "xavos has a name" == redactor.text("xavos has a name")

    def test_the_longer_of_two_secrets_is_masked_first(self) -> None:
        """Nothing of it is left when the shorter one is its beginning."""
        redactor = Redactor()
        redactor.add("s3cret", "s3cret-and-more")
        assert f"[{MASK}] [{MASK}]" == redactor.text("[s3cret-and-more] [s3cret]")

    @given(user=st.text("abc", min_size=0, max_size=3), password=st.text("p%:Z!$&", min_size=1, max_size=9))
    def test_passwords_of_urls(self, user: str, password: str) -> None:
        """Whatever they consist of, also with a colon in them."""
        masked = Redactor().text(f"see postgresql://{user}:{password}@db.example:5432/x")
        assert f"see postgresql://{user}:{MASK}@db.example:5432/x" == masked


def test_subscribers_get_every_event(journal: Journal) -> None:
    """In order, after it is on disk."""
    seen: list[str] = []
    journal.subscribe(lambda event: seen.append(f"{event['text']} {len(read_events(journal.path))}"))
    journal.record("phase.note", text="a", **WHERE)
    journal.record("phase.note", text="b", **WHERE)
    assert ["a 1", "b 2"] == seen
