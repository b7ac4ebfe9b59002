"""Cached entries are revalidated when necessary; a package that changed under its version is reported."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import httpx
import pytest

from rollout.hex.errors import TarballChanged
from rollout.hex.fetcher import HEX, Fetcher
from rollout.hex.freshness import is_about_another_copy, lifetime, validators_of
from rollout.hex.gateway import Gateway
from rollout.hex.git_clones import GitClones, GitOrigin, run_git
from rollout.hex.http_cache import Entry, HttpCache
from rollout.hex.http_client import NoUpstream, UpstreamResponse, Validators
from rollout.hex.sources import MirrorSource
from rollout.hex.upstreams import Upstreams, choose_git
from tests.unit.hex.conftest import GatewayMaker
from tests.unit.hex.fake_registry import FakeRegistry, Rel
from tests.unit.hex.upstream_server import Reply, UpstreamServer

ALPHA, BETA, TARBALL = "/packages/alpha", "/packages/beta", "/tarballs/beta-0.2.0.tar"
OLD = "Fri, 02 Jan 2026 03:04:05 GMT"
NEW = "Sat, 03 Jan 2026 03:04:05 GMT"


def sha256(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()


def fetcher(source: MirrorSource, folder: Path, **how: bool) -> Fetcher:
    upstreams = Upstreams(hex=source, npm=NoUpstream("none"), git=choose_git("auto", source=source))
    return Fetcher(upstreams, HttpCache(folder), **how)


def republish(registry: FakeRegistry, body: bytes) -> bytes:
    """Another tarball of beta under the same version; the entry that goes with it."""
    registry.packages = {**registry.packages, "beta": (Rel(version="0.2.0", tarball=body),)}
    return registry.package("beta")


def test_a_repaired_mirror_is_noticed_by_the_next_run(
    mirror: MirrorSource, gateway_for: GatewayMaker, upstream: UpstreamServer, registry: FakeRegistry
) -> None:
    """The next gateway revalidates once, then uses its cache."""
    first = gateway_for(mirror)
    assert 200 == httpx.get(f"{first.url}{BETA}").status_code
    again = gateway_for(mirror)
    assert first.fetch_directly(BETA).read() == again.fetch_directly(BETA).read() == again.fetch_directly(BETA).read()
    assert [BETA] == upstream.revalidated
    upstream.replies[BETA] = Reply(body=republish(registry, b"mended"))
    upstream.replies[TARBALL] = Reply(body=b"mended")
    third = gateway_for(mirror)
    assert registry.package("beta") == httpx.get(f"{third.url}{BETA}").content
    assert b"mended" == httpx.get(f"{third.url}{TARBALL}").content


def test_other_sources_are_cached_for_five_minutes_unless_fresh(
    mirror: MirrorSource, upstream: UpstreamServer, registry: FakeRegistry, tmp_path: Path
) -> None:
    """`--fresh` fetches again, without validators."""
    before = fetcher(mirror, tmp_path).fetch(HEX, ALPHA).read()
    registry.packages = {**registry.packages, "alpha": (Rel(version="9.0.0"),)}
    upstream.replies[ALPHA] = Reply(body=registry.package("alpha"))
    assert before == fetcher(mirror, tmp_path).fetch(HEX, ALPHA).read()
    fresh = fetcher(mirror, tmp_path, reloads=True)
    assert registry.package("alpha") == fresh.fetch(HEX, ALPHA).read()
    requests = len(upstream.requests)
    assert fresh.fetch(HEX, ALPHA).from_cache, "once in a run is enough"
    assert requests == len(upstream.requests)
    assert [] == upstream.revalidated


def test_the_gateway_of_a_fresh_run_fetches_registry_entries_again(
    mirror: MirrorSource, gateway_for: GatewayMaker, upstream: UpstreamServer
) -> None:
    """A tarball stays valid while its checksum is the registry's."""
    for fresh in (False, True):
        gateway = gateway_for(mirror, fresh=fresh)
        for path in (BETA, TARBALL):
            assert 200 == gateway.fetch_directly(path).status
    assert (2, 1) == (upstream.requests.count(BETA), upstream.requests.count(TARBALL))
    assert [] == upstream.revalidated


