"""The live console of a run: prints phases, retries, rollbacks and failures as the journal records them.

On a terminal, a few lines at the bottom show the current phase, its command and the elapsed time. Each finished phase
stays as one line. Without a terminal, lines have the time of day, and a heartbeat follows every minute. Between phases
nothing is drawn, because pytest writes to the terminal then.
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
from rollout.report.wording import rehearsal_words
from rollout.results.verdict import application_of
from rollout.text.plain import counted, duration, line

HEARTBEAT_SECONDS = 60.0
_PER_SECOND = 4


class _Screen(RichConsole):
    """Rich ends the process on a broken pipe. A deployment must continue without output."""

    def on_broken_pipe(self) -> None:
        self.quiet = True


class Console:
    """Subscriber of the journal: call it with each event, and `close()` at the end. Thread-safe.

    No content of an event raises an error. `fresh_line` is called before each output; it ends a line that pytest has
    started. `live`: whether to draw the live view; None: if `stream` is a terminal.
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
            except (OSError, ValueError):  # the output is closed; the run continues
                self._is_lost = True
                self._live = None

    def clear_view(self) -> None:
        """Remove the live view before other output. It comes back with the next command or phase."""
        with self._lock, contextlib.suppress(OSError, ValueError):
            self._wipe()

    def close(self) -> None:
        """Stop drawing and restore the cursor. May be called twice."""
        self._stop.set()
        with self._lock, contextlib.suppress(OSError, ValueError):
            self._end(*self._progress.paths)

    # the run

    def _on_run_started(self, event: Event) -> None:
        self._several = len(texts(event, "paths")) > 1
        source = mapping(event, "source")
        selected = ((what, mapping(event, what)) for what in ("source", "forge", "database"))
        self._print(
            "; ".join(
                f"{what}: {line(text(of, 'kind'), 60)}" + (f" ({line(text(of, 'why'), 120)})" if of.get("why") else "")
                for what, of in selected
                if of
            ),
            "dim",
        )
        if source.get("kind") == "rehearsal" or source.get("rehearsal") is True:
            self._print(rehearsal_words(application_of(event)), "bold yellow")

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
            self._print(f"  what to do: {line(text(failure, 'advice'), 500)}", "")

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
        """The name of the phase, after the name of its path if the run has several paths."""
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
        """Mark these paths as idle, and remove the live view if all paths are."""
        for path in paths:
            if path in self._progress.paths:
                self._progress.paths[path].doing = ""
        if not self._progress.busy:
            self._wipe()

    def _draw(self) -> None:
        """Start the live view, if it is enabled and a path is busy."""
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
        """The current content of the live view."""
        return self._progress.table(self._spinner)

    def _print(self, message: str, style: str) -> None:
        if self._live is None:
            self._fresh_line()
        if not self._is_live:
            message = f"{time.strftime('%H:%M:%S')} {message}"
        self._rich.print(Text(message, style), soft_wrap=not self._is_live)

    def _tick(self) -> None:
        """Print a heartbeat at intervals: which phases and commands are running, and for how long."""
        while not self._stop.wait(self._beat):
            with self._lock:
                for sentence in () if self._is_lost else tuple(self._progress.overdue(self._beat)):
                    self._print(sentence, "")
