"""Selecting sources and upstreams from options, pinning keys, and the fallbacks of --source=auto."""

from __future__ import annotations

import socket
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from rollout.hex import sources, upstreams
from rollout.hex.bundle import write_bundle
from rollout.hex.errors import (
    BundleUnusable,
    KeyChanged,
    NoRealSource,
    RehearsalMissing,
    SourceKeyUnusable,
    SourceUnavailable,
)
from rollout.hex.gateway import Gateway
from rollout.hex.git_clones import GitClones, GitFailed, GitOrigin
from rollout.hex.http_client import HttpUpstream
from rollout.hex.sources import HexpmSource, MirrorSource, RehearsalSource, is_rehearsal, needs_own_key
from rollout.hex.upstreams import SelectedSource, Upstreams, choose_git, choose_source, npm_registry
from tests.unit.hex.fake_registry import FakeRegistry, public_key
from tests.unit.hex.upstream_server import Reply, UpstreamServer

Choose = Callable[..., SelectedSource]


@pytest.fixture
def choose(client: httpx.Client, tmp_path: Path) -> Choose:
    def choosing_with(option: str, **more: object) -> SelectedSource:
        folders = {
            "cache": tmp_path / "cache",
            "state": tmp_path / "state",
            "rehearsal": tmp_path / "rehearsal",
        }
        return choose_source(option, client=client, probe_seconds=0.5, **{**folders, **more})  # type: ignore[arg-type]

    return choosing_with


@pytest.fixture
def hexpm(monkeypatch: pytest.MonkeyPatch) -> UpstreamServer:
    """Something that stands for hex.pm; not started: unreachable."""
    server = UpstreamServer({"/public_key": sources.HEXPM_PEM})
    monkeypatch.setattr(upstreams, "HexpmSource", lambda *, client: HexpmSource(client=client, url=server.url))
    return server


def test_auto_takes_hexpm_where_it_responds(choose: Choose, hexpm: UpstreamServer) -> None:
    """Hex needs no other key for it."""
    with hexpm:
        chosen = choose("auto", ci=True)
    assert ("hexpm", False) == (chosen.source.kind, needs_own_key(chosen.source))


def test_auto_takes_the_default_bundle(choose: Choose, hexpm: UpstreamServer, gateway: Gateway, tmp_path: Path) -> None:
    """Where hexpm does not respond; a folder or a tar file."""
    hexpm.stop()
    httpx.get(f"{gateway.url}/packages/alpha")
    gateway.record_bundle(tmp_path / "cache" / "bundles" / "default.tar")
    chosen = choose("auto", ci=True)
    assert "bundle" == chosen.source.kind
    assert "hexpm is unreachable" in chosen.why


def test_auto_does_not_take_a_bundle_of_stand_ins(
    choose: Choose, hexpm: UpstreamServer, client: httpx.Client, tmp_path: Path, upstream: UpstreamServer
) -> None:
    """Not even one that was recorded from such a bundle."""
    hexpm.stop()
    place = tmp_path / "cache" / "bundles" / "default"
    write_bundle(
        place,
        items=(),
        absent=(),
        repositories={},
        source={"kind": "rehearsal", "description": "stand-ins", "fingerprint": public_key().fingerprint},
        public_key=public_key().pem,
    )
    assert is_rehearsal(choose(f"bundle:{place}").source)
    assert "rehearsal" == choose("auto").source.kind
    with pytest.raises(NoRealSource):
        choose("auto", ci=True)
    bundled = choose(f"bundle:{place}").source
    npm = HttpUpstream(upstream.url, client=client)
    upstreams = Upstreams(hex=bundled, npm=npm, git=choose_git("auto", source=bundled))
    with Gateway(upstreams, cache=tmp_path / "other") as gateway:
        gateway.record_bundle(tmp_path / "again")
    assert is_rehearsal(choose(f"bundle:{tmp_path / 'again'}").source)


def test_auto_falls_back_to_rehearsal_but_not_in_ci(choose: Choose, hexpm: UpstreamServer) -> None:
    """With CI set, --source has to name the rehearsal."""
    hexpm.stop()
    assert "rehearsal" == choose("auto").source.kind
    with pytest.raises(NoRealSource, match="--source=rehearsal"):
        choose("auto", ci=True)
    assert "rehearsal" == choose("rehearsal", ci=True).source.kind


def test_a_mirrors_key_is_pinned_on_first_contact(
    upstream: UpstreamServer, client: httpx.Client, tmp_path: Path
) -> None:
    """It is announced once; afterwards another key is rejected."""
    first = MirrorSource(upstream.url, client=client, pins=tmp_path)
    assert public_key() == first.key
    assert ("First contact" in first.notes[0], public_key().fingerprint in first.notes[0]) == (True, True)
    again = MirrorSource(upstream.url, client=client, pins=tmp_path)
    assert (public_key(), ()) == (again.key, again.notes)
    upstream.replies["/public_key"] = Reply(body=public_key("other").pem)
    with pytest.raises(KeyChanged, match="on first contact it was"):
        _ = MirrorSource(upstream.url, client=client, pins=tmp_path).key


