"""Parses the text of an option into a value, or raises InvalidOption, which names the flag or variable.

No text makes it raise anything else: `tests/unit/config/test_values.py` tries thousands.
"""

from __future__ import annotations

import difflib
import os
import re
import stat
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

from rollout.config.database_url import InvalidAddress, parse_address, shown
from rollout.config.names import why_not
from rollout.errors import InvalidOption

PATHS = ("realistic", "incremental", "ambitious")
SCRIPT = "script:"
_ON, _OFF = ("1", "true", "yes", "on"), ("0", "false", "no", "off")
_NUMBER = re.compile(r"[0-9]{1,18}")
_MINUTES = re.compile(r"[0-9]{1,7}(?:\.[0-9]{1,6})?")
_MOST = 10**9
_MOST_NAME, _MOST_PATH = 200, 1000  # bytes: what is made below a folder has a name of its own, and needs room
_MOST_TEXT = 4096  # characters
_GIT_SCHEMES = ("http", "https", "ssh", "git", "file")


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """The text of one option, and where it comes from: `--port` or `XAVOS_PORT`."""

    option: str
    text: str

    def refused(self, expected: str, *, value: str | None = None) -> InvalidOption:
        """The error about this value, or the part of it that is wrong."""
        return InvalidOption(option=self.option, value=self.text if value is None else value, expected=expected)

    def part(self, text: str) -> Given:
        """An element of a list."""
        return Given(option=self.option, text=text)


def checked(given: Given) -> Given:
    """Reject empty, overlong and unprintable text."""
    if not given.text.strip():
        raise given.refused("a value; leave the option out otherwise")
    if len(given.text) > _MOST_TEXT:
        raise given.refused(f"at most {_MOST_TEXT} characters")
    kinds = {unicodedata.category(letter) for letter in given.text}
    if "Cs" in kinds:
        raise given.refused("text in UTF-8")
    if not kinds.isdisjoint({"Cc", "Zl", "Zp"}):
        raise given.refused("text without line breaks and control characters")
    return given


def switch(given: Given) -> bool:
    """The value of a flag without a value, from its variable."""
    word = given.text.strip().lower()
    if word not in {*_ON, *_OFF}:
        raise given.refused(f"{', '.join(_ON)} to switch it on; {', '.join(_OFF)} or nothing to leave it off")
    return word in _ON


def one_of(given: Given, allowed: Sequence[str]) -> str:
    """One of a few words."""
    if given.text not in allowed:
        raise given.refused(" or ".join(allowed))
    return given.text


def name(given: Given) -> str:
    """The name of a deployment."""
    if reason := why_not(given.text):
        raise given.refused(f"another name, because {reason}")
    return given.text


def number(given: Given, *, least: int, most: int = _MOST) -> int:
    """A whole number, in ASCII digits."""
    if not _NUMBER.fullmatch(given.text) or not least <= int(given.text) <= most:
        raise given.refused(f"a whole number from {least}" + (f" to {most}" if most != _MOST else ""))
    return int(given.text)


def port(given: Given) -> int:
    """A port that needs no privileges."""
    if not _NUMBER.fullmatch(given.text) or not 1024 <= int(given.text) <= 65535:
        raise given.refused("a number from 1024 to 65535")
    return int(given.text)


def minutes(given: Given) -> float:
    """A duration above zero."""
    if not _MINUTES.fullmatch(given.text) or float(given.text) <= 0:
        raise given.refused("a number above 0")
    return float(given.text)


def folder(given: Given) -> Path:
    """An absolute path, relative ones taken from the current folder, `~` and `~user` as a shell takes them."""
    try:
        # Not resolved: where a link leads is no matter of options.
        path = os.path.abspath(Path(given.text).expanduser())  # noqa: PTH100
    except RuntimeError:
        raise given.refused("a path; there is no such user, or the user has no home folder") from None
    except (OSError, ValueError) as error:
        raise given.refused(f"a path ({error})") from None
    long = max(len(os.fsencode(part)) for part in Path(path).parts) > _MOST_NAME
    if long or len(os.fsencode(path)) > _MOST_PATH:
        raise given.refused(f"a path of at most {_MOST_PATH} bytes, each name in it of at most {_MOST_NAME}")
    return Path(path)


def existing_folder(given: Given) -> Path:
    """A folder that is there."""
    path = folder(given)
    if not os.path.isdir(path):  # noqa: PTH112 - Path.is_dir raises where a folder on the way cannot be entered
        raise given.refused("a folder; there is none of that name")
    return path


