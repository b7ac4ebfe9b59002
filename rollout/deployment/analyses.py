"""What a run was asked to find out besides deploying: who is to blame for a failure, and which packages go together."""

from __future__ import annotations

from rollout.config.plan import Plan
from rollout.errors import RolloutError
from rollout.packages.blame import blame, matrix
from rollout.phases.phase import PhaseResult
from rollout.site.site import Site


class Inquiry:
    """`--blame` and `--matrix` of one path, asked while its forge and its gateway stand; each is answered once."""

    def __init__(self, site: Site, plan: Plan) -> None:
        self._site = site
        self._plan = plan
        self._is_blamed = not site.options.blame
        self._is_drawn = not site.options.matrix

    def after(self, result: PhaseResult) -> None:
        """Ask what can be asked now: blame when a phase has failed, the grid then or when the last phase is over."""
        if self._site.forge is None or self._site.gateway is None:
            return
        failed = result.outcome == "failed" and result.error is not None
        if failed and not self._is_blamed:
            assert result.error is not None
            self._is_blamed = True
            blame(self._site, self._plan, result.error, phase=result.name)
        if not self._is_drawn and (failed or result.name == self._plan.phase_names[-1]):
            self._is_drawn = True
            self._draw(result.name)

    def _draw(self, phase: str) -> None:
        try:
            matrix(self._site, self._plan, phase=phase, minutes=self._site.options.matrix_minutes)
        except (RolloutError, OSError) as error:
            text = f"The grid of packages could not be drawn: {error}"
            self._site.run.journal.record("phase.note", path=self._plan.name, phase=phase, text=text)
