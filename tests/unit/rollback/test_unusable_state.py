"""Unusable entries of the state and cache folders are reported in one sentence or ignored."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from rollout.config.cache_folder import check_cache
from rollout.config.run import read_secrets, secrets_file
from rollout.deployment.checkpoints import Checkpoint, Checkpoints
from rollout.errors import StateUnusable
from rollout.hex.http_cache import HttpCache
from rollout.rollback import recovery
from rollout.site.engine import probe_records
from rollout.site.store.objects import Store

RUN = "20260102-030405-abcdef"
JOURNAL = f"open/{RUN}.jsonl"
INTENT = {"v": 1, "event": "act.intent", "id": "1", "text": "a folder", "undo": {"kind": "directory"}}


def fifo(path: Path) -> None:
    os.mkfifo(path)


def listener(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(str(path))


def lines(*events: object) -> Callable[[Path], int]:
    text = "".join(f"{event if isinstance(event, str) else json.dumps(event)}\n" for event in events)
    return lambda path: path.write_text(text)


def put(state: Path, name: str, make: Callable[[Path], Any]) -> Path:
    path = state / name
    path.parent.mkdir(parents=True, exist_ok=True)
    make(path)
    return path


STRANGE: dict[str, tuple[str, Callable[[Path], Any], str]] = {
    "folder": (JOURNAL, Path.mkdir, "it is a folder, not a file"),
    "pipe": (JOURNAL, fifo, "it is a named pipe, not a file"),
    "socket": (JOURNAL, listener, "it is a socket, not a file"),
    "dangling link": (JOURNAL, lambda path: path.symlink_to("nowhere"), "it is a link that leads nowhere, not a file"),
    "link to itself": (JOURNAL, lambda path: path.symlink_to(path.name), "Too many levels of symbolic links"),
    "newer version": (JOURNAL, lines({"v": 9, "event": "run.started"}), "a newer version of this suite wrote it"),
    "other version": (JOURNAL, lines({"v": "x", "event": "run.started"}), "a newer version of this suite wrote it"),
    "act without undo": (JOURNAL, lines({**INTENT, "undo": None}), "its event act.intent has no undo record"),
    "act without id": (JOURNAL, lines({**INTENT, "id": 7}), "its event act.intent has no id"),
    "kept without folder": (JOURNAL, lines({"event": "kept", "path": "p", "url": ""}), "event kept has no directory"),
    "lock that is a folder": (f"locks/{RUN}.lock", Path.mkdir, "it is a folder, not a file"),
    **{f"file {name}": (name, Path.touch, "it is a file, not a folder")
       for name in ("open", "locks", "secrets", "probes", "trials", "keys", "postgres")},
}  # fmt: skip


@pytest.mark.parametrize("strange", STRANGE)
@pytest.mark.parametrize("ask", [recovery.pending_runs, recovery.kept, "recover"])
def test_unusable_state_is_named(tmp_path: Path, strange: str, ask: Any) -> None:
    """By every function of recovery, and nothing is removed."""
    name, make, reason = STRANGE[strange]
    path = put(tmp_path, name, make)
    if name.startswith("locks/"):
        put(tmp_path, JOURNAL, Path.touch)
    with pytest.raises(StateUnusable, match="Move it away, or choose another folder with XAVOS_STATE_DIR") as raised:
        if ask == "recover":
            recovery.recover(tmp_path, tmp_path / "reports", Store(tmp_path / "cache"), print)
        else:
            ask(tmp_path)
    assert f"{path} cannot be used: " in str(raised.value)
    assert reason in str(raised.value)
    assert os.path.lexists(path)


def test_foreign_names_are_ignored(tmp_path: Path) -> None:
    """Lines that are no events, files with other names, trials that are no folders, invalid probe records."""
    put(tmp_path, JOURNAL, lines("garbage", "{", [1], 7, {"event": 3}, {"no": "event"}))
    put(tmp_path, "open/note.txt", Path.touch)
    put(tmp_path, "open/folder", Path.mkdir)
    put(tmp_path, "trials/file", Path.touch)
    put(tmp_path, f"secrets/{RUN}.json", lines([1]))
    done = recovery.recover(tmp_path, tmp_path / "reports", Store(tmp_path / "cache"), print)
    assert [(RUN, ())] == [(one.run, one.left) for one in done]
    assert (tmp_path / "open" / "folder").is_dir()


@pytest.mark.parametrize("make", [Path.mkdir, lines("{"), lines([1]), lines("null")])
def test_secrets_that_cannot_be_read_are_missing(tmp_path: Path, make: Callable[[Path], Any]) -> None:
    put(tmp_path, str(secrets_file(tmp_path, RUN).relative_to(tmp_path)), make)
    assert {} == read_secrets(tmp_path, RUN)


@pytest.mark.parametrize(
    "record",
    ["{", [1], {"url": "unix:///x"}, {"url": 1, "name": 2, "folder": 3, "at": 4},
     {"url": "unix:///x", "name": "xavos-probe-1", "folder": "HOME", "at": 1.0},
     {"url": "unix:///x", "name": "other", "folder": "HOME/.other", "at": 1.0}],
)  # fmt: skip
def test_an_invalid_probe_record_removes_nothing(tmp_path: Path, record: object) -> None:
    """Neither a folder with another name than the probe's, nor a container."""
    home = tmp_path / "home"
    (home / ".other").mkdir(parents=True)
    put(tmp_path, "probes/xavos-probe-1.json", lines(json.dumps(record).replace("HOME", str(home))))
    asked: list[str] = []
    assert () == probe_records.remove_stale(tmp_path, asked.append)
    assert (True, []) == ((home / ".other").is_dir(), asked)


