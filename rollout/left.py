"""What a path left on its site, said so that a person can read it: folders with their size, then everything else."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import PurePosixPath

from rollout.fingerprint import Fingerprint, residue
from rollout.site.manifest import Entry, Manifest

_ARCHIVES = PurePosixPath(".home/mix/archives")
_MOST = 200


def left_behind(ground: Fingerprint, now: Fingerprint) -> tuple[str, ...]:
    """Every difference between the site `ground` and the site `now`: files by folder, archives, databases, processes.

    One line a thing, at most 200 lines; a folder of many files is one line with their number and size.
    """
    empty = Manifest({})
    before, after = (ground.tree or empty).entries, (now.tree or empty).entries
    lines = [*_files(before, after), *residue(Fingerprint(tree=None, facts=ground.facts), _facts(now))]
    more = len(lines) - _MOST
    return (*lines[:_MOST], f"and {more} more") if more > 0 else tuple(lines)


def _facts(now: Fingerprint) -> Fingerprint:
    return Fingerprint(tree=None, facts=now.facts)


def _files(before: Mapping[str, Entry], after: Mapping[str, Entry]) -> Iterable[str]:
    new = {path: entry for path, entry in after.items() if path not in before and entry[0] != "d"}
    for place, paths in sorted(_by_place(new).items()):
        size = sum(new[path][2] for path in paths)
        if paths == [place]:
            yield f"left behind: file {place}"
        else:
            what = "archive" if PurePosixPath(place).parent == _ARCHIVES else "folder"
            yield f"left behind: {what} {place}: {len(paths)} files, {size / 1e6:.1f} MB"
    for path in sorted(before.keys() | after.keys()):
        if path in before and path not in after:
            yield f"lost: {path}"
        elif path in before and before[path] != after[path] and before[path][0] != "d":
            yield f"changed: {path}"


def _by_place(paths: Iterable[str]) -> Mapping[str, list[str]]:
    """Files by the folder they are told under: an archive by itself, what Mix keeps at home, or the top folder."""
    places: dict[str, list[str]] = {}
    for path in paths:
        parts = PurePosixPath(path).parts
        depth = 4 if PurePosixPath(*parts[:3]) == _ARCHIVES else 2 if parts[0] == ".home" else 1
        places.setdefault(str(PurePosixPath(*parts[:depth])), []).append(path)
    return places
