"""Defines the read-only interface through which checks use a site."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from rollout.config.options import Options
from rollout.config.run import Run
from rollout.project.project import Project
from rollout.site.engine.client import Engine
from rollout.site.forge import Forge
from rollout.site.postgres import DatabaseServer
from rollout.site.repository import Repository

if TYPE_CHECKING:
    from rollout.hex.gateway import Gateway


class CheckedSite(Protocol):
    """What a check may use of a site: read-only addresses, names, folders, settings and findings."""

    @property
    def options(self) -> Options: ...
    @property
    def run(self) -> Run: ...
    @property
    def directory(self) -> Path: ...
    @property
    def application(self) -> Path:
        """The folder that contains the application's mix.exs."""

    @property
    def repository(self) -> Repository: ...
    @property
    def branch(self) -> str: ...
    @property
    def observed(self) -> bool: ...
    @property
    def project(self) -> Project | None:
        """What the path `app` deploys; None on another path."""

    @property
    def services(self) -> Mapping[str, tuple[str, int]]:
        """Name → host and port of the services that run besides the database."""

    @property
    def role(self) -> str: ...
    @property
    def databases(self) -> Mapping[str, str]:
        """Purpose (dev, test; prod in the production stage) → name of the database."""

    @property
    def settings(self) -> Mapping[str, str]: ...
    @property
    def findings(self) -> Mapping[str, str]: ...
    @property
    def engine(self) -> Engine | None: ...
    @property
    def network(self) -> str | None: ...
    @property
    def in_forge(self) -> Forge: ...
    @property
    def registry(self) -> Gateway: ...
    @property
    def database(self) -> DatabaseServer: ...
    @property
    def base_url(self) -> str: ...
    def database_digest(self, name: str) -> str | None:
        """One digest of everything in a database; None if it does not exist."""

    def file(self, relative: str) -> Path:
        """A file of the application."""
