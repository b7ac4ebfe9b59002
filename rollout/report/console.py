"""The live view of a run: a subscriber of the journal.

On a terminal: while a phase is applied or rolled back, a few lines at the bottom with the elapsed time and
the command that runs; each finished phase stays as one line. Elsewhere: plain lines with the time of day, and
a sign of life every minute. Between phases nothing is drawn: the terminal is pytest's own.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable
from typing import TextIO

from rich.console import Console as RichConsole
from rich.console import Group, RenderableType
from rich.live import Live
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from rollout.journal.questions import Event, mapping, number, text, texts
from rollout.report.text import counted, duration, line
from rollout.report.wording import REHEARSAL

HEARTBEAT_SECONDS = 60.0
_PER_SECOND = 4


class _Screen(RichConsole):
    """Rich ends the process when nobody reads any more; a deployment must rather go on in silence."""

    def on_broken_pipe(self) -> None:
        self.quiet = True


class Console:
    """Call it with each event; `close()` at the end. Thread-safe. Never raises because of an event's content.

    `fresh_line` is called before something is printed: it ends a line that somebody else has begun.
    `live` None: a moving view if `stream` is a terminal.
    """

    def __init__(
        self,
        stream: TextIO,
        *,
        live: bool | None = None,
        colour: bool = True,
        fresh_line: Callable[[], None] = lambda: None,
        heartbeat_seconds: float = HEARTBEAT_SECONDS,
    ) -> None:
        # Rich itself obeys NO_COLOR, TERM=dumb and the terminal's width.
        self._rich = _Screen(
            file=stream,
            force_terminal=live,
            no_color=None if colour else True,
            highlight=False,
            emoji=False,
            soft_wrap=False,
        )
        self._is_live = (self._rich.is_terminal and not self._rich.is_dumb_terminal) if live is None else live
        self._fresh_line = fresh_line
        self._is_lost = False
        self._lock = threading.RLock()
        self._live: Live | None = None
        self._spinner = Spinner("dots")
        self._doing = ""
        self._since = 0.0
        self._commands: dict[str, tuple[str, float]] = {}
        self._phases: tuple[str, ...] = ()
        self._done = 0
        self._path = ""
        self._stop = threading.Event()
        self._beat = heartbeat_seconds
        self._pulse: threading.Thread | None = None
        if not self._is_live and heartbeat_seconds > 0:
            self._pulse = threading.Thread(target=self._tick, name="console-heartbeat", daemon=True)
            self._pulse.start()

    def __call__(self, event: Event) -> None:
        """Show one event."""
        shown = getattr(self, "_on_" + str(event.get("event")).replace(".", "_"), None)
        if shown is None or self._is_lost:
            return
        with self._lock:
            try:
                shown(event)
            except (OSError, ValueError):  # nobody reads any more (a closed pipe); the run goes on
                self._is_lost = True
                self._live = None

    def close(self) -> None:
        """Stop drawing and put the cursor back. May be called twice."""
        self._stop.set()
        with self._lock, contextlib.suppress(OSError, ValueError):
            self._end()

    # the run

    def _on_run_started(self, event: Event) -> None:
        source = mapping(event, "source")
        chosen = ((what, mapping(event, what)) for what in ("source", "forge", "database"))
        self._print(
            "; ".join(
                f"{what}: {line(text(of, 'kind'), 60)}" + (f" ({line(text(of, 'why'), 120)})" if of.get("why") else "")
                for what, of in chosen
                if of
            ),
            "dim",
        )
        if source.get("kind") == "rehearsal" or source.get("rehearsal") is True:
            self._print(REHEARSAL, "bold yellow")

    def _on_run_interrupted(self, event: Event) -> None:
        self._print(f"interrupted by {line(text(event, 'signal'), 40)}: rolling back", "bold yellow")

    def _on_run_finished(self, _: Event) -> None:
        self.close()

    def _on_recovery_started(self, event: Event) -> None:
        self._print(f"recovering {line(text(event, 'of'), 80)}, which did not end properly", "yellow")

    def _on_recovery_finished(self, event: Event) -> None:
        left = texts(event, "residue")
        self._print(
            f"recovered {line(text(event, 'of'), 80)}: {line(text(event, 'outcome'), 40)}"
            + (f", {counted(len(left), 'thing')} left" if left else ""),
            "red" if left else "green",
        )

    def _on_path_started(self, event: Event) -> None:
        self._path, self._phases, self._done = text(event, "path"), texts(event, "phases"), 0

    # phases

    def _on_phase_started(self, event: Event) -> None:
        self._begin(line(text(event, "phase"), 60))

    def _on_phase_finished(self, event: Event) -> None:
        self._end()
        self._done += 1
        phase, outcome = line(text(event, "phase"), 60), line(text(event, "outcome"), 20)
        extra = " (restored)" if event.get("restored") else ""
        if number(event, "attempts") > 1:
            extra += f" (attempt {number(event, 'attempts'):.0f})"
        if outcome == "passed":
            self._print(f"✔ {phase} {duration(number(event, 'seconds'))}{extra}", "green")
            return
        failure = mapping(event, "failure")
        self._print(
            f"✘ {phase} {outcome} after {duration(number(event, 'seconds'))}: "
            f"{line(text(failure, 'cause') or 'unknown', 40)}: {line(text(failure, 'message'))}",
            "bold red",
        )
        if failure.get("advice"):
            self._print(f"  how to go on: {line(text(failure, 'advice'), 500)}", "")

    def _on_phase_retry(self, event: Event) -> None:
        self._print(
            f"  {line(text(event, 'phase'), 60)}: attempt {line(text(event, 'attempt'), 10)} failed "
            f"({line(text(event, 'cause'), 40)}), again in {duration(number(event, 'wait'))}",
            "yellow",
        )

    def _on_phase_note(self, event: Event) -> None:
        self._print(f"  {line(text(event, 'phase'), 60)}: {line(text(event, 'text'), 500)}", "dim")

    def _on_phase_blocked(self, event: Event) -> None:
        self._print(f"– {line(text(event, 'phase'), 60)} blocked by {line(text(event, 'by'), 60)}", "yellow")

    def _on_rollback_started(self, event: Event) -> None:
        self._begin(f"rollback of {line(text(event, 'phase'), 60)}")

    def _on_rollback_finished(self, event: Event) -> None:
        self._end()
        residue = texts(event, "residue")
        phase, good = line(text(event, "phase"), 60), event.get("outcome") == "restored"
        self._print(
            f"↺ {phase} rolled back in {duration(number(event, 'seconds'))}: "
            + ("restored" if good else f"dirty, {counted(len(residue), 'thing')} left"),
            "magenta" if good else "bold red",
        )
        for thing in residue[:20]:
            self._print(f"  left: {line(thing, 200)}", "red")

    # commands

    def _on_command_started(self, event: Event) -> None:
        self._commands[text(event, "id")] = (line(text(event, "label"), 80), time.monotonic())

    def _on_command_finished(self, event: Event) -> None:
        self._commands.pop(text(event, "id"), None)

    # drawing

    def _begin(self, doing: str) -> None:
        self._end()
        self._doing, self._since = doing, time.monotonic()
        if not self._is_live:
            self._print(f"{doing} …", "")
            return
        self._fresh_line()
        self._live = Live(
            get_renderable=self._view,
            console=self._rich,
            transient=True,
            refresh_per_second=_PER_SECOND,
            redirect_stdout=False,
            redirect_stderr=False,
        )
        self._live.start()

    def _end(self) -> None:
        live, self._live, self._doing = self._live, None, ""
        if live is not None:
            live.stop()

    def _view(self) -> RenderableType:
        now = time.monotonic()
        table = Table.grid(padding=(0, 1))
        table.add_row(self._spinner, Text(self._doing, "bold"), Text(duration(now - self._since), "cyan"))
        for label, since in list(self._commands.values())[-3:]:
            table.add_row("", Text(label, "dim", overflow="ellipsis", no_wrap=True), Text(duration(now - since), "dim"))
        place = f"{self._path} {min(self._done + 1, len(self._phases))}/{len(self._phases)}" if self._phases else ""
        return Group(table, Text(place, "dim")) if place else table

    def _print(self, message: str, style: str) -> None:
        if self._live is None:
            self._fresh_line()
        if not self._is_live:
            message = f"{time.strftime('%H:%M:%S')} {message}"
        self._rich.print(Text(message, style), soft_wrap=not self._is_live)

    def _tick(self) -> None:
        """A sign of life where nothing moves: which phase and command have been running for how long."""
        while not self._stop.wait(self._beat):
            with self._lock:
                if self._doing and not self._is_lost and time.monotonic() - self._since >= self._beat:
                    label = next(reversed(self._commands.values()))[0] if self._commands else ""
                    at = f", at {label}" if label else ""
                    self._print(f"{self._doing}: still going after {duration(time.monotonic() - self._since)}{at}", "")
