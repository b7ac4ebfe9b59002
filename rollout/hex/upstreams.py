"""Selects the gateway's upstreams for Hex, Git and npm from `--source`, `--git-source` and the npm configuration."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import httpx

from rollout import environment
from rollout.errors import InvalidOption
from rollout.hex.bundle import MANIFEST, Bundle, open_bundle
from rollout.hex.errors import NoRealSource
from rollout.hex.git_clones import GitOrigin, github_origin
from rollout.hex.http_client import HttpUpstream, NoUpstream, Upstream
from rollout.hex.sources import (
    PROBE_SECONDS,
    BundleSource,
    BundleUpstream,
    FolderUpstream,
    HexpmSource,
    MirrorSource,
    RehearsalSource,
    Source,
    is_rehearsal,
)
from rollout.process import capture

NO_NPM = "this machine has no npm, and NPM_CONFIG_REGISTRY names no registry"
_NPM_SECONDS = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class SelectedSource:
    """The selected source, and the reason in one sentence for the console and the journal."""

    source: Source
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Upstreams:
    """The upstreams of a gateway: for Hex packages, npm packages and Git repositories."""

    hex: Source
    npm: Upstream
    git: GitOrigin


def choose_source(
    option: str,
    *,
    client: httpx.Client,
    cache: Path,
    state: Path,
    rehearsal: Path,
    key_file: Path | None = None,
    ci: bool = False,
    probe_seconds: float = PROBE_SECONDS,
) -> SelectedSource:
    """`option` is auto, hexpm, mirror:URL, bundle:PATH or rehearsal; `rehearsal` the folder of its registry.

    auto: hexpm if it responds within `probe_seconds`, else the bundle of real packages at `<cache>/bundles/default`
    (folder or .tar), else rehearsal, unless `ci` is set (NoRealSource). A named source is not probed. A bundle is
    opened at once (BundleUnusable).
    """
    kind, _, place = option.partition(":")
    match kind:
        case "hexpm":
            return SelectedSource(source=HexpmSource(client=client), why="--source names it")
        case "mirror":
            mirror = MirrorSource(place, client=client, pins=state / "keys", key_file=key_file)
            return SelectedSource(source=mirror, why="--source names it")
        case "bundle":
            return SelectedSource(source=_bundle(Path(place).expanduser(), cache), why="--source names it")
        case "rehearsal":
            return SelectedSource(source=RehearsalSource(rehearsal), why="--source names it")
        case "auto":
            return _automatic(client=client, cache=cache, rehearsal=rehearsal, ci=ci, seconds=probe_seconds)
    raise InvalidOption(option="--source", value=option, expected="auto, hexpm, mirror:URL, bundle:DIR or rehearsal")


def choose_git(option: str, *, source: Source) -> GitOrigin:
    """`option` is auto, github, mirror:URL-or-DIR or bundle.

    auto depends on the source. Bundle: its repositories. Rehearsal: the folder git/ beside its registry. Mirror: the
    mirror's own /git/, then GitHub. hexpm: GitHub.
    """
    kind, _, place = option.partition(":")
    if kind == "github":
        return github_origin()
    if kind == "mirror":
        return GitOrigin(kind="mirror", description=place, bases=(place,))
    if kind == "bundle":
        if not isinstance(source, BundleSource):
            raise InvalidOption(
                option="--git-source", value=option, expected="bundle only together with --source=bundle:DIR"
            )
        return _bundled_git(source.bundle)
    if isinstance(source, BundleSource):
        return _bundled_git(source.bundle)
    if isinstance(source, RehearsalSource):
        folder = source.folder / "git"
        return GitOrigin(kind="mirror", description=str(folder), bases=(str(folder),))
    if isinstance(source, MirrorSource):
        github = github_origin()
        return GitOrigin(
            kind="mirror",
            description=f"{source.base}/git, then GitHub",
            bases=(f"{source.base}/git", *github.bases),
        )
    return github_origin()


def choose_npm(source: Source, *, client: httpx.Client, variables: Mapping[str, str] | None = None) -> Upstream:
    """The upstream for npm packages: the bundle, or the folder npm/ of a rehearsal, or the machine's npm registry.

    The machine's npm registry is NPM_CONFIG_REGISTRY, else the one that `npm config get registry` prints.
    """
    if isinstance(source, BundleSource):
        return BundleUpstream(source.bundle, area="npm")
    if isinstance(source, RehearsalSource) and (source.folder / "npm").is_dir():
        return FolderUpstream(source.folder / "npm")
    registry = npm_registry(variables)
    return HttpUpstream(registry, client=client, decode=True) if registry else NoUpstream(NO_NPM)


def npm_registry(variables: Mapping[str, str] | None = None) -> str | None:
    """The URL of this machine's npm registry, without a slash at the end. None without npm."""
    env = os.environ if variables is None else variables
    named = env.get("NPM_CONFIG_REGISTRY") or env.get("npm_config_registry")
    if named:
        return named.rstrip("/")
    npm = shutil.which("npm", path=env.get("PATH"))
    if npm is None:
        return None
    try:
        with tempfile.TemporaryDirectory() as cache:  # npm writes a log there, even for this command
            own = environment.npm(env, NPM_CONFIG_CACHE=cache, NPM_CONFIG_UPDATE_NOTIFIER="false")
            # In an empty folder, because the current one may hold a .npmrc.
            npm_output = capture((npm, "config", "get", "registry"), env=own, deadline=_NPM_SECONDS, cwd=cache)
    except OSError:
        return None
    found = npm_output.text.strip()
    return found.rstrip("/") if found.startswith(("http://", "https://")) else None


def default_bundle(cache: Path) -> Path:
    """The bundle that --source=auto uses: this folder, or a tar file of this name with .tar appended."""
    return cache / "bundles" / "default"


def _automatic(*, client: httpx.Client, cache: Path, rehearsal: Path, ci: bool, seconds: float) -> SelectedSource:
    hexpm = HexpmSource(client=client)
    probe = hexpm.probe(seconds)
    if probe.is_reachable:
        return SelectedSource(source=hexpm, why="hexpm responds")
    state = f"{probe.state.replace('_', ' ')} ({probe.reason})"
    place = default_bundle(cache)
    for candidate in (place, place.with_suffix(".tar")):
        if candidate.is_file() or (candidate / MANIFEST).is_file():
            bundle = _bundle(candidate, cache)
            if not is_rehearsal(bundle):
                return SelectedSource(source=bundle, why=f"hexpm is {state}; a bundle is present")
    if ci:
        raise NoRealSource(reason=state, bundle=place)
    return SelectedSource(source=RehearsalSource(rehearsal), why=f"hexpm is {state}, and there is no bundle at {place}")


def _bundle(path: Path, cache: Path) -> BundleSource:
    return BundleSource(open_bundle(path, unpack_into=cache / "bundles" / "unpacked"))


def _bundled_git(bundle: Bundle) -> GitOrigin:
    return GitOrigin(kind="bundle", description=f"bundle {bundle.origin}", bases=(), bundle=bundle)
