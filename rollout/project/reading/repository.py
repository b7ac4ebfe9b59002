"""A repository as a whole: which application is deployed, and all that its files say about it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from rollout.errors import InvalidOption
from rollout.project.errors import NoEndpoint, NoFolder, NoMixFile, NoPhoenix, SeveralApplications
from rollout.project.project import FOLDER
from rollout.project.reading.assets import AssetFacts, read_assets
from rollout.project.reading.compose import ComposeService, read_services
from rollout.project.reading.configuration import Configuration, read_configuration, repos_of
from rollout.project.reading.dotenv import read_examples
from rollout.project.reading.mixfile import MIX, MixFile, read_mixfile
from rollout.project.reading.modules import ENDPOINT, POSTGRES, RELEASE, REPO, Defined, read_modules
from rollout.project.reading.routes import Routes, plugged, read_routes
from rollout.project.reading.sources import Found, Sources, joined
from rollout.project.reading.versions import read_versions

_NOT_APPLICATIONS = frozenset({"deps", "_build", "node_modules", "priv", "assets", "test", "tests", "lib", "config"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Repository:
    """What a repository says. Paths and places are relative to `folder`.

    `root` is the folder of the mix.exs that is deployed, `mixfile` that file, `applications` those of an umbrella or
    `mixfile` alone, and `web` the one with `endpoint`. `repos` maps a module to (database, place); the database is ""
    if nothing says it. `examples` are the variables of files like .env.example.
    """

    folder: Path
    root: str
    mixfile: MixFile
    applications: tuple[MixFile, ...]
    web: MixFile
    endpoint: Defined
    endpoints: tuple[Defined, ...]
    repos: Mapping[str, tuple[str, str]]
    release_modules: tuple[Defined, ...]
    configuration: Configuration
    routes: Routes
    assets: AssetFacts
    versions: Mapping[str, Found[str]]
    services: tuple[ComposeService, ...]
    examples: Mapping[str, Found[str]]
    migrate_script: str
    unread: Mapping[str, str]

    @property
    def is_umbrella(self) -> bool:
        """Whether mix.exs has `apps_path`."""
        return self.mixfile.apps_path is not None

    def dependency(self, *names: str) -> str:
        """Where the first of these packages that an application depends on is named; "" for none."""
        found = (each.dependencies.get(name) for name in names for each in (self.mixfile, *self.applications))
        return next(filter(None, found), "")


def read_repository(folder: Path, root: str = "") -> Repository:
    """Read the repository in a folder. `root` is the folder of mix.exs below it, "" to look for it.

    Raises NoFolder, NoMixFile, NoPhoenix, NoEndpoint or SeveralApplications; InvalidOption for a root outside.
    """
    if root and not re.fullmatch(FOLDER.pattern, root):
        raise InvalidOption(option="--root", value=root, expected=FOLDER.wanted)
    sources = Sources(_checked(folder))
    mixfile, applications = _applications(sources, root or _root(sources))
    if not any("phoenix" in each.dependencies for each in (mixfile, *applications)):
        files = [each.path for each in (mixfile, *applications)]
        below = [each for each in _below(sources) if each != mixfile.folder and _is_phoenix(sources, each)]
        raise NoPhoenix(folder=folder, files=files, below=below)
    folders = tuple(dict.fromkeys((mixfile.folder, *(each.folder for each in applications))))
    defined = read_modules(sources, tuple(each.folder for each in applications))
    endpoints = tuple(each for each in defined if each.kind == ENDPOINT)
    if not endpoints:
        raise NoEndpoint(folder=folder, unread=[f"{path}: {why}" for path, why in sources.unread.items()])
    endpoint = _deployed(endpoints, sources, defined)
    web = next(each for each in applications if each.folder == endpoint.folder)
    configuration = read_configuration(sources, folders)
    around = tuple(dict.fromkeys((mixfile.folder, ".")))
    scripts = (joined(mixfile.folder, f"rel/overlays/bin/{name}") for name in ("migrate",))
    return Repository(
        folder=folder, root=mixfile.folder, mixfile=mixfile, applications=applications, web=web,
        endpoint=endpoint, endpoints=endpoints, repos=_repos(defined, configuration, mixfile, applications),
        release_modules=tuple(each for each in defined if each.kind == RELEASE),
        configuration=configuration, routes=read_routes(sources, defined, web.folder, endpoint.name),
        assets=read_assets(sources, web, mixfile), versions=read_versions(sources, around),
        services=read_services(sources, around), examples=read_examples(sources, around),
        migrate_script=next((path for path in scripts if sources.has(path)), ""), unread=sources.unread,
    )  # fmt: skip


def _checked(folder: Path) -> Path:
    if not folder.exists():
        raise NoFolder(
            path=folder, what="it is a link that leads nowhere" if folder.is_symlink() else "it does not exist"
        )
    if not folder.is_dir():
        raise NoFolder(path=folder, what="it is not a folder")
    try:
        next(folder.iterdir(), None)
    except OSError as error:
        raise NoFolder(path=folder, what=str(error.strerror or error).lower()) from None
    return folder


def _root(sources: Sources) -> str:
    """The folder of mix.exs: the repository itself, or the only Phoenix application in it."""
    if sources.has(MIX) or sources.text(MIX) is not None or MIX in sources.unread:
        return "."
    below = _below(sources)
    phoenix = [each for each in below if _is_phoenix(sources, each)]
    if len(phoenix) > 1:
        raise SeveralApplications(folder=sources.folder, found=phoenix)
    if not phoenix:
        raise NoMixFile(folder=sources.folder, found=below)
    return phoenix[0]


def _below(sources: Sources) -> list[str]:
    """The folders, up to two levels down, with a mix.exs. Those of an umbrella's applications are left out."""
    found: list[str] = []
    for first in _folders(sources, "."):
        if sources.has(joined(first, MIX)):
            found.append(first)
        else:
            found += [second for second in _folders(sources, first) if sources.has(joined(second, MIX))]
    return found


