"""The rehearsal's registry: built once for each content, signed, and accepted by the real Hex client."""

from __future__ import annotations

import gzip
import shutil
import stat
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from rollout.rehearsal import RegistryInfo, RegistryNotBuilt, RunCommand, build_registry, load_scenario

IMAGES = ("xavos-forge", "forge-dev")


def in_a_container(image: str, folder: Path) -> RunCommand:
    def run(argv: Sequence[str], cwd: Path, env: Mapping[str, str]) -> tuple[int, str]:
        options = ("--rm", "--network=none", f"--volume={folder}:{folder}", f"--workdir={cwd}", "--env=LANG=C.UTF-8")
        done = subprocess.run(
            ("docker", "run", *options, image, *argv),
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        return done.returncode, done.stdout + done.stderr

    return run


def on_this_machine(argv: Sequence[str], cwd: Path, env: Mapping[str, str]) -> tuple[int, str]:
    done = subprocess.run(tuple(argv), cwd=cwd, capture_output=True, text=True, check=False, timeout=120)
    return done.returncode, done.stdout + done.stderr


def forge_image() -> str | None:
    """A forge image that is there already; none is built or pulled for this."""
    if shutil.which("docker") is None:
        return None
    argv = ("docker", "images", "--format", "{{.Repository}}:{{.Tag}}")
    listed = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=30)
    names = listed.stdout.split()
    return next((name for wanted in IMAGES for name in names if name.split(":")[0].endswith(wanted)), None)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    path = tmp_path_factory.mktemp("registry")
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture(scope="module")
def run(folder: Path) -> RunCommand:
    """Elixir with Hex, on this machine or in a forge image that is there."""
    if shutil.which("elixir"):
        return on_this_machine
    image = forge_image()
    if image is None:
        pytest.skip("needs a forge: neither Elixir nor a forge image is on this machine")
    return in_a_container(image, folder)


@pytest.fixture(scope="module")
def registry(folder: Path, run: RunCommand) -> RegistryInfo:
    return build_registry(load_scenario("default"), folder, run)


def signed_payload(file: Path) -> tuple[bytes, bytes]:
    """Payload and signature of a registry file: protobuf fields 1 and 2, both bytes."""
    data, fields = gzip.decompress(file.read_bytes()), {}
    while data:
        number, data = data[0] >> 3, data[1:]
        length = shift = 0
        while True:
            byte, data = data[0], data[1:]
            length |= (byte & 0x7F) << shift
            shift += 7
            if not byte & 0x80:
                break
        fields[number], data = data[:length], data[length:]
    return fields[1], fields[2]


@pytest.mark.parametrize("name", ["names", "versions", "packages/ash", "packages/phx_new"])
def test_every_file_is_signed_with_the_key_beside_it(registry: RegistryInfo, name: str) -> None:
    """As Hex does: RSA over SHA-512 of the payload."""
    key = serialization.load_pem_public_key(registry.public_key.read_bytes())
    assert isinstance(key, rsa.RSAPublicKey)
    payload, signature = signed_payload(registry.folder / name)
    key.verify(signature, payload, padding.PKCS1v15(), hashes.SHA512())


def test_every_release_has_its_tarball(registry: RegistryInfo) -> None:
    wanted = {f"{each.name}-{each.version}.tar" for each in load_scenario("default").releases}
    assert wanted == {file.name for file in (registry.folder / "tarballs").iterdir()}


def test_only_the_owner_can_read_the_private_key(registry: RegistryInfo) -> None:
    mode = stat.S_IMODE((registry.folder.parent / "private_key.pem").stat().st_mode)
    assert 0o600 == mode


def test_an_existing_registry_is_reused(registry: RegistryInfo, folder: Path) -> None:
    """The second call runs no command."""

    def never(argv: Sequence[str], cwd: Path, env: Mapping[str, str]) -> tuple[int, str]:
        raise AssertionError(argv)

    again = build_registry(load_scenario("default"), folder, never)
    assert registry.folder == again.folder
    assert not again.built


def test_git_dependencies_are_repositories_with_their_tags(registry: RegistryInfo) -> None:
    bare = registry.folder / "git" / "tailwindlabs" / "heroicons.git"
    tags = subprocess.run(("git", "-C", str(bare), "tag"), capture_output=True, text=True, check=True, timeout=30)
    assert ["v2.2.0"] == tags.stdout.split()


def test_a_retired_release_is_marked_in_the_registry(folder: Path, run: RunCommand) -> None:
    info = build_registry(load_scenario("retired_release"), folder, run)
    payload, _ = signed_payload(info.folder / "packages" / "ash_admin")
    assert b"Anybody may sign in" in payload


def test_an_absent_package_is_in_no_file(folder: Path, run: RunCommand) -> None:
    info = build_registry(load_scenario("missing_package"), folder, run)
    assert not (info.folder / "packages" / "ash_admin").exists()
    assert b"ash_admin" not in signed_payload(info.folder / "names")[0]


def test_a_failed_build_leaves_nothing(tmp_path: Path) -> None:
    """The error has the output."""
    with pytest.raises(RegistryNotBuilt, match="no such task"):
        build_registry(load_scenario("default"), tmp_path, lambda *_: (1, "no such task"))
    assert [] == list(tmp_path.iterdir())
