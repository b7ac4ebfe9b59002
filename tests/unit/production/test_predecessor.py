"""Release A from another revision or an image: what is found, what is laid, and whose migrations B continues."""

from __future__ import annotations

import contextlib
import io
import tarfile
import types
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import docker.errors
import pytest

from rollout.application import APPLICATION
from rollout.assembly import load
from rollout.config.plan import PhasePlan
from rollout.errors import InvalidOption, PostconditionFailed
from rollout.phases.step import Step
from rollout.production import first_release, predecessor
from rollout.production.first_release import build_revision, lay_current, take_image
from rollout.production.predecessor import Predecessor, PredecessorMissing, find_predecessor
from tests.unit.fakes import Stage, options, plan
from tests.unit.site.test_source_copy import git

MANIFEST = '[overlay.base]\nfiles = ["**"]\n'


def _write(root: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A repository: v1 has a.ex and old.ex; v2 changes a.ex, and has new.ex instead of old.ex."""
    root = tmp_path / "checkout"
    _write(root, {"assembly/manifest.toml": MANIFEST, "app/lib/a.ex": "one", "app/lib/old.ex": "old"})
    git(root, "init", "--quiet")
    git(root, "add", ".")
    git(root, "commit", "--quiet", "-m", "v1")
    git(root, "tag", "v1")
    _write(root, {"app/lib/a.ex": "two", "app/lib/new.ex": "new"})
    (root / "app/lib/old.ex").unlink()
    git(root, "add", "--all")
    git(root, "commit", "--quiet", "-m", "v2")
    return root


def test_a_revision_is_known_by_the_contents_of_both_folders(checkout: Path) -> None:
    first = find_predecessor("v1", None, root=checkout)
    assert (first.kind, first.identity) == ("revision", git(checkout, "rev-parse", "v1"))
    (checkout / "README").write_text("another commit")
    git(checkout, "add", ".")
    git(checkout, "commit", "--quiet", "-m", "nothing of the application")
    assert find_predecessor("HEAD", None, root=checkout).contents == find_predecessor(
        "HEAD~1", None, root=checkout
    ).contents != first.contents  # fmt: skip


def test_a_revision_without_the_application_is_refused(tmp_path: Path) -> None:
    _write(tmp_path, {"README": "x"})
    git(tmp_path, "init", "--quiet")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "--quiet", "-m", "x")
    with pytest.raises(PredecessorMissing, match="the revision has no app and assembly"):
        find_predecessor("HEAD", None, root=tmp_path)


def test_neither_a_revision_nor_an_engine_is_refused(checkout: Path) -> None:
    with pytest.raises(PredecessorMissing, match="no container engine"):
        find_predecessor("shop:1", None, root=checkout)


def _engine(*known: str) -> Any:
    def get(name: str) -> Any:
        if name not in known:
            raise docker.errors.ImageNotFound(name)
        return types.SimpleNamespace(id="sha256:1")

    client = types.SimpleNamespace(images=types.SimpleNamespace(get=get))
    return types.SimpleNamespace(client=lambda: client)


def test_an_image_of_the_engine_is_known_by_its_id(checkout: Path) -> None:
    found = find_predecessor("shop:1", _engine("shop:1"), root=checkout)
    assert (found.kind, found.identity) == ("image", "sha256:1")


def test_an_image_that_cannot_be_pulled_is_refused_with_the_reason(
    checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def pull(client: Any, name: str, say: Callable[[str], None]) -> None:
        say(f"  gave up on {name}: manifest unknown")

    monkeypatch.setattr(predecessor, "pull", pull)
    with pytest.raises(PredecessorMissing, match="manifest unknown") as error:
        find_predecessor("shop:2", _engine("shop:1"), root=checkout)
    assert "--from=shop:2" in error.value.message
    assert error.value.cause == "image_missing"


@pytest.mark.parametrize(
    ("given", "told"),
    [({"from": "v1"}, "production stage"), ({"from": "--output=x", "stage": "production"}, "Git revision"),
     ({"from": "a b", "stage": "production"}, "Git revision")],
)  # fmt: skip
def test_a_name_that_cannot_be_meant_is_rejected(tmp_path: Path, given: dict[str, str], told: str) -> None:
    with pytest.raises(InvalidOption, match=told):
        options(tmp_path, **given)


@pytest.fixture
def step(tmp_path: Path, checkout: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Step]:
    """The phase `release` of a plan that has laid the overlay of v2, and generated a migration."""
    phases = (PhasePlan(name="base", overlay=("base",)), PhasePlan(name="release"))
    stage = Stage(tmp_path / "stage", plan(*phases))
    files = {
        "lib/a.ex": "two", "lib/new.ex": "new", "priv/repo/migrations/2_now.exs": "now",
        "priv/repo/migrations/.formatter.exs": "kept", "priv/resource_snapshots/a.json": "now",
    }  # fmt: skip
    _write(stage.directory, files)
    monkeypatch.setattr(first_release, "ROOT", checkout)
    monkeypatch.setattr(first_release, "load", lambda root=checkout: load(root))
    yield Step(stage.site, stage.plan, phases[1], passed=frozenset({"base"}))
    stage.run.close(settled=True)


def _files(step: Step, below: str) -> dict[str, str]:
    root = step.site.directory / below
    return {str(file.relative_to(root)): file.read_text() for file in root.rglob("*") if file.is_file()}


def test_a_revision_is_built_with_its_files_and_its_own_migrations(
    step: Step, checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    built: list[dict[str, str]] = []
    monkeypatch.setattr(first_release, "build", lambda own, label: built.append(_files(own, "lib")))
    earlier = find_predecessor("v1", None, root=checkout)

    def generate(own: Step) -> None:
        assert _files(own, "priv") == {"repo/migrations/.formatter.exs": "kept"}
        _write(own.site.directory, {"priv/repo/migrations/1_then.exs": "then"})

    build_revision(step, "a", earlier, generate)
    assert built == [{"a.ex": "one", "old.ex": "old"}]
    lay_current(step, earlier)
    assert _files(step, "lib") == {"a.ex": "two", "new.ex": "new"}
    assert "repo/migrations/1_then.exs" in _files(step, "priv")
    assert not (step.site.directory / ".home/from").exists()


def test_a_file_that_edits_change_may_not_differ(step: Step, checkout: Path) -> None:
    """The edits were made once. Laying the file again would lose them."""
    _write(checkout, {"assembly/edits/base.exs": '[{:list_append, "lib/a.ex", "x"}]'})
    git(checkout, "checkout", "--quiet", "-b", "older", "v1")
    git(checkout, "add", "assembly")
    git(checkout, "commit", "--quiet", "-m", "with the same edits")
    git(checkout, "tag", "--force", "v1")
    git(checkout, "checkout", "--quiet", "-")
    _write(checkout, {"assembly/edits/base.exs": '[{:list_append, "lib/a.ex", "x"}]'})
    with pytest.raises(PostconditionFailed, match=r"lib/a\.ex"):
        build_revision(step, "a", find_predecessor("v1", None, root=checkout), lambda own: None)


def test_a_revision_with_other_edits_of_generated_files_is_refused(step: Step, checkout: Path) -> None:
    _write(checkout, {"assembly/edits/base.exs": '[{:project_set, :version, "2"}]'})
    with pytest.raises(PostconditionFailed, match=r"other edits: base\.exs"):
        build_revision(step, "a", find_predecessor("v1", None, root=checkout), lambda own: None)
    assert _files(step, "lib") == {"a.ex": "two", "new.ex": "new"}


def _release(version: str = "1.2.3", *, migrations: bool = True) -> bytes:
    app = APPLICATION.app
    files = {"releases/start_erl.data": f"15.2 {version}", f"bin/{app}": "#!/bin/sh",
             f"lib/{app}-{version}/priv/resource_snapshots/a.json": "theirs"}  # fmt: skip
    if migrations:
        files[f"lib/{app}-{version}/priv/repo/migrations/1_theirs.exs"] = "theirs"
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for name, text in files.items():
            entry = tarfile.TarInfo(f"app/{name}")
            entry.size = len(text)
            archive.addfile(entry, io.BytesIO(text.encode()))
    return packed.getvalue()


@contextlib.contextmanager
def _image(step: Step, content: bytes) -> Iterator[list[str]]:
    """An engine with one image; yields what became of the container."""
    said: list[str] = []
    container = types.SimpleNamespace(
        get_archive=lambda path: (iter([content[:100], content[100:]]), {}),
        remove=lambda force: said.append("removed"),
    )
    client = types.SimpleNamespace(containers=types.SimpleNamespace(create=lambda *_, **__: container))
    site: Any = step.site
    site.engine = types.SimpleNamespace(client=lambda: client)
    yield said


IMAGE = Predecessor(name="shop:1", kind="image", identity="sha256:1", contents="sha256:1")


def test_a_release_is_taken_out_of_an_image_and_b_continues_its_migrations(step: Step) -> None:
    with _image(step, _release()) as said:
        take_image(step, "a", IMAGE)
    assert said == ["removed"]
    assert (step.site.directory / ".production/a/releases/start_erl.data").is_file()
    assert _files(step, "priv") == {
        "repo/migrations/1_theirs.exs": "theirs", "resource_snapshots/a.json": "theirs",
    }  # fmt: skip


def test_an_image_without_such_a_release_is_named(step: Step) -> None:
    with _image(step, _release(migrations=False)), pytest.raises(PostconditionFailed, match="migrations"):
        take_image(step, "a", replace(IMAGE, name="nginx:1"))
