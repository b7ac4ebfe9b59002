"""Checks that each application file equals its copy in app/, or is a generated file with our edits."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from rollout.application import APPLICATION
from rollout.assembly import Manifest, generated, load, matches, write
from rollout.deployment.deployment import Deployment
from rollout.phases.step import Step
from rollout.site.site import Site

pytestmark = [pytest.mark.phase("scripts"), pytest.mark.timeout(120)]

SCRATCH = ".home/expected"
# Only these files may differ between two trees: they depend on time and on resolved versions.
OF_THE_RUN = ("mix.lock", "priv/repo/migrations/*_install_xavos*.exs", "priv/repo/migrations/*_second_release*.exs",
              "priv/resource_snapshots/**")
# What the production stage upgrades to. A deployment of the development stage ends with the first release.
SECOND_RELEASE = frozenset({"second_release"})
_DEPENDENCIES = re.compile(r"  defp deps do\n.*?\n  end\n", re.DOTALL)


@pytest.fixture
def manifest(deployment: Deployment) -> Manifest:
    """The manifest. Skips where installers of packages change the files."""
    if deployment.plan.installer != "mix":
        pytest.skip("installers of packages have generated files of their own")
    return load()


@pytest.fixture
def laid(deployment: Deployment) -> tuple[str, ...]:
    """The overlays of this path, in the order in which it laid them: the assets are the last of phase phoenix_app."""
    passed = {name for name, result in deployment.results.items() if result.passed}
    first, all_laid = deployment.plan.laid({"phoenix_app"}), deployment.plan.laid(passed)
    assert all_laid[: len(first)] == first
    return (*first, f"assets_{deployment.facts['phoenix_app']['assets']}", *all_laid[len(first) :])


@pytest.fixture
def expected(deployment: Deployment, manifest: Manifest, laid: tuple[str, ...]) -> Iterator[Path]:
    """A freshly generated application with our files and all edits; removed again."""
    site, scratch = deployment.site, deployment.site.file(SCRATCH)
    step = Step(site, deployment.plan, deployment.plan.phase("scripts"))
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir()
    try:
        again = APPLICATION.phx_new(f"{SCRATCH}/new/{APPLICATION.app}")
        step.must(*again, label="generate the application again", deadline=60)
        generated.move_in(scratch / "new" / APPLICATION.app, scratch)
        for path, file in manifest.laid_by(laid).items():
            write(scratch / path, file)
        step.apply_edits(laid, SCRATCH)
        yield scratch
    finally:
        shutil.rmtree(scratch)


def test_our_files_are_those_of_app(site: Site, manifest: Manifest, laid: tuple[str, ...]) -> None:
    """Byte for byte. Where all phases passed, every file is in its final shape, or in that of the first release."""
    files = manifest.laid_by(laid)
    assert [path for path, file in files.items() if site.file(path).read_bytes() != file.content] == []
    assert [path for path, file in files.items() if site.file(path).stat().st_mode & 0o111 != file.mode & 0o111] == []
    if manifest.overlays.keys() - set(laid) - SECOND_RELEASE <= _of_others(manifest):
        second = manifest.laid_by(SECOND_RELEASE - set(laid), laid)
        assert [path for path, file in files.items() if not file.is_final and path not in second] == []
        assert files.keys() | second.keys() == set(manifest.files)


def _of_others(manifest: Manifest) -> set[str]:
    """Overlays of rehearsals, of installers and of sites without npm."""
    return {name for name, overlay in manifest.overlays.items()
            if (overlay.shapes and not overlay.files) or name.endswith(("_igniter", "_settings"))}  # fmt: skip


def test_every_other_file_is_known_as_generated(
    manifest: Manifest, laid: tuple[str, ...], tracked: tuple[str, ...]
) -> None:
    """Or it is a file that another overlay would replace."""
    others = set(tracked) - manifest.laid_by(laid).keys()
    assert others, "there is no file but ours: this check searches nothing"
    others -= set(manifest.files)
    assert [path for path in sorted(others) if not any(matches(path, pattern) for pattern in manifest.generated)] == []


@pytest.mark.usefixtures("manifest")
def test_generated_files_have_our_edits_and_no_others(site: Site, tracked: tuple[str, ...], expected: Path) -> None:
    """Random secrets and the dependencies in mix.exs are left out; other checks cover those."""
    files = {path for path in tracked if not any(matches(path, pattern) for pattern in OF_THE_RUN)}
    made = {path.relative_to(expected).as_posix() for path in expected.rglob("*") if path.is_file()}
    assert sorted(files - made) == []
    differing = [path for path in sorted(files) if _told(site.file(path)) != _told(expected / path)]
    assert differing == []


def _told(file: Path) -> str:
    text = generated.without_secrets(file.read_bytes().decode(errors="replace"))
    return _DEPENDENCIES.sub("", text) if file.name == "mix.exs" else text
