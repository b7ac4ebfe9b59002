"""How the suite's own tests are spread over processes (`-n`, pytest-xdist)."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Any

import hypothesis
import pytest

TESTS = Path(__file__).parent

# A busy machine is no defect of what is tested: an example may take as long as it takes.
hypothesis.settings.register_profile("busy machine", deadline=None)
hypothesis.settings.load_profile("busy machine")

# Under nohup SIGHUP is ignored, and a program that is started inherits that: tests that send it would wait for ever. A
# handler that does nothing ignores it as well, and is not inherited.
if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
    signal.signal(signal.SIGHUP, lambda number, frame: None)

# Their tests are the long ones, and share nothing but the rehearsal, of which there is one for all processes. Not so
# those of scripts: each needs the machine's port 5432.
SPREAD = {"test_ambitious", "test_bad_input", "test_campaign", "test_comparison", "test_every_phase", "test_rehearsal"}


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Tests stay with those that they share fixtures with, in the order in which they were collected."""
    from xdist.scheduler import LoadScopeScheduling

    class Together(LoadScopeScheduling):  # type: ignore[misc]  # xdist has no types
        def _split_scope(self, nodeid: str) -> str:
            return together(nodeid)

    config.option.loadscopereorder = False
    return Together(config, log)


def together(nodeid: str) -> str:
    """What has to be in one process: a test, a file, or a folder whose conftest has something that all of it share."""
    file = Path(nodeid.partition("::")[0])
    if file.stem in SPREAD:
        return nodeid
    folder = TESTS.parent / file.parent
    return str(file.parent if folder != TESTS / "e2e" and (folder / "conftest.py").is_file() else file)