def _folders(sources: Sources, folder: str) -> list[str]:
    def is_own(path: str) -> bool:
        name = path.rsplit("/", 1)[-1]
        return name not in _NOT_APPLICATIONS and not name.startswith(".")

    return [each for each in sources.folders(folder) if is_own(each)]


def _is_phoenix(sources: Sources, folder: str) -> bool:
    try:
        mixfile, applications = _applications(sources, folder)
    except NoMixFile:
        return False
    return any("phoenix" in each.dependencies for each in (mixfile, *applications))


def _applications(sources: Sources, root: str) -> tuple[MixFile, tuple[MixFile, ...]]:
    """The mix.exs of a folder, and those of the applications: of an umbrella's, or the same."""
    mixfile = read_mixfile(sources, root)
    path = joined(root, MIX)
    if mixfile is None or (mixfile.app is None and mixfile.apps_path is None):
        why = sources.unread.get(path) or ("" if mixfile is None else "it has neither app: nor apps_path: in `project`")
        why = why or ("it is empty" if sources.has(path) else "")
        raise NoMixFile(folder=sources.folder / root, why=why)
    if mixfile.apps_path is None:
        return mixfile, (mixfile,)
    below = sources.folders(joined(root, mixfile.apps_path.value))
    return mixfile, tuple(found for each in below if (found := read_mixfile(sources, each)) and found.app)


def _deployed(endpoints: Sequence[Defined], sources: Sources, defined: Sequence[Defined]) -> Defined:
    """The endpoint that is deployed: one that plugs a router; of several the one with a start page and most routes."""
    if len(endpoints) == 1:
        return endpoints[0]

    def size(endpoint: Defined) -> tuple[bool, bool, int, int]:
        routes = read_routes(sources, defined, endpoint.folder, endpoint.name)
        return bool(plugged(defined, endpoint)), routes.start is not None, len(routes.all), -len(endpoint.name)

    return max(endpoints, key=size)


def _repos(
    defined: Sequence[Defined], configuration: Configuration, mixfile: MixFile, applications: Sequence[MixFile]
) -> dict[str, tuple[str, str]]:
    """The Ecto repositories that `ecto_repos` lists, and those that a module uses; with their databases."""
    own = {each.name: each for each in defined if each.kind == REPO}
    listed = repos_of(configuration)
    packages = {name for each in (mixfile, *applications) for name in each.dependencies}
    found = {}
    for name, place in {**listed, **({} if listed else {each.name: each.place for each in own.values()})}.items():
        module = own.get(name)
        # an adapter that is chosen at compile time: PostgreSQL, if it is the only driver
        alone = POSTGRES if "postgrex" in packages and not packages & {"myxql", "ecto_sqlite3", "tds"} else ""
        found[name] = (module.adapter or alone if module else alone, module.place if module else place)
    return found
