"""A bundle: everything that a deployment fetched, with the SHA-256 of every file, as one folder or one tar
file.

manifest.json       schema, created, source (kind, description, fingerprint), files, absent public_key
the key the registry entries are signed with (hexpm's own, where they came from there) files/AREA/…
bodies as they came: hex (registry entries, tarballs), npm; file name = the path, percent- quoted
files/git/OWNER/REPO.git/…   bare repositories
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import tarfile
import tempfile
import time
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import quote

from rollout.hex.errors import BundleUnusable
from rollout.hex.http_cache import write_atomically

SCHEMA = 1
MANIFEST = "manifest.json"
PUBLIC_KEY = "public_key"
GIT = "git"
_BLOCK = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class BundledFile:
    """`path` is what is asked for below `area` (for git: the file inside files/git/); `file` is where it
    lies.
    """

    area: str
    path: str
    file: str
    sha256: str
    size: int
    content_type: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """A body to put into a bundle."""

    area: str
    path: str
    body: Path
    content_type: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """What `write_bundle` wrote. `size` counts the bodies, in bytes."""

    target: Path
    files: int
    size: int
    absent: int


class Bundle:
    """An opened bundle.

    Each file is checked against its sum when it is served; `verify` checks them all at once.
    """

    def __init__(self, *, origin: Path, folder: Path, manifest: Mapping[str, Any]) -> None:
        self.origin = origin
        self.folder = folder
        self.source_kind = str(manifest["source"]["kind"])
        self.source_description = str(manifest["source"]["description"])
        self.created = float(manifest["created"])
        self.files = tuple(BundledFile(**each) for each in manifest["files"])
        self.absent = frozenset((str(area), str(path)) for area, path in manifest["absent"])
        self._index = {(each.area, each.path): each for each in self.files}
        self._sound: set[str] = set()

    @property
    def identity(self) -> str:
        digest = hashlib.sha256((self.folder / MANIFEST).read_bytes()).hexdigest()
        return f"bundle:{digest}"

    def find(self, area: str, path: str) -> BundledFile | None:
        return self._index.get((area, path))

    def sound_file(self, bundled: BundledFile) -> Path:
        """The file on disk, checked. Raises BundleUnusable where it is missing or its sum is wrong."""
        path = self.folder / bundled.file
        if bundled.file in self._sound:
            return path
        try:
            found = _sha256(path)
        except OSError as error:
            raise BundleUnusable(bundle=self.origin, problem=f"{bundled.file}: {error.strerror or error}") from error
        if found != bundled.sha256:
            raise BundleUnusable(
                bundle=self.origin,
                problem=f"{bundled.file} has the sum {found[:12]}…, not {bundled.sha256[:12]}…",
            )
        self._sound.add(bundled.file)
        return path

    def verify(self) -> int:
        """Check every file; returns how many.

        Raises BundleUnusable with the first that is not as recorded.
        """
        for bundled in self.files:
            self.sound_file(bundled)
        return len(self.files)

    def repositories(self) -> tuple[str, ...]:
        """`OWNER/REPO` of every Git repository in it."""
        names = {"/".join(each.path.split("/")[:2]).removesuffix(".git") for each in self.files if each.area == GIT}
        return tuple(sorted(names))

    def repository(self, name: str) -> Path | None:
        """The bare repository of `OWNER/REPO`, every file of it checked; None where it is not in the
        bundle.
        """
        inside = [each for each in self.files if each.area == GIT and each.path.startswith(f"{name}.git/")]
        for each in inside:
            self.sound_file(each)
        return self.folder / "files" / GIT / f"{name}.git" if inside else None


def open_bundle(path: Path, *, unpack_into: Path) -> Bundle:
    """Open a folder, or a tar file (unpacked once below `unpack_into`).

    Raises BundleUnusable; sums are checked later.
    """
    if path.is_dir():
        folder = path
    elif path.is_file():
        folder = _unpacked(path, unpack_into)
    else:
        raise BundleUnusable(bundle=path, problem="there is no such folder or file")
    try:
        manifest = json.loads((folder / MANIFEST).read_bytes())
        schema = manifest["schema"]
    except FileNotFoundError:
        raise BundleUnusable(bundle=path, problem=f"there is no {MANIFEST} in it") from None
    except (ValueError, TypeError, KeyError, OSError) as error:
        raise BundleUnusable(bundle=path, problem=f"its {MANIFEST} cannot be read ({error})") from error
    if not isinstance(schema, int) or schema > SCHEMA:
        raise BundleUnusable(bundle=path, problem=f"it has schema {schema}, this version knows {SCHEMA} at most")
    try:
        bundle = Bundle(origin=path, folder=folder, manifest=manifest)
    except (KeyError, TypeError, ValueError) as error:
        raise BundleUnusable(bundle=path, problem=f"its {MANIFEST} lacks something ({error})") from error
    for each in bundle.files:
        if PurePosixPath(each.file).is_absolute() or ".." in PurePosixPath(each.file).parts:
            raise BundleUnusable(bundle=path, problem=f"its {MANIFEST} points outside of it ({each.file})")
    return bundle


def write_bundle(
    target: Path,
    *,
    items: Iterable[Item],
    absent: Iterable[tuple[str, str]],
    repositories: Mapping[str, Path],
    source: Mapping[str, str],
    public_key: bytes,
) -> Summary:
    """Write a bundle to `target`: a tar file where the name ends in .tar, else a folder.

    `repositories` maps OWNER/REPO to a bare repository; `source` has kind, description and fingerprint.
    An older bundle at `target` is replaced in one step; anything else there raises BundleUnusable and stays.
    """
    refuse_foreign(target)
    target.parent.mkdir(parents=True, exist_ok=True)
    building = Path(tempfile.mkdtemp(dir=target.parent, prefix=f".{target.name}."))
    try:
        (building / PUBLIC_KEY).write_bytes(public_key)
        files = [_copy(building, item, f"files/{item.area}/{quote(item.path.lstrip('/'), safe='')}") for item in items]
        for name, repository in sorted(repositories.items()):
            for inside in sorted(each for each in repository.rglob("*") if each.is_file()):
                path = f"{name}.git/{inside.relative_to(repository).as_posix()}"
                files.append(_copy(building, Item(area=GIT, path=path, body=inside), f"files/{GIT}/{path}"))
            for empty in ("refs/heads", "refs/tags", "objects/info"):
                (building / "files" / GIT / f"{name}.git" / empty).mkdir(parents=True, exist_ok=True)
        missing = sorted(set(absent))
        manifest = {
            "schema": SCHEMA,
            "created": time.time(),
            "source": dict(source),
            "files": [asdict(each) for each in files],
            "absent": missing,
        }
        write_atomically(building / MANIFEST, (json.dumps(manifest, indent=1) + "\n").encode())
        _move_into_place(building, target)
    finally:
        shutil.rmtree(building, ignore_errors=True)
    return Summary(target=target, files=len(files), size=sum(each.size for each in files), absent=len(missing))


def _copy(building: Path, item: Item, file: str) -> BundledFile:
    place = building / file
    place.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(item.body, place)
    return BundledFile(
        area=item.area,
        path=item.path,
        file=file,
        sha256=_sha256(place),
        size=place.stat().st_size,
        content_type=item.content_type,
    )


def _move_into_place(building: Path, target: Path) -> None:
    if target.suffix == ".tar":
        packed = building.with_name(f"{building.name}.packing")
        try:
            with tarfile.open(packed, "w") as archive:
                archive.add(building, arcname=".", filter=_anonymous)
            with packed.open("rb") as file:
                os.fsync(file.fileno())
            packed.replace(target)
        finally:
            packed.unlink(missing_ok=True)
        return
    building.chmod(0o755)
    old = building.with_name(f"{building.name}.old")
    if target.exists():
        target.replace(old)
    building.replace(target)
    shutil.rmtree(old, ignore_errors=True)


def refuse_foreign(target: Path) -> None:
    """Raise BundleUnusable for anything at `target` that is no earlier bundle."""
    if target.is_dir():
        if target.suffix == ".tar":
            raise BundleUnusable(bundle=target, problem="a folder of this name is there already")
        if any(target.iterdir()) and not (target / MANIFEST).is_file():
            raise BundleUnusable(bundle=target, problem="a folder with other things in it is there already")
    elif os.path.lexists(target) and not (target.suffix == ".tar" and target.is_file() and _is_packed_bundle(target)):
        raise BundleUnusable(bundle=target, problem="a file that is no bundle is there already")


def _is_packed_bundle(path: Path) -> bool:
    """By its manifest."""
    with contextlib.suppress(tarfile.TarError, OSError, ValueError, KeyError, TypeError), tarfile.open(path) as archive:
        found = archive.extractfile(f"./{MANIFEST}")
        return found is not None and isinstance(json.load(found)["schema"], int)
    return False


def _anonymous(member: tarfile.TarInfo) -> tarfile.TarInfo:
    member.uid = member.gid = 0
    member.uname = member.gname = ""
    return member


def _unpacked(path: Path, unpack_into: Path) -> Path:
    """Unpack a tar once; the folder is named by its content, so another tar gets another folder."""
    folder = unpack_into / _sha256(path)
    if folder.is_dir():
        return folder
    unpack_into.mkdir(parents=True, exist_ok=True)
    building = Path(tempfile.mkdtemp(dir=unpack_into, prefix=".unpacking-"))
    try:
        with tarfile.open(path) as archive:
            archive.extractall(building, filter="data")
        building.chmod(0o755)
        building.replace(folder)
    except (tarfile.TarError, OSError) as error:
        if not folder.is_dir():
            raise BundleUnusable(bundle=path, problem=f"it cannot be unpacked ({error})") from error
    finally:
        shutil.rmtree(building, ignore_errors=True)
    return folder


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_BLOCK):
            digest.update(chunk)
    return digest.hexdigest()
