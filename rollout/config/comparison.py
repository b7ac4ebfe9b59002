"""Several paths in one run: their sites, their names, and the exit code."""

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
class Seat:
    """What a path of a comparison has to itself: the name its site is called after, folder, port, and reports.

    `path` is what `--path` takes, `name` what the journal calls it; `folder` is relative to the run's reports.
    """

    path: str
    name: str
    site: str
    directory: Path
    port: int
    keep: str
    folder: Path


def seats(options: Options) -> tuple[Seat, ...]:
    """A seat for every path. The first path of the gate has the name, the folder and the port that were asked for.

    Only paths of the gate are kept on success. Raises InvalidOption where there is no port for all of them.
    """
    first = options.gate[0]
    others = [path for path in options.paths if path != first]
    if options.port + len(others) > _HIGHEST_PORT:
        raise InvalidOption(option="--port", value=str(options.port),
                            expected=f"room for {len(others)} more ports above it")  # fmt: skip
    names = path_names(options)
    words = _words({path: name for path, name in names.items() if path != first}, room=_LONGEST - len(options.name) - 1)
    words[first] = _free(_word(names[first]), set(words.values()))
    made = []
    for path in options.paths:
        number = 0 if path == first else others.index(path) + 1
        word = words[path]
        made.append(
            Seat(
                path=path,
                name=names[path],
                site=options.name if path == first else f"{options.name[: _LONGEST - len(word) - 1]}_{word}",
                directory=options.directory if path == first else Path(f"{options.directory}_{word}"),
                port=options.port + number,
                keep="never" if options.keep == "on-success" and path not in options.gate else options.keep,
                folder=Path("paths") / word,
            )
        )
    return tuple(made)


def path_names(options: Options) -> Mapping[str, str]:
    """A unique name for each path. Scripts of the same name get as many parent folders as needed
    (`script:v1/deploy.sh`, `script:v2/deploy.sh`).
    """
    if options.path_name is not None and len(options.paths) == 1:
        return {options.path: options.path_name}
    parts = {path: Path(path.removeprefix(SCRIPT)).parts for path in options.paths if path.startswith(SCRIPT)}
    names = {path: path for path in options.paths if path not in parts}
    for path, own in parts.items():
        others = [other for name, other in parts.items() if name != path]
        told = next((n for n in range(1, len(own)) if all(own[-n:] != other[-n:] for other in others)), len(own))
        names[path] = SCRIPT + str(Path(*own[-told:]))
    return names


def refuse_unknown_groups(options: Options) -> None:
    """Raises InvalidOption where `--require` names a group of checks that no path has."""
    plans = [load_plan(path) for path in (*PATHS, *options.paths)]
    phases = [phase for plan in plans for phase in (*plan.whole, *plan.left_out)]
    known = list(dict.fromkeys(group for phase in phases for group in phase.groups))
    for group in options.require:
        if group not in known:
            near = difflib.get_close_matches(group, known, n=1)
            hint = f" (did you mean {near[0]}?)" if near else ""
            raise InvalidOption(option="--require", value=group, expected=f"{', '.join(known)}{hint}")


def _words(names: Mapping[str, str], *, room: int) -> dict[str, str]:
    """A unique word for each name, at most `room` letters long where possible."""
    words: dict[str, str] = {}
    for path, name in names.items():
        words[path] = _free(_word(name), set(words.values()), room=max(room, _SHORTEST))
    return words


def _free(word: str, taken: Collection[str], *, room: int = _LONGEST) -> str:
    """The word, or the first of `word_2`, `word_3`, … that is not taken; of one that is too long, its end."""
    for number in itertools.count(1):
        more = f"_{number}" if number > 1 else ""
        found = f"{word[max(0, len(word) + len(more) - room) :].lstrip('_') or 'path'}{more}"
        if found not in taken:
            return found
    raise AssertionError("there is always another number")


def _word(name: str) -> str:
    """A path's name as a word that folders and databases can be called by: `script:my-own.sh` → `script_my_own_sh`."""
    return "".join(letter if letter.isascii() and letter.isalnum() else "_" for letter in name.lower())


def is_met(paths: Mapping[str, Any], gate: Sequence[str]) -> bool:
    """Whether every path of the gate is deployed with every check passed, and has answered what it has to.

    `paths` as in verdict.json.
    """
    return all(
        name in paths
        and paths[name]["outcome"] == "deployed"
        and not paths[name]["checks"]["failed"]
        and not paths[name].get("unmet")
        for name in gate
    )


def ended(events: Sequence[Event]) -> bool:
    """Whether a path's own run came to its end."""
    return bool(last(events, "path.finished"))