def test_last_modified_revalidates(
    mirror: MirrorSource, gateway_for: GatewayMaker, upstream: UpstreamServer, registry: FakeRegistry
) -> None:
    """For a mirror without ETags, such as a plain web server."""
    upstream.replies[ALPHA] = Reply(body=registry.package("alpha"), modified=OLD)
    gateway = gateway_for(mirror, fresh_seconds=0)
    assert gateway.fetch_directly(ALPHA).read() == gateway.fetch_directly(ALPHA).read() == registry.package("alpha")
    assert [ALPHA] == upstream.revalidated
    registry.packages = {**registry.packages, "alpha": (Rel(version="9.0.0"),)}
    upstream.replies[ALPHA] = Reply(body=registry.package("alpha"), modified=NEW)
    assert registry.package("alpha") == gateway.fetch_directly(ALPHA).read()


def test_a_fresh_run_notices_an_older_file(
    mirror: MirrorSource, gateway_for: GatewayMaker, upstream: UpstreamServer, registry: FakeRegistry
) -> None:
    """A server that only compares times responds with 304 for a restored older file."""
    upstream.replies[ALPHA] = Reply(body=registry.package("alpha"), modified=NEW)
    gateway_for(mirror).fetch_directly(ALPHA)
    registry.packages = {**registry.packages, "alpha": (Rel(version="0.9.0"),)}
    upstream.replies[ALPHA] = Reply(body=registry.package("alpha"), modified=OLD)
    assert registry.package("alpha") == gateway_for(mirror, fresh=True).fetch_directly(ALPHA).read()
    # A 304 with other validators than the cached entry is not accepted: the file is fetched again.
    kept = Entry(area=HEX, path=ALPHA, sha256="", size=0, checked_at=0, upstream_modified=NEW, upstream_etag='"1"')
    assert is_about_another_copy(UpstreamResponse(status=304, headers={"last-modified": OLD}), kept)
    assert is_about_another_copy(UpstreamResponse(status=304, headers={"etag": '"2"'}), kept)
    assert not is_about_another_copy(
        UpstreamResponse(status=304, headers={"etag": 'W/"1"', "last-modified": NEW}), kept
    )
    assert not is_about_another_copy(UpstreamResponse(status=304), kept)


@pytest.mark.parametrize(
    ("headers", "seconds", "validators"),
    [
        ({}, None, Validators()),
        ({"etag": '"1"'}, None, Validators(etag='"1"')),
        ({"last-modified": OLD, "date": NEW}, None, Validators(modified=OLD)),
        ({"last-modified": OLD}, None, Validators(modified=OLD)),
        ({"last-modified": NEW, "date": NEW}, None, Validators()),
        ({"last-modified": "yesterday"}, None, Validators()),
        ({"cache-control": "public, max-age=60"}, 60.0, Validators()),
        ({"cache-control": "max-age=60", "age": "50"}, 10.0, Validators()),
        ({"cache-control": "max-age=60", "age": "90"}, 0.0, Validators()),
        ({"cache-control": "s-maxage=60"}, None, Validators()),
        ({"cache-control": "no-cache", "etag": '"1"'}, 0.0, Validators(etag='"1"')),
        ({"cache-control": "No-Store, max-age=60", "etag": '"1"'}, 0.0, Validators()),
    ],
)
def test_lifetime_and_validators_are_read_from_headers(
    headers: dict[str, str], seconds: float | None, validators: Validators
) -> None:
    """As RFC 9110 and RFC 9111 define them."""
    assert (seconds, validators) == (lifetime(headers), validators_of(headers))


@pytest.mark.parametrize(
    ("directive", "requests"), [("no-store", 2), ("no-cache", 2), ("max-age=0", 2), ("max-age=60", 1)]
)
def test_cache_control_can_demand_revalidation(
    gateway: Gateway, upstream: UpstreamServer, registry: FakeRegistry, directive: str, requests: int
) -> None:
    """Within a run as well."""
    upstream.replies[ALPHA] = Reply(body=registry.package("alpha"), headers={"cache-control": directive})
    assert gateway.fetch_directly(ALPHA).read() == gateway.fetch_directly(ALPHA).read()
    assert requests == upstream.requests.count(ALPHA)
    assert (directive in {"no-cache", "max-age=0"}) == (upstream.revalidated == [ALPHA])


