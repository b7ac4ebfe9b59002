"""The gateway over real HTTP on this machine: caching, verifying, and distinguishing failures."""

from __future__ import annotations

import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from rollout.hex.errors import GatewayFailed
from rollout.hex.gateway import Gateway
from rollout.hex.request_record import RequestRecord
from rollout.hex.routes import Endpoint
from rollout.hex.sources import MirrorSource, RehearsalSource
from tests.unit.hex.conftest import GatewayMaker
from tests.unit.hex.fake_registry import FakeRegistry, Rel, public_key
from tests.unit.hex.upstream_server import Reply, UpstreamServer


def test_bodies_are_served_unchanged(gateway: Gateway, registry: FakeRegistry) -> None:
    """Byte for byte, so that Hex can verify them."""
    for path, body in registry.files().items():
        answer = httpx.get(gateway.url + path)
        assert (200, body) == (answer.status_code, answer.content), path


def test_a_second_request_comes_from_the_cache(gateway: Gateway, upstream: UpstreamServer) -> None:
    """Without a request to the upstream."""
    first = httpx.get(f"{gateway.url}/packages/alpha")
    before = len(upstream.requests)
    second = httpx.get(f"{gateway.url}/packages/alpha")
    assert first.content == second.content
    assert before == len(upstream.requests)
    assert [False, True] == [record.from_cache for record in gateway.records_since()]


def test_a_client_can_revalidate(gateway: Gateway) -> None:
    """Hex sends the ETag; the response is 304 without a body."""
    etag = httpx.get(f"{gateway.url}/packages/alpha").headers["etag"]
    answer = httpx.get(f"{gateway.url}/packages/alpha", headers={"if-none-match": etag})
    assert (304, b"") == (answer.status_code, answer.content)


def test_old_entries_are_revalidated_upstream(
    mirror: MirrorSource, gateway_for: GatewayMaker, upstream: UpstreamServer, registry: FakeRegistry
) -> None:
    """304 confirms the entry, another body replaces it."""
    gateway = gateway_for(mirror, fresh_seconds=0)
    httpx.get(f"{gateway.url}/packages/alpha")
    httpx.get(f"{gateway.url}/packages/alpha")
    assert ["/packages/alpha"] == upstream.revalidated
    registry.packages = {**registry.packages, "alpha": (Rel(version="9.0.0"),)}
    upstream.replies["/packages/alpha"] = Reply(body=registry.package("alpha"))
    assert registry.package("alpha") == httpx.get(f"{gateway.url}/packages/alpha").content


def test_tarballs_are_fetched_once(mirror: MirrorSource, gateway_for: GatewayMaker, upstream: UpstreamServer) -> None:
    """The next gateway with the same cache uses them too."""
    for _ in range(2):
        gateway = gateway_for(mirror, fresh_seconds=0)
        assert b"b" * 9000 == httpx.get(f"{gateway.url}/tarballs/beta-0.2.0.tar").content
    assert 1 == upstream.requests.count("/tarballs/beta-0.2.0.tar")


def test_a_404_is_no_failure(gateway: Gateway) -> None:
    """It has no cause."""
    answer = httpx.get(f"{gateway.url}/packages/nope")
    assert 404 == answer.status_code
    assert "x-gateway-cause" not in answer.headers
    assert {} == gateway.causes_since()


def test_a_wrong_tarball_is_passed_on_but_not_cached(gateway: Gateway, upstream: UpstreamServer) -> None:
    """Fetched twice, in case of a transmission error; the record has the cause."""
    upstream.replies["/tarballs/beta-0.2.0.tar"] = Reply(body=b"evil")
    answer = httpx.get(f"{gateway.url}/tarballs/beta-0.2.0.tar")
    assert (200, b"evil", "checksum_mismatch") == (
        answer.status_code,
        answer.content,
        answer.headers["x-gateway-cause"],
    )
    assert 2 == upstream.requests.count("/tarballs/beta-0.2.0.tar")
    assert {"checksum_mismatch": 1} == gateway.causes_since()
    upstream.replies["/tarballs/beta-0.2.0.tar"] = Reply(body=b"b" * 9000)
    assert b"b" * 9000 == httpx.get(f"{gateway.url}/tarballs/beta-0.2.0.tar").content


def test_a_tarball_that_was_damaged_once_is_fetched_again(gateway: Gateway, upstream: UpstreamServer) -> None:
    """The second fetch is correct."""
    upstream.replies["/tarballs/beta-0.2.0.tar"] = [Reply(body=b"noise"), Reply(body=b"b" * 9000)]
    assert b"b" * 9000 == httpx.get(f"{gateway.url}/tarballs/beta-0.2.0.tar").content


