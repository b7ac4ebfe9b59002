"""Checks of the application's dependencies: the lock, the registry, and what was fetched."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from deploy_tests.support.commands import Ask
from deploy_tests.support.own_application import Git, look_for_unused
from rollout.hex import dependency_facts
from rollout.hex.lockfile import Lock, Locked
from rollout.hex.registry import Release, read_package
from rollout.phases.phase import PhaseResult
from rollout.site.views import CheckedSite

pytestmark = [pytest.mark.phase("app_dependencies"), pytest.mark.timeout(180)]

OF_HEXPM = "hexpm"
Published = dict[str, Release | None]


def test_dependencies_phase_passed(phase: PhaseResult) -> None:
    """What mix.lock says was fetched and compiled."""
    phase.require()


@pytest.fixture
def published(lock: Lock, site: CheckedSite) -> Published:
    """Package → the release that the source has for the lock's entry; None if it has none."""
    locked = [entry for entry in lock.values() if entry.kind == "hex" and entry.repository == OF_HEXPM]
    if not locked:
        pytest.skip("the lock has no package of hexpm")
    with ThreadPoolExecutor(8) as pool:
        releases = pool.map(lambda entry: _release(entry, site), locked)
        return dict(zip((entry.app for entry in locked), releases, strict=True))


def _release(entry: Locked, site: CheckedSite) -> Release | None:
    served = site.registry.fetch(f"/packages/{entry.name}")
    if served.status == 404:
        return None
    assert served.status == 200, f"the source does not answer for {entry.name}: {served.cause or served.status}"
    return read_package(served.read(), site.registry.upstreams.hex.key, name=entry.name).release(entry.version)


def test_every_locked_release_exists(published: Published) -> None:
    assert [name for name, release in published.items() if release is None] == []


def test_no_locked_release_is_retired(published: Published) -> None:
    retired = {name: release.retired for name, release in published.items() if release and release.retired}
    assert {name: f"{why.reason}: {why.message}" for name, why in retired.items()} == {}


def test_the_locks_checksums_are_those_of_the_registry(published: Published, lock: Lock) -> None:
    differing = [
        name for name, release in published.items()
        if release and release.outer_checksum and lock[name].outer_checksum
        and release.outer_checksum.hex() != lock[name].outer_checksum
    ]  # fmt: skip
    assert differing == []


def test_every_locked_package_has_both_checksums(lock: Lock) -> None:
    """Old locks lack that of the tarball. `mix deps.get` with a newer Hex adds it."""
    assert [name for name, entry in lock.items()
            if entry.kind == "hex" and not (entry.inner_checksum and entry.outer_checksum)] == []  # fmt: skip


def test_every_locked_package_was_fetched(used: Lock, site: CheckedSite) -> None:
    assert [name for name in used if not site.file(f"deps/{name}").is_dir()] == []


def test_nothing_was_fetched_that_is_not_locked(lock: Lock, site: CheckedSite) -> None:
    there = [path.name for path in site.file("deps").glob("*") if path.is_dir()]
    assert sorted(set(there) - lock.keys()) == []


def test_the_lock_is_as_the_repository_has_it(git: Git, found: Callable[[str], Mapping[str, Any]]) -> None:
    source = found("repository")["source"]
    if not source["commit"]:
        pytest.skip("the repository has no commit yet")
    changed = git("diff", "--name-only", "HEAD", "--", "mix.lock").split()
    assert [path for path in changed if path not in source["changed"]] == []


def test_no_dependency_is_taken_from_a_branch(lock: Lock) -> None:
    """A tag or a commit stays what it is."""
    assert {name: entry.options["branch"] for name, entry in lock.items() if entry.options.get("branch")} == {}


def test_git_dependencies_come_over_an_authenticated_connection(lock: Lock) -> None:
    urls = {name: entry.url or "" for name, entry in lock.items() if entry.kind == "git"}
    if not urls:
        pytest.skip("the application has no dependency from Git")
    assert {name: url for name, url in urls.items() if url.startswith(("http://", "git://"))} == {}


def test_no_dependency_is_unused(ask: Ask) -> None:
    unused = look_for_unused(ask)
    assert unused.ok, unused.tail


def test_no_dependency_is_out_of_date_for_mix(ask: Ask) -> None:
    """Mix compares what is fetched and built with mix.exs and the lock."""
    checked = ask("mix", "deps.loadpaths", "--no-compile", label="dependencies as Mix sees them", repeatable=True)
    assert checked.ok, checked.tail


def test_every_package_declares_a_licence(used: Lock, site: CheckedSite) -> None:
    fetched = {name: site.file(f"deps/{name}") for name, entry in used.items() if entry.kind == "hex"}
    assert [name for name, folder in fetched.items() if not dependency_facts.licences(folder)] == []
