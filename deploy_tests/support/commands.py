"""The type of the fixture `ask`, which runs a command in the forge for a check."""

from __future__ import annotations

from collections.abc import Callable

from rollout.process import Outcome

Ask = Callable[..., Outcome]
