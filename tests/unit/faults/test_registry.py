"""Registry faults in a real gateway: how each changes a response, what it counts, when it ends."""

from __future__ import annotations

import hashlib
import time
import types
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any, cast

import httpx
import pytest
from cryptography.hazmat.primitives import serialization

from fixtures import packages
from rollout.config.plan import Package, PhasePlan, Plan
from rollout.errors import PhaseFailed
from rollout.faults import registry as kinds
from rollout.faults.fault import CannotInject, Fault, FaultSpec, Kind, Witness
from rollout.faults.resigned_registry import payload_of, retire, with_bad_signature, written
from rollout.hex import recorded_responses
from rollout.hex.errors import BadSignature
from rollout.hex.gateway import Gateway
from rollout.hex.http_client import NoUpstream
from rollout.hex.lookup import LookupResult, WantedPackage, look_up
from rollout.hex.registry import read_package
from rollout.hex.routes import OWN
from rollout.hex.sources import MirrorSource, RehearsalSource
from rollout.hex.upstreams import Upstreams, choose_git
from rollout.journal import Journal, read_events
from rollout.journal.redaction import Redactor
from rollout.phases.step import Step
from tests.unit.hex.fake_registry import FakeRegistry, Needs, Rel, private_key, public_key

BY_NAME: Mapping[str, Kind] = {kind.name: kind for kind in kinds.KINDS}
ALPHA, TARBALL = "/packages/alpha", "/tarballs/beta-0.2.0.tar"
BODY = bytes(range(256)) * 64
PACKAGES = {
    "alpha": (Rel(version="1.0.0"), Rel(version="1.1.0"), Rel(version="2.0.0-rc.1")),
    "beta": (Rel(version="0.2.0", needs=(Needs(package="alpha", requirement="~> 1.0"),), tarball=BODY),),
    "gamma": (Rel(version="3.0.0"),),
}
PLAN = Plan(
    name="realistic",
    description="",
    phases=(
        PhasePlan(name="packages"),
        PhasePlan(
            name="ash_core",
            packages=(Package(name="alpha", requirement="~> 1.0"), Package(name="beta", requirement="~> 0.2")),
        ),
        PhasePlan(name="extras", optional=True, packages=(Package(name="gamma", requirement="~> 3.0"),)),
    ),
    file=Path("test.toml"),
)

Strike = Callable[..., "Struck"]


class Struck:
    """A gateway before a rehearsal's registry, with one fault in its door."""

    def __init__(self, fault: Fault, gateway: Gateway, source: RehearsalSource, journal: Journal) -> None:
        self.fault, self.gateway, self.journal = fault, gateway, journal
        self.registry = gateway
        self.source = source
        self.run = types.SimpleNamespace(journal=journal)
        self.findings: dict[str, str] = {}

    @property
    def witness(self) -> Witness:
        return self.fault.witness

    def get(self, path: str, **headers: str) -> httpx.Response:
        return httpx.get(self.gateway.url + path, headers=headers, timeout=10, verify=False)  # noqa: S501 - plain HTTP

    def step(self, phase: str) -> Step:
        return Step(cast(Any, self), PLAN, PLAN.phase(phase), pause=lambda _seconds: None)

    def strikes(self, phase: str = "ash_core") -> Struck:
        self.fault.on(self.step(phase)).__enter__()
        return self

    def found(self, name: str, requirement: str) -> LookupResult:
        return look_up(self.gateway, (WantedPackage(name=name, requirement=requirement),))[0]


@pytest.fixture
def source(tmp_path: Path) -> RehearsalSource:
    """What building a rehearsal's registry leaves: the registry, and its key beside it."""
    key = private_key("own").private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    )
    folder = FakeRegistry(packages=PACKAGES).write(tmp_path / "built" / "public")
    (folder.parent / "private_key.pem").write_bytes(key)
    return RehearsalSource(folder)