def test_a_mirror_of_hexpm_needs_no_key(upstream: UpstreamServer, client: httpx.Client, tmp_path: Path) -> None:
    """It serves hexpm's payloads; nothing is pinned."""
    upstream.replies["/public_key"] = Reply(body=sources.HEXPM_PEM)
    assert not needs_own_key(MirrorSource(upstream.url, client=client, pins=tmp_path / "pins"))
    assert not (tmp_path / "pins").exists()


def test_a_given_key_replaces_the_served_one(upstream: UpstreamServer, client: httpx.Client, tmp_path: Path) -> None:
    """--source-key: the mirror's own key is not fetched."""
    (tmp_path / "key.pem").write_bytes(public_key("other").pem)
    mirror = MirrorSource(upstream.url, client=client, pins=tmp_path, key_file=tmp_path / "key.pem")
    assert (public_key("other"), []) == (mirror.key, upstream.requests)
    with pytest.raises(SourceKeyUnusable, match="No such file"):
        _ = MirrorSource(upstream.url, client=client, pins=tmp_path, key_file=tmp_path / "nowhere.pem").key


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        (Reply(status=404), SourceKeyUnusable),
        (Reply(body=b"<html>"), SourceKeyUnusable),
        (Reply(status=503), SourceUnavailable),
        (Reply(status=429), SourceUnavailable),
    ],
)
def test_a_mirror_without_a_key_is_reported(
    upstream: UpstreamServer, client: httpx.Client, tmp_path: Path, reply: Reply, error: type[Exception]
) -> None:
    """A broken mirror is not the same as an unreachable one."""
    upstream.replies["/public_key"] = reply
    with pytest.raises(error):
        _ = MirrorSource(upstream.url, client=client, pins=tmp_path).key


def test_an_unreachable_mirror_is_reported(choose: Choose) -> None:
    """With its address and the reason."""
    mirror = choose("mirror:http://127.0.0.1:9").source
    assert "unreachable" == mirror.probe().state
    with pytest.raises(SourceUnavailable, match=r"127\.0\.0\.1:9 cannot be reached: .*refused.*--source"):
        _ = mirror.key


@pytest.mark.parametrize(
    ("reply", "state"),
    [(Reply(), "reachable"), (Reply(status=429, headers={"retry-after": "9"}), "rate_limited"),
     (Reply(status=500), "unreachable"),
     (Reply(delay=0.5), "unreachable")],
)  # fmt: skip
def test_a_probe_never_raises(upstream: UpstreamServer, mirror: MirrorSource, reply: Reply, state: str) -> None:
    """It returns a state within its time."""
    upstream.replies["/names"] = reply
    found = mirror.probe(0.2)
    assert (state, 9.0 if state == "rate_limited" else None) == (found.state, found.retry_after)


def test_a_missing_rehearsal_is_reported(choose: Choose, registry: FakeRegistry, tmp_path: Path) -> None:
    """It works once it is built."""
    rehearsal = choose("rehearsal").source
    assert "unreachable" == rehearsal.probe().state
    with pytest.raises(RehearsalMissing):
        _ = rehearsal.key
    registry.write(tmp_path / "rehearsal")
    assert rehearsal.probe().is_reachable
    assert public_key() == rehearsal.key
    assert rehearsal.notes


def test_a_missing_bundle_is_reported_at_once(choose: Choose, tmp_path: Path) -> None:
    """At once."""
    with pytest.raises(BundleUnusable, match="no such folder"):
        choose(f"bundle:{tmp_path / 'nowhere'}")


def test_git_follows_the_source(mirror: MirrorSource, tmp_path: Path) -> None:
    """auto: a rehearsal never uses GitHub; a mirror is tried before GitHub."""
    assert (str(tmp_path / "git"),) == choose_git("auto", source=RehearsalSource(tmp_path)).bases
    assert (f"{mirror.base}/git", "https://github.com") == choose_git("auto", source=mirror).bases
    assert ("/repositories",) == choose_git("mirror:/repositories", source=mirror).bases


def test_git_failures_have_different_kinds(tmp_path: Path) -> None:
    """Missing, and unreachable."""
    here = GitClones(GitOrigin(kind="mirror", description="here", bases=(str(tmp_path),)), folder=tmp_path / "cache")
    for name in ("acme/nope", "../etc", "acme/..", "acme"):
        with pytest.raises(GitFailed) as caught:
            here.repository(name)
        assert "missing" == caught.value.kind
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    away = GitClones(
        GitOrigin(kind="mirror", description="away", bases=(f"http://127.0.0.1:{port}",)),
        folder=tmp_path / "cache",
    )
    with pytest.raises(GitFailed) as caught:
        away.repository("acme/icons")
    assert "unreachable" == caught.value.kind


def test_the_npm_registry_is_that_of_this_machine(tmp_path: Path) -> None:
    """Its variable decides first; without npm there is none."""
    assert "http://npm.example" == npm_registry({"NPM_CONFIG_REGISTRY": "http://npm.example/", "PATH": ""})
    assert None is npm_registry({"PATH": str(tmp_path)})
