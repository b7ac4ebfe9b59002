"""Defines Step, with which a phase runs commands and records its changes, until its deadline."""

from __future__ import annotations

import contextlib
import re
import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

import tenacity

from rollout.assembly import load, write
from rollout.config.options import ROOT
from rollout.config.plan import PhasePlan, Plan
from rollout.diagnosis import TRANSIENT, Probes, failure
from rollout.errors import PhaseFailed, RolloutError
from rollout.hex.errors import TarballChanged
from rollout.hex.http_client import UNTRUSTED
from rollout.hex.request_record import UNREACHABLE_CAUSES
from rollout.journal import CommandRecorder
from rollout.journal.events import phases
from rollout.process import LocalLauncher, Outcome, Request, execute
from rollout.site.site import Site

ATTEMPTS = 4
EDITOR = ROOT / "rollout" / "elixir" / "edit"
_COMMAND = "XAVOS_COMMAND"  # in the environment of every command and its child processes: its token
_Result = TypeVar("_Result")
EDITED = re.compile(r'\{:\w+, "([^"]+\.exs?)"')


class Step:
    """One phase while it is applied."""

    def __init__(
        self,
        site: Site,
        plan: Plan,
        phase: PhasePlan,
        *,
        passed: frozenset[str] = frozenset(),
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self.site = site
        self.plan = plan
        self.phase = phase
        self.attempts = 1
        self.asked: dict[str, str] = {}
        self.inputs: dict[str, str] = {}  # what later checkpoints depend on besides the plan: name → digest
        self.facts: dict[str, Any] = {}
        self.passed = passed
        self._manifest = load()
        self._laid: tuple[str, ...] = ()
        self._pause = pause
        self._until = time.monotonic() + phase.timeout_seconds

    @property
    def where(self) -> Mapping[str, str]:
        return {"path": self.plan.name, "phase": self.phase.name}

    @property
    def remaining(self) -> float:
        """Seconds until the phase's deadline. Raises PhaseFailed(timeout) when it has passed."""
        left = self._until - time.monotonic()
        if left <= 0:
            raise PhaseFailed(
                f"The phase {self.phase.name} has exceeded its limit of {self.phase.timeout_seconds:.0f} s.",
                cause="timeout",
                advice="If the machine is slow, raise timeout_seconds of the phase in the plan.",
            )
        return left

    def extend(self, seconds: float) -> None:
        """Move the phase's deadline, for work that takes as long as the user has asked for."""
        self._until += seconds

    def act(self, text: str, undo: Mapping[str, Any]) -> AbstractContextManager[str]:
        """Announce an act with its undo before doing it."""
        return self.site.run.journal.act(text, undo, **self.where)

    def note(self, text: str) -> None:
        """Journal a decision for the reader of the report."""
        self.site.run.journal.record(phases.PhaseNote(path=self.plan.name, phase=self.phase.name, text=text))

    def run(
        self,
        *argv: str,
        label: str | None = None,
        deadline: float = 600.0,
        env: Mapping[str, str] | None = None,
        cwd: str = "",
        marker: str | None = None,
        repeatable: bool = False,
        settings: bool = True,
    ) -> Outcome:
        """Run a command in the forge, in the application's folder or in `cwd` (below it, or absolute).

        `settings`: whether its environment has the site's settings, such as the database's address and the secrets.

        Never raises for an exit code. A command that is stopped, by its deadline or by a signal to the run, is stopped
        with all its child processes. Children of a BEAM have their own sessions, so they are found by a token.
        """
        forge = self.site.in_forge
        token = f"{self.site.run.id}-{time.monotonic_ns():x}"
        extra = {_COMMAND: token, **(dict([marker.split("=", 1)]) if marker else {})}
        request = Request(
            argv=argv,
            label=label or " ".join(argv[:3]),
            cwd=forge.root / self.site.app / cwd,
            env={**self.site.environment(settings=settings), **(env or {}), **extra},
            deadline=min(deadline, self.remaining),
            repeatable=repeatable,
        )
        fault_points = self.site.fault_points
        stopped = True
        try:
            outcome = execute(fault_points.before_command(self.phase.name, request), forge.launcher, self.recorder())
            stopped = outcome.timed_out
        finally:
            if stopped:
                self._kill_children(token)
        fault_points.after_command(self.phase.name, outcome)
        # The output appears in errors, and errors in every report.
        return replace(outcome, tail=self.site.run.redactor.text(outcome.tail))

    def _kill_children(self, token: str) -> None:
        # A process that survives is found by the rollback, which lists every process of the run.
        with contextlib.suppress(Exception):
            self.site.in_forge.kill_marked(f"{_COMMAND}={token}")

    def host(self, *argv: str, cwd: Path, label: str | None = None, deadline: float = 60.0) -> Outcome:
        """Run a command on this machine."""
        request = Request(
            argv=argv,
            label=label or " ".join(argv[:3]),
            cwd=cwd,
            env={"PATH": "/usr/local/bin:/usr/bin:/bin", "XAVOS_RUN": self.site.run.id},
            deadline=min(deadline, self.remaining),
        )
        return execute(request, LocalLauncher(), self.recorder())

    def must(self, *argv: str, **how: Any) -> Outcome:
        """Like `run`, but raises PhaseFailed with the classified cause if the command fails."""
        outcome, wrong = self.attempt(*argv, **how)
        if not outcome.ok:
            raise wrong()
        return outcome

    def attempt(
        self, *argv: str, complete: Callable[[Outcome], Outcome] = lambda ended: ended, **how: Any
    ) -> tuple[Outcome, Callable[[], PhaseFailed]]:
        """Like `run`, for commands whose exit code does not decide. Also returns a function that makes the error.

        `complete` adds to the outcome what the command has printed elsewhere.
        """
        mark = self.site.gateway.mark() if self.site.gateway else 0
        with self.watching_gateway() as upstream:
            outcome = complete(self.run(*argv, **how))
        return outcome, lambda: self._explained(failure(outcome, self._probes(upstream)), mark)

    def _explained(self, error: PhaseFailed, mark: int) -> PhaseFailed:
        """The error, with both checksums if the gateway has seen a wrong tarball."""
        records = self.site.gateway.records_since(mark) if self.site.gateway else ()
        wrong = next((each for each in reversed(records) if each.cause == error.cause == "checksum_mismatch"), None)
        if wrong is None or not wrong.detail:
            return error
        package = wrong.path.rpartition("/")[2].partition("-")[0]
        return PhaseFailed(wrong.detail, cause="checksum_mismatch", advice=TarballChanged.ADVICE, package=package,
                           log=error.log)  # fmt: skip

    def must_retrying(self, *argv: str, **how: Any) -> Outcome:
        """Like `must`, but retries with growing pauses if the cause is transient. Each retry is journaled.

        Observed phases are not retried.
        """
        return self.retrying(lambda: self.must(*argv, **how))

    def retrying(self, do: Callable[[], _Result]) -> _Result:
        """Call `do`, and retry if the cause of its failure is transient; see `must_retrying`."""
        if self.phase.observed:
            return do()
        retrying = tenacity.Retrying(
            retry=tenacity.retry_if_exception(_is_transient),
            stop=tenacity.stop_after_attempt(ATTEMPTS),
            wait=tenacity.wait_exponential(multiplier=1, min=1, max=10),
            sleep=self._pause,
            before_sleep=self._journal_retry,
            reraise=True,
        )
        return retrying(do)

    def edit(self, *arguments: str) -> Outcome:
        """Edit a file of the deployment through Elixir's syntax tree (see rollout/elixir/edit/command.ex)."""
        home, compiled = self.site.directory / ".home", f"{self.site.in_forge.root}/.home/edit"
        if not (home / "edit/Elixir.Edit.CLI.beam").exists():
            shutil.copytree(EDITOR, home / "edit/source", dirs_exist_ok=True)
            sources = (f"{compiled}/source/{file.name}" for file in sorted(EDITOR.glob("*.ex")))
            self.must("elixirc", "-o", compiled, *sources, label="compile the editor", deadline=60)
        return self.must("elixir", "-pa", compiled, "-e", "Edit.CLI.main(System.argv())", *arguments,
                         label=f"edit {' '.join(arguments[:3])}", deadline=60,
                         repeatable=arguments[0] == "list-deps")  # fmt: skip

    def lay_overlays(self) -> None:
        """Lay every overlay of the phase, those included that belong to an optional phase which has passed."""
        self.lay(*self.phase.overlays(self.passed))

    def lay(self, *names: str) -> None:
        """Lay overlays over the application: write their files, then apply their edits of generated files."""
        laid = (*self.plan.laid_before(self.phase, self.passed), *self._laid)
        for path, file in self._manifest.laid_by(names, laid).items():
            write(self.site.application / path, file)
        self.apply_edits(names)
        self._laid += names

    def apply_edits(self, names: Sequence[str], root: str = ".") -> None:
        """Apply the edits of overlays, all of them or none, to the application that `root` (in it) holds."""
        files = self._manifest.edits_of(names)
        if not files:
            return
        copies = self.site.directory / ".home" / "edits"
        copies.mkdir(exist_ok=True)
        try:
            for file in files:
                shutil.copy(file, copies)
            self.edit("apply", root, *(f"{self.site.in_forge.root}/.home/edits/{file.name}" for file in files))
        finally:
            shutil.rmtree(copies)

    def format_laid(self) -> None:
        """Format what the phase has edited or laid without all its parts: its lines can have another length now."""
        edits = self._manifest.edits_of(self._laid)
        edited = {name for file in edits for name in EDITED.findall(file.read_text(encoding="utf-8"))}
        laid = self._manifest.laid_by(self._laid, self.plan.laid_before(self.phase, self.passed))
        shaped = {path for path, file in laid.items() if not file.is_final and path.endswith((".ex", ".exs"))}
        if files := sorted(name for name in edited | shaped if (self.site.application / name).is_file()):
            self.must("mix", "format", *files, label="format what was edited", deadline=120)

    @contextlib.contextmanager
    def watching_gateway(self) -> Iterator[Callable[[], str | None]]:
        """Yields a function that returns the upstream problem that the gateway has seen in this block."""
        gateway = self.site.gateway
        if gateway is None:
            yield lambda: None
            return
        mark = gateway.mark()
        yield lambda: _upstream_problem(gateway.causes_since(mark))

    def _probes(self, upstream: Callable[[], str | None]) -> Probes:
        site = self.site
        return Probes(
            upstream=upstream,
            database_up=lambda: site.server_alive() if site.server else None,
            database_at=lambda: _database_address(site) if site.server else None,
            free_bytes=lambda: shutil.disk_usage(site.directory).free if site.directory.is_dir() else None,
        )

    def recorder(self) -> CommandRecorder:
        """An observer that journals one command and writes its output to a log file."""
        run = self.site.run
        return CommandRecorder(run.journal, run.logs, where=self.where)

    def _journal_retry(self, state: tenacity.RetryCallState) -> None:
        error = state.outcome.exception() if state.outcome else None
        self.attempts += 1
        self.site.run.journal.record(
            phases.PhaseRetry(
                path=self.plan.name,
                phase=self.phase.name,
                attempt=state.attempt_number,
                cause=getattr(error, "cause", "unknown"),
                wait=round(state.next_action.sleep, 1) if state.next_action else 0,
                message=str(error),
            )
        )


def _upstream_problem(causes: Mapping[str, int]) -> str | None:
    """The gateway's causes as one of the four words that the classifier knows; None if there are none."""
    for cause in causes:
        if cause in UNREACHABLE_CAUSES:
            return "unreachable"
    if UNTRUSTED in causes:
        return "certificate"
    if {"checksum_mismatch", "bad_signature", "bad_payload"} & causes.keys():
        return "checksum"
    return "error" if causes else None


def _database_address(site: Site) -> tuple[str, int] | None:
    """Host and port of the database that the application is configured to use."""
    parts = urlsplit(site.database.url(user="", password="", database=""))
    return (parts.hostname, parts.port) if parts.hostname and parts.port else None


def _is_transient(error: BaseException) -> bool:
    return isinstance(error, RolloutError) and error.cause in TRANSIENT