@pytest.fixture
def armed(source: RehearsalSource, tmp_path: Path) -> Iterator[Strike]:
    """Make a fault by name, armed and not yet striking."""
    with ExitStack() as stack:

        def make(name: str, form: str = "persistent", *, seed: int = 1) -> Struck:
            kind = BY_NAME[name]
            spec = FaultSpec(kind=kind, path="realistic", phase="ash_core", at=None, form=form, seed=seed)
            fault = kind.make(spec)
            journal = Journal(tmp_path / "journal.jsonl", run="test", redactor=Redactor())
            fault.witness = Witness(journal=journal, facts=spec.facts)
            upstreams = Upstreams(hex=source, npm=NoUpstream("none"), git=choose_git("auto", source=source))
            gateway = Gateway(upstreams, cache=tmp_path / "cache", interceptors=fault.interceptors)
            stack.enter_context(gateway)
            struck = Struck(fault, gateway, source, journal)
            fault.arm(cast(Any, struck))
            return struck

        yield make


@pytest.mark.parametrize("kind", kinds.KINDS, ids=lambda kind: kind.name)
def test_an_inactive_fault_changes_no_response(kind: Kind, armed: Strike) -> None:
    """Byte for byte, every form; and nothing counts as a bite."""
    for form in kind.forms:
        struck = armed(kind.name, form)
        for path, body in FakeRegistry(packages=PACKAGES).files().items():
            if path != "/versions":
                assert hashlib.sha256(struck.get(path).content).digest() == _digest_of(struck, path, body)
        assert 0 == struck.witness.bites
        struck.strikes().fault.over(cast(Any, struck))
        assert 200 == struck.get(ALPHA).status_code
        assert BODY == struck.get(TARBALL).content
        assert 0 == struck.witness.bites


def _digest_of(struck: Struck, path: str, body: bytes) -> bytes:
    """Signatures are the same every time, so a registry that is made twice is the same."""
    return hashlib.sha256((struck.source.folder / path.lstrip("/")).read_bytes() or body).digest()


@pytest.mark.parametrize(
    ("name", "status", "cause", "found"),
    [
        ("registry_down", 502, "unreachable", "unreachable"),
        ("registry_429", 429, "rate_limited", "rate_limited"),
        ("registry_500", 500, "server_error", "registry_error"),
        ("registry_503", 503, "server_error", "registry_error"),
    ],
)
def test_an_error_response_is_sent_recorded_and_counted(
    armed: Strike, name: str, status: int, cause: str, found: str
) -> None:
    """Clients in the forge and our own look-ups get the same response, and the evidence shows it."""
    struck = armed(name).strikes()
    answer = struck.get(TARBALL)
    assert (status, cause) == (answer.status_code, answer.headers["x-gateway-cause"])
    assert {cause: 1} == struck.gateway.causes_since()
    assert found == struck.found("alpha", "~> 1.0").status
    assert 2 == struck.witness.bites
    assert [f"{status} ({cause}) for {path}" for path in (TARBALL, ALPHA)] == struck.witness.evidence
    assert ["fault.bit"] == [event["event"] for event in read_events(struck.journal.path)]


def test_429_has_a_retry_after_header(armed: Strike) -> None:
    """As real registries do; look-up reads it."""
    struck = armed("registry_429").strikes()
    assert "1" == struck.get(ALPHA).headers["retry-after"]
    assert 1.0 == struck.found("alpha", "~> 1.0").retry_after


@pytest.mark.parametrize("seed", range(4))
def test_the_transient_form_ends_after_a_few_hits(armed: Strike, seed: int) -> None:
    """Two or three by the seed, the same ones whenever it is asked for again."""
    struck = armed("registry_503", "transient", seed=seed).strikes()
    statuses = [struck.get(ALPHA).status_code for _ in range(6)]
    hits = statuses.count(503)
    assert 2 <= hits <= 3
    assert [503] * hits + [200] * (6 - hits) == statuses
    assert (hits, True) == (struck.witness.bites, struck.fault.is_over)
    again = BY_NAME["registry_503"].make(struck.fault.spec)
    assert hits == cast(kinds.ErrorResponse, again).most


