"""`init`: reads a repository and writes its rollout.toml.

Without a file it is written. With one, what it would be now is shown as a unified diff, and nothing is changed unless
`write` is given. Nothing of the repository is run.
"""

from __future__ import annotations

import contextlib
import difflib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from rollout.project.errors import FileInTheWay, NotWritable
from rollout.project.file import FILE, loads
from rollout.project.guessing.draft import Draft
from rollout.project.guessing.guess import draft
from rollout.project.reading.repository import read_repository
from rollout.project.writer import Written, render
from rollout.text.toml_records import InvalidRecord, Place

HEAD = (
    "Written by `init`, which has read this repository and run nothing. A comment says what its value was made from.",
    "A comment that begins with ? is a question. All keys: docs/reference/rollout-toml.md.",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """The words of a command line `init [FOLDER] [--root=FOLDER] [--write]`."""

    folder: Path
    root: str
    write: bool


def parse_words(words: Sequence[str]) -> Given | None:
    """The meaning of the words after `init`; None if there is one too many or one that is not known."""
    root = next((word.removeprefix("--root=") for word in words if word.startswith("--root=")), "")
    rest = [word for word in words if not word.startswith("--root=") and word != "--write"]
    if len(rest) > 1 or any(word.startswith("-") for word in rest):
        return None
    return Given(folder=Path(rest[0] if rest else "."), root=root.strip("/"), write="--write" in words)


def init(folder: Path, *, write: bool = False, root: str = "", out: Callable[[str], None] = print) -> int:
    """Write rollout.toml into `folder`, or show how the one that is there differs. Returns the exit code, always 0.

    `root` is the folder of mix.exs below `folder`; "" looks for it. `write`: an existing file is replaced.
    Raises NoFolder, NoMixFile, NoPhoenix, NoEndpoint, SeveralApplications, InvalidOption, NotWritable or FileInTheWay.
    """
    file = folder / FILE
    made = draft(read_repository(folder, root))
    found = render(made.project, made.notes, (*HEAD, " · ".join(made.head)))
    _require_loadable(found.text, folder)
    before = _existing(file)
    if before == found.text:
        out(f"{file} is as init would write it.")
    elif before is None:
        _replace(file, found.text)
        out(f"{file} is written: {', '.join(made.head)}.")
    else:
        for line in _difference(before, found.text):
            out(line)
        if not write:
            out(f"{file} is unchanged. `--write` replaces it by the lines with +.")
            return 0
        _replace(file, found.text)
        out(f"{file} is replaced.")
    for line in _list(made, found, file):
        out(line)
    return 0


def _require_loadable(text: str, folder: Path) -> None:
    try:
        loads(text)
    except InvalidRecord as error:
        raise NotWritable(folder=folder, problem=f"{error.where}: {error.problem}") from None


def _existing(file: Path) -> str | None:
    """The text of the file; None without one. Raises FileInTheWay."""
    if file.is_symlink():
        raise FileInTheWay(path=file, what="it is a link")
    if not file.exists():
        return None
    if not file.is_file():
        raise FileInTheWay(path=file, what="it is not a regular file")
    try:
        return file.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise FileInTheWay(path=file, what="it is not UTF-8") from None
    except OSError as error:
        raise FileInTheWay(path=file, what=str(error.strerror or error).lower()) from None


def _replace(file: Path, text: str) -> None:
    """Write the whole file or nothing."""
    made = file.with_name(f".{FILE}.new")
    try:
        made.write_text(text, encoding="utf-8", newline="\n")
        made.replace(file)
    except OSError as error:
        with contextlib.suppress(OSError):
            made.unlink(missing_ok=True)
        raise FileInTheWay(path=file, what=str(error.strerror or error).lower()) from None


def _difference(before: str, after: str) -> Iterator[str]:
    names = FILE, f"{FILE} as init would write it"
    yield from difflib.unified_diff(before.splitlines(), after.splitlines(), *names, lineterm="")


def _list(made: Draft, found: Written, file: Path) -> Iterator[str]:
    """What init could not know, once: the questions with their lines, then the remarks."""
    if not found.questions and not made.remarks:
        return
    yield ""
    yield "Please check:"
    for lines, names, question in _questions(made, found):
        yield f"- {file.name}, {lines}, {names}: {question}{'' if question.endswith('?') else '.'}"
    yield from (f"- {each}" for each in made.remarks)


def _questions(made: Draft, found: Written) -> Iterator[tuple[str, str, str]]:
    """(lines, keys, question). Variables that were made up are one question."""
    made_up = {path: line for path, line in found.questions.items() if made.notes[path].text.endswith("made up")}
    for path, line in found.questions.items():
        if path not in made_up:
            yield f"line {line}", ".".join(map(str, path)), made.notes[path].text
    for table in dict.fromkeys(path[:-1] for path in made_up):
        own = {path: line for path, line in made_up.items() if path[:-1] == table}
        first, last = min(own.values()), max(own.values())
        lines = f"line {first}" if first == last else f"lines {first} to {last}"
        yield lines, ".".join(map(str, table)), f"nothing says the values of {_names(own)}; they are made up"


def _names(paths: dict[Place, int]) -> str:
    return ", ".join(str(path[-1]) for path in paths)
