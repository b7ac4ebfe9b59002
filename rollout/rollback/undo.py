"""Undo as data: one function a kind, the same for rollback, recovery after a kill, and `make undeploy`.

Each is idempotent, touches only what its record names, and proves absence: it returns what it did as one line of text,
or raises where the thing is still there (then it stays owed).

| kind | record |
|---|---|
| directory | path, run; `made`: folders that did not exist before, outermost first |
| worktree | repository, directory, branch, run |
| repository | path, run |
| container, network | name, run |
| processes | marker (NAME=value), forge {kind, name?} |
| mount | path, source: the name of the tmpfs that was mounted there, which holds nothing but the run's |
| remount | path, source; `options` that it had before |
| state | directory, manifest (digest), git {repository, commit}, databases {purpose: {name, dump?}}, role, server |
| role, embedded | see rollout.site.postgres |
"""

from __future__ import annotations

import contextlib
import shutil
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import docker
import docker.errors

from rollout.errors import RolloutError
from rollout.site import postgres, processes
from rollout.site.engine.client import RUN_LABEL, Engine
from rollout.site.engine.discovery import find_engine
from rollout.site.forge import ContainerForge
from rollout.site.mounts import is_mounted, mount, unmount
from rollout.site.repository import MARK, Repository, bears_mark, being_made
from rollout.site.store.manifest import Manifest, differences, grafted, scan
from rollout.site.store.objects import UNSTORED, Store
from rollout.site.store.tree_removal import open_folder, remove_tree

Record = Mapping[str, Any]

_ENGINE = frozenset({"container", "network"})  # what a container engine makes for us
_APPEARS_WITHIN = 15.0  # seconds after it was asked; a busy one was seen to take a quarter of a second
_LOOKED_AT_LEAST = 2.0  # seconds, also where it was asked long ago and was slow until the signal came


class StillThere(RolloutError):
    """What was to be removed is not gone; the undo stays owed."""

    def __init__(self, *, what: str, why: str) -> None:
        super().__init__(f"{what} could not be undone: {why}.", advice="Mend that, then `pytest --recover`.")


@dataclass(frozen=True, kw_only=True)
class Workshop:
    """What undo functions work with: the object store, the run's secrets, the engine if one answers.

    `trees`: folder → its last manifest, so that only what has changed since need be read; kept up to date. `seen`: the
    folders that were looked at last of all, after everything else had been undone. `given_up`: servers that did not
    answer, however often they were asked. `waiting` notes how long programs of PostgreSQL's were waited for.
    """

    store: Store
    secrets: Mapping[str, str]
    servers: dict[str, postgres.DatabaseServer]
    trees: dict[str, Manifest] = field(default_factory=dict)
    seen: set[str] = field(default_factory=set)
    given_up: set[str] = field(default_factory=set)
    waiting: Callable[[str], AbstractContextManager[None]] = lambda text: contextlib.nullcontext()

    @cached_property
    def client(self) -> docker.DockerClient:
        found = find_engine()
        if not isinstance(found, Engine):
            raise StillThere(what="A container", why=f"no engine answers ({found.reason})")
        return found.client()

    def server(self, key: str) -> postgres.DatabaseServer:
        """The database server a record names, attached again from its record where this process did not start it."""
        if key not in self.servers:
            self.servers[key] = postgres.attach({"server": key}, self.secrets)
        return self.servers[key]


def undo(record: Record, workshop: Workshop, *, cut_off: float | None = None) -> str:
    """Undo one act. Raises RolloutError or OSError where it is still there afterwards.

    `cut_off`: when the act was begun, in seconds since the epoch, where nobody has seen it end. A container engine that
    was asked for something goes on after its client is gone, so that what is not there may come a moment later.
    """
    workshop.seen.clear()
    if cut_off is not None and record["kind"] in _ENGINE:
        now = time.time()
        _wait_for_the_engine(record, workshop, until=max(min(cut_off, now) + _APPEARS_WITHIN, now + _LOOKED_AT_LEAST))
    return _KINDS[record["kind"]](record, workshop)


def _directory(record: Record, workshop: Workshop) -> str:
    path, run = Path(record["path"]), record["run"]
    shutil.rmtree(being_made(path, run), ignore_errors=True)
    said = f"folder {path} is gone"
    if path.exists():
        if not bears_mark(path, run):
            return f"folder {path} is not ours and stays"
        open_folder(path)
        # The mark last, so that a removal that is cut short can be taken up again.
        for child in path.iterdir():
            if child.name != MARK:
                remove_tree(child)
        remove_tree(path)
    for made in reversed(record.get("made", ())):
        with contextlib.suppress(OSError):
            Path(made).rmdir()  # only where nothing else has moved in
    return said


def _worktree(record: Record, workshop: Workshop) -> str:
    repository, directory = Repository(Path(record["repository"])), Path(record["directory"])
    try:
        if directory.is_dir() and bears_mark(directory, record["run"]):
            open_folder(directory)
            for child in directory.iterdir():
                if child.name != MARK:
                    remove_tree(child)
    finally:  # a folder that cannot be emptied does not keep the branch, and with it the repository
        if repository.exists and repository.run == record["run"]:
            repository.remove_branch(record["branch"], run=record["run"])
    return f"worktree {directory} and branch {record['branch']} are gone"


