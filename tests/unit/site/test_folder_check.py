"""The check of a deployment's place refuses everything that exists there, without reading its content."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from rollout.config.options import ROOT
from rollout.errors import AlreadyExists, PlaceUnwritable, Refused, UnfitPlace
from rollout.site.folder_check import require_usable_place, writable_reason
from rollout.site.repository import MARK, repository_path
from tests.unit.fakes import options

READS = {"open", "os.scandir", "os.listdir", "os.readlink", "subprocess.Popen", "shutil.copyfile", "os.walk"}


class Watch:
    """Everything that this process opens, lists or starts while `on`, as (event, arguments)."""

    def __init__(self) -> None:
        self.on = False
        self.seen: list[tuple[str, tuple[Any, ...]]] = []
        sys.addaudithook(self._hear)

    def _hear(self, event: str, arguments: tuple[Any, ...]) -> None:
        if self.on and event in READS:
            self.seen.append((event, arguments))

    def within(self, folder: Path) -> list[tuple[str, tuple[Any, ...]]]:
        return [(event, given) for event, given in self.seen if any(str(folder) in str(one) for one in given)]


_watch = Watch()  # an audit hook cannot be taken away again


@pytest.fixture
def watch() -> Iterator[Watch]:
    _watch.seen.clear()
    _watch.on = True
    yield _watch
    _watch.on = False


def folder(path: Path) -> None:
    path.mkdir()
    (path / "private").write_text("mine")
    os.mkfifo(path / "pipe")  # whoever opens it waits for ever
    (path / "shut").mkdir(mode=0o000)
    with (path / "huge").open("wb") as file:
        file.truncate(1 << 40)


def bound(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))


KINDS: dict[str, Callable[[Path], object]] = {
    "folder": folder,
    "file": lambda path: path.write_text("mine"),
    "link": lambda path: path.symlink_to("/etc"),
    "dangling link": lambda path: path.symlink_to("/nonexistent/place"),
    "named pipe": os.mkfifo,
    "socket": bound,
}


@pytest.mark.parametrize("kind", KINDS)
def test_everything_that_exists_is_refused_unread(tmp_path: Path, watch: Watch, kind: str) -> None:
    """The error names its kind."""
    place = tmp_path / "site"
    KINDS[kind](place)
    watch.seen.clear()
    with pytest.raises(AlreadyExists, match=f"The {kind} {place} exists already") as refused:
        require_usable_place(options(tmp_path / "ours"), place)
    assert [] == watch.within(place)
    assert "in_the_way" == refused.value.cause
    assert "--directory" in refused.value.advice


@pytest.mark.parametrize("kind", KINDS)
def test_everything_at_the_place_of_the_repository_is_refused(tmp_path: Path, watch: Watch, kind: str) -> None:
    """It is next to the folder, which does not exist."""
    place = tmp_path / "site"
    KINDS[kind](repository_path(place))
    watch.seen.clear()
    with pytest.raises(AlreadyExists, match=rf"The {'repository' if kind == 'folder' else kind} .*\.site\.git exists"):
        require_usable_place(options(tmp_path / "ours"), place)
    assert [] == watch.within(repository_path(place))


@pytest.mark.parametrize(
    ("place", "says"),
    [
        ("/", "the root of the file system"),
        (str(ROOT), "the checkout of this suite"),
        (str(ROOT.parent), "checkout of this suite is in it"),
        (f"{ROOT}/rollout/..", "the checkout of this suite"),
        ("/proc", "Another file system is mounted there"),
        (str(Path("~").expanduser()), "It is your home folder"),
    ],
)
def test_special_folders_are_refused_with_a_warning(tmp_path: Path, place: str, says: str) -> None:
    """They exist like any other folder, and the error warns about them."""
    with pytest.raises(AlreadyExists, match=says) as refused:
        require_usable_place(options(tmp_path), Path(place))
    assert "remove it" not in refused.value.advice


@pytest.fixture
def around(tmp_path: Path) -> Path:
    """A folder with everything that can be around a place."""
    for name in ("kept", "bare.git", "ours/cache"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "kept" / MARK).write_text("20260101-000000-abcdef\n")
    for name in ("HEAD", "objects", "refs"):
        (tmp_path / "bare.git" / name).mkdir()
    (tmp_path / "file").write_text("mine")
    os.mkfifo(tmp_path / "pipe")
    for name, target in (("link", "ours/cache"), ("dangling", "nowhere"), ("loop", "loop")):
        (tmp_path / name).symlink_to(target)
    return tmp_path


@pytest.mark.parametrize(
    ("place", "says"),
    [
        ("ours/cache/site", "it is in the cache folder"),
        ("ours/state", "it is in the state folder"),
        ("ours/state/a/b", "it is in the state folder"),
        ("ours/reports/site", "it is in the reports folder"),
        ("link/site", "it is in the cache folder"),
        ("kept/deep/site", "it is in another deployment"),
        ("bare.git/site", "it is in a Git repository's own folder"),
        ("file/site", "above it is a file, not a folder"),
        ("file/deep/site", "above it is a file, not a folder"),
        ("dangling/site", "is a dangling link"),
        ("loop/site", "Too many levels"),
        ("pipe/site", "above it is a named pipe, not a folder"),
        ("x" * 256, "File name too long"),
        ("x" * 240, "names have at most 255 bytes there"),
        ("ä" * 120, "names have at most 255 bytes there"),
        ("/".join(["x" * 200] * 19), "more than 4096 bytes"),
        (f"{ROOT}/rollout/nothing/site", "it is in the checkout's own rollout"),
        ("a\nb/site", "control characters or is not UTF-8"),
        ("\udcff", "control characters or is not UTF-8"),
        ("/proc/site", "a file system of the kernel"),
        ("/dev/site", "a file system of the kernel"),
    ],
)
def test_places_at_which_no_folder_can_be_created(around: Path, watch: Watch, place: str, says: str) -> None:
    """Each has its reason. The check creates, opens and lists nothing."""
    asked, before = options(around / "ours"), sorted(around.rglob("*"))
    watch.seen.clear()
    with pytest.raises(UnfitPlace, match=says) as refused:
        require_usable_place(asked, around / place)
    assert "unfit_place" == refused.value.cause
    assert [] == watch.within(around)
    assert before == sorted(around.rglob("*"))


def test_a_place_around_the_suites_own_folders(tmp_path: Path) -> None:
    """None of them exists yet, and all would be inside the deployment."""
    with pytest.raises(UnfitPlace, match="would be in it"):
        require_usable_place(options(tmp_path / "new"), tmp_path / "new")


def test_a_conductor_may_put_a_site_into_the_reports_folder(tmp_path: Path) -> None:
    """A trial has its site and reports below those of its campaign."""
    asked = options(tmp_path)
    (asked.reports / "trials").mkdir(parents=True)
    with pytest.raises(UnfitPlace):
        require_usable_place(asked, asked.reports / "trials" / "site")
    require_usable_place(replace(asked, folder=asked.reports / "trials" / "reports"), asked.reports / "trials" / "site")


@pytest.mark.parametrize("place", ["site", "a/b/site", "a b/sítě", "a\u3000b", "up/../site"])
def test_a_usable_place(tmp_path: Path, place: str) -> None:
    """Its parents need not exist. The check creates nothing."""
    (tmp_path / "up").mkdir()
    require_usable_place(options(tmp_path / "ours"), tmp_path / place)
    assert ["up"] == [path.name for path in tmp_path.iterdir()]


def test_the_default_place_is_in_the_checkout(tmp_path: Path) -> None:
    """It is below `deployments`, not among the sources, and not `deployments` itself."""
    require_usable_place(options(tmp_path), ROOT / "deployments" / "none_of_this_name")
    with pytest.raises(Refused, match=r"exists already|the checkout's own deployments"):
        require_usable_place(options(tmp_path), ROOT / "deployments")


def test_a_parent_that_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is named with the reason. Root may write everywhere but to a read-only file system."""
    shut = tmp_path / "shut"
    shut.mkdir()
    if os.geteuid():
        shut.chmod(0o555)
    else:
        monkeypatch.setattr("rollout.site.folder_check.os.access", lambda path, mode: Path(path) != shut)
    with pytest.raises(PlaceUnwritable, match=f"{shut}: you have no permission to write to it") as refused:
        require_usable_place(options(tmp_path / "ours"), shut / "a" / "site")
    assert "permission_denied" == refused.value.cause
    assert [] == list(shut.iterdir())


