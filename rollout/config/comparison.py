"""Comparison of several paths in one run: gives each path a site of its own, and applies the gate."""

from __future__ import annotations

import difflib
import itertools
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rollout.config.options import PATHS, SCRIPT, Options
from rollout.config.plan import load_plan
from rollout.errors import InvalidOption
from rollout.journal.query import Event, last

_HIGHEST_PORT = 65535
_LONGEST = 40  # letters of a deployment's name
_SHORTEST = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class PathRun:
    """The run of one path in a comparison: name, folder and port of its site, and its report folder.

    `path` is the value of `--path`, `name` is the path's name in the journal. `site` names the deployment.
    `folder` is relative to the report folder of the whole run.
    """

    path: str
    name: str
    site: str
    directory: Path
    port: int
    keep: str
    folder: Path


def path_runs(options: Options) -> tuple[PathRun, ...]:
    """One PathRun for each path. The first path of the gate gets the name, folder and port of the options.

    Only paths of the gate are kept on success. Raises InvalidOption if there are not enough ports.
    """
    first = options.gate[0]
    others = [path for path in options.paths if path != first]
    if options.port + len(others) > _HIGHEST_PORT:
        raise InvalidOption(option="--port", value=str(options.port),
                            expected=f"room for {len(others)} more ports above it")  # fmt: skip
    names = path_names(options)
    slugs = _slugs({path: name for path, name in names.items() if path != first}, size=_LONGEST - len(options.name) - 1)
    slugs[first] = _unique(_slug(names[first]), set(slugs.values()))
    runs = []
    for path in options.paths:
        number = 0 if path == first else others.index(path) + 1
        slug = slugs[path]
        runs.append(
            PathRun(
                path=path,
                name=names[path],
                site=options.name if path == first else f"{options.name[: _LONGEST - len(slug) - 1]}_{slug}",
                directory=options.directory if path == first else Path(f"{options.directory}_{slug}"),
                port=options.port + number,
                keep="never" if options.keep == "on-success" and path not in options.gate else options.keep,
                folder=Path("paths") / slug,
            )
        )
    return tuple(runs)


def path_names(options: Options) -> Mapping[str, str]:
    """A unique name for each path. Scripts with equal file names are named with as many parent folders as needed
    (`script:v1/deploy.sh`, `script:v2/deploy.sh`).
    """
    if options.path_name is not None and len(options.paths) == 1:
        return {options.path: options.path_name}
    parts = {path: Path(path.removeprefix(SCRIPT)).parts for path in options.paths if path.startswith(SCRIPT)}
    names = {path: path for path in options.paths if path not in parts}
    for path, own in parts.items():
        others = [other for name, other in parts.items() if name != path]
        count = next((n for n in range(1, len(own)) if all(own[-n:] != other[-n:] for other in others)), len(own))
        names[path] = SCRIPT + str(Path(*own[-count:]))
    return names


def refuse_unknown_groups(options: Options) -> None:
    """Raises InvalidOption if `--require` names a group of checks that no path has."""
    plans = [load_plan(path) for path in (*PATHS, *options.paths)]
    phases = [phase for plan in plans for phase in (*plan.all_phases, *plan.left_out)]
    known = list(dict.fromkeys(group for phase in phases for group in phase.groups))
    for group in options.require:
        if group not in known:
            near = difflib.get_close_matches(group, known, n=1)
            hint = f" (did you mean {near[0]}?)" if near else ""
            raise InvalidOption(option="--require", value=group, expected=f"{', '.join(known)}{hint}")


def _slugs(names: Mapping[str, str], *, size: int) -> dict[str, str]:
    """A unique slug for each name, with at most `size` letters where possible."""
    slugs: dict[str, str] = {}
    for path, name in names.items():
        slugs[path] = _unique(_slug(name), set(slugs.values()), size=max(size, _SHORTEST))
    return slugs


def _unique(slug: str, taken: Collection[str], *, size: int = _LONGEST) -> str:
    """The slug, or the first of `slug_2`, `slug_3`, … that is not taken. A long slug is cut at its beginning."""
    for number in itertools.count(1):
        suffix = f"_{number}" if number > 1 else ""
        found = f"{slug[max(0, len(slug) + len(suffix) - size) :].lstrip('_') or 'path'}{suffix}"
        if found not in taken:
            return found
    raise AssertionError("itertools.count is infinite")


def _slug(name: str) -> str:
    """A path's name in a form that folders and databases can have: `script:my-own.sh` → `script_my_own_sh`."""
    return "".join(letter if letter.isascii() and letter.isalnum() else "_" for letter in name.lower())


def is_gate_passed(paths: Mapping[str, Any], gate: Sequence[str]) -> bool:
    """Whether every path of the gate is deployed, every check has passed, and every required group was answered.

    `paths` is the value of `paths` in verdict.json.
    """
    return all(
        name in paths
        and paths[name]["outcome"] == "deployed"
        and not paths[name]["checks"]["failed"]
        and not paths[name].get("unmet")
        for name in gate
    )


def has_ended(events: Sequence[Event]) -> bool:
    """Whether the journal of a path's run records its end."""
    return bool(last(events, "path.finished"))