def _repository(record: Record, workshop: Workshop) -> str:
    path, run = Path(record["path"]), record["run"]
    shutil.rmtree(being_made(path, run), ignore_errors=True)
    if path.is_dir():
        if Repository(path).run != run or Repository(path).refs():
            return f"repository {path} is not ours alone and stays"
        remove_tree(path)
    return f"repository {path} is gone"


def _wait_for_the_engine(record: Record, workshop: Workshop, *, until: float) -> None:
    """Until what was asked for is there, at the latest until that moment. An engine that cannot be asked is not waited
    for: the undo itself says what is wrong.
    """
    name = record["name"]

    def is_there(client: docker.DockerClient) -> bool:
        if record["kind"] == "network":
            return bool(client.networks.list(names=[name]))
        return postgres.has_container(client, name)

    with (
        contextlib.suppress(RolloutError, docker.errors.DockerException, OSError),
        workshop.waiting(f"the engine to make {name}, or not"),
        postgres.engine() as client,
    ):
        while not is_there(client) and time.time() < until:
            time.sleep(0.2)


def _container(record: Record, workshop: Workshop) -> str:
    return postgres.undo_container(record)


def _network(record: Record, workshop: Workshop) -> str:
    for network in workshop.client.networks.list(names=[record["name"]]):
        if (network.attrs or {}).get("Labels", {}).get(RUN_LABEL) == record["run"]:
            network.remove()
    return f"network {record['name']} is gone"


def _processes(record: Record, workshop: Workshop) -> str:
    marker, forge = record["marker"], record["forge"]
    try:
        if forge["kind"] == "host":
            processes.kill_marked(marker)
        else:
            with contextlib.suppress(docker.errors.NotFound):
                container = workshop.client.containers.get(forge["name"])
                ContainerForge(workshop.client, container, image="", isolated=False).kill_marked(marker)
    except TimeoutError as error:
        raise StillThere(what=f"processes with {marker}", why=str(error)) from error
    return f"no process carries {marker}"


def _mount(record: Record, workshop: Workshop) -> str:
    """What is in it goes first, as it would from any disk: where that fails, nothing is hidden by unmounting it."""
    path, source = Path(record["path"]), record["source"]
    if is_mounted(path, source):
        for child in path.iterdir():
            remove_tree(child)
        try:
            unmount(path)
        except OSError as error:
            raise StillThere(what=f"the mount {path}", why=str(error)) from None
    if is_mounted(path, source):
        raise StillThere(what=f"the mount {path}", why="it is mounted still")
    return f"nothing of the run is mounted on {path}"


def _remount(record: Record, workshop: Workshop) -> str:
    path, source = Path(record["path"]), record["source"]
    if not is_mounted(path, source):
        return f"nothing of the run is mounted on {path}"
    mount("-o", f"remount,{record['options']}", str(path))
    return f"{path} is mounted with {record['options']} again"


def _state(record: Record, workshop: Workshop) -> str:
    directory = Path(record["directory"])
    if record.get("manifest") and directory.is_dir():
        _restore_tree(directory, record["manifest"], workshop)
    if record.get("git") and directory.is_dir():  # else it went with the folder
        Repository(Path(record["git"]["repository"])).reset(directory, record["git"]["commit"])
    wishes = record.get("databases", {}).values()
    try:
        server = workshop.server(record["server"]) if wishes else None
    except postgres.ServerGone:
        server = None  # with the server, its databases are gone
    if server is None:
        return f"{directory} is as it was"
    names = tuple(wish["name"] for wish in wishes)
    postgres.wait_for_statements(server, names, role=record["role"])
    found = postgres.facts(server, names, record["role"])
    for wish in wishes:
        if "state" in wish and wish["state"] == postgres.digest_of_database(found, wish["name"]):
            continue
        workshop.seen.discard(str(directory))  # this takes a while
        if wish["dump"] is None:
            postgres.drop_owned(server, wish["name"], owner=record["role"])
        else:
            dump = workshop.store.get(wish["dump"])
            with workshop.waiting(f"pg_restore of {wish['name']}"):
                server.restore(wish["name"], dump, owner=record["role"])
    return f"{directory} and its databases are as they were"


def _restore_tree(directory: Path, manifest: str, workshop: Workshop) -> None:
    where = str(directory)
    now = scan(directory, workshop.trees.get(where))
    wanted = grafted(workshop.store.manifest(manifest), now, UNSTORED)
    workshop.trees[where] = restored = workshop.store.restore_tree(directory, wanted, now)
    workshop.seen.add(where)
    left = differences(wanted, restored, limit=5)
    if left:
        raise StillThere(what=f"the tree {directory}", why="; ".join(left))


def _role(record: Record, workshop: Workshop) -> str:
    try:
        return postgres.undo_role(record, workshop.server(record["server"]))
    except postgres.ServerGone as gone:
        return f"role {record['name']} went with its server: {gone.message}"


def _embedded(record: Record, workshop: Workshop) -> str:
    return postgres.undo_embedded(record)


_KINDS: Mapping[str, Callable[[Record, Workshop], str]] = {
    "directory": _directory,
    "worktree": _worktree,
    "repository": _repository,
    "container": _container,
    "network": _network,
    "processes": _processes,
    "mount": _mount,
    "remount": _remount,
    "state": _state,
    "role": _role,
    "embedded": _embedded,
}
