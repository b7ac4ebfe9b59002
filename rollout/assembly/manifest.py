"""Reads assembly/manifest.toml and returns the files and edits of each overlay."""

from __future__ import annotations

import fnmatch
import functools
import hashlib
import os
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rollout.assembly.parts import Part, without
from rollout.errors import RolloutError
from rollout.installation import ROOT

_OVERLAY_KEYS = {"files", "shapes"}
_PART_KEYS = {"text", "before"}


class InvalidManifest(RolloutError):
    """assembly/manifest.toml, or what it names, is wrong."""

    def __init__(self, *, where: str, problem: str) -> None:
        super().__init__(f"assembly/manifest.toml: {where}: {problem}.", advice="Correct it; nothing was changed.")


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """A file as it is laid. It `is_final` where it equals the file of app/."""

    content: bytes
    mode: int
    is_final: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Overlay:
    """`files` are patterns below app/, `shapes` paths below assembly/shapes/NAME/."""

    name: str
    files: tuple[str, ...] = ()
    shapes: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """All overlays. `laid` and `names` are names of overlays, in the order in which they are laid."""

    root: Path
    overlays: Mapping[str, Overlay]
    parts: Mapping[str, tuple[Part, ...]]
    generated: tuple[str, ...]

    @property
    def app(self) -> Path:
        return self.root / "app"

    def laid_by(self, names: Iterable[str], laid: Iterable[str] = ()) -> Mapping[str, File]:
        """What is written when `names` are laid where `laid` are there already: path → file."""
        names, everything = tuple(names), (*laid, *names)
        touched = {path for name in names for path in (*self.overlays[name].shapes, *self.owned[name])}
        for key, parts in self.parts.items():
            if any(name in part.overlays for part in parts for name in names):
                touched.add(key.rpartition(":")[2])
        files = {path: self._file(path, everything) for path in sorted(touched)}
        return {path: file for path, file in files.items() if file is not None}

    def edits_of(self, names: Iterable[str]) -> tuple[Path, ...]:
        """The files of edits of these overlays."""
        files = (self.root / "assembly" / "edits" / f"{name}.exs" for name in names)
        return tuple(file for file in files if file.is_file())

    def digest(self, names: Iterable[str], laid: Iterable[str] = ()) -> str:
        """One digest over everything that is laid, edits included."""
        names = tuple(names)
        total = hashlib.blake2b(digest_size=20)
        for path, file in self.laid_by(names, laid).items():
            total.update(f"{path}\0{file.mode:o}\0{len(file.content)}\0".encode())
            total.update(file.content)
        for edits in self.edits_of(names):
            total.update(f"{edits.name}\0".encode() + edits.read_bytes())
        return total.hexdigest()

    @functools.cached_property
    def owned(self) -> Mapping[str, tuple[str, ...]]:
        """Overlay → the files of app/ that it lays."""
        owned: dict[str, list[str]] = {name: [] for name in self.overlays}
        for path in self.files:
            for name in self.owners(path):
                owned[name].append(path)
        return {name: tuple(paths) for name, paths in owned.items()}

    @functools.cached_property
    def files(self) -> tuple[str, ...]:
        """Every file of app/ that is ours."""
        return tuple(sorted(_walk(self.app, "", self.generated)))

    def owners(self, path: str) -> tuple[str, ...]:
        """The overlays that lay a file of app/: those with the longest pattern that matches it."""
        found = [(len(pattern), name) for name, overlay in self.overlays.items() for pattern in overlay.files
                 if matches(path, pattern)]  # fmt: skip
        longest = max((length for length, _ in found), default=0)
        return tuple(name for length, name in found if length == longest)

    def _file(self, path: str, laid: tuple[str, ...]) -> File | None:
        for name in reversed(laid):
            if path in self.overlays[name].shapes:
                return self._shaped(self.root / "assembly" / "shapes" / name / path, f"{name}:{path}", laid)
            if path in self.owned[name]:
                return self._shaped(self.app / path, path, laid)
        return None

    def _shaped(self, source: Path, key: str, laid: tuple[str, ...]) -> File:
        content = source.read_bytes()
        missing = [part for part in self.parts.get(key, ()) if not set(part.overlays) & set(laid)]
        shaped = without(content.decode(), missing).encode() if missing else content
        final = shaped == content and ":" not in key
        return File(content=shaped, mode=source.stat().st_mode & 0o777, is_final=final)


def write(path: Path, file: File) -> None:
    """Write a file with its mode, unless it is there already: Mix compiles again what has been written."""
    if not path.is_file() or path.is_symlink() or path.read_bytes() != file.content:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        path.write_bytes(file.content)
    path.chmod(file.mode)


def matches(path: str, pattern: str) -> bool:
    """Whether a pattern names a path: as it is, with stars within a folder, or everything below `FOLDER/**`."""
    if pattern.endswith("**"):
        return path.startswith(pattern.removesuffix("**"))
    return path.count("/") == pattern.count("/") and fnmatch.fnmatchcase(path, pattern)


def _walk(root: Path, below: str, generated: tuple[str, ...]) -> Iterator[str]:
    for entry in os.scandir(root / below):
        path = f"{below}{entry.name}"
        if any(matches(path, pattern) or matches(f"{path}/", pattern) for pattern in generated):
            continue
        if entry.is_dir(follow_symlinks=False):
            yield from _walk(root, f"{path}/", generated)
        else:
            yield path


@functools.cache
def load(root: Path = ROOT) -> Manifest:
    """Read the manifest. Raises InvalidManifest with the place of a mistake."""
    data = tomllib.loads((root / "assembly" / "manifest.toml").read_text(encoding="utf-8"))
    overlays = {name: _overlay(name, entry) for name, entry in data.get("overlay", {}).items()}
    parts = {key: tuple(_parts(key, entry, overlays)) for key, entry in data.get("parts", {}).items()}
    return Manifest(root=root, overlays=overlays, parts=parts, generated=tuple(data.get("generated", ())))


def _overlay(name: str, entry: Mapping[str, Any]) -> Overlay:
    if unknown := entry.keys() - _OVERLAY_KEYS:
        raise InvalidManifest(where=f"overlay {name}", problem=f"unknown key {', '.join(sorted(unknown))}")
    return Overlay(name=name, files=tuple(entry.get("files", ())), shapes=tuple(entry.get("shapes", ())))


def _parts(key: str, entry: Mapping[str, Any], overlays: Mapping[str, Overlay]) -> Iterator[Part]:
    for named, texts in entry.items():
        names = tuple(named.split("|"))
        if unknown := set(names) - overlays.keys():
            raise InvalidManifest(where=f"parts of {key}", problem=f"no overlay {', '.join(sorted(unknown))}")
        for text in texts:
            fields = {"text": text} if isinstance(text, str) else dict(text)
            if unknown := fields.keys() - _PART_KEYS:
                raise InvalidManifest(where=f"parts of {key}", problem=f"unknown key {', '.join(sorted(unknown))}")
            yield Part(overlays=names, text=fields["text"], before=fields.get("before", ""))
