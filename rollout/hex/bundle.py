"""Bundles: everything that a deployment fetched, in one folder or tar file, with the SHA-256 of every file.

manifest.json                schema, created, source (kind, description, fingerprint), files, absent
public_key                   the key of the registry's signatures
files/AREA/…                 bodies as received; AREA is hex or npm, the file name is the percent-encoded path
files/git/OWNER/REPO.git/…   bare Git repositories
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
    """A file of a bundle. `path` is the request path in `area` (git: below files/git/), `file` its place on disk."""

    area: str
    path: str
    file: str
    sha256: str
    size: int
    content_type: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BundleItem:
    """A response body to record in a bundle."""

    area: str
    path: str
    body: Path
    content_type: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BundleSummary:
    """What `write_bundle` has written. `size` is the total of all bodies, in bytes."""

    target: Path
    files: int
    size: int
    absent: int


class Bundle:
    """An open bundle. Each file is verified against its SHA-256 when it is first used, or all at once by `verify`."""

    def __init__(self, *, origin: Path, folder: Path, manifest: Mapping[str, Any]) -> None:
        self.origin = origin
        self.folder = folder
        self.source_kind = str(manifest["source"]["kind"])
        self.source_description = str(manifest["source"]["description"])
        self.created = float(manifest["created"])
        self.files = tuple(BundledFile(**each) for each in manifest["files"])
        self.absent = frozenset((str(area), str(path)) for area, path in manifest["absent"])
        self._index = {(each.area, each.path): each for each in self.files}
        self._verified: set[str] = set()

    @property
    def identity(self) -> str:
        digest = hashlib.sha256((self.folder / MANIFEST).read_bytes()).hexdigest()
        return f"bundle:{digest}"

    def find(self, area: str, path: str) -> BundledFile | None:
        return self._index.get((area, path))

    def verified_file(self, bundled: BundledFile) -> Path:
        """The file on disk, verified. Raises BundleUnusable where it is missing or its SHA-256 is wrong."""
        path = self.folder / bundled.file
        if bundled.file in self._verified:
            return path
        try:
            found = _sha256(path)
        except OSError as error:
            raise BundleUnusable(bundle=self.origin, problem=f"{bundled.file}: {error.strerror or error}") from error
        if found != bundled.sha256:
            raise BundleUnusable(
                bundle=self.origin,
                problem=f"{bundled.file} has the SHA-256 {found[:12]}…, not {bundled.sha256[:12]}…",
            )
        self._verified.add(bundled.file)
        return path

    def verify(self) -> int:
        """Verify every file and return their number. Raises BundleUnusable for the first wrong one."""
        for bundled in self.files:
            self.verified_file(bundled)
        return len(self.files)

    def repositories(self) -> tuple[str, ...]:
        """`OWNER/REPO` of every Git repository."""
        names = {"/".join(each.path.split("/")[:2]).removesuffix(".git") for each in self.files if each.area == GIT}
        return tuple(sorted(names))

    def repository(self, name: str) -> Path | None:
        """The bare repository `OWNER/REPO` with every file verified, or None."""
        inside = [each for each in self.files if each.area == GIT and each.path.startswith(f"{name}.git/")]
        for each in inside:
            self.verified_file(each)
        return self.folder / "files" / GIT / f"{name}.git" if inside else None


def open_bundle(path: Path, *, unpack_into: Path) -> Bundle:
    """Open a bundle: a folder, or a tar file, which is unpacked once below `unpack_into`.

    Files are verified later, when they are used. Raises BundleUnusable.
    """
    if path.is_dir():
        folder = path
    elif path.is_file():
        folder = _unpacked(path, unpack_into)
    else:
        raise BundleUnusable(bundle=path, problem="no such folder or file")
    try:
        manifest = json.loads((folder / MANIFEST).read_bytes())
        schema = manifest["schema"]
    except FileNotFoundError:
        raise BundleUnusable(bundle=path, problem=f"it has no {MANIFEST}") from None
    except (ValueError, TypeError, KeyError, OSError) as error:
        raise BundleUnusable(bundle=path, problem=f"its {MANIFEST} cannot be read ({error})") from error
    if not isinstance(schema, int) or schema > SCHEMA:
        raise BundleUnusable(bundle=path, problem=f"it has schema {schema}, and this version reads up to {SCHEMA}")
    try:
        bundle = Bundle(origin=path, folder=folder, manifest=manifest)
    except (KeyError, TypeError, ValueError) as error:
        raise BundleUnusable(bundle=path, problem=f"its {MANIFEST} is incomplete ({error})") from error
    for each in bundle.files:
        if PurePosixPath(each.file).is_absolute() or ".." in PurePosixPath(each.file).parts:
            raise BundleUnusable(bundle=path, problem=f"its {MANIFEST} names a file outside of it ({each.file})")
    return bundle


def write_bundle(
    target: Path,
    *,
    items: Iterable[BundleItem],
    absent: Iterable[tuple[str, str]],
    repositories: Mapping[str, Path],
    source: Mapping[str, str],
    public_key: bytes,
) -> BundleSummary:
    """Write a bundle to `target`: a tar file if its name ends in .tar, else a folder.

    `repositories` maps OWNER/REPO to a bare repository; `source` has kind, description and fingerprint.
    An existing bundle at `target` is replaced atomically. Raises BundleUnusable for anything else there.
    """
    require_replaceable(target)
    target.parent.mkdir(parents=True, exist_ok=True)
    building = Path(tempfile.mkdtemp(dir=target.parent, prefix=f".{target.name}."))
    try:
        (building / PUBLIC_KEY).write_bytes(public_key)
        files = [_copy(building, item, f"files/{item.area}/{quote(item.path.lstrip('/'), safe='')}") for item in items]
        for name, repository in sorted(repositories.items()):
            for inside in sorted(each for each in repository.rglob("*") if each.is_file()):
                path = f"{name}.git/{inside.relative_to(repository).as_posix()}"
                files.append(_copy(building, BundleItem(area=GIT, path=path, body=inside), f"files/{GIT}/{path}"))
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
    return BundleSummary(target=target, files=len(files), size=sum(each.size for each in files), absent=len(missing))


def _copy(building: Path, item: BundleItem, file: str) -> BundledFile:
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


def require_replaceable(target: Path) -> None:
    """Raise BundleUnusable where something other than a bundle exists at `target`."""
    if target.is_dir():
        if target.suffix == ".tar":
            raise BundleUnusable(bundle=target, problem="a folder of this name exists")
        if any(target.iterdir()) and not (target / MANIFEST).is_file():
            raise BundleUnusable(bundle=target, problem="a folder with other files exists there")
    elif os.path.lexists(target) and not (target.suffix == ".tar" and target.is_file() and _is_packed_bundle(target)):
        raise BundleUnusable(bundle=target, problem="a file that is not a bundle exists there")


def _is_packed_bundle(path: Path) -> bool:
    """Whether a tar file has a bundle's manifest."""
    with contextlib.suppress(tarfile.TarError, OSError, ValueError, KeyError, TypeError), tarfile.open(path) as archive:
        found = archive.extractfile(f"./{MANIFEST}")
        return found is not None and isinstance(json.load(found)["schema"], int)
    return False


def _anonymous(member: tarfile.TarInfo) -> tarfile.TarInfo:
    member.uid = member.gid = 0
    member.uname = member.gname = ""
    return member


def _unpacked(path: Path, unpack_into: Path) -> Path:
    """Unpack a tar file once. The folder's name is the SHA-256 of the tar file."""
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