@pytest.mark.parametrize("error", [PermissionError(13, "Permission denied"), OSError(107, "not connected")])
def test_a_place_that_cannot_be_examined(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: OSError) -> None:
    """A parent without permission, or the mount of a lost file server: refused, not treated as missing."""
    place, see = tmp_path / "gone" / "site", os.lstat

    def lstat(path: Any, **how: Any) -> os.stat_result:
        if str(path).startswith(str(place)):
            raise error
        return see(path, **how)

    monkeypatch.setattr("rollout.site.folder_check.os.lstat", lstat)
    with pytest.raises(Refused, match=r"you have no permission to enter it|not connected"):
        require_usable_place(options(tmp_path / "ours"), place)


@pytest.mark.parametrize(
    ("place", "reason"),
    [
        ("there", None),
        ("new/deep", None),
        ("file", "not a folder"),
        ("file/x", "is a file"),
        ("dangling", "not a folder"),
    ],
)
def test_the_suites_own_folders(tmp_path: Path, place: str, reason: str | None) -> None:
    """They may exist. Otherwise it must be possible to create them."""
    (tmp_path / "there").mkdir()
    (tmp_path / "file").touch()
    (tmp_path / "dangling").symlink_to("nowhere")
    found = writable_reason(tmp_path / place)
    assert found is None if reason is None else reason in str(found)
