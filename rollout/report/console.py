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
from rich.console import RenderableType
from rich.live import Live
from rich.spinner import Spinner
from rich.text import Text

from rollout.journal.query import Event, mapping, number, text, texts
from rollout.report.progress import Progress, Running, Work
from rollout.report.wording import REHEARSAL
from rollout.text.plain import counted, duration, line

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
        self._several = False
        self._progress = Progress()
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

    def make_way(self) -> None:
        """Somebody else is about to print: wipe the moving view; it comes back with the next command or phase."""
        with self._lock, contextlib.suppress(OSError, ValueError):
            self._wipe()

    def close(self) -> None:
        """Stop drawing and put the cursor back. May be called twice."""
        self._stop.set()
        with self._lock, contextlib.suppress(OSError, ValueError):
            self._end(*self._progress.paths)

    # the run

    def _on_run_started(self, event: Event) -> None:
        self._several = len(texts(event, "paths")) > 1
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

    def _on_recovery_finished(self, event: Event) -> None:
        left = texts(event, "residue")
        self._print(
            f"recovered {line(text(event, 'of'), 80)}: {line(text(event, 'outcome'), 40)}"
            + (f", {counted(len(left), 'thing')} left" if left else ""),
            "red" if left else "green",
        )

    def _on_path_started(self, event: Event) -> None:
        path = text(event, "path")
        self._end(path)
        self._progress.paths[path] = Work(phases=len(texts(event, "phases")))
        if self._several:
            self._print(f"{line(path, 60)} …", "bold")

    def _on_path_finished(self, event: Event) -> None:
        self._end(text(event, "path"))
        self._progress.paths.pop(text(event, "path"), None)

    # phases

    def _on_phase_started(self, event: Event) -> None:
        self._begin(event, self._phase(event))

    def _on_phase_finished(self, event: Event) -> None:
        self._end(text(event, "path"))
        self._progress.of(text(event, "path")).done += 1
        phase, outcome = self._phase(event), line(text(event, "outcome"), 20)
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
            f"  {self._phase(event)}: attempt {line(text(event, 'attempt'), 10)} failed "
            f"({line(text(event, 'cause'), 40)}), again in {duration(number(event, 'wait'))}",
            "yellow",
        )

    def _on_phase_note(self, event: Event) -> None:
        self._print(f"  {self._phase(event)}: {line(text(event, 'text'), 500)}", "dim")

    def _on_phase_blocked(self, event: Event) -> None:
        self._print(f"– {self._phase(event)} blocked by {line(text(event, 'by'), 60)}", "yellow")

    def _on_rollback_started(self, event: Event) -> None:
        self._begin(event, f"rollback of {self._phase(event)}")

    def _on_rollback_finished(self, event: Event) -> None:
        self._end(text(event, "path"))
        residue = texts(event, "residue")
        phase, good = self._phase(event), event.get("outcome") == "restored"
        self._print(
            f"↺ {phase} rolled back in {duration(number(event, 'seconds'))}: "
            + ("restored" if good else f"dirty, {counted(len(residue), 'thing')} left"),
            "magenta" if good else "bold red",
        )
        for thing in residue[:20]:
            self._print(f"  left: {line(thing, 200)}", "red")

    # commands

    def _on_command_started(self, event: Event) -> None:
        self._progress.commands[text(event, "id")] = Running(
            path=text(event, "path"), label=line(text(event, "label"), 80), since=time.monotonic()
        )
        self._draw()

    def _on_command_finished(self, event: Event) -> None:
        self._progress.commands.pop(text(event, "id"), None)

    # drawing

    def _phase(self, event: Event) -> str:
        """The phase's name, with its path's before it where there are several."""
        phase = line(text(event, "phase"), 60)
        return f"{line(text(event, 'path'), 60)}: {phase}" if self._several else phase

    def _begin(self, event: Event, doing: str) -> None:
        self._end(text(event, "path"))
        work = self._progress.of(text(event, "path"))
        work.doing, work.since = doing, time.monotonic()
        if self._is_live:
            self._draw()
        else:
            self._print(f"{doing} …", "")

    def _end(self, *paths: str) -> None:
        """What these paths were doing is over; the view goes with the last of all."""
        for path in paths:
            if path in self._progress.paths:
                self._progress.paths[path].doing = ""
        if not self._progress.busy:
            self._wipe()

    def _draw(self) -> None:
        """Show what is going on, from now on, where that is wanted and there is something."""
        if not self._is_live or self._live is not None or not self._progress.busy:
            return
        self._fresh_line()
        self._live = Live(
            get_renderable=self.view,
            console=self._rich,
            transient=True,
            refresh_per_second=_PER_SECOND,
            redirect_stdout=False,
            redirect_stderr=False,
        )
        self._live.start()

    def _wipe(self) -> None:
        live, self._live = self._live, None
        if live is not None:
            live.stop()

    def view(self) -> RenderableType:
        """The moving view as it is now."""
        return self._progress.table(self._spinner)

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
                for told in () if self._is_lost else tuple(self._progress.overdue(self._beat)):
                    self._print(told, "")
