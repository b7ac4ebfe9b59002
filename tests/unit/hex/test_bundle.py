"""Bundles: recording, verifying, and deploying from one."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import httpx
import pytest

from rollout.hex.bundle import open_bundle
from rollout.hex.errors import BundleUnusable
from rollout.hex.gateway import Gateway
from rollout.hex.git_clones import GitOrigin
from rollout.hex.sources import BundleSource, MirrorSource
from rollout.hex.upstreams import Upstreams, choose_git, choose_npm
from tests.unit.hex.conftest import GatewayMaker
from tests.unit.hex.upstream_server import Reply, UpstreamServer

ASKED = (
    "/packages/alpha",
    "/packages/nope",
    "/tarballs/alpha-1.0.0.tar",
    "/npm/esbuild",
    "/npm/esbuild/-/esbuild-1.0.0.tgz",
)


@pytest.fixture(scope="session")
def repositories(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with one bare repository, acme/icons, that has a tag v1.0.0."""
    folder = tmp_path_factory.mktemp("git")
    work = folder / "work"
    identity = ("-c", "user.name=x", "-c", "user.email=x@example.org", "-c", "init.defaultBranch=main")

    def git(*arguments: str) -> None:
        subprocess.run(("git", *identity, *arguments), check=True, capture_output=True)

    git("init", str(work))
    for number in range(3):
        (work / "icon.svg").write_text(f"<svg>{number}</svg>\n")
        git("-C", str(work), "add", ".")
        git("-C", str(work), "commit", "-m", f"icon {number}")
    git("-C", str(work), "tag", "v1.0.0")
    git("clone", "--bare", str(work), str(folder / "acme" / "icons.git"))
    return folder


@pytest.fixture
def recorded(
    mirror: MirrorSource,
    gateway_for: GatewayMaker,
    repositories: Path,
    tmp_path: Path,
    request: pytest.FixtureRequest,
) -> Path:
    """A bundle (a folder, or what the test's parameter names) of a small deployment through a gateway."""
    target = tmp_path / "bundles" / getattr(request, "param", "default")
    with UpstreamServer() as npm:
        document = {
            "name": "esbuild",
            "versions": {"1.0.0": {"dist": {"tarball": f"{npm.url}/esbuild/-/esbuild-1.0.0.tgz"}}},
        }
        npm.replies |= {
            "/esbuild": Reply(body=json.dumps(document).encode()),
            "/esbuild/-/esbuild-1.0.0.tgz": Reply(body=b"binary"),
        }
        origin = GitOrigin(kind="mirror", description="here", bases=(str(repositories),))
        gateway = gateway_for(mirror, npm=npm.url, git=origin)
        for path in ASKED:
            httpx.get(gateway.url + path)
        _clone(gateway, tmp_path / "first")
        summary = gateway.record_bundle(target)
        assert (target, 1) == (summary.target, summary.absent)
    return target


def _clone(gateway: Gateway, into: Path) -> None:
    """As Mix does for phx.new's heroicons: one commit of a tag, from GitHub's address."""
    env = {**gateway.forge_environment(), "PATH": "/usr/bin:/bin", "HOME": str(into.parent)}
    subprocess.run(
        ("git", "clone", "--depth=1", "--branch=v1.0.0", "https://github.com/acme/icons.git", str(into)),
        check=True, capture_output=True, env=env, timeout=30,
    )  # fmt: skip


def _reopened(bundle: Path, tmp_path: Path, client: httpx.Client) -> Upstreams:
    source = BundleSource(open_bundle(bundle, unpack_into=tmp_path / "unpacked"))
    return Upstreams(hex=source, npm=choose_npm(source, client=client), git=choose_git("auto", source=source))


@pytest.mark.parametrize("recorded", ["default", "default.tar"], indirect=True)
def test_a_bundle_serves_everything_that_was_fetched(
    recorded: Path, tmp_path: Path, client: httpx.Client, upstream: UpstreamServer, repositories: Path
) -> None:
    """Registry, tarballs, npm and Git, and 404 where the source had nothing."""
    upstreams = _reopened(recorded, tmp_path, client)
    upstream.stop()
    with Gateway(upstreams, cache=tmp_path / "elsewhere") as gateway:
        answers = [httpx.get(gateway.url + path).status_code for path in ASKED]
        assert [200, 404, 200, 200, 200] == answers
        assert b"binary" == httpx.get(f"{gateway.url}/npm/esbuild/-/esbuild-1.0.0.tgz").content
        _clone(gateway, tmp_path / "second")
        assert "<svg>2</svg>\n" == (tmp_path / "second" / "icon.svg").read_text()
        assert {} == gateway.causes_since()


def test_a_bundle_contains_the_public_key(
    recorded: Path, tmp_path: Path, client: httpx.Client, mirror: MirrorSource
) -> None:
    """Hex can verify signatures as before."""
    assert mirror.key == _reopened(recorded, tmp_path, client).hex.key