def test_only_requests_to_hex_are_affected(armed: Strike) -> None:
    """Git, npm and the API answer as ever."""
    struck = armed("registry_down").strikes()
    assert 200 == struck.get("/api/packages/alpha").status_code
    struck.get("/npm/esbuild")
    struck.get("/git/nobody/nothing/info/refs")
    assert 0 == struck.witness.bites
    assert [502] * 4 == [struck.get(path).status_code for path in ("/names", "/public_key", ALPHA, TARBALL)]


@pytest.mark.parametrize("seed", range(3))
def test_halfway_answers_first(armed: Strike, seed: int) -> None:
    """A seeded number of requests succeeds. Later ones fail, and only they count."""
    struck = armed("registry_halfway", seed=seed).strikes()
    with httpx.Client(base_url=struck.gateway.url) as client:
        statuses = [client.get(ALPHA).status_code for _ in range(32)]
    good = statuses.count(200)
    assert 1 <= good <= 30
    assert [200] * good + [502] * (32 - good) == statuses
    assert 32 - good == struck.witness.bites


def test_halfway_strikes_within_the_requests_of_the_phase() -> None:
    """Archives are two, with two requests each. A registry that is gone only after them would have no effect."""
    kind = BY_NAME["registry_halfway"]
    good = [
        cast(kinds.Halfway, kind.make(FaultSpec(kind=kind, path="ambitious", phase="archives", at=None,
                                            form="persistent", seed=seed)))._still_answered
        for seed in range(50)
    ]  # fmt: skip
    assert {1, 2, 3} == set(good)


def test_a_reset_connection_has_no_response(armed: Strike) -> None:
    """The connection is reset before the first byte. The request is recorded, and the gateway continues."""
    struck = armed("registry_refused").strikes()
    with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)):
        struck.get(ALPHA)
    assert ("unreachable", 502) == (struck.gateway.fetch(ALPHA).cause, struck.gateway.fetch(ALPHA).status)
    assert {"unreachable": 3} == struck.gateway.causes_since()
    assert (3, [f"connection reset for {ALPHA}"]) == (struck.witness.bites, struck.witness.evidence)
    struck.fault.over(cast(Any, struck))
    assert 200 == struck.get(ALPHA).status_code