def test_a_republished_tarball_replaces_the_cached_one(
    mirror: MirrorSource, gateway_for: GatewayMaker, upstream: UpstreamServer, registry: FakeRegistry
) -> None:
    """The registry's checksum decides, not the file name."""
    gateway = gateway_for(mirror, fresh_seconds=0)
    httpx.get(f"{gateway.url}/tarballs/beta-0.2.0.tar")
    registry.packages = {**registry.packages, "beta": (Rel(version="0.2.0", tarball=b"new"),)}
    upstream.replies |= {path: Reply(body=body) for path, body in registry.files().items()}
    assert b"new" == httpx.get(f"{gateway.url}/tarballs/beta-0.2.0.tar").content


def test_a_truncated_response_is_not_passed_on(gateway: Gateway, upstream: UpstreamServer) -> None:
    """The client gets 502 and the cause; the next request succeeds."""
    upstream.replies["/tarballs/beta-0.2.0.tar"] = Reply(body=b"b" * 9000, cut=100)
    answer = httpx.get(f"{gateway.url}/tarballs/beta-0.2.0.tar")
    assert (502, "truncated") == (answer.status_code, answer.headers["x-gateway-cause"])
    upstream.replies["/tarballs/beta-0.2.0.tar"] = Reply(body=b"b" * 9000)
    assert 200 == httpx.get(f"{gateway.url}/tarballs/beta-0.2.0.tar").status_code


def test_a_bad_signature_is_passed_on_but_not_cached(gateway: Gateway, upstream: UpstreamServer) -> None:
    """Hex verifies it too; the record has the cause."""
    foreign = FakeRegistry(packages={"alpha": (Rel(version="1.0.0"),)}, key="other").package("alpha")
    upstream.replies["/packages/alpha"] = Reply(body=foreign)
    answer = httpx.get(f"{gateway.url}/packages/alpha")
    assert (200, foreign, "bad_signature") == (
        answer.status_code,
        answer.content,
        answer.headers["x-gateway-cause"],
    )
    httpx.get(f"{gateway.url}/packages/alpha")
    assert 2 == upstream.requests.count("/packages/alpha")


@pytest.mark.parametrize(
    ("reply", "status", "cause"),
    [
        (Reply(status=503), 503, "server_error"),
        (Reply(status=429, headers={"retry-after": "7"}), 429, "rate_limited"),
        (Reply(status=403), 403, "denied"),
        (Reply(delay=1.5), 504, "timeout"),
        (Reply(body=b"<html>log in to this network</html>"), 200, "bad_payload"),
    ],
    ids=["503", "429", "403", "slow", "captive portal"],
)
def test_upstream_failures_have_different_causes(
    gateway: Gateway, upstream: UpstreamServer, reply: Reply, status: int, cause: str
) -> None:
    """Status and cause, in the response and in the record."""
    mark = gateway.mark()
    upstream.replies["/packages/alpha"] = reply
    answer = httpx.get(f"{gateway.url}/packages/alpha")
    assert (status, cause) == (answer.status_code, answer.headers["x-gateway-cause"])
    assert {cause: 1} == gateway.causes_since(mark)
    assert answer.headers.get("retry-after") == reply.headers.get("retry-after")
    (record,) = gateway.records_since(mark)
    assert record.detail


def test_a_stopped_upstream_is_unreachable(gateway: Gateway, upstream: UpstreamServer) -> None:
    """502, never a stale response. Immutable files still come from the cache."""
    httpx.get(f"{gateway.url}/tarballs/beta-0.2.0.tar")
    upstream.stop()
    mark = gateway.mark()
    answer = httpx.get(f"{gateway.url}/packages/alpha")
    assert (502, "unreachable") == (answer.status_code, answer.headers["x-gateway-cause"])
    assert {"unreachable": 1} == gateway.causes_since(mark)
    assert 200 == httpx.get(f"{gateway.url}/tarballs/beta-0.2.0.tar").status_code


def test_a_stale_entry_is_not_served_when_upstream_is_gone(
    mirror: MirrorSource, gateway_for: GatewayMaker, upstream: UpstreamServer
) -> None:
    """The failure is reported instead."""
    gateway = gateway_for(mirror, fresh_seconds=0)
    httpx.get(f"{gateway.url}/packages/alpha")
    upstream.replies["/packages/alpha"] = Reply(status=500)
    assert 500 == httpx.get(f"{gateway.url}/packages/alpha").status_code


