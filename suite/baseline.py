"""Lets a run pass on which only that fails which failed before: `--baseline`."""

from __future__ import annotations

from collections.abc import Sequence

from rollout.config.options import Options
from rollout.config.run import Run
from rollout.results.baseline import became_worse, read_baseline
from rollout.results.verdict import as_json, verdict
from suite.report import finished_events

_FAILED = 1


def refuse_invalid(options: Options) -> None:
    """Raise InvalidBaseline before anything is done."""
    if options.baseline is not None:
        read_baseline(options.baseline)


def excused(run: Run, options: Options, exit_code: int, gate: Sequence[str]) -> int:
    """The exit code of the run: 0 if it has failed and nothing on its gate is worse than in the baseline.

    Journals the comparison. A run that was interrupted, or in which no check was selected, is not compared.
    """
    if options.baseline is None or options.folder is not None or exit_code not in {0, _FAILED}:
        return exit_code
    before = read_baseline(options.baseline)
    worse = became_worse(before, as_json(verdict(finished_events(run, exit_code))), tuple(gate))
    run.journal.tell("baseline.compared", against=str(before["run"]), worse=list(worse))
    return _FAILED if worse else 0
