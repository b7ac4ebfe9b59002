"""The journal that the tests of faults share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from rollout.journal import Journal, Redactor


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    journal = Journal(tmp_path / "journal.jsonl", run="r", redactor=Redactor())
    yield journal
    journal.close()
