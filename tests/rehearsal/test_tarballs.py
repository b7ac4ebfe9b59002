"""Tarballs of stand-ins: Hex's format, reproducible bytes."""

from __future__ import annotations

import gzip
import hashlib
import io
import tarfile

import pytest

from rollout.rehearsal import Release, Scenario, load_scenario
from rollout.rehearsal.tarballs import DESCRIPTION, mix_exs, tampered, tarball


@pytest.fixture(scope="module")
def scenario() -> Scenario:
    return load_scenario("default")


@pytest.fixture(scope="module")
def ecto(scenario: Scenario) -> Release:
    return next(release for release in scenario.releases if release.name == "ecto")


def opened(data: bytes) -> dict[str, bytes]:
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        return {member.name: archive.extractfile(member).read() for member in archive}  # type: ignore[union-attr]


def test_a_tarball_has_the_files_that_hex_requires(scenario: Scenario, ecto: Release) -> None:
    """VERSION, metadata, contents, and their checksum in upper case."""
    files = opened(tarball(ecto, scenario.root))
    assert {"VERSION", "CHECKSUM", "metadata.config", "contents.tar.gz"} == set(files)
    checksum = hashlib.sha256(files["VERSION"] + files["metadata.config"] + files["contents.tar.gz"]).hexdigest()
    assert checksum.upper().encode() == files["CHECKSUM"]


def test_a_tarball_says_that_it_is_a_stand_in(scenario: Scenario, ecto: Release) -> None:
    files = opened(tarball(ecto, scenario.root))
    assert DESCRIPTION.encode() in files["metadata.config"]
    assert DESCRIPTION.encode() in opened(gzip.decompress(files["contents.tar.gz"]))["mix.exs"]


def test_a_tarball_is_reproducible(scenario: Scenario, ecto: Release) -> None:
    assert tarball(ecto, scenario.root) == tarball(ecto, scenario.root)


def test_a_tampered_tarball_is_valid_but_differs(scenario: Scenario, ecto: Release) -> None:
    """Its own checksum is correct, so only the registry's checksum reveals it."""
    right, wrong = (opened(make(ecto, scenario.root)) for make in (tarball, tampered))
    checksum = hashlib.sha256(wrong["VERSION"] + wrong["metadata.config"] + wrong["contents.tar.gz"]).hexdigest()
    assert checksum.upper().encode() == wrong["CHECKSUM"]
    assert right["CHECKSUM"] != wrong["CHECKSUM"]


def test_the_project_file_names_what_is_required(ecto: Release) -> None:
    text = mix_exs(ecto)
    assert '{:decimal, "~> 2.0 or ~> 3.0"}' in text
    assert '{:jason, "~> 1.0", optional: true}' in text
    assert "extra_applications: [:logger, :crypto]" in text


def test_a_patch_replaces_files_of_the_source() -> None:
    scenario = load_scenario("compile_error")
    release = next(release for release in scenario.releases if release.name == "ash_phoenix")
    inner = opened(gzip.decompress(opened(tarball(release, scenario.root))["contents.tar.gz"]))
    assert {"lib/ash_phoenix.ex", "lib/broken.ex"} <= set(inner)
