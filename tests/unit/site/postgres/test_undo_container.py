"""Removal of a container that the engine lists before it can be found by name."""

from __future__ import annotations

import contextlib
import types
from collections.abc import Iterator
from typing import Any

import pytest

from rollout.site.engine.client import RUN_LABEL
from rollout.site.postgres import container as containers
from rollout.site.postgres.errors import ServerGone

RECORD = {"kind": "container", "name": "xavos-r-postgres", "run": "r"}


class Engine:
    """A fake engine that lists the container at once, and finds it by name at the second try."""

    def __init__(self, *, is_there: bool) -> None:
        self.is_listed = is_there
        self.asked = 0

    def remove(self, **_: Any) -> None:
        self.is_listed = False


@pytest.mark.parametrize(("is_there", "result"), [(True, "removed"), (False, "was not there")])
def test_a_listed_container_is_removed_and_a_missing_one_reported(
    is_there: bool, result: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = Engine(is_there=is_there)

    @contextlib.contextmanager
    def named(name: str) -> Iterator[Any]:
        engine.asked += 1
        if not engine.is_listed or engine.asked == 1:
            raise ServerGone(server=name)
        yield types.SimpleNamespace(labels={RUN_LABEL: "r"}, remove=engine.remove)

    monkeypatch.setattr(containers, "named_container", named)
    monkeypatch.setattr(containers, "engine_client", lambda: contextlib.nullcontext(engine))
    monkeypatch.setattr(containers, "has_container", lambda client, name: client.is_listed)
    monkeypatch.setattr("rollout.site.postgres.container.time.sleep", lambda seconds: None)

    assert containers.undo_container(RECORD) == f"container xavos-r-postgres {result}"
    assert not engine.is_listed
