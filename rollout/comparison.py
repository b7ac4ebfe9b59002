"""Several paths in one run: where each of them is put, and what decides the exit code."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rollout.errors import InvalidOption
from rollout.journal.questions import Event, last
from rollout.options import Options
from rollout.plan import load_plan

_HIGHEST_PORT = 65535


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
    names = {path: load_plan(path).name for path in options.paths}
    made = []
    for path in options.paths:
        number = 0 if path == first else others.index(path) + 1
        word = _word(names[path])
        made.append(
            Seat(
                path=path,
                name=names[path],
                site=options.name if path == first else f"{options.name}_{word}"[:40],
                directory=options.directory if path == first else Path(f"{options.directory}_{word}"),
                port=options.port + number,
                keep="never" if options.keep == "on-success" and path not in options.gate else options.keep,
                folder=Path("paths") / word,
            )
        )
    return tuple(made)


def _word(name: str) -> str:
    """A path's name as a word that folders and databases can be called by: `script:my-own.sh` → `script_my_own_sh`."""
    return "".join(letter if letter.isascii() and letter.isalnum() else "_" for letter in name.lower())


def is_met(paths: Mapping[str, Any], gate: Sequence[str]) -> bool:
    """Whether every path of the gate is deployed with every check passed; `paths` as in verdict.json."""
    return all(
        name in paths and paths[name]["outcome"] == "deployed" and not paths[name]["checks"]["failed"] for name in gate
    )


def ended(events: Sequence[Event]) -> bool:
    """Whether a path's own run came to its end."""
    return bool(last(events, "path.finished"))
