"""Keys of `config.stash`: the options, the run and the session that the plugins share."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from rollout.config.options import Options
    from rollout.config.run import Run
    from suite.session import Session

OPTIONS: pytest.StashKey[Options] = pytest.StashKey()
RUN: pytest.StashKey[Run] = pytest.StashKey()
SESSION: pytest.StashKey[Session] = pytest.StashKey()
