"""Instances stand still while a site is compared, and go on afterwards."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import docker.errors
import pytest

from rollout.site.engine.client import INSTANCE_LABEL, RUN_LABEL, Engine
from rollout.site.stillness import instances_paused


class FakeContainer:
    """A container. `refuses`: the engine cannot do what is asked. `said` is what was done to it."""

    def __init__(self, *, refuses: str = "") -> None:
        self.refuses = refuses
        self.said: list[str] = []

    def pause(self) -> None:
        self._do("pause")

    def unpause(self) -> None:
        self._do("unpause")

    def _do(self, what: str) -> None:
        if what == self.refuses:
            raise docker.errors.APIError(what)
        self.said.append(what)


class FakeContainers:
    """Gives the containers to whoever asks for the running instances of the run `r`."""

    def __init__(self, *containers: FakeContainer) -> None:
        self.containers = containers

    def list(self, filters: dict[str, Any], **_: Any) -> list[FakeContainer]:
        assert filters == {"label": [f"{RUN_LABEL}=r", INSTANCE_LABEL], "status": "running"}
        return list(self.containers)


def engine(*containers: FakeContainer) -> Engine:
    return cast("Engine", SimpleNamespace(client=lambda: SimpleNamespace(containers=FakeContainers(*containers))))


def test_instances_stand_still_in_the_block_and_go_on_after_it() -> None:
    a1, a2 = FakeContainer(), FakeContainer()
    with pytest.raises(ZeroDivisionError), instances_paused(engine(a1, a2), "r"):
        assert [["pause"], ["pause"]] == [a1.said, a2.said]
        raise ZeroDivisionError
    assert [["pause", "unpause"]] * 2 == [a1.said, a2.said]


@pytest.mark.parametrize(("refuses", "said"), [("pause", []), ("unpause", ["pause"])])
def test_container_that_ends_meanwhile_changes_nothing_for_the_others(refuses: str, said: list[str]) -> None:
    ended, other = FakeContainer(refuses=refuses), FakeContainer()
    with instances_paused(engine(ended, other), "r"):
        pass
    assert said == ended.said
    assert ["pause", "unpause"] == other.said


def test_without_an_engine_there_is_nothing_to_pause() -> None:
    with instances_paused(None, "r"):
        pass
