"""Fixtures of the tests of rollout/hex: a fake registry, a server for it, a client, and a gateway."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest

from rollout.hex.gateway import Gateway
from rollout.hex.git_clones import GitOrigin
from rollout.hex.http_client import HttpUpstream, make_client
from rollout.hex.sources import MirrorSource, Source
from rollout.hex.upstreams import Upstreams, choose_git
from tests.unit.hex.fake_registry import FakeRegistry, Needs, Rel
from tests.unit.hex.upstream_server import UpstreamServer

GatewayMaker = Callable[..., Gateway]


@pytest.fixture
def registry() -> FakeRegistry:
    """Three packages: alpha (three releases), beta (needs alpha), old (retired)."""
    return FakeRegistry(
        packages={
            "alpha": (Rel(version="1.0.0"), Rel(version="1.1.0"), Rel(version="2.0.0-rc.1")),
            "beta": (
                Rel(
                    version="0.2.0",
                    needs=(Needs(package="alpha", requirement="~> 1.0"),),
                    tarball=b"b" * 9000,
                ),
            ),
            "old": (Rel(version="1.0.0", retired=(3, "use beta")),),
        }
    )


@pytest.fixture
def upstream(registry: FakeRegistry) -> Iterator[UpstreamServer]:
    with UpstreamServer(registry.files()) as server:
        yield server


@pytest.fixture
def client() -> Iterator[httpx.Client]:
    with make_client(connect=1, read=1) as client:
        yield client


@pytest.fixture
def mirror(upstream: UpstreamServer, client: httpx.Client, tmp_path: Path) -> MirrorSource:
    return MirrorSource(upstream.url, client=client, pins=tmp_path / "pins")


@pytest.fixture
def gateway_for(client: httpx.Client, tmp_path: Path) -> Iterator[GatewayMaker]:
    """Make and start a gateway in front of a source; stopped at the end of the test."""
    with ExitStack() as stack:

        def make(source: Source, *, git: GitOrigin | None = None, npm: str | None = None, **options: Any) -> Gateway:
            upstreams = Upstreams(
                hex=source,
                npm=HttpUpstream(npm or "http://127.0.0.1:1", client=client, decode=True),
                git=git or choose_git("auto", source=source),
            )
            gateway = Gateway(upstreams, cache=tmp_path / "cache", **options)
            stack.enter_context(gateway)
            return gateway

        yield make


@pytest.fixture
def gateway(mirror: MirrorSource, gateway_for: GatewayMaker) -> Gateway:
    return gateway_for(mirror)
