"""Parses the text of an option into a value. Raises InvalidOption, which names the flag or variable.

It raises nothing else, whatever the text is: `tests/unit/config/test_values.py` tries thousands.
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
from rollout.config.names import name_problem
from rollout.errors import InvalidOption

PATHS = ("realistic", "incremental", "ambitious")
APP = "app"
"""The path that deploys the application of `--project`. `all` does not mean it."""
SCRIPT = "script:"
STAGES = ("development", "production")
_ON, _OFF = ("1", "true", "yes", "on"), ("0", "false", "no", "off")
_NUMBER = re.compile(r"[0-9]{1,18}")
_MINUTES = re.compile(r"[0-9]{1,7}(?:\.[0-9]{1,6})?")
_MOST = 10**9
_MOST_NAME, _MOST_PATH = 200, 1000  # bytes; the rest is left for the names of files below the folder
_MOST_TEXT = 4096  # characters
_GIT_SCHEMES = ("http", "https", "ssh", "git", "file")


@dataclass(frozen=True, slots=True, kw_only=True)
class RawValue:
    """The text of one option, and the flag or variable that it comes from: `--port` or `XAVOS_PORT`."""

    option: str
    text: str

    def invalid(self, expected: str, *, value: str | None = None) -> InvalidOption:
        """The error about this value, or the part of it that is wrong."""
        return InvalidOption(option=self.option, value=self.text if value is None else value, expected=expected)

    def part(self, text: str) -> RawValue:
        """A part of this text: one element of a list, for example."""
        return RawValue(option=self.option, text=text)


def checked(given: RawValue) -> RawValue:
    """Reject empty, overlong and unprintable text."""
    if not given.text.strip():
        raise given.invalid("a value; leave the option out otherwise")
    if len(given.text) > _MOST_TEXT:
        raise given.invalid(f"at most {_MOST_TEXT} characters")
    kinds = {unicodedata.category(letter) for letter in given.text}
    if "Cs" in kinds:
        raise given.invalid("text in UTF-8")
    if not kinds.isdisjoint({"Cc", "Zl", "Zp"}):
        raise given.invalid("text without line breaks and control characters")
    return given


def switch(given: RawValue) -> bool:
    """The value of a switch that a variable sets."""
    word = given.text.strip().lower()
    if word not in {*_ON, *_OFF}:
        raise given.invalid(f"{', '.join(_ON)} to switch it on; {', '.join(_OFF)} or nothing to leave it off")
    return word in _ON


def one_of(given: RawValue, allowed: Sequence[str]) -> str:
    """One of the allowed words."""
    if given.text not in allowed:
        raise given.invalid(" or ".join(allowed))
    return given.text


def name(given: RawValue) -> str:
    """The name of a deployment."""
    if reason := name_problem(given.text):
        raise given.invalid(f"another name, because {reason}")
    return given.text


def revision(given: RawValue) -> str:
    """The name of a commit. Git decides whether there is one."""
    if given.text.startswith("-"):
        raise given.invalid("a commit, branch or tag")
    return given.text


def number(given: RawValue, *, least: int, most: int = _MOST) -> int:
    """A whole number, in ASCII digits."""
    if not _NUMBER.fullmatch(given.text) or not least <= int(given.text) <= most:
        raise given.invalid(f"a whole number from {least}" + (f" to {most}" if most != _MOST else ""))
    return int(given.text)


def port(given: RawValue) -> int:
    """A port that needs no privileges."""
    if not _NUMBER.fullmatch(given.text) or not 1024 <= int(given.text) <= 65535:
        raise given.invalid("a number from 1024 to 65535")
    return int(given.text)


def minutes(given: RawValue) -> float:
    """A duration above zero."""
    if not _MINUTES.fullmatch(given.text) or float(given.text) <= 0:
        raise given.invalid("a number above 0")
    return float(given.text)


def folder(given: RawValue) -> Path:
    """An absolute path. A relative one starts at the current folder; `~` and `~user` are expanded as in a shell."""
    try:
        # Links are not resolved here.
        path = os.path.abspath(Path(given.text).expanduser())  # noqa: PTH100
    except RuntimeError:
        raise given.invalid("a path; this user does not exist or has no home folder") from None
    except (OSError, ValueError) as error:
        raise given.invalid(f"a path ({error})") from None
    long = max(len(os.fsencode(part)) for part in Path(path).parts) > _MOST_NAME
    if long or len(os.fsencode(path)) > _MOST_PATH:
        raise given.invalid(f"a path of at most {_MOST_PATH} bytes, each name in it of at most {_MOST_NAME}")
    return Path(path)


def existing_folder(given: RawValue) -> Path:
    """A folder that exists."""
    path = folder(given)
    if not os.path.isdir(path):  # noqa: PTH112 - Path.is_dir raises if a parent folder cannot be entered
        raise given.invalid("an existing folder")
    return path


def existing_file(given: RawValue) -> Path:
    """A file that exists, with links resolved: `reports/latest` is another folder as soon as a run begins."""
    path = folder(given)
    if not os.path.isfile(path):  # noqa: PTH113 - Path.is_file raises if a parent folder cannot be entered
        raise given.invalid("an existing file")
    return Path(os.path.realpath(path))


def names(given: RawValue) -> tuple[str, ...]:
    """A comma-separated list without repetitions. The names are checked elsewhere."""
    found = tuple(dict.fromkeys(filter(None, map(str.strip, given.text.split(",")))))
    if not found:
        raise given.invalid("names with commas between them")
    return found


def paths(given: RawValue) -> tuple[str, ...]:
    """The names of paths; a `script:` path has the absolute path of its file."""
    names = PATHS if given.text == "all" else tuple(name.strip() for name in given.text.split(","))
    return tuple(dict.fromkeys(_path(given.part(name)) for name in names))


def _path(given: RawValue) -> str:
    name = given.text
    if name in {*PATHS, APP}:
        return name
    if not name.startswith(SCRIPT) or name == SCRIPT:
        near = difflib.get_close_matches(name[:100], (*PATHS, APP), n=1)
        hint = f" (did you mean {near[0]}?)" if near else ""
        raise given.invalid(f"{', '.join(PATHS)}, {APP}, {SCRIPT}FILE or all{hint}")
    file = folder(given.part(name.removeprefix(SCRIPT)))
    if problem := _problem(file):
        raise given.invalid(f"a file; {problem}")
    return f"{SCRIPT}{file}"


def _problem(file: Path) -> str:
    """Why a file cannot be a script; "" if it can."""
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


def gate(given: RawValue, running: tuple[str, ...]) -> tuple[str, ...]:
    """The paths that decide the exit code."""
    if given.text == "all":
        return running
    names = paths(given)
    for name in names:
        if name not in running:
            raise given.invalid(f"paths that run: {', '.join(running)}, or all", value=name)
    return names


def campaign_folder(given: RawValue, reports: Path) -> Path:
    """The report folder of the campaign to resume: a run below the reports, or any folder."""
    for path in (reports / given.text, folder(given)):
        if os.path.isdir(path):  # noqa: PTH112 - see `existing_folder`
            return path.resolve()
    raise given.invalid(f"the name of a run in {reports}, or its folder")


def source(given: RawValue) -> str:
    """The source of packages. The folder of a bundle becomes an absolute path."""
    kind, _, place = given.text.partition(":")
    if given.text in {"auto", "hexpm", "rehearsal"}:
        return given.text
    if kind == "bundle" and place:
        return f"bundle:{folder(given.part(place))}"
    if kind != "mirror" or not place:
        raise given.invalid("auto, hexpm, rehearsal, mirror:…, bundle:…")
    url = _url(place)
    if url is None or url.scheme not in {"http", "https"} or url.query or url.fragment:
        raise given.invalid("mirror:http://host… or mirror:https://host…")
    return given.text


def git_source(given: RawValue) -> str:
    """The source of Git repositories. A folder becomes an absolute path."""
    kind, _, place = given.text.partition(":")
    if given.text in {"auto", "github", "bundle"}:
        return given.text
    if kind != "mirror" or not place:
        raise given.invalid("auto, github, bundle, mirror:…")
    if "://" not in place:
        return f"mirror:{folder(given.part(place))}"
    url = _url(place)
    if url is None or url.scheme not in _GIT_SCHEMES:
        raise given.invalid(f"mirror:DIR or mirror:URL with {' or '.join(_GIT_SCHEMES)} before ://")
    return given.text


def database(given: RawValue) -> str:
    """A kind of database server, or the URL of a server."""
    if given.text in {"auto", "container", "embedded"}:
        return given.text
    try:
        parse_address(given.text)
    except InvalidAddress as error:
        raise given.invalid(f"auto, container, embedded or {error}", value=shown(given.text)) from None
    return given.text


def scenario(given: RawValue, root: Path) -> str:
    """The name of an existing scenario."""
    known = sorted(file.stem for file in (root / "rehearsal" / "scenarios").glob("*.toml"))
    if given.text not in known:
        raise given.invalid(f"an existing scenario: {', '.join(known)}")
    return given.text


def _url(text: str) -> SplitResult | None:
    """The parts of a URL with a host (`file` needs none); None if the URL is unusable."""
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