def test_a_tarball_that_changed_under_its_version(gateway: Gateway, upstream: UpstreamServer) -> None:
    """The error has both checksums and says what to do."""
    upstream.replies[TARBALL] = Reply(body=b"evil")
    response = gateway.fetch_directly(TARBALL)
    assert "checksum_mismatch" == response.cause
    assert response.detail.startswith(
        f"beta 0.2.0: the tarball from mirror {upstream.url} has the SHA-256 {sha256(b'evil')}, "
        f"but the signed registry says {sha256(b'b' * 9000)}. "
    )
    assert "or the registry's entry was changed" in response.detail


def test_an_entry_that_changed_and_a_tarball_that_did_not(
    mirror: MirrorSource, gateway_for: GatewayMaker, upstream: UpstreamServer, registry: FakeRegistry
) -> None:
    """The cached tarball is older than the registry's checksum and is not used."""
    gateway_for(mirror).fetch_directly(TARBALL)
    upstream.replies[BETA] = Reply(body=republish(registry, b"mended"))
    response = gateway_for(mirror).fetch_directly(TARBALL)
    assert ("checksum_mismatch", False) == (response.cause, response.from_cache)
    assert f"has the SHA-256 {sha256(b'b' * 9000)}, but the signed registry says {sha256(b'mended')}" in response.detail
    assert "the registry's entry was changed" in response.detail


def test_a_tarball_that_changed_after_it_was_fetched_here() -> None:
    """The earlier tarball matched the registry."""
    error = TarballChanged(package="a", version="1", source="x", expected="1" * 64, found="2" * 64, earlier="1" * 64)
    assert "An earlier tarball matched the registry" in error.message
    assert "--fresh" in error.advice
    assert ("checksum_mismatch", "a") == (error.cause, error.package)


def test_a_newer_registry_entry_is_fetched_before_a_tarball_is_rejected(
    gateway: Gateway, upstream: UpstreamServer, registry: FakeRegistry
) -> None:
    """The mirror was repaired during the run."""
    gateway.fetch_directly(BETA)
    upstream.replies[BETA] = Reply(body=republish(registry, b"mended"))
    upstream.replies[TARBALL] = Reply(body=b"mended")
    assert (None, b"mended") == (
        gateway.fetch_directly(TARBALL).cause,
        gateway.fetch_directly(TARBALL).read(),
    )
    assert registry.package("beta") == gateway.fetch_directly(BETA).read()


def test_an_unreachable_registry_does_not_validate_a_wrong_tarball(gateway: Gateway, upstream: UpstreamServer) -> None:
    """The cached entry decides."""
    gateway.fetch_directly(BETA)
    upstream.replies[BETA] = Reply(status=503)
    upstream.replies[TARBALL] = Reply(body=b"evil")
    assert "checksum_mismatch" == gateway.fetch_directly(TARBALL).cause


def test_repositories_are_cloned_again_by_a_fresh_run(tmp_path: Path) -> None:
    """Otherwise a clone is used for a day."""
    origin = tmp_path / "origin" / "owner" / "repo"
    run_git(("init", "--quiet", str(origin)))
    commit = ("-c", "user.name=x", "-c", "user.email=x@localhost", "commit", "--quiet", "--allow-empty", "-m")
    run_git(("-C", str(origin), *commit, "one"))
    where = GitOrigin(kind="mirror", description="x", bases=(str(tmp_path / "origin" / "owner"),))
    clone = GitClones(where, folder=tmp_path / "git").repository("owner/repo")
    head = (clone / "packed-refs").read_text()
    run_git(("-C", str(origin), *commit, "two"))
    stamp = (clone / "xavos-fetched").stat().st_mtime
    assert head == (GitClones(where, folder=tmp_path / "git").repository("owner/repo") / "packed-refs").read_text()
    fresh = GitClones(where, folder=tmp_path / "git", trusted_since=stamp + 0.001)
    assert head != (fresh.repository("owner/repo") / "packed-refs").read_text()
    os.utime(clone / "xavos-fetched", (stamp + 1, stamp + 1))
    run_git(("-C", str(origin), *commit, "three"))
    kept = (clone / "packed-refs").read_text()
    assert kept == (fresh.repository("owner/repo") / "packed-refs").read_text(), "once in a run is enough"