def test_concurrent_requests_share_one_upstream_request(gateway: Gateway, upstream: UpstreamServer) -> None:
    """For the same path."""
    upstream.replies["/packages/alpha"] = Reply(body=upstream.replies["/packages/alpha"].body, delay=0.3)  # type: ignore[union-attr]
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: httpx.get(f"{gateway.url}/packages/alpha").status_code, range(8)))
    assert [200] * 8 == answers
    assert 1 == upstream.requests.count("/packages/alpha")


def test_a_damaged_body_in_the_cache_is_fetched_again(gateway: Gateway, registry: FakeRegistry) -> None:
    """A body on disk that changed is fetched again."""
    httpx.get(f"{gateway.url}/packages/alpha")
    for blob in gateway.cache.folder.glob("blobs/*/*"):
        blob.write_bytes(b"rot")
    assert registry.package("alpha") == httpx.get(f"{gateway.url}/packages/alpha").content


def test_the_cache_never_holds_a_partial_file(gateway: Gateway, upstream: UpstreamServer) -> None:
    """The folder of temporary files is empty afterwards."""
    upstream.replies["/tarballs/beta-0.2.0.tar"] = Reply(body=b"b" * 9000, cut=1)
    httpx.get(f"{gateway.url}/tarballs/beta-0.2.0.tar")
    assert [] == list(gateway.cache.folder.glob("scratch/*"))


def test_another_key_has_another_cache(
    mirror: MirrorSource,
    gateway_for: GatewayMaker,
    client: httpx.Client,
    tmp_path: Path,
    registry: FakeRegistry,
) -> None:
    """The source's identity is part of the cache's name."""
    one = gateway_for(mirror)
    other = FakeRegistry(packages={"alpha": (Rel(version="5.0.0"),)}, key="other")
    with UpstreamServer(other.files()) as server:
        two = gateway_for(MirrorSource(server.url, client=client, pins=tmp_path / "pins"))
        assert registry.package("alpha") == httpx.get(f"{one.url}/packages/alpha").content
        assert other.package("alpha") == httpx.get(f"{two.url}/packages/alpha").content


def test_a_rebuilt_rehearsal_is_noticed_at_once(
    gateway_for: GatewayMaker, tmp_path: Path, registry: FakeRegistry
) -> None:
    """Local folders are never cached, not even tarballs."""
    gateway = gateway_for(RehearsalSource(registry.write(tmp_path / "registry")))
    assert b"tarball" == httpx.get(f"{gateway.url}/tarballs/alpha-1.0.0.tar").content
    registry.packages = {"alpha": (Rel(version="1.0.0", tarball=b"rebuilt"),)}
    registry.write(tmp_path / "registry")
    assert b"rebuilt" == httpx.get(f"{gateway.url}/tarballs/alpha-1.0.0.tar").content
    assert 404 == httpx.get(f"{gateway.url}/tarballs/../../../../etc/passwd").status_code


def test_every_request_is_passed_to_the_callback(mirror: MirrorSource, gateway_for: GatewayMaker) -> None:
    """With every field that the journal records."""
    records: list[RequestRecord] = []
    gateway = gateway_for(mirror, on_request=records.append)
    body = httpx.get(f"{gateway.url}/tarballs/beta-0.2.0.tar").content
    (record,) = records
    assert ("GET", "hex", "/tarballs/beta-0.2.0.tar", 200, len(body), False, None) == (
        record.method, record.area, record.path, record.status, record.sent, record.from_cache, record.cause,
    )  # fmt: skip
    assert record.upstream_ms is not None
    assert record.upstream_ms <= record.duration_ms


def test_an_exception_of_the_callback_is_raised_at_the_end(mirror: MirrorSource, gateway_for: GatewayMaker) -> None:
    """Requests still succeed."""

    def broken(record: RequestRecord) -> None:
        raise OSError("no space left for the journal")

    gateway = gateway_for(mirror, on_request=broken)
    assert 200 == httpx.get(f"{gateway.url}/names").status_code
    with pytest.raises(GatewayFailed, match="no space left for the journal"):
        gateway.stop()


def test_a_request_passes_the_interceptors_in_order(mirror: MirrorSource, gateway_for: GatewayMaker) -> None:
    """Each may respond; the record has its cause."""
    seen: list[str] = []

    async def watching(request: Request, proceed: Endpoint) -> Response:
        seen.append(request.url.path)
        return await proceed(request)

    async def failing(request: Request, proceed: Endpoint) -> Response:
        if request.url.path == "/names":
            return PlainTextResponse("no", 503, {"x-gateway-cause": "injected"})
        return await proceed(request)

    gateway = gateway_for(mirror, interceptors=(watching, failing))
    assert [503, 200] == [httpx.get(gateway.url + path).status_code for path in ("/names", "/versions")]
    assert ["/names", "/versions"] == seen
    assert {"injected": 1} == gateway.causes_since()


