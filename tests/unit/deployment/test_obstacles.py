"""Containers and networks whose names a run needs are refused."""

from __future__ import annotations

import types
from typing import Any

import docker.errors
import pytest

from rollout.deployment.obstacles import refuse_engine_names
from rollout.errors import AlreadyExists

RUN = "20260101-000000-abcdef"


class Api:
    """A fake engine, which lists names that contain the filter."""

    def __init__(self, containers: tuple[str, ...] = (), networks: tuple[str, ...] = (), *, busy: bool = False) -> None:
        self._containers = [f"/{name}" for name in containers]
        self._networks = networks
        self._busy = busy

    def containers(self, *, all: bool, filters: dict[str, str]) -> list[dict[str, Any]]:  # noqa: A002 - its name
        if self._busy:
            raise docker.errors.APIError("busy")
        assert all, "a container that is stopped has its name too"
        return [{"Names": [name]} for name in self._containers if filters["name"] in name]

    def networks(self, *, names: list[str]) -> list[dict[str, str]]:
        return [{"Name": name} for name in self._networks if names[0] in name]


def look(api: Api) -> None:
    engine: Any = types.SimpleNamespace(client=lambda: types.SimpleNamespace(api=api))
    refuse_engine_names(engine, RUN)


@pytest.mark.parametrize(
    ("api", "what"),
    [
        (Api((f"xavos-{RUN}-forge",)), f"container xavos-{RUN}-forge"),
        (Api((f"xavos-{RUN}-postgres",)), f"container xavos-{RUN}-postgres"),
        (Api((), (f"xavos-{RUN}",)), f"network xavos-{RUN}"),
    ],
)
def test_an_existing_name_is_refused(api: Api, what: str) -> None:
    with pytest.raises(AlreadyExists, match=f"The {what} exists already"):
        look(api)


def test_names_with_the_same_beginning_are_not_refused() -> None:
    """And an engine that cannot say is asked again when something is made."""
    look(Api((f"xavos-{RUN}-forge2", f"my-xavos-{RUN}-forge"), (f"xavos-{RUN}-2",)))
    look(Api(busy=True))
