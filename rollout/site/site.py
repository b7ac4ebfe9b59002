"""The site of a deployment: the state that its phases share, such as forge, database server, gateway and settings."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from rollout.application import APPLICATION
from rollout.config.options import Options
from rollout.config.run import Run
from rollout.config.values import STAGES
from rollout.project.project import Project
from rollout.project.target import target_of
from rollout.site import postgres
from rollout.site.engine.client import Engine
from rollout.site.engine.sharing import Sharing
from rollout.site.fault_points import NO_FAULTS, FaultPoints
from rollout.site.forge import TEMPORARY, Forge, homes
from rollout.site.observer import SiteObserver
from rollout.site.repository import MARK, Repository, repository_path
from rollout.site.snapshots import Snapshots
from rollout.site.store.objects import Store

if TYPE_CHECKING:
    from rollout.hex.gateway import Gateway
    from rollout.hex.sources import Source
    from rollout.hex.upstreams import Upstreams

COPY = "repository"
"""The folder below the site's folder with the copy of the repository that the path `app` deploys."""
# Paths that belong to one site. They are not part of checkpoints and are not changed when one is restored.
SITE_ONLY = (
    ".git", ".env", MARK, f"{COPY}/.git", ".home/hex", ".home/.npm", ".home/edit", ".home/.cache", TEMPORARY,
    "log", "tmp",
)  # fmt: skip

_OUTSIDE = ("XAVOS_SERVER", "XAVOS_ENGINE")  # prefixes of settings that no command in the forge gets


class Site:
    """The state of a site. Phases set `forge`, `server`, `gateway` and `settings` when they create them.

    `sharing`: how containers share files and network with this process, once that is proven. `app`: the application's
    folder below the site's folder, "" for the folder itself. `observed`: the site of an observed path, which is
    superuser of its own database server. `project`: what the path `app` deploys; `target` is the deployed application.

    Narrow views: `observer` takes fingerprints, `snapshots` saves folder and databases. See also rollout.site.views.
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
        project: Project | None = None,
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
        self.repository = Repository(repository_path(options.directory))
        self.branch = f"deploy/{options.name}"
        self.observed = observed
        self.project = project
        self.target = APPLICATION if project is None else target_of(project)
        self.script_source: str | None = None  # folder of a script's own repository, below the site's folder
        self.app = ""
        self.role = postgres.SUPERUSER if observed else options.name
        name = self.target.app if observed else options.name
        stages = ("dev", "test", *(("prod",) if options.stage == STAGES[-1] else ()))
        further = range(2, len(project.application.repos) + 1) if project else ()
        purposes = (*stages, *(f"{stage}_{number}" for number in further for stage in stages))
        self.databases: Mapping[str, str] = {purpose: f"{name}_{purpose}" for purpose in purposes}
        self.forge: Forge | None = None
        self.server: postgres.DatabaseServer | None = None
        self.gateway: Gateway | None = None
        self.settings: dict[str, str] = {}
        self.services: dict[str, tuple[str, int]] = {}  # name → host and port, of those that run
        self.findings: dict[str, str] = {}
        self.provisioned = False
        self.production: object = None  # what rollout.production has deployed
        self.fault_points: FaultPoints = NO_FAULTS
        self.network: str | None = None
        self.network_gateway: str | None = None
        self.observer = SiteObserver(self)
        self.snapshots = Snapshots(self)

    @property
    def application(self) -> Path:
        """The folder that contains the application's mix.exs."""
        return self.directory / self.app

    @property
    def source(self) -> Source:
        """The source of Hex packages."""
        return self.upstreams.hex

    @property
    def in_forge(self) -> Forge:
        assert self.forge is not None, "the prerequisites phase makes the forge"
        return self.forge

    @property
    def registry(self) -> Gateway:
        """The gateway, which has the registry's data."""
        assert self.gateway is not None, "the prerequisites phase opens the gateway"
        return self.gateway

    @property
    def database(self) -> postgres.DatabaseServer:
        assert self.server is not None, "the prerequisites phase starts the database server"
        return self.server

    @property
    def base_url(self) -> str:
        """The URL of XAVOS as this process reaches it."""
        return f"http://{self.in_forge.address()}:{self.options.port}"

    def environment(self, *, settings: bool = True) -> Mapping[str, str]:
        """The environment of a command in the forge, with or without the site's settings."""
        forge = self.in_forge
        return {
            **forge.environment(),
            **homes(forge.root),
            "NPM_CONFIG_UPDATE_NOTIFIER": "false",
            "TERM": "dumb",
            "NO_COLOR": "1",
            **(self.gateway.forge_environment() if self.gateway else {}),
            **(
                {name: value for name, value in self.settings.items() if not name.startswith(_OUTSIDE)}
                if settings
                else {}
            ),
            "XAVOS_RUN": self.run.id,
            # Git must not find a repository around the site, such as the checkout.
            "GIT_CEILING_DIRECTORIES": str(forge.root.parent),
        }

    def server_alive(self) -> bool:
        """Whether the database server accepts a connection of the administrator."""
        with contextlib.suppress(Exception), self.database.connect():
            return True
        return False

    def database_digest(self, name: str) -> str | None:
        """One digest of everything in a database of the site; None if it does not exist."""
        return postgres.digest_of_database(postgres.facts(self.database, (name,), self.role), name)

    def file(self, relative: str) -> Path:
        """A file of the application."""
        return self.application / relative
