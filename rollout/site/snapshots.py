"""Saves the folder and databases of a deployment, for undo records and checkpoints."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from rollout.config.run import Run
from rollout.site import postgres
from rollout.site.fingerprint import Fingerprint
from rollout.site.repository import Repository
from rollout.site.store.manifest import Manifest, differences, without
from rollout.site.store.objects import UNSTORED, Store


class SavedSite(Protocol):
    """What a snapshot needs of a site."""

    @property
    def run(self) -> Run: ...
    @property
    def store(self) -> Store: ...
    @property
    def directory(self) -> Path: ...
    @property
    def repository(self) -> Repository: ...
    @property
    def branch(self) -> str: ...
    @property
    def server(self) -> postgres.DatabaseServer | None: ...
    @property
    def databases(self) -> Mapping[str, str]: ...
    @property
    def role(self) -> str: ...
    @property
    def provisioned(self) -> bool:
        """Whether the role of the databases exists."""


class Snapshots:
    """Saves and restores the state of one site. A database that has not changed is dumped only once."""

    def __init__(self, site: SavedSite) -> None:
        self._site = site
        self._dumps: dict[str, str] = {}  # digest of a database's facts → digest of its dump

    def undo_record(self, now: Fingerprint) -> Mapping[str, Any]:
        """The undo record that restores folder and databases as they are `now` (see rollout.rollback.undo)."""
        site, tree = self._site, now.tree
        commit = now.facts.get(f"git refs/heads/{site.branch}")
        return {
            "kind": "state",
            "directory": str(site.directory),
            "manifest": site.store.keep_tree(site.directory, without(tree, UNSTORED)) if tree else None,
            "git": {"repository": str(site.repository.path), "commit": commit} if commit else None,
            "server": site.server.key if site.server else "",
            "role": site.role,
            "databases": {
                purpose: {
                    "name": site.databases[purpose],
                    "dump": dump,
                    "state": postgres.digest_of_database(now.facts, site.databases[purpose]),
                }
                for purpose, dump in self.dumps(now.facts).items()
            },
        }

    def dumps(self, facts: Mapping[str, str] | None = None) -> Mapping[str, str | None]:
        """Purpose (dev, test) → digest of the dump in the store, None for a missing database.

        `facts`: fresh facts of the server, if the caller has them.
        """
        site = self._site
        if site.server is None or not site.provisioned:
            return {}
        if facts is None:
            facts = self._facts(site.server)
        found: dict[str, str | None] = {}
        for purpose, name in site.databases.items():
            state = postgres.digest_of_database(facts, name)
            if state is not None and state not in self._dumps:
                with site.run.journal.waiting(f"pg_dump of {name}"):
                    dump = site.server.dump(name)
                self._dumps[state] = site.store.put(dump)
            found[purpose] = self._dumps[state] if state is not None else None
        return found

    def remember_dumps(self, server: postgres.DatabaseServer, dumps: Mapping[str, str | None]) -> None:
        """These dumps (purpose → digest) were just restored, so the databases need no new ones."""
        facts = self._facts(server)
        for purpose, dump in dumps.items():
            if dump is None:  # a checkpoint of another stage may know databases that this site has not
                continue
            state = postgres.digest_of_database(facts, self._site.databases[purpose])
            if state is not None:
                self._dumps[state] = dump

    def _facts(self, server: postgres.DatabaseServer) -> Mapping[str, str]:
        return postgres.facts(server, tuple(self._site.databases.values()), self._site.role)

    def restore_tree(self, wanted: Manifest, current: Manifest) -> tuple[Manifest, tuple[str, ...]]:
        """Make the folder equal to `wanted`; `current` is a fresh scan.

        Returns the resulting manifest, and the differences that are left: files whose objects are missing or damaged.
        """
        restored = self._site.store.restore_tree(self._site.directory, wanted, current)
        return restored, () if restored.entries == wanted.entries else differences(wanted, restored, limit=5)