def test_a_truncated_tarball_ends_before_its_announced_length(armed: Strike) -> None:
    """Its length is promised, half of it comes; entries are not touched."""
    struck = armed("truncated_tarball").strikes()
    came = b""
    with httpx.stream("GET", struck.gateway.url + TARBALL) as answer:
        assert str(len(BODY)) == answer.headers["content-length"]
        with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)):
            for chunk in answer.iter_raw():
                came += chunk
    assert BODY[: len(BODY) // 2] == came
    assert {"truncated": 1} == struck.gateway.causes_since()
    assert [f"{len(BODY) // 2} of {len(BODY)} promised bytes of {TARBALL}"] == struck.witness.evidence
    assert 200 == struck.get(ALPHA).status_code


def test_a_wrong_checksum_is_one_bit(armed: Strike) -> None:
    """It is complete, has another checksum, and no ETag by which clients would cache it."""
    struck = armed("wrong_checksum").strikes()
    answer = struck.get(TARBALL)
    differing = [(a, b) for a, b in zip(BODY, answer.content, strict=True) if a != b]
    assert 1 == len(differing)
    assert "etag" not in answer.headers
    assert {"checksum_mismatch": 1} == struck.gateway.causes_since()
    struck.fault.over(cast(Any, struck))
    assert BODY == struck.get(TARBALL).content


def test_a_bad_signature_is_only_that(armed: Strike) -> None:
    """The payload is the registry's, so that nothing but the signature can be found fault with."""
    struck = armed("bad_signature").strikes()
    answer = struck.get(ALPHA)
    assert payload_of((struck.source.folder / "packages/alpha").read_bytes()) == payload_of(answer.content)
    with pytest.raises(BadSignature):
        read_package(answer.content, public_key("own"), name="alpha")
    finding = struck.found("alpha", "~> 1.0")
    assert ("bad_signature", "/packages/alpha: bad signature") == (finding.status, finding.reason)
    assert f"signature of {ALPHA} spoilt" in struck.witness.evidence


def test_clients_with_a_cached_entry_get_the_bad_one_too(armed: Strike) -> None:
    """304 would say that all is as it was."""
    struck = armed("bad_signature")
    tag = struck.get(ALPHA).headers["etag"]
    assert 304 == struck.get(ALPHA, **{"if-none-match": tag}).status_code
    struck.strikes()
    assert 200 == struck.get(ALPHA, **{"if-none-match": tag}).status_code


def test_a_missing_package_is_one_that_the_phase_needs(armed: Strike) -> None:
    """404 for its entry and its tarballs, without a cause, as for a package that never existed."""
    struck = armed("package_missing").strikes("ash_core")
    names = {"alpha", "beta"}
    (missing,) = {name for name in names if struck.get(f"/packages/{name}").status_code == 404}
    assert 200 == struck.get("/packages/gamma").status_code
    assert 200 == struck.get(f"/packages/{(names - {missing}).pop()}").status_code
    assert {} == struck.gateway.causes_since()
    assert [f"404 for /packages/{missing}"] == struck.witness.evidence
    assert "missing" == struck.found(missing, ">= 0.0.0").status


def test_a_phase_without_packages_needs_those_that_must_pass() -> None:
    """An optional phase may do without its own, so a missing one would prove nothing."""
    assert ([], ["alpha", "beta"]) == kinds.needed(PLAN, PLAN.phase("packages"))
    assert (["gamma"], ["alpha", "beta"]) == kinds.needed(PLAN, PLAN.phase("extras"))


def test_a_retired_release_is_signed_by_the_registry(armed: Strike) -> None:
    """The newest that is no pre-release; the others stay, and its signature holds."""
    struck = armed("release_retired").strikes()
    name = cast(kinds.Retired, struck.fault).package
    package = read_package(struck.get(f"/packages/{name}").content, public_key("own"), name=name)
    retired = {each.version for each in package.releases if each.retired}
    assert {{"alpha": "1.1.0", "beta": "0.2.0"}[name]} == retired
    assert len(PACKAGES[name]) == len(package.releases)
    assert "security" == next(each.retired.reason for each in package.releases if each.retired)


def test_look_up_rejects_a_retired_release() -> None:
    """alpha 1.1.0 retired: nothing else of the entry changes."""
    payload = payload_of(FakeRegistry(packages=PACKAGES).package("alpha"))
    altered = retire(payload, "1.1.0", reason="security", message="no")
    assert altered != payload
    assert payload == retire(payload, "9.9.9", reason="security", message="no")
    assert altered == retire(altered, "1.1.0", reason="security", message="no")


def test_a_conflict_is_a_requirement_that_no_release_meets(armed: Strike) -> None:
    """Of a package that has requirements at all."""
    struck = armed("requirement_conflict").strikes()
    package = read_package(struck.get("/packages/beta").content, public_key("own"), name="beta")
    assert [("alpha", ">= 99.0.0")] == [
        (each.package, each.requirement) for each in package.releases[0].dependencies
    ]  # fmt: skip
    assert ["/packages/beta says: beta requires alpha >= 99.0.0"] == struck.witness.evidence


@pytest.mark.parametrize("name", ["release_retired", "requirement_conflict"])
def test_entries_signed_with_an_unknown_key_cannot_be_changed(name: str, armed: Strike, tmp_path: Path) -> None:
    """Refused before the run starts, with an alternative."""
    struck = armed(name)
    with httpx.Client() as client:
        struck.source = cast(Any, MirrorSource("http://127.0.0.1:9", client=client, pins=tmp_path))
        with pytest.raises(CannotInject, match="signed") as refused:
            struck.fault.arm(cast(Any, struck))
    assert "--source=rehearsal" in refused.value.advice


def test_slow_responses_are_delayed_throttled_and_complete(armed: Strike, monkeypatch: pytest.MonkeyPatch) -> None:
    """It takes at least the latency plus the transfer time, and no byte is missing."""
    monkeypatch.setattr(kinds, "_BYTES_PER_SECOND", 32 * 1024)
    struck = armed("registry_slow").strikes()
    began = time.monotonic()
    answer = struck.get(TARBALL)
    assert BODY == answer.content
    assert time.monotonic() - began >= 0.3 + len(BODY) / (32 * 1024)
    assert 1 == struck.witness.bites
    assert f"{len(BODY)} bytes at 32 KiB/s: {TARBALL}" in struck.witness.evidence[0]


def test_slow_ends_by_itself(armed: Strike, monkeypatch: pytest.MonkeyPatch) -> None:
    """After its seconds the transient form delays nothing any more."""
    monkeypatch.setattr(kinds, "_LATENCY_SECONDS", (3.0, 3.0))
    monkeypatch.setattr(kinds, "_SLOW_SECONDS", (0.1, 0.1))
    struck = armed("registry_slow", "transient").strikes()
    until = time.monotonic() + 5
    while not struck.fault.is_over and time.monotonic() < until:
        time.sleep(0.01)
    began = time.monotonic()
    assert 200 == struck.get(ALPHA).status_code
    assert time.monotonic() - began < 3.0
    assert 0 == struck.witness.bites  # each answer that is delayed is one


def test_the_look_up_is_retried_until_the_registry_recovers(armed: Strike) -> None:
    """A registry that answers 503 a few times and then well costs a retry, and nothing else."""
    struck = armed("registry_503", "transient").strikes("packages")
    step = struck.step("packages")
    packages.apply(step)
    assert {"alpha": "1.1.0", "beta": "0.2.0", "gamma": "3.0.0"} == struck.findings
    told = [event["event"] for event in read_events(struck.journal.path)]
    assert "phase.retry" in told
    assert step.attempts > 1


@pytest.mark.parametrize(("name", "cause", "attempts"), [
    ("registry_503", "registry_error", 4),
    ("registry_refused", "registry_unreachable", 4),
    ("bad_signature", "checksum_mismatch", 1),
    ("package_missing", "package_missing", 1),
])  # fmt: skip
def test_the_look_up_fails_with_the_cause_otherwise(armed: Strike, name: str, cause: str, attempts: int) -> None:
    """Four attempts for transient causes, one for the others."""
    step = armed(name).strikes("packages").step("packages")
    with pytest.raises(PhaseFailed) as failed:
        packages.apply(step)
    assert (cause, attempts) == (failed.value.cause, step.attempts)


def test_a_bit_flipped_twice_is_the_signature_again() -> None:
    """One bit of the signature, and nothing else."""
    body = FakeRegistry(packages=PACKAGES).package("alpha")
    assert payload_of(body) == payload_of(with_bad_signature(body))
    twice = with_bad_signature(with_bad_signature(body))
    assert twice == with_bad_signature(with_bad_signature(twice))
    read_package(twice, public_key("own"), name="alpha")


def test_fields_are_written_as_they_are_read() -> None:
    """Lengths and numbers above 127 take more than one byte."""
    assert b"\x08\xac\x02" == written([(1, 300)])
    assert b"\x12\xc8\x01" + b"x" * 200 == written([(2, b"x" * 200)])


def test_every_kind_has_expected_outcomes() -> None:
    """Each form has its outcomes, never dirty; each has a sentence and a witness."""
    for kind in kinds.KINDS:
        assert "registry" == kind.family
        assert set(kind.forms) == set(kind.expects)
        assert all(kind.expects.values())
        assert all(set(outcomes) <= {"deployed", "rolled_back", "refused"} for outcomes in kind.expects.values())
        assert kind.text
        assert kind.bites
        assert kind.lasts


def test_requests_of_this_process_are_not_those_of_a_phase(armed: Strike) -> None:
    """Else every key after a struck look-up would be another one, and everything would be built anew."""
    gateway = armed("registry_503").gateway
    mark = gateway.mark()
    assert gateway.fetch(ALPHA).status == 200
    assert [OWN] == [record.area for record in gateway.records_since(mark)]
    assert {} == dict(recorded_responses.responses_since(gateway, mark))
