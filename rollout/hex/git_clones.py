"""Keeps bare Git clones in the gateway's cache. They come from GitHub, a mirror or a bundle."""

from __future__ import annotations

import re
import shutil
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from rollout import environment
from rollout.diagnosis import named
from rollout.hex.bundle import Bundle
from rollout.hex.errors import HexError
from rollout.process import capture

GITHUB = "https://github.com"
CLONE_SECONDS = 180.0
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*/[A-Za-z0-9_][A-Za-z0-9_.-]*")
_ABSENT = re.compile(
    r"not found|does not exist|does not appear to be a git repository|could not read Username", re.IGNORECASE
)
_UNREACHABLE = re.compile(
    r"could not resolve|failed to connect|couldn't connect|timed out|connection (?:refused|reset)|"
    r"unable to access|no route",
    re.IGNORECASE,
)
_STALE_SECONDS = 24 * 3600


class GitFailed(HexError):
    """A repository could not be cloned. `kind` is missing, unreachable or git_failed."""

    cause = "registry_unreachable"

    def __init__(self, *, name: str, kind: str, where: str, detail: str) -> None:
        super().__init__(
            f"The Git repository {name} cannot be cloned from {where} ({kind}): {detail}",
            advice="Choose another source with --git-source, or deploy with --assets=plain.",
        )
        self.kind = kind
        if (found := named(detail)) and found.cause == "certificate_untrusted":
            self.cause = found.cause


@dataclass(frozen=True, slots=True, kw_only=True)
class GitOrigin:
    """The upstream of Git repositories: base URLs or folders, tried in order, or a bundle.

    A repository is at BASE/OWNER/REPO(.git) or BASE/REPO(.git).
    """

    kind: str
    description: str
    bases: tuple[str, ...]
    bundle: Bundle | None = None

    def addresses(self, name: str) -> tuple[str, ...]:
        """The URLs to clone OWNER/REPO from. Folders are included only where they exist."""
        found: list[str] = []
        repo = name.partition("/")[2]
        for base in self.bases:
            if "://" in base:
                found.append(f"{base.rstrip('/')}/{name}.git")
                continue
            candidates = (f"{name}.git", name, f"{repo}.git", repo)
            folders = (Path(base).expanduser().absolute() / each for each in candidates)
            found.extend(f"file://{each}" for each in folders if (each / "HEAD").is_file() or (each / ".git").exists())
        return tuple(found)


def github_origin() -> GitOrigin:
    """GitHub as the upstream."""
    return GitOrigin(kind="github", description="GitHub", bases=(GITHUB,))


class GitClones:
    """Bare clones below `folder`, one for each OWNER/REPO, with the newest commit of every branch and tag."""

    def __init__(self, origin: GitOrigin, *, folder: Path, trusted_since: float = 0.0) -> None:
        """Clones older than `trusted_since` (epoch seconds) or than a day are made again."""
        self.origin = origin
        self._trusted_since = trusted_since
        self._folder = folder
        self._locks: dict[str, threading.Lock] = {}
        self._guard = threading.Lock()
        self._served: dict[str, Path] = {}

    @property
    def served(self) -> dict[str, Path]:
        """OWNER/REPO → bare repository of every repository requested so far. A bundle records these."""
        return dict(self._served)

    def repository(self, name: str) -> Path:
        """The bare repository of OWNER/REPO, cloned first where necessary. Raises GitFailed."""
        name = name.removesuffix(".git")
        if not _NAME.fullmatch(name) or ".." in name:
            raise GitFailed(
                name=name, kind="missing", where=self.origin.description, detail="the name is not OWNER/REPO"
            )
        with self._guard:
            lock = self._locks.setdefault(name, threading.Lock())
        with lock:
            path = self._bundled(name) if self.origin.bundle else self._mirrored(name)
            self._served[name] = path
            return path

    def _bundled(self, name: str) -> Path:
        path = self.origin.bundle.repository(name) if self.origin.bundle else None
        if path is None:
            raise GitFailed(name=name, kind="missing", where=self.origin.description, detail="it was not recorded")
        return path

    def _mirrored(self, name: str) -> Path:
        path = self._folder / f"{name}.git"
        stamp = path / "xavos-fetched"
        oldest = max(time.time() - _STALE_SECONDS, self._trusted_since)
        if stamp.is_file() and stamp.stat().st_mtime >= oldest:
            return path
        path.parent.mkdir(parents=True, exist_ok=True)
        failures: list[GitFailed] = []
        for address in self.origin.addresses(name):
            try:
                self._clone(name, address, path)
            except GitFailed as error:
                failures.append(error)
                continue
            return path
        for kind in ("unreachable", "git_failed", "missing"):
            for failure in failures:
                if failure.kind == kind:
                    raise failure
        raise GitFailed(name=name, kind="missing", where=self.origin.description, detail="there is no such folder")

    def _clone(self, name: str, address: str, path: Path) -> None:
        building = Path(tempfile.mkdtemp(dir=path.parent, prefix=".cloning-"))
        bare = building / "repository.git"
        try:
            shallow = ("clone", "--quiet", "--mirror", "--depth=1", "--no-single-branch", address, str(bare))
            code, output = run_git(shallow)
            if code != 0 and ("shallow" in output or "dumb" in output):
                shutil.rmtree(bare, ignore_errors=True)
                code, output = run_git(("clone", "--quiet", "--mirror", address, str(bare)))
            if code != 0:
                raise GitFailed(name=name, kind=_kind(output), where=address, detail=_last_line(output))
            run_git(("-C", str(bare), "config", "--remove-section", "remote.origin"))
            run_git(("-C", str(bare), "config", "uploadpack.allowAnySHA1InWant", "true"))
            run_git(("-C", str(bare), "repack", "-adq"))
            run_git(("-C", str(bare), "pack-refs", "--all"))
            for hook in (bare / "hooks").glob("*"):
                hook.unlink()
            (bare / "xavos-fetched").touch()
            shutil.rmtree(path, ignore_errors=True)
            bare.replace(path)
        finally:
            shutil.rmtree(building, ignore_errors=True)


def run_git(arguments: tuple[str, ...], *, seconds: float = CLONE_SECONDS) -> tuple[int, str]:
    """Run git without prompts and with a deadline. Returns exit code and standard error."""
    try:
        ended = capture(("git", *arguments), env=environment.git_outbound(), deadline=seconds)
    except TimeoutError:
        return 1, f"git {arguments[0]} timed out after {seconds:.0f} s"
    return ended.exit_code, ended.messages


def _kind(output: str) -> str:
    if _ABSENT.search(output):
        return "missing"
    return "unreachable" if _UNREACHABLE.search(output) else "git_failed"


def _last_line(output: str) -> str:
    lines = [line for line in output.strip().splitlines() if line.strip()]
    return lines[-1] if lines else "git printed nothing"
