"""Records the state of a site (its fingerprint): files, databases and processes."""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Protocol

import docker.errors

from rollout.config.options import Options
from rollout.config.run import Run
from rollout.config.values import STAGES
from rollout.site import postgres
from rollout.site.engine.client import INSTANCE_LABEL, RUN_LABEL, Engine
from rollout.site.fingerprint import REPLACEABLE, Fingerprint
from rollout.site.forge import Forge
from rollout.site.git_folder import facts_of
from rollout.site.repository import Repository, has_mark
from rollout.site.store.manifest import Manifest, scan


class ObservableSite(Protocol):
    """What a fingerprint needs of a site."""

    @property
    def options(self) -> Options: ...
    @property
    def run(self) -> Run: ...
    @property
    def directory(self) -> Path: ...
    @property
    def repository(self) -> Repository: ...
    @property
    def script_source(self) -> str | None:
        """Folder of a script's own repository, below the site's folder."""

    @property
    def engine(self) -> Engine | None: ...
    @property
    def forge(self) -> Forge | None: ...
    @property
    def server(self) -> postgres.DatabaseServer | None: ...
    @property
    def databases(self) -> Mapping[str, str]: ...
    @property
    def role(self) -> str: ...
    @property
    def observed(self) -> bool: ...
    def server_alive(self) -> bool:
        """Whether the database server accepts a connection."""


class SiteObserver:
    """Reads the state of one site. `last_tree`: the newest manifest, so that a scan reads only changed files."""

    def __init__(self, site: ObservableSite) -> None:
        self._site = site
        self.last_tree: Manifest | None = None
        self._has_folder = self._has_repository = False  # seen with the run's mark

    def tree(self) -> Manifest | None:
        """The manifest of the folder now; None if there is none. A folder that the run did not create is not read."""
        directory = self._site.directory
        self._has_folder = self._has_folder or has_mark(directory, self._site.run.id)
        if not self._has_folder or not directory.is_dir():
            self.last_tree = None
            return None
        self.last_tree = scan(directory, self.last_tree)
        return self.last_tree

    def fingerprint(self, tree: Manifest | None = None) -> Fingerprint:
        """The site from outside: everything that a phase could leave behind. `tree`: a fresh scan, if there is one."""
        # Each query waits for another process, so they run concurrently, while the folder is scanned.
        queries = (self._git_facts, self._engine_facts, self._database_facts, self._process_facts)
        with ThreadPoolExecutor(len(queries)) as pool:
            answers = [pool.submit(query) for query in queries]
            tree = self.tree() if tree is None else tree
            facts = {key: value for answer in answers for key, value in answer.result().items()}
        directory = self._site.directory
        if tree is None and os.path.lexists(directory):
            facts[f"what is at {directory}"] = "not made by this run"
        return Fingerprint(tree=tree, facts=facts)

    def _git_facts(self) -> Mapping[str, str]:
        site, repository = self._site, self._site.repository
        self._has_repository = self._has_repository or (repository.exists and repository.run == site.run.id)
        facts = {f"repository {repository.path.name}": ""} if os.path.lexists(repository.path) else {}
        if self._has_repository:  # a repository that the run did not create is not read
            facts |= {f"git {reference}": commit for reference, commit in repository.refs().items()}
            facts |= {f"git worktree {worktree}": "" for worktree in repository.worktrees()}
        if site.script_source is not None:
            facts |= facts_of(site.directory / site.script_source)
        return facts

    def _database_facts(self) -> Mapping[str, str]:
        site = self._site
        if site.server is None or not site.server_alive():
            return {}
        if site.observed:
            return postgres.everything(site.server, site.role)
        return postgres.facts(site.server, tuple(site.databases.values()), site.role)

    def _process_facts(self) -> Mapping[str, str]:
        site, forge = self._site, self._site.forge
        if forge is None:
            return {}
        marker, port = site.run.marker, site.options.port
        facts: dict[str, str] = {}
        if _answers(forge.address(), port) and forge.listener_marked(port, marker):
            facts[f"listener on port {port}"] = "" if site.observed else marker
        if site.observed:
            facts |= {f"process {pid}": command for pid, command in forge.running(marker).items()}
        elif forge.kind == "host":
            facts |= {f"process {pid}": marker for pid in forge.marked(marker)}
        return facts

    def _engine_facts(self) -> Mapping[str, str]:
        if self._site.engine is None:
            return {}
        client = self._site.engine.client()
        label: dict[str, str | list[str] | bool] = {"label": f"{RUN_LABEL}={self._site.run.id}"}
        facts: dict[str, str] = {}
        with contextlib.suppress(docker.errors.APIError):
            # The low-level calls, because the others make one more request for each item.
            facts |= {
                f"{REPLACEABLE if INSTANCE_LABEL in item['Labels'] else 'container '}{name.lstrip('/')}": ""
                for item in client.api.containers(all=True, filters=label)
                for name in item["Names"]
            }
            facts |= {f"network {item['Name']}": "" for item in client.api.networks(filters=label)}
            if self._site.options.stage == STAGES[-1]:  # no phase of another stage builds an image
                images = client.api.images(filters=label)
                facts |= {f"image {name}": "" for item in images for name in item.get("RepoTags") or ()}
        return facts


def _answers(host: str, port: int) -> bool:
    """Whether something listens there. Only then the forge has to be asked which process does."""
    with contextlib.suppress(OSError), socket.create_connection((host, port), 2):
        return True
    return False
