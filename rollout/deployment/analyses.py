"""Runs `--blame` and `--matrix`: finds the packages that cause a failure and the packages that fit together."""

from __future__ import annotations

from rollout.config.plan import Plan
from rollout.errors import RolloutError
from rollout.journal.events import phases
from rollout.packages.blame import blame, matrix
from rollout.phases.phase import PhaseResult
from rollout.site.site import Site


class Analyses:
    """`--blame` and `--matrix` of one path. Each runs at most once, and needs the forge and the gateway."""

    def __init__(self, site: Site, plan: Plan) -> None:
        self._site = site
        self._plan = plan
        self._blame_done = not site.options.blame
        self._matrix_done = not site.options.matrix

    def after(self, result: PhaseResult) -> None:
        """Run blame after a phase that failed, and the matrix then or after the last phase."""
        if self._site.forge is None or self._site.gateway is None:
            return
        failed = result.outcome == "failed" and result.error is not None
        if failed and not self._blame_done:
            assert result.error is not None
            self._blame_done = True
            blame(self._site, self._plan, result.error, phase=result.name)
        if not self._matrix_done and (failed or result.name == self._plan.phase_names[-1]):
            self._matrix_done = True
            self._run_matrix(result.name)

    def _run_matrix(self, phase: str) -> None:
        try:
            matrix(self._site, self._plan, phase=phase, minutes=self._site.options.matrix_minutes)
        except (RolloutError, OSError) as error:
            text = f"The grid of packages could not be drawn: {error}"
            self._site.run.journal.record(phases.PhaseNote(path=self._plan.name, phase=phase, text=text))
