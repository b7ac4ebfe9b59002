"""Checks whether a deployment can be created at a path. Uses `lstat` only: nothing is opened, read or changed.

Paths are compared after resolving links, as far as the paths exist.
"""

from __future__ import annotations

import errno
import os
import stat
import unicodedata
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from rollout.config.options import Options
from rollout.errors import AlreadyExists, PlaceUnwritable, UnfitPlace
from rollout.installation import IS_CHECKOUT, ROOT
from rollout.site.repository import MARK, repository_path, temporary_path

DEPLOYMENTS = "deployments"
_SAMPLE_RUN = "20260101-000000-abcdef"  # as long as the id of any run
_DEEPEST = 512  # bytes: more than the longest path below a deployment's folder
_KERNEL = ("/proc", "/sys", "/dev")  # files there are not kept
_ORDINARY = "/dev/shm"  # noqa: S108 - the one folder below /dev for files
_STORE = ("HEAD", "objects", "refs")  # entries of every Git directory
_PATTERN = frozenset("*?[]{}\\")  # of Path.wildcard and filelib:wildcard, which get absolute paths of the deployment
_UNWRITTEN = {"Cc", "Cs"}  # control characters, bytes that are not UTF-8
_OPTION = "--directory or --name"
_KINDS = (
    (stat.S_ISDIR, "folder"),
    (stat.S_ISREG, "file"),
    (stat.S_ISFIFO, "named pipe"),
    (stat.S_ISSOCK, "socket"),
    (stat.S_ISBLK, "device"),
    (stat.S_ISCHR, "device"),
)


def require_usable_place(options: Options, directory: Path, owners: Mapping[Path, str] = MappingProxyType({})) -> None:
    """Raise Refused if a deployment's folder or repository exists or cannot be created.

    `owners`: folders of other runs, each with a sentence about its owner.
    """
    require_absent(directory, owners)
    parent = _nearest_parent(directory)
    _refuse_overlaps(directory, options)
    _refuse_names(directory, parent)
    if not os.access(parent, os.W_OK | os.X_OK):
        raise PlaceUnwritable(directory=directory, parent=parent, reason=_why_closed(parent))


def require_no_pattern(directory: Path) -> None:
    """Raise UnfitPlace if Mix and rebar3 would read the folder's path as a pattern. A container has another path."""
    if found := _PATTERN.intersection(str(directory)):
        reason = f"with --forge=host its path may not have {' '.join(sorted(found))}, a pattern to Mix and rebar3"
        raise UnfitPlace(directory=directory, reason=reason)


def require_absent(directory: Path, owners: Mapping[Path, str] = MappingProxyType({})) -> None:
    """Raise AlreadyExists if the folder or its repository exists, even as a dangling link."""
    for path, is_repository in ((directory, False), (repository_path(directory), True)):
        found = _look(path, directory)
        if found is not None:
            kind = _kind(path, found)
            about = _about(path)
            raise AlreadyExists(
                what="repository" if is_repository and kind == "folder" else kind,
                name=str(path),
                option=_OPTION,
                owner=owners.get(directory) or about,
                stays=bool(about),
            )


def writable_reason(folder: Path) -> str | None:
    """Why a folder of the suite cannot be used or created; None if it can."""
    try:
        if os.path.lexists(folder) and not is_folder(folder):
            return "it is not a folder"
        parent = folder if is_folder(folder) else _nearest_parent(folder)
    except (UnfitPlace, PlaceUnwritable) as error:
        return error.reason
    except OSError as error:
        return error.strerror or str(error)
    return None if os.access(parent, os.W_OK | os.X_OK) else f"{parent}: {_why_closed(parent)}"


def _look(path: Path, directory: Path) -> os.stat_result | None:
    """The lstat of a path; None if it does not exist. Raises Refused if that is unknown."""
    try:
        return os.lstat(path)
    except FileNotFoundError:
        return None
    except NotADirectoryError:
        return None  # _nearest_parent reports it
    except (OSError, ValueError) as error:
        code = getattr(error, "errno", None)
        if code in {errno.EACCES, errno.EPERM}:
            reason = "you have no permission to enter it"
            raise PlaceUnwritable(directory=directory, parent=path.parent, reason=reason) from None
        raise UnfitPlace(directory=directory, reason=_reason(error)) from None


def _kind(path: Path, found: os.stat_result) -> str:
    if stat.S_ISLNK(found.st_mode):
        return "link" if _leads_somewhere(path) else "dangling link"
    return next((word for is_kind, word in _KINDS if is_kind(found.st_mode)), "thing")


def _leads_somewhere(link: Path) -> bool:
    try:
        return bool(link.stat())
    except (OSError, ValueError):
        return False


