"""Fixtures for the checks of the path `app`: its project, what phases have found, and what Git knows of the copy."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from deploy_tests.support.commands import Ask
from rollout.deployment.deployment import Deployment
from rollout.hex import lockfile
from rollout.hex.sources import is_rehearsal
from rollout.process import Outcome
from rollout.project.project import Project
from rollout.site.views import CheckedSite

Git = Callable[..., str]
_MOST_BYTES = 1_000_000  # of a file that is searched


@pytest.fixture
def project(site: CheckedSite) -> Project:
    """The project that the path `app` deploys."""
    assert site.project is not None, "these checks are for the path app"
    return site.project


@pytest.fixture
def found(deployment: Deployment) -> Callable[[str], Mapping[str, Any]]:
    """`found("tests")` is what that phase has recorded."""
    return lambda phase: deployment.facts[phase]


@pytest.fixture
def git(ask: Ask) -> Git:
    """`git("status", "--porcelain")` runs Git in the copy, in the forge, and returns its output."""

    def run(*arguments: str) -> str:
        asked = ask("git", "-c", "safe.directory=*", *arguments, label=f"git {arguments[0]}", repeatable=True)
        assert asked.ok, asked.tail
        return str(asked.tail)

    return run


@pytest.fixture
def tracked_files(git: Git, site: CheckedSite) -> Mapping[str, str]:
    """Path → text of every tracked text file of the application's folder, but for large ones."""
    paths = [path for path in git("ls-files", "-z").split("\0") if path]
    found = {}
    for path in paths:
        file = site.file(path)
        if file.is_file() and not file.is_symlink() and file.stat().st_size <= _MOST_BYTES:
            content = file.read_bytes()
            if b"\0" not in content:
                found[path] = content.decode("utf-8", "replace")
    assert found, "Git tracks no file here: this check searches nothing"
    return found


@pytest.fixture
def lock(site: CheckedSite) -> lockfile.Lock:
    """What mix.lock says."""
    return lockfile.read(site.file("mix.lock"))


def look_for_unused(ask: Ask) -> Outcome:
    """Ask Mix for packages of mix.lock that mix.exs does not reach any more. It fails if there are some."""
    return ask("mix", "deps.unlock", "--check-unused", label="no unused dependency", repeatable=True)


@pytest.fixture
def used(lock: lockfile.Lock, ask: Ask) -> lockfile.Lock:
    """What mix.lock says about packages that mix.exs still reaches. Mix fetches no others."""
    unused = set(re.findall(r"^ +\* :(\w+)$", look_for_unused(ask).tail, re.MULTILINE))
    return {name: entry for name, entry in lock.items() if name not in unused}


@pytest.fixture
def bundles(site: CheckedSite) -> bool:
    """Whether styles and scripts are built. The stand-ins of a rehearsal for esbuild and Tailwind build nothing."""
    return not is_rehearsal(site.registry.upstreams.hex)
