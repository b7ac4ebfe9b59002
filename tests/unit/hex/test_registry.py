"""The registry format: decoding, signatures, and invalid payloads."""

import gzip

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollout.hex.errors import BadSignature, RegistryPayloadInvalid, SourceKeyUnusable
from rollout.hex.registry import PublicKey, read_names, read_package, read_versions
from rollout.hex.sources import HEXPM_PEM
from tests.unit.hex.fake_registry import FakeRegistry, Needs, Rel, chunk, public_key, sign, text

REGISTRY = FakeRegistry(
    packages={
        "alpha": (
            Rel(version="1.0.0", retired=(2, "CVE-1")),
            Rel(
                version="1.1.0",
                needs=(Needs(package="beta", requirement="~> 2.0", optional=True, app="bet"),),
            ),
        ),
        "beta": (Rel(version="2.0.0"),),
    }
)


def test_a_package_is_read() -> None:
    """With dependencies, retirement and checksums. Unknown fields are skipped."""
    package = read_package(REGISTRY.package("alpha"), public_key(), name="alpha")
    old, new = package.releases
    assert (old.version, old.retired and (old.retired.reason, old.retired.message)) == (
        "1.0.0",
        ("security", "CVE-1"),
    )
    (needs,) = new.dependencies
    assert (needs.package, needs.requirement, needs.optional, needs.app, needs.repository) == (
        "beta",
        "~> 2.0",
        True,
        "bet",
        "hexpm",
    )
    assert new.retired is None
    assert new.outer_checksum is not None
    assert package.release("9.9.9") is None


def test_names_and_versions_are_read() -> None:
    """Retired versions are left out."""
    assert ("alpha", "beta") == read_names(REGISTRY.names(), public_key())
    assert {"alpha": ("1.1.0",), "beta": ("2.0.0",)} == read_versions(REGISTRY.versions(), public_key())


def test_another_key_is_a_bad_signature() -> None:
    """The payload is complete."""
    with pytest.raises(BadSignature, match=r"alpha.*does not match the key SHA256:"):
        read_package(REGISTRY.package("alpha"), public_key("other"), name="alpha")


def test_a_changed_payload_is_a_bad_signature() -> None:
    """One changed letter is enough."""
    body = gzip.decompress(REGISTRY.package("beta")).replace(b"2.0.0", b"2.0.1")
    with pytest.raises(BadSignature):
        read_package(gzip.compress(body), public_key(), name="beta")


def test_another_packages_payload_is_rejected() -> None:
    """Even with a valid signature."""
    with pytest.raises(RegistryPayloadInvalid, match="it is about hexpm/beta, not hexpm/alpha"):
        read_package(REGISTRY.package("beta"), public_key(), name="alpha")


def test_another_repository_is_rejected() -> None:
    """The repository must be hexpm."""
    acme = FakeRegistry(packages=REGISTRY.packages, repository="acme")
    with pytest.raises(RegistryPayloadInvalid, match="acme"):
        read_package(acme.package("beta"), public_key(), name="beta")
    with pytest.raises(RegistryPayloadInvalid, match="acme"):
        read_names(acme.names(), public_key())


@pytest.mark.parametrize(
    "body",
    [b"", b"<html>no</html>", gzip.compress(b"\xff" * 20), gzip.compress(b""), REGISTRY.package("beta")[:-9]],
    ids=["empty", "html", "no message", "no payload", "cut off"],
)
def test_garbage_is_rejected(body: bytes) -> None:
    """With RegistryPayloadInvalid, never another error."""
    with pytest.raises(RegistryPayloadInvalid):
        read_package(body, public_key(), name="beta")


@pytest.mark.parametrize(
    "payload", [b"\x0a", chunk(1, b""), text(2, "beta"), b"\x0b", b"\x12\x02\xff\xfe" + text(3, "hexpm")]
)
def test_signed_garbage_is_rejected(payload: bytes) -> None:
    """A valid signature does not make it a package."""
    with pytest.raises(RegistryPayloadInvalid):
        read_package(sign(payload), public_key(), name="beta")


@given(st.binary(max_size=200))
def test_any_signed_bytes_are_read_or_rejected(noise: bytes) -> None:
    """The result is a package or RegistryPayloadInvalid."""
    with pytest.raises(RegistryPayloadInvalid):
        read_package(gzip.compress(noise), public_key(), name="beta")
    with pytest.raises(RegistryPayloadInvalid):
        read_package(noise, public_key(), name="beta")


def test_hexpms_own_key_has_its_known_fingerprint() -> None:
    """As Hex's documentation prints it."""
    assert (
        PublicKey.from_pem(HEXPM_PEM, source="hexpm").fingerprint
        == "SHA256:O1LOYhHFW4kcrblKAxROaDEzLD8bn1seWbe5tq8TRsk"
    )


@pytest.mark.parametrize("pem", [b"", b"no key", HEXPM_PEM[:200]])
def test_an_invalid_key_is_reported(pem: bytes) -> None:
    """The advice names --source-key."""
    with pytest.raises(SourceKeyUnusable, match="--source-key"):
        PublicKey.from_pem(pem, source="mirror")
