"""What builds the styles and scripts of an application: esbuild or tailwind by Mix, npm and its like, or nothing."""

from __future__ import annotations

import json
import posixpath
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rollout.project.reading.mixfile import MixFile
from rollout.project.reading.sources import Found, Sources, joined

_BY_MIX = ("esbuild", "tailwind", "bun", "dart_sass")
_INSTALL = {
    "pnpm-lock.yaml": ("pnpm", "pnpm --dir {folder} install --frozen-lockfile", "pnpm --dir {folder} run {script}"),
    "yarn.lock": ("yarn", "yarn --cwd {folder} install --frozen-lockfile", "yarn --cwd {folder} run {script}"),
    "package-lock.json": ("npm", "npm ci --prefix {folder}", "npm run {script} --prefix {folder}"),
    "": ("npm", "npm install --prefix {folder}", "npm run {script} --prefix {folder}"),
}
_SCRIPTS = ("deploy", "build", "compile", "build:prod", "production")


@dataclass(frozen=True, slots=True, kw_only=True)
class AssetFacts:
    """`kind` is that of rollout.toml. Commands are "" if nothing says them."""

    kind: Found[str]
    command: Found[str] | None = None
    deploy: Found[str] | None = None


def read_assets(sources: Sources, web: MixFile, root: MixFile) -> AssetFacts:
    """The assets of the application `web`. Commands are for the folder of `root`: that of the umbrella, or of `web`."""
    package = next((path for path in (joined(web.folder, "assets/package.json"), joined(web.folder, "package.json"))
                    if _needs_node(_json(sources, path))), "")  # fmt: skip
    by_mix = next((web.dependencies[name] for name in _BY_MIX if name in web.dependencies), "")
    build = _by_aliases(root, web, "assets.setup", "assets.build")
    deploy = _by_aliases(root, web, "assets.deploy")
    if package:
        install, script = _npm(sources, package, root.folder)
        kind = Found("npm", package)
        return AssetFacts(kind=kind, command=build or install, deploy=deploy or script or build)
    if by_mix:
        return AssetFacts(kind=Found("esbuild", by_mix), command=build, deploy=deploy)
    nothing = f"none of {', '.join(_BY_MIX)} in {web.path}, and no package.json"
    return AssetFacts(kind=Found("none", nothing), command=build, deploy=deploy)


def _by_aliases(root: MixFile, web: MixFile, *wanted: str) -> Found[str] | None:
    """`mix do assets.setup + assets.build`, as far as mix.exs has them. The sign `+` is for Elixir 1.14 and later."""
    for mixfile in (root, web):
        if names := [name for name in wanted if name in mixfile.aliases]:
            command = f"mix {'do ' if len(names) > 1 else ''}{' + '.join(names)}"
            if mixfile.folder != root.folder:
                command = _shell(f"cd {_seen_from(root.folder, mixfile.folder)} && {command}")
            return Found(command, mixfile.aliases[names[-1]])
    return None


def _seen_from(root: str, folder: str) -> str:
    return shlex.quote(posixpath.relpath(folder, root))


def _shell(script: str) -> str:
    return f"sh -c {shlex.quote(script)}"


def _npm(sources: Sources, package: str, root: str) -> tuple[Found[str], Found[str] | None]:
    """(install, install and build) by the package manager whose lock file is beside package.json."""
    folder = package.removesuffix("package.json").rstrip("/") or "."
    lock = next((name for name in _INSTALL if name and sources.has(joined(folder, name))), "")
    _, install, run = _INSTALL[lock]
    scripts = (_json(sources, package) or {}).get("scripts", {})
    script = next((name for name in _SCRIPTS if isinstance(scripts, dict) and name in scripts), "")
    seen = _seen_from(root, folder)
    installed = install.format(folder=seen)
    source = joined(folder, lock) if lock else package
    if not script:
        return Found(installed, source), None
    both = _shell(f"{installed} && {run.format(folder=seen, script=script)}")
    return Found(installed, source), Found(both, package)


def _needs_node(content: Mapping[str, Any] | None) -> bool:
    return bool(content) and any(content.get(key) for key in ("dependencies", "devDependencies", "scripts"))  # type: ignore[union-attr]


def _json(sources: Sources, path: str) -> Mapping[str, Any] | None:
    content = sources.text(path)
    if content is None:
        return None
    try:
        found = json.loads(content)
    except (ValueError, RecursionError) as error:
        sources.unread.setdefault(path, str(error))
        return None
    return found if isinstance(found, dict) else None
