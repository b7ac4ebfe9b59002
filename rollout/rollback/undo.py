"""The undo functions, one for each kind of undo record. Rollback, recovery and `make undeploy` use them.

An undo is idempotent and touches only what its record names. It proves its result: it returns one line of text, or
raises if the thing still exists. Then the undo stays pending.

| kind | record |
|---|---|
| directory | path, run; `made`: folders that did not exist before, outermost first |
| worktree | repository, directory, branch, run |
| repository | path, run |
| container, network, image | name, run |
| processes | marker (NAME=value), forge {kind, name?} |
| mount | path, source: the name of the tmpfs mounted there; all its content belongs to the run |
| remount | path, source; `options` as they were before |
| state | directory, manifest (digest), git {repository, commit}, databases {purpose: {name, dump?}}, role, server |
| role, embedded, database_copy | see rollout.site.postgres |
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
from rollout.installation import command
from rollout.site import postgres, processes
from rollout.site.engine.client import RUN_LABEL, Engine
from rollout.site.engine.discovery import find_engine
from rollout.site.engine.image_removal import has_image, remove_image
from rollout.site.forge import ContainerForge
from rollout.site.mounts import is_mounted, mount, unmount
from rollout.site.repository import MARK, Repository, has_mark, temporary_path
from rollout.site.store.manifest import Manifest, differences, grafted, scan
from rollout.site.store.objects import UNSTORED, Store
from rollout.site.store.tree_removal import open_folder, remove_tree

Record = Mapping[str, Any]

_ENGINE = frozenset({"container", "network", "image"})  # kinds that a container engine creates
_APPEARS_WITHIN = 15.0  # seconds after the request; a busy engine took 0.25 s
_WAITS_AT_LEAST = 2.0  # seconds; the least time to wait, even long after the request


class StillThere(RolloutError):
    """The thing still exists after its undo, so the undo stays pending."""

    def __init__(self, *, what: str, why: str) -> None:
        advice = f"Fix the reason, then run `{command('recover')}`."
        super().__init__(f"{what} could not be undone: {why}.", advice=advice)


@dataclass(frozen=True, kw_only=True)
class UndoContext:
    """What undo functions need: the object store, the run's secrets, database servers, and the engine if one answers.

    `trees`: folder → its last manifest, so that a scan reads only changed files. `scanned`: folders that were scanned
    after everything else was undone. `unreachable`: servers that did not answer in three attempts. `waiting` journals
    the time spent in programs of PostgreSQL.
    """

    store: Store
    secrets: Mapping[str, str]
    servers: dict[str, postgres.DatabaseServer]
    trees: dict[str, Manifest] = field(default_factory=dict)
    scanned: set[str] = field(default_factory=set)
    unreachable: set[str] = field(default_factory=set)
    waiting: Callable[[str], AbstractContextManager[None]] = lambda text: contextlib.nullcontext()

    @cached_property
    def client(self) -> docker.DockerClient:
        found = find_engine()
        if not isinstance(found, Engine):
            raise StillThere(what="A container", why=f"no engine answers ({found.reason})")
        return found.client()

    def server(self, key: str) -> postgres.DatabaseServer:
        """The database server that a record names. Attached by its key if this process did not start it."""
        if key not in self.servers:
            self.servers[key] = postgres.attach({"server": key}, self.secrets)
        return self.servers[key]


def undo(record: Record, context: UndoContext, *, cut_off: float | None = None) -> str:
    """Undo one act. Raises RolloutError or OSError if the thing still exists afterwards.

    `cut_off`: when an interrupted act began, in seconds since the epoch. A container engine completes the request of a
    killed client, so a missing container may appear a moment later.
    """
    context.scanned.clear()
    if cut_off is not None and record["kind"] in _ENGINE:
        now = time.time()
        _wait_for_the_engine(record, context, until=max(min(cut_off, now) + _APPEARS_WITHIN, now + _WAITS_AT_LEAST))
    return _KINDS[record["kind"]](record, context)


def _directory(record: Record, context: UndoContext) -> str:
    path, run = Path(record["path"]), record["run"]
    shutil.rmtree(temporary_path(path, run), ignore_errors=True)
    done = f"folder {path} is gone"
    if path.exists():
        if not has_mark(path, run):
            return f"folder {path} is not ours and stays"
        _empty(path)
        remove_tree(path)
    for made in reversed(record.get("made", ())):
        with contextlib.suppress(OSError):
            Path(made).rmdir()  # only if it is empty
    return done


def _empty(folder: Path) -> None:
    """Remove all but the mark, so that an interrupted removal can be continued."""
    open_folder(folder)
    for child in folder.iterdir():
        if child.name != MARK:
            remove_tree(child)


def _settings(record: Record, context: UndoContext) -> str:
    """Remove the file with the site's settings, which no store may hold: it has their secrets."""
    directory = Path(record["directory"])
    if has_mark(directory, record["run"]):
        for name in UNSTORED:
            (directory / name).unlink(missing_ok=True)
    return f"settings of {directory} are gone"


def _worktree(record: Record, context: UndoContext) -> str:
    repository, directory = Repository(Path(record["repository"])), Path(record["directory"])
    try:
        if directory.is_dir() and has_mark(directory, record["run"]):
            _empty(directory)
    finally:  # even if the folder cannot be emptied, remove the branch, or the repository stays too
        if repository.exists and repository.run == record["run"]:
            repository.remove_branch(record["branch"], run=record["run"])
    return f"worktree {directory} and branch {record['branch']} are gone"


