"""The live console: plain lines without a terminal, a live view on a terminal, colours only if enabled."""

from __future__ import annotations

import io
import re
import time

import pytest
from rich.console import Console as RichConsole

from rollout.report import Console
from tests.unit.report import golden, journals


class Terminal(io.StringIO):
    """A stream that reports to be a terminal."""

    def isatty(self) -> bool:
        return True


def printed(story: str, stream: io.StringIO, **options: object) -> str:
    console = Console(stream, **options)  # type: ignore[arg-type]
    for event in golden.STORIES[story]():
        console(event)
    console.close()
    return stream.getvalue()


def test_plain_lines_have_the_time_and_no_codes() -> None:
    """Each line starts with the time of day."""
    lines = printed("failed", io.StringIO()).splitlines()

    assert all(re.match(r"\d\d:\d\d:\d\d ", line) for line in lines)
    assert not any("\x1b" in line for line in lines)
    texts = [line[9:] for line in lines]
    assert "ash_core …" in texts
    assert "✘ ash_core failed after 10 s: registry_unreachable: The registry did not answer." in texts
    assert "  what to do: Check the network, then run again." in texts
    assert "↺ ash_core rolled back in 1.5 s: restored" in texts
    assert "– server blocked by ash_core" in texts


@pytest.mark.parametrize("story", golden.STORIES)
@pytest.mark.parametrize("stream", [io.StringIO, Terminal])
def test_every_story_can_be_printed(story: str, stream: type[io.StringIO]) -> None:
    """No event, known or unknown, stops the console."""
    assert printed(story, stream())


def test_a_terminal_has_a_live_view_and_gets_its_cursor_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """During a phase its name and time are drawn. Afterwards only the finished line stays."""
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    screen = printed("passed", Terminal())

    assert "✔ ash_core 13 s" in screen
    assert "\x1b[32m" in screen
    assert screen.count("\x1b[?25l") == screen.count("\x1b[?25h") == len(golden.PHASES)


@pytest.mark.parametrize("how", ["NO_COLOR", "--color=no"])
def test_colours_can_be_disabled(how: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """NO_COLOR, or pytest's --color=no."""
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    if how == "NO_COLOR":
        monkeypatch.setenv("NO_COLOR", "1")
    screen = printed("failed", Terminal(), colour=how == "NO_COLOR")

    assert not re.search(r"\x1b\[[0-9;]*3[0-9]m", screen)


def test_a_dumb_terminal_gets_plain_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    """TERM=dumb cannot move its cursor."""
    monkeypatch.setenv("TERM", "dumb")

    assert "\x1b" not in printed("passed", Terminal())


def test_hostile_text_reaches_no_terminal() -> None:
    """Control codes are removed, and markup is shown as text."""
    stream = io.StringIO()
    console = Console(stream)
    for event in golden.failed(message="\x1b]0;owned\x07[red]mark[/red] \x1b[2J" + "z" * 1_000_000):
        console(event)
    console.close()

    assert "\x1b" not in stream.getvalue()
    assert "[red]mark[/red]" in stream.getvalue()
    assert len(stream.getvalue()) < 5000


def test_a_long_phase_has_a_heartbeat() -> None:
    """Without a terminal, a line at intervals shows what is running and for how long."""
    stream = io.StringIO()
    console = Console(stream, heartbeat_seconds=0.05)
    for event in golden.killed():
        if event["event"] != "command.finished":
            console(event)
    deadline = time.monotonic() + 5
    while "still running" not in stream.getvalue() and time.monotonic() < deadline:
        time.sleep(0.01)
    console.close()

    assert re.search(r"ash_core: still running after \d\.\d s, command: mix ash_core", stream.getvalue())


def test_a_line_that_pytest_has_started_is_ended_first() -> None:
    """The console calls `fresh_line` before it prints."""
    stream = io.StringIO("test_x.py ..")
    stream.seek(0, io.SEEK_END)
    printed(
        "passed",
        stream,
        fresh_line=lambda: stream.write("\n") if not stream.getvalue().endswith("\n") else None,
    )

    assert stream.getvalue().splitlines()[0] == "test_x.py .."


def test_a_closed_pipe_does_not_stop_the_run() -> None:
    """Such as `pytest | head`: the console stops printing, and the journal continues."""

    class Closed(io.StringIO):
        def write(self, _: str) -> int:
            raise BrokenPipeError

    printed("failed", Closed())


def printed_of_three(stream: io.StringIO, **options: object) -> str:
    console = Console(stream, heartbeat_seconds=0, **options)  # type: ignore[arg-type]
    for event in journals.comparison():
        console(event)
    console.close()
    return stream.getvalue()


def test_each_line_names_its_path_if_there_are_several() -> None:
    """With one path, its name is left out."""
    texts = [line[9:] for line in printed_of_three(io.StringIO()).splitlines()]

    assert "✔ realistic: ash_core 1 min 40 s (attempt 2)" in texts
    assert "✘ ambitious: igniter_new failed after 10 s: version_conflict: " in "\n".join(texts)
    assert "↺ incremental: ash_core rolled back in 1.5 s: restored" in texts
    assert "– ambitious: setup blocked by igniter_new" in texts
    assert "rollback of incremental: database …" in texts


def test_the_live_view_shows_every_busy_path(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two at once, each with its phase, command and progress. A finished path is removed."""
    monkeypatch.setenv("TERM", "xterm")
    stream = Terminal()
    console = Console(stream, live=True, heartbeat_seconds=0)
    events = journals.comparison()
    for path in ("ambitious", "realistic"):
        mine = [event for event in events if event.get("path") == path]
        started = next(number for number, event in enumerate(mine) if event["event"] == "phase.started")
        for event in (events[0], *mine[: started + 1]):
            console(event)
        console(next(event for event in mine if event["event"] == "command.started"))
    screen = RichConsole(file=io.StringIO(), width=100)
    screen.print(console.view())
    shown = screen.file.getvalue()  # type: ignore[attr-defined]
    assert "ambitious: prerequisites" in shown
    assert "realistic: prerequisites" in shown
    assert shown.count("mix deps.get") == 2
    assert "ambitious 1/6" in shown
    assert "realistic 1/13" in shown

    console(next(e for e in events if e["event"] == "phase.finished" and e["path"] == "ambitious"))
    screen = RichConsole(file=io.StringIO(), width=100)
    screen.print(console.view())
    assert "ambitious" not in screen.file.getvalue()  # type: ignore[attr-defined]
    console.close()


def test_the_live_view_is_removed_for_other_output(monkeypatch: pytest.MonkeyPatch) -> None:
    """The result of a check of one path is printed while another path works. The next command brings the view back."""
    monkeypatch.setenv("TERM", "xterm")
    stream = Terminal()
    console = Console(stream, live=True, heartbeat_seconds=0)
    events = [event for event in journals.comparison() if event["event"] in {"run.started", "path.started"}]
    place = {"path": "realistic", "phase": "ash_core"}
    for event in (*events, {"event": "phase.started", **place}):
        console(event)
    console.clear_view()
    wiped = stream.getvalue()
    assert wiped.count("\x1b[?25l") == wiped.count("\x1b[?25h") == 1
    console({"event": "command.started", "id": "c9", "label": "mix compile", **place})
    assert stream.getvalue().count("\x1b[?25l") == 2
    console.close()
    assert stream.getvalue().count("\x1b[?25h") == 2