def names(given: Given) -> tuple[str, ...]:
    """A comma-separated list without repetitions. The names are checked elsewhere."""
    found = tuple(dict.fromkeys(filter(None, map(str.strip, given.text.split(",")))))
    if not found:
        raise given.refused("names with commas between them")
    return found


def paths(given: Given) -> tuple[str, ...]:
    """Paths by name, `script:` ones with the absolute place of their file."""
    names = PATHS if given.text == "all" else tuple(name.strip() for name in given.text.split(","))
    return tuple(dict.fromkeys(_path(given.part(name)) for name in names))


def _path(given: Given) -> str:
    name = given.text
    if name in PATHS:
        return name
    if not name.startswith(SCRIPT) or name == SCRIPT:
        near = difflib.get_close_matches(name[:100], PATHS, n=1)
        hint = f" (did you mean {near[0]}?)" if near else ""
        raise given.refused(f"{', '.join(PATHS)}, {SCRIPT}FILE or all{hint}")
    file = folder(Given(option=given.option, text=name.removeprefix(SCRIPT)))
    if problem := _problem(file):
        raise given.refused(f"a file; {problem}")
    return f"{SCRIPT}{file}"


def _problem(file: Path) -> str:
    """Why a file is no script; "" where it may be one."""
    try:
        info = file.stat()
        if not stat.S_ISREG(info.st_mode):
            return f"{file} is {'a folder' if stat.S_ISDIR(info.st_mode) else 'neither a file nor a folder'}"
        with file.open("rb"):
            return ""
    except FileNotFoundError:
        return f"there is none at {file}"
    except (OSError, ValueError) as error:
        return f"{file} cannot be read: {getattr(error, 'strerror', None) or error}"


def gate(given: Given, running: tuple[str, ...]) -> tuple[str, ...]:
    """The paths that decide the exit code."""
    if given.text == "all":
        return running
    names = paths(given)
    for name in names:
        if name not in running:
            raise given.refused(f"paths that run: {', '.join(running)}, or all", value=name)
    return names


def resumed(given: Given, reports: Path) -> Path:
    """The folder of the campaign to go on with: a run below the reports, or any folder."""
    for path in (reports / given.text, folder(given)):
        if os.path.isdir(path):  # noqa: PTH112 - see `existing_folder`
            return path.resolve()
    raise given.refused(f"the name of a run in {reports}, or its folder")


def source(given: Given) -> str:
    """Where packages come from; the folder of a bundle as an absolute path."""
    kind, _, place = given.text.partition(":")
    if given.text in {"auto", "hexpm", "rehearsal"}:
        return given.text
    if kind == "bundle" and place:
        return f"bundle:{folder(given.part(place))}"
    if kind != "mirror" or not place:
        raise given.refused("auto, hexpm, rehearsal, mirror:…, bundle:…")
    url = _url(place)
    if url is None or url.scheme not in {"http", "https"} or url.query or url.fragment:
        raise given.refused("mirror:http://host… or mirror:https://host…")
    return given.text


def git_source(given: Given) -> str:
    """Where repositories come from; a folder as an absolute path."""
    kind, _, place = given.text.partition(":")
    if given.text in {"auto", "github", "bundle"}:
        return given.text
    if kind != "mirror" or not place:
        raise given.refused("auto, github, bundle, mirror:…")
    if "://" not in place:
        return f"mirror:{folder(given.part(place))}"
    url = _url(place)
    if url is None or url.scheme not in _GIT_SCHEMES:
        raise given.refused(f"mirror:DIR or mirror:URL with {' or '.join(_GIT_SCHEMES)} before ://")
    return given.text


def database(given: Given) -> str:
    """A kind of server, or the URL of one."""
    if given.text in {"auto", "container", "embedded"}:
        return given.text
    try:
        parse_address(given.text)
    except InvalidAddress as error:
        raise given.refused(f"auto, container, embedded or {error}", value=shown(given.text)) from None
    return given.text


def scenario(given: Given, root: Path) -> str:
    """The name of a scenario that is there."""
    known = sorted(file.stem for file in (root / "rehearsal" / "scenarios").glob("*.toml"))
    if given.text not in known:
        raise given.refused(f"a scenario that is there: {', '.join(known)}")
    return given.text


def _url(text: str) -> SplitResult | None:
    """The parts of a URL with a host (`file` needs none); None where it is unusable."""
    if re.search(r"[\s\\\"'<>`{}|^]", text):
        return None
    try:
        url = urlsplit(text)
        _ = url.port
    except ValueError:
        return None
    host = url.hostname or ""
    is_host = re.fullmatch(r"[\w.:-]{1,253}", host) is not None and not re.search(r"\.\.|^[.-]", host)
    return url if is_host or (url.scheme == "file" and not host) else None
