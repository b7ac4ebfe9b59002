"""What the plugins hand each other through `config.stash`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from rollout.options import Options
    from rollout.run import Run
    from suite.session import Session

OPTIONS: pytest.StashKey[Options] = pytest.StashKey()
RUN: pytest.StashKey[Run] = pytest.StashKey()
SESSION: pytest.StashKey[Session] = pytest.StashKey()
