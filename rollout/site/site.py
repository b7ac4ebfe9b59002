"""The site of a deployment: folder, forge, database server, gateway, processes."""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import docker.errors

from rollout.config.options import Options
from rollout.config.run import Run
from rollout.site import postgres
from rollout.site.engine.client import RUN_LABEL, Engine
from rollout.site.engine.sharing import Sharing
from rollout.site.fault_points import NO_FAULTS, FaultPoints
from rollout.site.fingerprint import Fingerprint
from rollout.site.forge import TEMPORARY, Forge, homes
from rollout.site.git_folder import facts_of
from rollout.site.repository import MARK, Repository, beside, has_mark
from rollout.site.store.manifest import Manifest, differences, scan, without
from rollout.site.store.objects import UNSTORED, Store

if TYPE_CHECKING:
    from rollout.hex.gateway import Gateway
    from rollout.hex.sources import Source
    from rollout.hex.upstreams import Upstreams

APPLICATION = "xavos"  # what a generated application is called, whatever the deployment's name
# What differs between two sites of the same checkpoint; kept out of checkpoints, untouched by their restoration.
SITE_ONLY = (
    ".git", ".env", MARK, ".home/hex", ".home/.npm", ".home/edit", ".home/edit.exs", ".home/.cache", TEMPORARY,
    "log", "tmp",
)  # fmt: skip

_OUTSIDE = ("XAVOS_SERVER", "XAVOS_ENGINE")  # settings that no command in the forge gets


