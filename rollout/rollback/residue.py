"""Lists what a path left on its site, such as folders, databases and processes."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Container, Iterable, Mapping
from pathlib import PurePosixPath

from rollout.site.fingerprint import Fingerprint, residue
from rollout.site.store.manifest import Entry, Manifest, without

_ARCHIVES = PurePosixPath(".home/mix/archives")
_SUITE_FILES = (".home/edit", ".home/.xavos-script.log")  # the overlay editor and a script's log
_SCRIPT_SOURCE = "script"  # the folder with the copy of a script's repository or folder
# In a copied repository, references and worktrees are facts. Other files of Git are ignored, except these.
_GIT_INTERNAL = re.compile(rf"{_SCRIPT_SOURCE}/(?:.+/)?\.git/(?!config$|hooks/|info/exclude$|.*\.lock$)")
_DEPTHS = {".home": 2, _SCRIPT_SOURCE: 2}
_INSIDE = ("schema", "table", "view", "column", "index", "constraint", "trigger", "enum", "function", "extension",
           "sequence", "rows")  # fmt: skip
_KINDS = {"p": "FIFO", "s": "socket", "c": "device", "b": "device"}
_ERLANG_HELPERS = ("erl_child_setup", "inet_gethost", "heart")
_SERVER = ("role", "database")
_MOST_LINES = 200
_LONGEST_LINE = 200


def left_behind(start: Fingerprint, now: Fingerprint) -> tuple[str, ...]:
    """The differences between the site `start` and the site `now`: files by folder, archives, databases, processes.

    At most 200 lines. A folder is one line with number and size of its files, a database one with its tables and rows.
    """
    before, after = _entries(start), _entries(now)
    lines = [*_files(before, after), *_databases(start.facts, now.facts), *_processes(start.facts, now.facts)]
    if _has_server(start.facts) and not _has_server(now.facts):
        lines.append("lost: the database server does not answer")
    facts = now.facts.keys() | start.facts.keys()
    listed = {fact for fact in facts if _is_listed(fact, start.facts, now.facts)}
    others = residue(_without_facts(start, listed), _without_facts(now, listed))
    lines += (line.removeprefix("left behind: ") for line in others)
    lines = [line if len(line) <= _LONGEST_LINE else f"{line[: _LONGEST_LINE - 1]}…" for line in lines]
    more = len(lines) - _MOST_LINES
    return (*lines[:_MOST_LINES], f"and {more} more") if more > 0 else tuple(lines)


def _entries(site: Fingerprint) -> Mapping[str, Entry]:
    found = without(site.tree or Manifest({}), _SUITE_FILES).entries
    return {path: entry for path, entry in found.items() if not _GIT_INTERNAL.match(path)}


def _without_facts(site: Fingerprint, listed: set[str]) -> Fingerprint:
    return Fingerprint(tree=None, facts={fact: value for fact, value in site.facts.items() if fact not in listed})


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
    new_places = tuple(f"{place}/" for place in places)
    for path in sorted(before):
        if path not in after:
            yield f"lost: {path}"
        elif not path.startswith(f"{_SCRIPT_SOURCE}/") and path.startswith(new_places):
            continue
        elif _differ(before[path], after[path]):
            yield f"changed: {path}"


def _differ(old: Entry, new: Entry) -> bool:
    """Whether two entries differ. Of a folder only the mode counts; its content is listed separately."""
    return old[:2] != new[:2] if old[0] == new[0] == "d" else old != new


def _empty(new: Mapping[str, Entry], listed: Iterable[str]) -> Mapping[str, list[str]]:
    """The outermost new folders without files, except those in a listed folder."""
    full = {str(parent) for path, entry in new.items() if entry[0] != "d" for parent in PurePosixPath(path).parents}
    empty = {path for path, entry in new.items() if entry[0] == "d" and path not in full}
    covered = {*empty, *listed}
    return {path: [] for path in empty if covered.isdisjoint(map(str, PurePosixPath(path).parents))}


def _content(entries: Iterable[Entry]) -> str:
    """The content of a folder as text, such as `3 files, 0.1 MB` or `2 files, 1 socket, 0.1 MB`."""
    found = list(entries)
    kinds = Counter(_KINDS.get(entry[0], "file") for entry in found)
    counted = (_counted(kinds[kind], kind) for kind in ("file", *sorted(set(_KINDS.values()))) if kinds[kind])
    return f"{', '.join(counted)}, {sum(entry[2] for entry in found) / 1e6:.1f} MB"


def _by_place(paths: Iterable[str], before: Container[str]) -> Mapping[str, list[str]]:
    """Files by the folder under which they are listed: an archive, a folder in the home, a folder of the script's
    source, or the top folder.
    """
    places: dict[str, list[str]] = {}
    for path in paths:
        parts = PurePosixPath(path).parts
        depth = 4 if PurePosixPath(*parts[:3]) == _ARCHIVES else _DEPTHS.get(parts[0], 1)
        depth += parts[0] == _SCRIPT_SOURCE and "/".join(parts[:2]) in before
        places.setdefault(str(PurePosixPath(*parts[:depth])), []).append(path)
    return places


def _databases(before: Mapping[str, str], after: Mapping[str, str]) -> Iterable[str]:
    """New databases, each with its tables and rows."""
    for name in _new_databases(before, after):
        rows = [value for fact, value in after.items() if fact.startswith(f"rows {name}.")]
        tables = sum(fact.startswith(f"table {name}.") for fact in after)
        count = sum(int(value.split(" ", 1)[0]) for value in rows)
        yield f"database {name}: {_counted(tables, 'table')}, {_counted(count, 'row')}"


def _new_databases(before: Mapping[str, str], after: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(fact.removeprefix("database ") for fact in sorted(after)
                 if fact.startswith("database ") and fact not in before)  # fmt: skip


def _processes(before: Mapping[str, str], after: Mapping[str, str]) -> Iterable[str]:
    """Processes that still run. Equal command lines are one line with their number."""
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
    """A short form of a command line: of Erlang only the arguments; "" for a helper process of Erlang."""
    line = re.sub(r"\s+", " ", line).strip()
    program, _, words = line.partition(" ")
    name = PurePosixPath(program).name
    if name in _ERLANG_HELPERS:
        return ""
    return f"{name} … {words.partition(' -extra ')[2]}" if name.startswith("beam") and " -extra " in words else line


def _is_process(fact: str) -> bool:
    return re.fullmatch(r"process \d+", fact) is not None


def _is_listed(fact: str, before: Mapping[str, str], after: Mapping[str, str]) -> bool:
    """Whether a fact is already listed as a process or with its database."""
    kind, _, name = fact.partition(" ")
    if _is_process(fact):  # a process that has ended is not lost
        return True
    if kind in (*_SERVER, *_INSIDE) and not _has_server(after):
        return True
    new = _new_databases(before, after)
    return (kind == "database" and name in new) or (kind in _INSIDE and name.startswith(tuple(f"{db}." for db in new)))