def test_the_manifest_has_checksums_sizes_and_source(recorded: Path) -> None:
    """It contains no path of the machine that recorded it."""
    manifest = json.loads((recorded / "manifest.json").read_text())
    assert 1 == manifest["schema"]
    assert "mirror" == manifest["source"]["kind"]
    assert [["hex", "/packages/nope"]] == manifest["absent"]
    assert all(len(each["sha256"]) == 64 and each["size"] >= 0 for each in manifest["files"])
    for file in (recorded / "files").rglob("*.git/config"):
        assert "remote" not in file.read_text()


def test_verify_checks_every_file(recorded: Path, tmp_path: Path) -> None:
    """An intact bundle passes."""
    bundle = open_bundle(recorded, unpack_into=tmp_path)
    assert len(bundle.files) == bundle.verify()
    assert ("acme/icons",) == bundle.repositories()


def test_a_damaged_file_is_reported_by_name_when_it_is_served(
    recorded: Path, tmp_path: Path, client: httpx.Client
) -> None:
    """Other files still work."""
    (recorded / "files/hex/packages%2Falpha").write_bytes(b"rot")
    with pytest.raises(BundleUnusable, match=r"packages%2Falpha has the SHA-256 .* Record it again"):
        open_bundle(recorded, unpack_into=tmp_path).verify()
    with Gateway(_reopened(recorded, tmp_path, client), cache=tmp_path / "elsewhere") as gateway:
        answer = httpx.get(f"{gateway.url}/packages/alpha")
        assert (502, "checksum_mismatch") == (answer.status_code, answer.headers["x-gateway-cause"])
        assert 200 == httpx.get(f"{gateway.url}/npm/esbuild").status_code


def test_a_missing_file_is_reported_by_name(recorded: Path, tmp_path: Path) -> None:
    """No other error is raised."""
    (recorded / "files/hex/packages%2Falpha").unlink()
    with pytest.raises(BundleUnusable, match="packages%2Falpha: No such file"):
        open_bundle(recorded, unpack_into=tmp_path).verify()


@pytest.mark.parametrize(
    ("manifest", "problem"),
    [
        (None, "it has no manifest.json"),
        ("{", "cannot be read"),
        ("[]", "cannot be read"),
        ('{"schema": 2}', "it has schema 2, and this version reads up to 1"),
        ('{"schema": 1}', "is incomplete"),
        ('{"schema": 1, "created": 0, "source": {"kind": "", "description": ""}, "absent": [], "files": '
         '[{"area": "hex", "path": "/x", "file": "../x", "sha256": "", "size": 0}]}', "names a file outside"),
    ],
)  # fmt: skip
def test_an_invalid_manifest_is_reported(manifest: str | None, problem: str, tmp_path: Path) -> None:
    """Before anything is served."""
    folder = tmp_path / "bundle"
    folder.mkdir()
    if manifest is not None:
        (folder / "manifest.json").write_text(manifest)
    with pytest.raises(BundleUnusable, match=problem):
        open_bundle(folder, unpack_into=tmp_path / "unpacked")


def test_a_path_that_is_not_a_bundle_is_reported(tmp_path: Path) -> None:
    """A missing folder, and a file that is not a tar file."""
    with pytest.raises(BundleUnusable, match="no such folder or file"):
        open_bundle(tmp_path / "nowhere", unpack_into=tmp_path)
    (tmp_path / "x.tar").write_bytes(b"not a tar")
    with pytest.raises(BundleUnusable, match="cannot be unpacked"):
        open_bundle(tmp_path / "x.tar", unpack_into=tmp_path / "unpacked")
    assert [] == list((tmp_path / "unpacked").iterdir())


def test_only_an_existing_bundle_is_replaced(recorded: Path, gateway: Gateway, tmp_path: Path) -> None:
    """Other folders and files of the user stay."""
    before = len(json.loads((recorded / "manifest.json").read_text())["files"])
    httpx.get(f"{gateway.url}/packages/beta")
    gateway.record_bundle(recorded)
    assert 1 == len(json.loads((recorded / "manifest.json").read_text())["files"]) < before
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter.txt").write_text("dear")
    with pytest.raises(BundleUnusable, match="other files exists"):
        gateway.record_bundle(tmp_path / "mine")
    assert ["letter.txt"] == [each.name for each in (tmp_path / "mine").iterdir()]
    for name in ("backup.tar", "notes"):
        (tmp_path / name).write_text("mine")
        with pytest.raises(BundleUnusable, match="not a bundle"):
            gateway.record_bundle(tmp_path / name)
        assert "mine" == (tmp_path / name).read_text()
    for _ in range(2):
        gateway.record_bundle(tmp_path / "packed.tar")
    assert {"backup.tar", "notes", "packed.tar"} == {each.name for each in tmp_path.iterdir() if each.is_file()}
    assert {"default"} == {each.name for each in recorded.parent.iterdir()}
