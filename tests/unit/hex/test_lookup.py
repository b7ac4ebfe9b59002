"""Package lookup: every status of a result."""

from __future__ import annotations

import time

import httpx
import pytest

from rollout.hex.errors import InvalidRequirement
from rollout.hex.gateway import Gateway
from rollout.hex.lookup import LookupResult, PackagesUnavailable, WantedPackage, look_up, require
from rollout.hex.sources import MirrorSource
from tests.unit.hex.fake_registry import FakeRegistry, Rel
from tests.unit.hex.upstream_server import Reply, UpstreamServer


def _one(gateway: Gateway, name: str, requirement: str = ">= 0.0.0") -> LookupResult:
    (finding,) = look_up(gateway, (WantedPackage(name=name, requirement=requirement),), timeout=5)
    return finding


def test_found_is_the_newest_matching_release(gateway: Gateway) -> None:
    """Not the pre-release."""
    finding = _one(gateway, "alpha", "~> 1.0 or ~> 2.0")
    assert ("found", "1.1.0", ("2.0.0-rc.1", "1.1.0", "1.0.0")) == (
        finding.status,
        finding.version,
        finding.releases,
    )


def test_a_named_pre_release_is_found(gateway: Gateway) -> None:
    """As in Elixir."""
    assert "2.0.0-rc.1" == _one(gateway, "alpha", "~> 2.0-rc").version


def test_no_matching_release_names_the_pre_release(gateway: Gateway) -> None:
    """It is often the intended one."""
    finding = _one(gateway, "alpha", "~> 2.0")
    assert ("no_matching_release", None, "2.0.0-rc.1") == (
        finding.status,
        finding.version,
        finding.prerelease,
    )
    assert "would have to name the pre-release 2.0.0-rc.1" in finding.sentence()


def test_only_retired_releases_match(gateway: Gateway) -> None:
    """The result has the reason of the retirement."""
    finding = _one(gateway, "old", "~> 1.0")
    assert ("only_retired", ("1.0.0",), "deprecated: use beta") == (
        finding.status,
        finding.retired,
        finding.reason,
    )


def test_misspelt_names_get_suggestions(gateway: Gateway) -> None:
    """The nearest names of the registry."""
    finding = _one(gateway, "alhpa")
    assert ("missing", ("alpha",)) == (finding.status, finding.suggestions)
    assert "did you mean alpha?" in finding.sentence()


def test_dissimilar_names_get_no_suggestions(gateway: Gateway) -> None:
    """No far-fetched guesses."""
    assert () == _one(gateway, "xavos_no_such_package").suggestions


@pytest.mark.parametrize(
    ("reply", "status"),
    [
        (Reply(status=429, headers={"retry-after": "30"}), "rate_limited"),
        (Reply(status=503), "registry_error"),
        (Reply(body=b"x", cut=0), "unreachable"),
        (
            Reply(body=FakeRegistry(packages={"alpha": (Rel(version="1.0.0"),)}, key="other").package("alpha")),
            "bad_signature",
        ),
        (Reply(body=b"<html>"), "registry_error"),
    ],
    ids=["429", "503", "cut off", "another key", "html"],
)
@pytest.mark.parametrize("through", ["gateway", "source"])
def test_failures_have_different_statuses(
    gateway: Gateway, mirror: MirrorSource, upstream: UpstreamServer, reply: Reply, status: str, through: str
) -> None:
    """Through the gateway and directly from a source. None of them is "missing"."""
    upstream.replies["/packages/alpha"] = reply
    (finding,) = look_up(
        gateway if through == "gateway" else mirror, (WantedPackage(name="alpha", requirement="~> 1.0"),)
    )
    assert (status, 30.0 if status == "rate_limited" else None) == (finding.status, finding.retry_after)
    assert finding.reason


def test_a_source_that_is_down_is_unreachable(client: httpx.Client, mirror: MirrorSource) -> None:
    """Its key cannot be fetched either."""
    down = MirrorSource("http://127.0.0.1:9", client=client, pins=mirror._pins)
    findings = look_up(
        down, (WantedPackage(name="alpha", requirement="~> 1.0"), WantedPackage(name="beta", requirement="~> 1.0"))
    )
    assert ["unreachable", "unreachable"] == [each.status for each in findings]


def test_results_are_in_the_order_of_the_wants(gateway: Gateway) -> None:
    """Not in the order of the responses."""
    wants = tuple(WantedPackage(name=name, requirement=">= 0.0.0") for name in ("old", "nope", "beta", "alpha"))
    assert ["only_retired", "missing", "found", "found"] == [each.status for each in look_up(gateway, wants)]


def test_lookup_is_concurrent_and_has_a_deadline(gateway: Gateway, upstream: UpstreamServer) -> None:
    """Ten slow responses take about as long as one; a late one is unreachable."""
    for index in range(10):
        upstream.replies[f"/packages/slow{index}"] = Reply(status=404, delay=0.6)
    wants = tuple(WantedPackage(name=f"slow{index}", requirement=">= 0.0.0") for index in range(10))
    began = time.monotonic()
    assert {"missing"} == {each.status for each in look_up(gateway, wants)}
    assert time.monotonic() - began < 5.5
    upstream.replies["/packages/late"] = Reply(status=404, delay=0.8)
    (finding,) = look_up(gateway, (WantedPackage(name="late", requirement=">= 0.0.0"),), timeout=0.2)
    assert ("unreachable", "no response within 0 s") == (finding.status, finding.reason)


def test_an_invalid_requirement_is_raised_before_any_request(gateway: Gateway) -> None:
    """The registry gets none."""
    with pytest.raises(InvalidRequirement, match="'~> one'"):
        _one(gateway, "alpha", "~> one")
    assert () == gateway.records_since()


def test_require_names_every_unsatisfied_package(gateway: Gateway) -> None:
    """With the cause of the first. Optional packages may be missing, but not unreachable."""
    wants = (
        WantedPackage(name="alpha", requirement="~> 1.0"),
        WantedPackage(name="alhpa", requirement="~> 1.0"),
        WantedPackage(name="old", requirement="~> 1.0"),
    )
    findings = look_up(gateway, wants)
    with pytest.raises(PackagesUnavailable, match=r"alhpa.*did you mean alpha\?; old.*retired") as caught:
        require(findings)
    assert ("package_missing", "alhpa") == (caught.value.cause, caught.value.package)
    require(findings, optional=frozenset({"alhpa", "old"}))
    unreachable = LookupResult(
        want=WantedPackage(name="alhpa", requirement="~> 1.0"), status="unreachable", reason="down"
    )
    with pytest.raises(PackagesUnavailable) as caught:
        require((unreachable, *findings), optional=frozenset({"alhpa"}))
    assert ("registry_unreachable", None) == (caught.value.cause, caught.value.package)
