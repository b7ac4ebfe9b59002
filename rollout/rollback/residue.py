"""Lists what a path left on its site, for people: folders with their size, then everything else."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Container, Iterable, Mapping
from pathlib import PurePosixPath

from rollout.site.fingerprint import Fingerprint, residue
from rollout.site.store.manifest import Entry, Manifest, without

_ARCHIVES = PurePosixPath(".home/mix/archives")
_OURS = (".home/edit", ".home/edit.exs", ".home/.xavos-script.log")  # what overlays are laid with; what a script said
_TAKEN = "script"  # below it is what goes along with a script: a repository, or a folder
# Of a repository that went along, references and worktrees are facts; the rest is Git's own, but for these.
_GITS_OWN = re.compile(rf"{_TAKEN}/(?:.+/)?\.git/(?!config$|hooks/|info/exclude$|.*\.lock$)")
_DEPTHS = {".home": 2, _TAKEN: 2}
_INSIDE = ("schema", "table", "view", "column", "index", "constraint", "trigger", "enum", "function", "extension",
           "sequence", "rows")  # fmt: skip
_KINDS = {"p": "FIFO", "s": "socket", "c": "device", "b": "device"}
_PARTS_OF_ERLANG = ("erl_child_setup", "inet_gethost", "heart")
_SERVER = ("role", "database")
_MOST = 200
_LONGEST = 200


def left_behind(ground: Fingerprint, now: Fingerprint) -> tuple[str, ...]:
    """Every difference between the site `ground` and the site `now`: files by folder, archives, databases, processes.

    One line a thing, at most 200 lines; a folder of many files is one line with their number and size, a database one
    with its tables and rows.
    """
    before, after = _entries(ground), _entries(now)
    lines = [*_files(before, after), *_databases(ground.facts, now.facts), *_processes(ground.facts, now.facts)]
    if _has_server(ground.facts) and not _has_server(now.facts):
        lines.append("lost: the database server does not answer")
    told = {fact for fact in now.facts.keys() | ground.facts.keys() if _is_told(fact, ground.facts, now.facts)}
    lines += (line.removeprefix("left behind: ") for line in residue(_but(ground, told), _but(now, told)))
    lines = [line if len(line) <= _LONGEST else f"{line[: _LONGEST - 1]}…" for line in lines]
    more = len(lines) - _MOST
    return (*lines[:_MOST], f"and {more} more") if more > 0 else tuple(lines)


def _entries(site: Fingerprint) -> Mapping[str, Entry]:
    found = without(site.tree or Manifest({}), _OURS).entries
    return {path: entry for path, entry in found.items() if not _GITS_OWN.match(path)}


def _but(site: Fingerprint, told: set[str]) -> Fingerprint:
    return Fingerprint(tree=None, facts={fact: value for fact, value in site.facts.items() if fact not in told})


def _files(before: Mapping[str, Entry], after: Mapping[str, Entry]) -> Iterable[str]:
    new = {path: entry for path, entry in after.items() if path not in before}
    places = _by_place((path for path, entry in new.items() if entry[0] != "d"), before)
    for place, paths in sorted({**_empty(new, [place for place in places if place not in before]), **places}.items()):
        if paths == [place]:
            yield f"{_KINDS.get(new[place][0], 'file')} {place}"
        elif not paths:
            yield f"empty folder {place}"
        else:
            what = "archive" if PurePosixPath(place).parent == _ARCHIVES else "folder"
            yield f"{what} {place}: {_content(new[path] for path in paths)}"
    told = tuple(f"{place}/" for place in places)
    for path in sorted(before):
        if path not in after:
            yield f"lost: {path}"
        elif _differ(before[path], after[path]) and (path.startswith(f"{_TAKEN}/") or not path.startswith(told)):
            yield f"changed: {path}"


def _differ(old: Entry, new: Entry) -> bool:
    """Of a folder only its mode is its own: what is in it is told by itself."""
    return old[:2] != new[:2] if old[0] == new[0] == "d" else old != new


def _empty(new: Mapping[str, Entry], told: Iterable[str]) -> Mapping[str, list[str]]:
    """The outermost of the new folders in which there are only folders; not those in a new folder that is told."""
    full = {str(parent) for path, entry in new.items() if entry[0] != "d" for parent in PurePosixPath(path).parents}
    empty = {path for path, entry in new.items() if entry[0] == "d" and path not in full}
    covered = {*empty, *told}
    return {path: [] for path in empty if covered.isdisjoint(map(str, PurePosixPath(path).parents))}


def _content(entries: Iterable[Entry]) -> str:
    """`3 files, 0.1 MB`, and what else there is: `2 files, 1 socket, 0.1 MB`."""
    found = list(entries)
    kinds = Counter(_KINDS.get(entry[0], "file") for entry in found)
    counted = (_counted(kinds[kind], kind) for kind in ("file", *sorted(set(_KINDS.values()))) if kinds[kind])
    return f"{', '.join(counted)}, {sum(entry[2] for entry in found) / 1e6:.1f} MB"


def _by_place(paths: Iterable[str], before: Container[str]) -> Mapping[str, list[str]]:
    """Files by the folder they are told under: an archive by itself, what Mix keeps at home, what is new in or beside
    what went along with a script, or the top folder.
    """
    places: dict[str, list[str]] = {}
    for path in paths:
        parts = PurePosixPath(path).parts
        depth = 4 if PurePosixPath(*parts[:3]) == _ARCHIVES else _DEPTHS.get(parts[0], 1)
        depth += parts[0] == _TAKEN and "/".join(parts[:2]) in before
        places.setdefault(str(PurePosixPath(*parts[:depth])), []).append(path)
    return places


def _databases(before: Mapping[str, str], after: Mapping[str, str]) -> Iterable[str]:
    """A database that is new, with what is in it."""
    for name in _new_databases(before, after):
        rows = [value for fact, value in after.items() if fact.startswith(f"rows {name}.")]
        tables = sum(fact.startswith(f"table {name}.") for fact in after)
        count = sum(int(value.split(" ", 1)[0]) for value in rows)
        yield f"database {name}: {_counted(tables, 'table')}, {_counted(count, 'row')}"


def _new_databases(before: Mapping[str, str], after: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(fact.removeprefix("database ") for fact in sorted(after)
                 if fact.startswith("database ") and fact not in before)  # fmt: skip


def _processes(before: Mapping[str, str], after: Mapping[str, str]) -> Iterable[str]:
    """Processes that run on, equal ones on one line: their number and what they are called with."""
    found: dict[str, int] = {}
    for fact in sorted(after):
        if _is_process(fact) and fact not in before:
            command = _command(after[fact])
            if command:
                found[command] = found.get(command, 0) + 1
    for command, times in found.items():
        yield f"process {command}" + (f" ({times} times)" if times > 1 else "")


def _counted(number: int, thing: str) -> str:
    return f"{number} {thing}{'' if number == 1 else 's'}"


def _has_server(facts: Mapping[str, str]) -> bool:
    return any(fact.startswith("database ") for fact in facts)


def _command(line: str) -> str:
    """A command line as a person would say it: of Erlang only what it runs; "" for a part of a running Erlang."""
    line = re.sub(r"\s+", " ", line).strip()
    program, _, words = line.partition(" ")
    name = PurePosixPath(program).name
    if name in _PARTS_OF_ERLANG:
        return ""
    return f"{name} … {words.partition(' -extra ')[2]}" if name.startswith("beam") and " -extra " in words else line


def _is_process(fact: str) -> bool:
    return re.fullmatch(r"process \d+", fact) is not None


def _is_told(fact: str, before: Mapping[str, str], after: Mapping[str, str]) -> bool:
    """Whether a fact is told with the database that it is in, or as a process."""
    kind, _, name = fact.partition(" ")
    if _is_process(fact):  # one that was there before and is not now has ended, and is not lost
        return True
    if kind in (*_SERVER, *_INSIDE) and not _has_server(after):
        return True
    new = _new_databases(before, after)
    return (kind == "database" and name in new) or (kind in _INSIDE and name.startswith(tuple(f"{db}." for db in new)))