@pytest.mark.parametrize("name", ["xavos-probe-1.json", "xavos-probe-1.lock"])
def test_a_folder_instead_of_a_probe_record_is_reported(tmp_path: Path, name: str) -> None:
    path = put(tmp_path, f"probes/{name}", Path.mkdir)
    left = probe_records.remove_stale(tmp_path, lambda url: None)
    assert [True] == ["Is a directory" in line for line in left]
    assert path.is_dir()


@pytest.mark.parametrize(
    ("name", "make", "reason"),
    [*((name, Path.touch, "it is a file, not a folder")
       for name in ("checkpoints", "packs", "gateway", "rehearsal", "ways", "bundles", "gateway/git")),
     *((name, Path.mkdir, "it is a folder, not a file") for name in ("checkpoints.lock", "image-forge.lock"))],
)  # fmt: skip
def test_an_unusable_cache_is_named(tmp_path: Path, name: str, make: Callable[[Path], Any], reason: str) -> None:
    path = put(tmp_path, name, make)
    with pytest.raises(StateUnusable, match=f"{reason}.*XAVOS_CACHE_DIR") as raised:
        check_cache(tmp_path)
    assert str(path) in str(raised.value)


def test_a_folder_instead_of_a_checkpoint_is_replaced(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path, Store(tmp_path))
    for key in ("one", "two"):
        put(tmp_path, f"checkpoints/{key}.json/inner", Path.mkdir)
    assert checkpoints.find("one") is None
    made = Checkpoint(key="one", phase="p", tree="t", dumps={}, asked={}, seconds=1, packs=())
    checkpoints.save(made)
    assert made == checkpoints.find("one")
    checkpoints.keep_within()
    assert not (tmp_path / "checkpoints" / "two.json").exists()


@pytest.mark.parametrize("what", ["entry", "body"])
def test_a_folder_instead_of_a_cached_answer_is_fetched_again(tmp_path: Path, what: str) -> None:
    store = HttpCache(tmp_path)

    def put_body() -> None:
        with store.scratch() as scratch:
            scratch.write(b"body")
            entry = store.put(scratch, area="a", path="/p", content_type=None)
        places["body"] = store.file(entry.sha256)

    places: dict[str, Path] = {}
    put_body()
    places["entry"] = next(tmp_path.glob("entries/*/*.json"))
    places[what].unlink()
    (places[what] / "inner").mkdir(parents=True)
    assert store.get("a", "/p") is None
    put_body()
    assert store.get("a", "/p") is not None
