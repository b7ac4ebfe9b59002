"""Builds a signed Hex registry with `mix hex.registry build`, and reuses it for equal scenarios."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from rollout import environment
from rollout.process import capture
from rollout.rehearsal.errors import RegistryNotBuilt
from rollout.rehearsal.scenario import Scenario
from rollout.rehearsal.tarballs import tampered, tarball

#: Runs a command in the forge, in a folder, with extra environment variables. Returns exit code and output.
RunCommand: TypeAlias = Callable[[Sequence[str], Path, Mapping[str, str]], tuple[int, str]]

_FORMAT = "1"
_KEY_BITS = 2048


@dataclass(frozen=True, slots=True, kw_only=True)
class RegistryInfo:
    """A registry. `folder` has names, versions, packages/, tarballs/, public_key, git/. `built` is False if cached."""

    folder: Path
    public_key: Path
    digest: str
    built: bool


def build_registry(scenario: Scenario, destination: Path, run: RunCommand) -> RegistryInfo:
    """Build the registry of a scenario below `destination`, or return the existing one with the same content.

    `run` is called once, with a folder below `destination` as working folder and with relative paths. Each build has a
    new private key, which stays beside the registry with mode 0600. Raises RegistryNotBuilt.
    """
    digest = content_digest(scenario)
    folder = registry_folder(scenario, destination)
    home = folder.parent
    info = RegistryInfo(folder=folder, public_key=folder / "public_key", digest=digest, built=False)
    if info.public_key.is_file():
        return info
    destination.mkdir(parents=True, exist_ok=True)
    building = Path(tempfile.mkdtemp(dir=destination, prefix=".building-"))
    try:
        _build(scenario, building, run)
        shutil.rmtree(home, ignore_errors=True)
        building.chmod(0o755)
        building.replace(home)
    finally:
        shutil.rmtree(building, ignore_errors=True)
    return RegistryInfo(folder=info.folder, public_key=info.public_key, digest=digest, built=True)


def registry_folder(scenario: Scenario, destination: Path) -> Path:
    """The folder in which `build_registry` builds the registry of a scenario."""
    return destination / f"{scenario.name}-{content_digest(scenario)[:16]}" / "public"


def content_digest(scenario: Scenario) -> str:
    """Digest of everything that the registry is built from: releases, files, Git repositories, the build script."""
    digest = hashlib.blake2b(_FORMAT.encode(), digest_size=32)
    digest.update((scenario.root / "registry.exs").read_bytes())
    for folder in sorted({each for release in scenario.releases for each in (release.source, release.patch) if each}):
        _add_folder(digest, scenario.root / folder)
    _add_folder(digest, scenario.root / "git")
    for release in scenario.releases:
        digest.update(repr(release).encode())
    return digest.hexdigest()


def _add_folder(digest: hashlib.blake2b, folder: Path) -> None:
    for file in sorted(folder.rglob("*")):
        if file.is_file():
            data = file.read_bytes()
            digest.update(f"{file.relative_to(folder.parent)}\0{len(data)}\0".encode())
            digest.update(data)


def _build(scenario: Scenario, building: Path, run: RunCommand) -> None:
    tarballs = building / "public" / "tarballs"
    tarballs.mkdir(parents=True)
    for release in scenario.releases:
        (tarballs / f"{release.name}-{release.version}.tar").write_bytes(tarball(release, scenario.root))
    _write_key(building / "private_key.pem")
    retired = [
        f"{each.name} {each.version} {each.retired.reason} {each.retired.message}\n"
        for each in scenario.releases
        if each.retired
    ]
    (building / "retired.txt").write_text("".join(retired), encoding="utf-8")
    shutil.copyfile(scenario.root / "registry.exs", building / "registry.exs")
    code, output = run(("elixir", "registry.exs"), building, {})
    if code != 0 or not (building / "public" / "names").is_file():
        raise RegistryNotBuilt(scenario=scenario.name, exit_code=code, output=output)
    for release in scenario.releases:
        if release.damage == "checksum":
            (tarballs / f"{release.name}-{release.version}.tar").write_bytes(tampered(release, scenario.root))
    _build_git(scenario.root / "git", building / "public" / "git")


def _write_key(file: Path) -> None:
    key = rsa.generate_private_key(public_exponent=65537, key_size=_KEY_BITS)
    pem = key.private_bytes(
        encoding=serialization.Encoding.PEM,
        format=serialization.PrivateFormat.TraditionalOpenSSL,
        encryption_algorithm=serialization.NoEncryption(),
    )
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as opened:
        opened.write(pem)


def _build_git(source: Path, target: Path) -> None:
    """Build a bare repository OWNER/REPO.git with a tag from each folder git/OWNER/REPO/TAG, reproducibly."""
    for folder in sorted(source.glob("*/*/*")):
        owner, repo, tag = folder.relative_to(source).parts
        bare = target / owner / f"{repo}.git"
        bare.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory() as work:
            shutil.copytree(folder, work, dirs_exist_ok=True)
            _git(work, "init", "--quiet", "--initial-branch=main")
            _git(work, "add", ".")
            _git(work, "commit", "--quiet", "--message", f"Stand-in for {repo} {tag}")
            _git(work, "tag", tag)
            _git(work, "clone", "--quiet", "--bare", ".", str(bare))


def _git(folder: str, *arguments: str) -> None:
    author = {"GIT_AUTHOR_NAME": "rehearsal", "GIT_AUTHOR_EMAIL": "rehearsal@localhost"}
    committer = {"GIT_COMMITTER_NAME": "rehearsal", "GIT_COMMITTER_EMAIL": "rehearsal@localhost"}
    dates = {"GIT_AUTHOR_DATE": "2026-01-01T00:00:00Z", "GIT_COMMITTER_DATE": "2026-01-01T00:00:00Z"}
    env = environment.git(**author, **committer, **dates)
    ended = capture(("git", *arguments), env=env, deadline=60, cwd=folder)
    if not ended.ok:
        raise RuntimeError(f"git {' '.join(arguments)} ended with exit code {ended.exit_code}: {ended.messages}")