def test_the_api_is_served_from_registry_data(gateway: Gateway) -> None:
    """Name, releases and retirements, as JSON or as Erlang terms."""
    document = httpx.get(f"{gateway.url}/api/packages/alpha").json()
    assert ("alpha", "1.1.0", ["2.0.0-rc.1", "1.1.0", "1.0.0"]) == (
        document["name"],
        document["latest_stable_version"],
        [each["version"] for each in document["releases"]],
    )  # fmt: skip
    release = httpx.get(f"{gateway.url}/api/packages/beta/releases/0.2.0").json()
    assert {"alpha": {"app": "alpha", "requirement": "~> 1.0", "optional": False}} == release["requirements"]
    retired = httpx.get(f"{gateway.url}/api/packages/old").json()["retirements"]
    assert {"1.0.0": {"reason": "deprecated", "message": "use beta"}} == retired
    terms = httpx.get(f"{gateway.url}/api/packages/alpha", headers={"accept": "application/vnd.hex+erlang"})
    assert terms.content.startswith(b"\x83t")
    assert 404 == httpx.get(f"{gateway.url}/api/packages/nope").status_code
    assert 404 == httpx.get(f"{gateway.url}/api/packages/alpha/releases/9.9.9").status_code


def test_npm_tarball_urls_lead_to_the_gateway(mirror: MirrorSource, gateway_for: GatewayMaker) -> None:
    """Scoped and plain names, metadata and files; tarballs are fetched once."""
    with UpstreamServer() as npm:
        tarball = f"{npm.url}/@tailwindcss/cli/-/cli-4.0.0.tgz"
        document = f'{{"name": "@tailwindcss/cli", "versions": {{"4.0.0": {{"dist": {{"tarball": "{tarball}"}}}}}}}}'
        npm.replies["/@tailwindcss%2fcli"] = Reply(body=document.encode())
        npm.replies["/@tailwindcss/cli/-/cli-4.0.0.tgz"] = Reply(body=b"package")
        gateway = gateway_for(mirror, npm=npm.url)
        metadata = httpx.get(f"{gateway.url}/npm/@tailwindcss%2fcli").json()
        leads_to = metadata["versions"]["4.0.0"]["dist"]["tarball"]
        assert f"{gateway.url}/npm/@tailwindcss/cli/-/cli-4.0.0.tgz" == leads_to
        assert [b"package"] * 2 == [httpx.get(leads_to).content for _ in range(2)]
        assert 1 == npm.requests.count("/@tailwindcss/cli/-/cli-4.0.0.tgz")
        assert {"npm"} == {record.area for record in gateway.records_since()}


def test_the_forge_environment_keeps_verification_on(gateway: Gateway) -> None:
    """Every variable points at the gateway, none disables a check."""
    env = gateway.forge_environment()
    assert gateway.url == env["HEX_MIRROR"]
    assert not any(name.startswith(("HEX_UNSAFE", "HEX_NO_VERIFY")) for name in env)
    assert env["GIT_CONFIG_COUNT"] == str(sum(name.startswith("GIT_CONFIG_KEY_") for name in env))
    ((*_, key_file),) = gateway.setup_commands("/srv/key.pem")
    assert "/srv/key.pem" == key_file
    ((*_, fingerprint),) = gateway.setup_commands()
    assert public_key().fingerprint == fingerprint


def test_two_gateways_have_two_ports(mirror: MirrorSource, gateway_for: GatewayMaker) -> None:
    """Chosen by the system."""
    assert gateway_for(mirror).url != gateway_for(mirror).url


def test_a_taken_port_is_told(mirror: MirrorSource, gateway_for: GatewayMaker) -> None:
    """Where and why."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(GatewayFailed, match=f"127.0.0.1:{port}.*in use"):
            gateway_for(mirror, port=port)


def test_stopping_leaves_no_thread(mirror: MirrorSource, gateway_for: GatewayMaker) -> None:
    """Stopping twice is allowed."""
    before = set(threading.enumerate())  # other tests may have a gateway of theirs open
    gateway = gateway_for(mirror)
    assert [thread.name for thread in set(threading.enumerate()) - before if thread.name == "gateway"] == ["gateway"]
    gateway.stop()
    gateway.stop()
    assert "gateway" not in {thread.name for thread in set(threading.enumerate()) - before}
    with pytest.raises(httpx.ConnectError):
        httpx.get(gateway.url)
