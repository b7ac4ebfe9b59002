"""Prints the end of a run to the console: verdicts, failed checks and the next step."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from rollout.installation import command, run_command
from rollout.report.view import CheckView, PathView, View
from rollout.report.wording import exit_sentence, path_sentence
from rollout.text.plain import counted, line

_MOST_FAILED = 2  # lines, so that three paths need at most ten lines in total
_CHECK_LENGTH = 160


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A line of the console. `tone`: good, bad or plain."""

    text: str
    tone: str = "plain"


def console_summary(shown: View, report: Path) -> tuple[Line, ...]:
    """The lines of the summary: at most ten for up to three paths. pytest's own last line follows them."""
    return (
        *_verdicts(shown),
        *_load(shown),
        *_failed(shown.paths),
        *_urls(shown),
        Line(text=f"Next: {next_step(shown)}"),
        Line(text=f"Report: {report}"),
    )


def _verdicts(shown: View) -> Iterator[Line]:
    for path in shown.paths:
        is_good = path.verdict.outcome == "deployed" and not path.verdict.checks.failed
        yield Line(text=path_sentence(shown.verdict, path.verdict), tone="good" if is_good else "bad")
    if len(shown.paths) != 1 or shown.verdict.baseline is not None:
        yield Line(text=exit_sentence(shown.verdict, shown.gate))


def _load(shown: View) -> Iterator[Line]:
    """The first load of a path that runs alone: that of its upgrade."""
    if len(shown.paths) == 1 and shown.loads:
        load = shown.loads[0]
        yield Line(text=f"Under load, {load.name}: {load.sentence}", tone="good" if load.state == "passed" else "bad")


def _failed(paths: Sequence[PathView]) -> Iterator[Line]:
    several = len(paths) > 1
    failed = [(path, check) for path in paths for check in path.checks if check.outcome == "failed"]
    for path, check in failed[:_MOST_FAILED]:
        yield Line(text=f"Failed: {_named(path, check, several=several)}", tone="bad")
    if len(failed) > _MOST_FAILED:
        more = counted(len(failed) - _MOST_FAILED, "more failed check")
        yield Line(text=f"... and {more} in the report", tone="bad")


def _named(path: PathView, check: CheckView, *, several: bool) -> str:
    phase = f"{path.verdict.name}: {check.phase}" if several else check.phase
    first = next((row for row in check.message.splitlines() if row.strip()), "")
    return line(f"{phase}: {check.check}" + (f": {first}" if first else ""), _CHECK_LENGTH)


def _urls(shown: View) -> Iterator[Line]:
    for path in shown.paths:
        if url := path.kept.get("url"):
            yield Line(text=f"{line(shown.verdict.application, 80)} answers at {url}", tone="good")


def next_step(shown: View) -> str:
    """The next step for the reader, in one sentence."""
    decisive = [path for path in shown.paths if path.gates] or list(shown.paths)
    stopped = next((path for path in decisive if path.verdict.outcome != "deployed"), None)
    failing = next((path for path in decisive if path.verdict.checks.failed), None)
    if shown.verdict.interrupted:
        return "run it again. Passed phases are restored from checkpoints."
    if stopped is not None:
        return _after_failure(stopped)
    if failing is not None:
        check = next(check for check in failing.checks if check.outcome == "failed")
        name = check.nodeid.rpartition("::")[2].partition("[")[0]
        return f"read the reason in the report, then run that check alone: {' '.join(run_command('-k', name))}"
    kept = next((path.kept for path in decisive if path.kept), None)
    if kept:
        first = kept.get("first_operator")
        return f"create the first operator: {first}" if first else f"remove it with `{kept.get('remove', '')}`."
    if shown.verdict.rehearsal:
        return "deploy real packages with --source=auto, if hex.pm is reachable, or with --source=mirror:URL."
    return (
        "nothing. Everything was rolled back because of --keep; --keep=on-success leaves "
        f"{line(shown.verdict.application, 80)} running."
    )


def _after_failure(path: PathView) -> str:
    if enter := path.kept.get("forge"):
        return f"inspect it with `{enter}`, then remove it with `{path.kept.get('remove', '')}`."
    advice = next((failure.advice for failure in path.failures if failure.advice), "")
    if advice:
        return advice
    if path.verdict.outcome == "refused" and not any(failure.phase for failure in path.failures):
        return "select checks of deploy_tests/ (paths, -k, -m). None of the selected tests needs a deployment."
    if path.verdict.outcome == "dirty" and not path.verdict.observed:
        return f"run `{command('recover')}`. It executes the pending undos."
    return "read the cause and the log in the report. --keep=failed keeps the site of a failed path."