def _repository(record: Record, context: UndoContext) -> str:
    path, run = Path(record["path"]), record["run"]
    temporary = temporary_path(path, run)
    remove_tree(temporary)
    if path.is_dir():
        if Repository(path).run != run or Repository(path).refs():
            return f"repository {path} is not ours alone and stays"
        # The name of the run is in the repository's own configuration. An interrupted removal that has lost it can be
        # continued, because the temporary path has the name of the run too.
        path.rename(temporary)
        remove_tree(temporary)
    return f"repository {path} is gone"


def _wait_for_the_engine(record: Record, context: UndoContext, *, until: float) -> None:
    """Wait until the requested container, network or image exists, at most `until` that time.

    Errors of the engine end the wait. The undo reports them.
    """
    name = record["name"]

    def exists(client: docker.DockerClient) -> bool:
        if record["kind"] == "network":
            return bool(client.networks.list(names=[name]))
        if record["kind"] == "image":
            return has_image(client, name)
        return postgres.has_container(client, name)

    with (
        contextlib.suppress(RolloutError, docker.errors.DockerException, OSError),
        context.waiting(f"the engine, which may still create {name}"),
        postgres.engine_client() as client,
    ):
        while not exists(client) and time.time() < until:
            time.sleep(0.2)


def _container(record: Record, context: UndoContext) -> str:
    return postgres.undo_container(record)


def _network(record: Record, context: UndoContext) -> str:
    for network in context.client.networks.list(names=[record["name"]]):
        if (network.attrs or {}).get("Labels", {}).get(RUN_LABEL) == record["run"]:
            network.remove()
    return f"network {record['name']} is gone"


def _image(record: Record, context: UndoContext) -> str:
    return remove_image(context.client, record["name"], record["run"])


def _processes(record: Record, context: UndoContext) -> str:
    marker, forge = record["marker"], record["forge"]
    try:
        if forge["kind"] == "host":
            processes.kill_marked(marker)
        else:
            with contextlib.suppress(docker.errors.NotFound):
                container = context.client.containers.get(forge["name"])
                ContainerForge(context.client, container, image="", isolated=False).kill_marked(marker)
    except TimeoutError as error:
        raise StillThere(what=f"processes with {marker}", why=str(error)) from error
    return f"no process carries {marker}"


def _mount(record: Record, context: UndoContext) -> str:
    """Remove the content, then unmount. If a file cannot be removed, it stays visible for the report."""
    path, source = Path(record["path"]), record["source"]
    if is_mounted(path, source):
        for child in path.iterdir():
            remove_tree(child)
        try:
            unmount(path)
        except OSError as error:
            raise StillThere(what=f"the mount {path}", why=str(error)) from None
    if is_mounted(path, source):
        raise StillThere(what=f"the mount {path}", why="it is still mounted")
    return f"nothing of the run is mounted on {path}"


def _remount(record: Record, context: UndoContext) -> str:
    path, source = Path(record["path"]), record["source"]
    if not is_mounted(path, source):
        return f"nothing of the run is mounted on {path}"
    mount("-o", f"remount,{record['options']}", str(path))
    return f"{path} is mounted with {record['options']} again"


def _state(record: Record, context: UndoContext) -> str:
    directory = Path(record["directory"])
    if record.get("manifest") and directory.is_dir():
        _restore_tree(directory, record["manifest"], context)
    if record.get("git") and directory.is_dir():  # otherwise it was removed with the folder
        Repository(Path(record["git"]["repository"])).reset(directory, record["git"]["commit"])
    wanted_databases = record.get("databases", {}).values()
    try:
        server = context.server(record["server"]) if wanted_databases else None
    except postgres.ServerGone:
        server = None  # the databases are gone with the server
    if server is None:
        return f"{directory} is as it was"
    names = tuple(wanted["name"] for wanted in wanted_databases)
    postgres.wait_for_statements(server, names, role=record["role"])
    found = postgres.facts(server, names, record["role"])
    for wanted in wanted_databases:
        if "state" in wanted and wanted["state"] == postgres.digest_of_database(found, wanted["name"]):
            continue
        context.scanned.discard(str(directory))  # restoring takes long, so the folder is scanned again later
        if wanted["dump"] is None:
            postgres.drop_owned(server, wanted["name"], owner=record["role"])
        else:
            dump = context.store.get(wanted["dump"])
            with context.waiting(f"pg_restore of {wanted['name']}"):
                server.restore(wanted["name"], dump, owner=record["role"])
    return f"{directory} and its databases are as they were"


def _restore_tree(directory: Path, manifest: str, context: UndoContext) -> None:
    where = str(directory)
    now = scan(directory, context.trees.get(where))
    wanted = grafted(context.store.manifest(manifest), now, UNSTORED)
    context.trees[where] = restored = context.store.restore_tree(directory, wanted, now)
    context.scanned.add(where)
    left = differences(wanted, restored, limit=5)
    if left:
        raise StillThere(what=f"the tree {directory}", why="; ".join(left))


def _role(record: Record, context: UndoContext) -> str:
    try:
        return postgres.undo_role(record, context.server(record["server"]))
    except postgres.ServerGone as gone:
        return f"role {record['name']} went with its server: {gone.message}"


def _database_copy(record: Record, context: UndoContext) -> str:
    try:
        return postgres.undo_copy(record, context.server(record["server"]))
    except postgres.ServerGone as gone:
        return f"database {record['name']} went with its server: {gone.message}"


def _embedded(record: Record, context: UndoContext) -> str:
    return postgres.undo_embedded(record)


_KINDS: Mapping[str, Callable[[Record, UndoContext], str]] = {
    "directory": _directory,
    "settings": _settings,
    "worktree": _worktree,
    "repository": _repository,
    "container": _container,
    "network": _network,
    "image": _image,
    "processes": _processes,
    "mount": _mount,
    "remount": _remount,
    "state": _state,
    "role": _role,
    "embedded": _embedded,
    "database_copy": _database_copy,
}