def is_folder(path: Path) -> bool:
    """Whether the path is a folder or a link to one. False without permission to look."""
    try:
        return stat.S_ISDIR(path.stat().st_mode)
    except (OSError, ValueError):
        return False


def _about(path: Path) -> str:
    """Warnings about an existing folder that must stay: root, checkout, home, mount point."""
    real = _real(path)
    warnings = {
        "It is the root of the file system.": real == real.parent,
        "It is the checkout of this suite.": IS_CHECKOUT and real == ROOT,
        "The checkout of this suite is in it.": IS_CHECKOUT and real in ROOT.parents,
        "It is your home folder.": real == _real(Path(os.path.expanduser("~"))),  # noqa: PTH111 - raises without a home
        "Another file system is mounted there.": os.path.ismount(path),
    }
    return " ".join(sentence for sentence, holds in warnings.items() if holds)


def _nearest_parent(directory: Path) -> Path:
    """The nearest existing parent folder. Raises Refused if a parent is no folder or cannot be examined."""
    for parent in directory.parents:
        found = _look(parent, directory)
        if found is None:
            continue
        if stat.S_ISLNK(found.st_mode) and not _leads_somewhere(parent):
            raise UnfitPlace(directory=directory, reason=f"{parent} above it is a dangling link")
        if not is_folder(parent):
            raise UnfitPlace(directory=directory, reason=f"{parent} above it is a {_kind(parent, found)}, not a folder")
        return parent
    raise UnfitPlace(directory=directory, reason="no folder above it exists")


def _refuse_overlaps(directory: Path, options: Options) -> None:
    """Raise UnfitPlace if the deployment would be inside or around a reserved folder."""
    real = _real(directory)
    for place, what in _reserved(options).items():
        other = _real(place)
        if real == other or other in real.parents:
            raise UnfitPlace(directory=directory, reason=f"it is in {what}, {place}")
        if real in other.parents:
            raise UnfitPlace(directory=directory, reason=f"{what}, {place}, would be in it")
    for parent in real.parents:
        if os.path.lexists(parent / MARK):
            raise UnfitPlace(directory=directory, reason=f"it is in another deployment, {parent}")
        if all(os.path.lexists(parent / name) for name in _STORE):
            raise UnfitPlace(directory=directory, reason=f"it is in a Git repository's own folder, {parent}")
    if any(real.is_relative_to(place) for place in _KERNEL) and not real.is_relative_to(_ORDINARY):
        raise UnfitPlace(directory=directory, reason="it is in a file system of the kernel, where files do not stay")
    if IS_CHECKOUT and ROOT in real.parents:
        first = real.relative_to(ROOT).parts[0]
        if real == ROOT / DEPLOYMENTS or (first not in {DEPLOYMENTS, "reports"} and os.path.lexists(ROOT / first)):
            raise UnfitPlace(directory=directory, reason=f"it is in the checkout's own {first}")


def _reserved(options: Options) -> Mapping[Path, str]:
    """The folders that the suite itself uses."""
    places = {options.cache: "the cache folder", options.state: "the state folder"}
    if options.folder is None:  # otherwise the conductor of a comparison has chosen the folders
        places[options.reports] = "the reports folder"
    if not IS_CHECKOUT:
        places[ROOT] = "the installed suite"
    if options.record_bundle is not None:
        places[options.record_bundle] = "the bundle"
    return places


def _refuse_names(directory: Path, parent: Path) -> None:
    """Raise UnfitPlace for names that the file system, Git or the journal (UTF-8) cannot hold.

    Longer names derived from the folder's name are checked too.
    """
    if any(unicodedata.category(letter) in _UNWRITTEN for letter in str(directory)):
        reason = "its path has control characters or is not UTF-8"
        raise UnfitPlace(directory=Path(ascii(str(directory))), reason=reason)
    try:
        most, longest = os.pathconf(parent, "PC_NAME_MAX"), os.pathconf(parent, "PC_PATH_MAX")
    except (OSError, ValueError):
        most, longest = 255, 4096
    missing = directory.relative_to(parent).parts
    for name in (*missing, repository_path(directory).name, temporary_path(directory, _SAMPLE_RUN).name):
        if len(os.fsencode(name)) > most:
            raise UnfitPlace(directory=directory, reason=f"names have at most {most} bytes there, and {name} is longer")
    if len(os.fsencode(directory)) + _DEEPEST > longest:
        raise UnfitPlace(directory=directory, reason=f"paths in it would have more than {longest} bytes")


def _why_closed(parent: Path) -> str:
    if os.statvfs(parent).f_flag & os.ST_RDONLY:
        return "read-only file system"
    return "you have no permission to write to it"


def _real(path: Path) -> Path:
    try:
        return Path(os.path.realpath(path))
    except (OSError, ValueError):
        return path


def _reason(error: Exception) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or str(error)