class Site:
    """Mutable only in what exists so far: `forge`, `server`, `gateway`, `settings` come as phases make them.

    `sharing` is how containers of the engine share files and network with this process, once that is proven.
    `app` is the folder of the application below the site's: "" where it is the site's own folder. On a site that is
    `observed` a path does as it likes: the database server is the site's alone, the path is its superuser.
    """

    def __init__(
        self,
        options: Options,
        run: Run,
        *,
        engine: Engine | None,
        upstreams: Upstreams,
        forge: str,
        database: str,
        sharing: Sharing | None = None,
        observed: bool = False,
    ) -> None:
        self.options = options
        self.run = run
        self.engine = engine
        self.upstreams = upstreams
        self.sharing = sharing
        self.forge_kind = forge
        self.database_kind = database
        self.store = Store(options.cache)
        self.directory = options.directory
        self.repository = Repository(beside(options.directory))
        self.branch = f"deploy/{options.name}"
        self.observed = observed
        self.belongings: str | None = None  # of a script: the folder below the site's in which its own repository is
        self.app = ""
        self.role = postgres.SUPERUSER if observed else options.name
        called = APPLICATION if observed else options.name
        self.databases: Mapping[str, str] = {"dev": f"{called}_dev", "test": f"{called}_test"}
        self.forge: Forge | None = None
        self.server: postgres.DatabaseServer | None = None
        self.gateway: Gateway | None = None
        self.settings: dict[str, str] = {}
        self.findings: dict[str, str] = {}
        self.provisioned = False
        self.fault_points: FaultPoints = NO_FAULTS
        self.network: str | None = None
        self.network_gateway: str | None = None
        self.last_tree: Manifest | None = None
        self._is_made = self._has_repository = False  # folder and repository have been seen with the run's mark
        self._dumps: dict[str, str] = {}

    @property
    def application(self) -> Path:
        """The folder that holds the application's mix.exs."""
        return self.directory / self.app

    @property
    def source(self) -> Source:
        """Where Hex packages come from."""
        return self.upstreams.hex

    @property
    def in_forge(self) -> Forge:
        assert self.forge is not None, "the prerequisites phase makes the forge"
        return self.forge

    @property
    def registry(self) -> Gateway:
        """The gateway, where questions about packages go."""
        assert self.gateway is not None, "the prerequisites phase opens the gateway"
        return self.gateway

    @property
    def database(self) -> postgres.DatabaseServer:
        assert self.server is not None, "the prerequisites phase starts the database server"
        return self.server

    @property
    def base_url(self) -> str:
        """Where XAVOS answers, seen from this process."""
        return f"http://{self.in_forge.address()}:{self.options.port}"

    def environment(self) -> Mapping[str, str]:
        """Everything a command in the forge gets."""
        forge = self.in_forge
        return {
            **forge.environment(),
            **homes(forge.root),
            "NPM_CONFIG_UPDATE_NOTIFIER": "false",
            "TERM": "dumb",
            "NO_COLOR": "1",
            **(self.gateway.forge_environment() if self.gateway else {}),
            **{name: value for name, value in self.settings.items() if not name.startswith(_OUTSIDE)},
            "XAVOS_RUN": self.run.id,
            # A repository around the site (the checkout it is in, somebody's home) is none of its business.
            "GIT_CEILING_DIRECTORIES": str(forge.root.parent),
        }

    def tree(self) -> Manifest | None:
        """The manifest of the folder now; None where there is none. What this run has not made is never looked into."""
        self._is_made = self._is_made or has_mark(self.directory, self.run.id)
        if not self._is_made or not self.directory.is_dir():
            self.last_tree = None
            return None
        self.last_tree = scan(self.directory, self.last_tree)
        return self.last_tree

    def fingerprint(self, tree: Manifest | None = None) -> Fingerprint:
        """The site from outside: everything that a phase could leave behind.

        `tree` is the folder of this moment, for a caller that has just looked at it.
        """
        # Each question waits for somebody else, so they are asked at once; the tree is looked at meanwhile.
        questions = (self._git_facts, self._engine_facts, self._database_facts, self._process_facts)
        with ThreadPoolExecutor(len(questions)) as asking:
            answers = [asking.submit(question) for question in questions]
            tree = self.tree() if tree is None else tree
            facts = {key: value for answer in answers for key, value in answer.result().items()}
        if tree is None and os.path.lexists(self.directory):
            facts[f"what is at {self.directory}"] = "not made by this run"
        return Fingerprint(tree=tree, facts=facts)

    def _git_facts(self) -> Mapping[str, str]:
        repository = self.repository
        self._has_repository = self._has_repository or (repository.exists and repository.run == self.run.id)
        facts = {f"repository {repository.path.name}": ""} if os.path.lexists(repository.path) else {}
        if self._has_repository:  # what this run has not made is not looked into
            facts |= {f"git {reference}": commit for reference, commit in repository.refs().items()}
            facts |= {f"git worktree {worktree}": "" for worktree in repository.worktrees()}
        if self.belongings is not None:
            facts |= facts_of(self.directory / self.belongings)
        return facts

    def _database_facts(self) -> Mapping[str, str]:
        if self.server is None or not self.server_alive():
            return {}
        if self.observed:
            return postgres.everything(self.server, self.role)
        return postgres.facts(self.server, tuple(self.databases.values()), self.role)

    def _process_facts(self) -> Mapping[str, str]:
        if self.forge is None:
            return {}
        facts: dict[str, str] = {}
        if self._port_answers() and self.forge.listener_marked(self.options.port, self.run.marker):
            facts[f"listener on port {self.options.port}"] = "" if self.observed else self.run.marker
        if self.observed:
            facts |= {f"process {pid}": command for pid, command in self.forge.running(self.run.marker).items()}
        elif self.forge.kind == "host":
            facts |= {f"process {pid}": self.run.marker for pid in self.forge.marked(self.run.marker)}
        return facts

    def server_alive(self) -> bool:
        """True where the server takes an administrator's connection."""
        with contextlib.suppress(Exception), self.database.connect():
            return True
        return False

    def _port_answers(self) -> bool:
        """True where somebody listens on our port: only then the forge need be asked who."""
        if self.forge is None:
            return False
        with contextlib.suppress(OSError), socket.create_connection((self.forge.address(), self.options.port), 2):
            return True
        return False

    def _engine_facts(self) -> Mapping[str, str]:
        if self.engine is None:
            return {}
        client = self.engine.client()
        label: dict[str, str | list[str] | bool] = {"label": f"{RUN_LABEL}={self.run.id}"}
        facts: dict[str, str] = {}
        with contextlib.suppress(docker.errors.APIError):
            # The low-level calls: the others ask the engine once more for each thing they list.
            facts |= {
                f"container {name.lstrip('/')}": ""
                for item in client.api.containers(all=True, filters=label)
                for name in item["Names"]
            }
            facts |= {f"network {item['Name']}": "" for item in client.api.networks(filters=label)}
        return facts

    def undo_state(self, now: Fingerprint) -> Mapping[str, Any]:
        """The undo record that restores folder and databases as they are `now` (see rollout.rollback.undo)."""
        tree = now.tree
        commit = now.facts.get(f"git refs/heads/{self.branch}")
        return {
            "kind": "state",
            "directory": str(self.directory),
            "manifest": self.store.keep_tree(self.directory, without(tree, UNSTORED)) if tree else None,
            "git": {"repository": str(self.repository.path), "commit": commit} if commit else None,
            "server": self.server.key if self.server else "",
            "role": self.role,
            "databases": {
                purpose: {
                    "name": self.databases[purpose],
                    "dump": dump,
                    "state": postgres.digest_of_database(now.facts, self.databases[purpose]),
                }
                for purpose, dump in self.dumps(now.facts).items()
            },
        }

    def dumps(self, facts: Mapping[str, str] | None = None) -> Mapping[str, str | None]:
        """Purpose (dev, test) → digest of the dump in the store, None for a database that is not there.

        `facts` are the server's of this moment, where they are known. What was dumped once is not dumped again.
        """
        if self.server is None or not self.provisioned:
            return {}
        if facts is None:
            facts = postgres.facts(self.server, tuple(self.databases.values()), self.role)
        found: dict[str, str | None] = {}
        for purpose, name in self.databases.items():
            state = postgres.digest_of_database(facts, name)
            if state is not None and state not in self._dumps:
                with self.run.journal.waiting(f"pg_dump of {name}"):
                    dump = self.server.dump(name)
                self._dumps[state] = self.store.put(dump)
            found[purpose] = self._dumps[state] if state is not None else None
        return found

    def remember_dumps(self, dumps: Mapping[str, str | None]) -> None:
        """These dumps (purpose → digest) were just restored: the databases as they are now need no other."""
        facts = postgres.facts(self.database, tuple(self.databases.values()), self.role)
        for purpose, dump in dumps.items():
            state = postgres.digest_of_database(facts, self.databases[purpose])
            if state is not None and dump is not None:
                self._dumps[state] = dump

    def restore_tree(self, wanted: Manifest, current: Manifest) -> tuple[str, ...]:
        """Make the folder equal to `wanted`; `current` is how it is now.

        Returns the differences that are left: files whose objects are gone or damaged.
        """
        self.last_tree = restored = self.store.restore_tree(self.directory, wanted, current)
        if restored.entries == wanted.entries:
            return ()
        return differences(wanted, restored, limit=5)

    def database_digest(self, name: str) -> str | None:
        """One digest over everything in a database of ours; None where it is not there."""
        return postgres.digest_of_database(postgres.facts(self.database, (name,), self.role), name)

    def file(self, relative: str) -> Path:
        """A file of the application."""
        return self.application / relative
