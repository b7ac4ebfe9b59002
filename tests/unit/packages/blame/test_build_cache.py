"""The cache of compiled packages: build keys, saving, restoring."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from rollout.hex.lockfile import Lock, Locked
from rollout.hex.registry import Dependency
from rollout.packages.blame.build_cache import BuildCache, LockedPackages, is_built, select_locked

# name → dependencies; a question mark makes it optional
GRAPH: Mapping[str, str] = {"ash": "spark jason? sat?", "spark": "", "jason": "decimal?", "decimal": "", "sat": "",
                            "admin": "ash", "ring": "core?", "core": "ring"}  # fmt: skip


def lock(**versions: str) -> Lock:
    named = dict.fromkeys(GRAPH, "1.0.0") | versions
    return {name: Locked(kind="hex", app=name, name=name, version=version) for name, version in named.items()}


def depends(name: str, version: str) -> tuple[Dependency, ...]:
    return tuple(
        Dependency(package=word.rstrip("?"), app=word.rstrip("?"), requirement="~> 1.0", optional=word.endswith("?"))
        for word in GRAPH[name].split()
    )


def keys(*roots: str, **versions: str) -> Mapping[str, str]:
    return select_locked(lock(**versions), roots, depends).keys


def build(project: Path, *names: str) -> None:
    for name in names:
        application = project / "_build/dev/lib" / name / "ebin" / f"{name}.app"
        application.parent.mkdir(parents=True, exist_ok=True)
        application.write_text(name)


def test_optional_dependencies_are_included_only_where_another_package_needs_them() -> None:
    assert {"ash", "spark"} == keys("ash").keys()
    assert {"ash", "spark", "sat"} == keys("ash", "sat").keys()
    assert {"admin", "ash", "spark"} == keys("admin").keys()


def test_an_optional_dependency_changes_the_build_key() -> None:
    """Also of packages above it; other keys stay the same."""
    alone, beside = keys("admin"), keys("admin", "sat")
    assert alone["ash"] != beside["ash"]
    assert alone["admin"] != beside["admin"]
    assert alone["spark"] == beside["spark"]


def test_a_version_changes_the_build_keys_of_dependents() -> None:
    old, new = keys("admin", "jason"), keys("admin", "jason", spark="2.0.0")
    assert {"admin", "ash", "spark"} == {name for name in old if old[name] != new[name]}


def test_a_cycle_of_optional_dependencies_ends() -> None:
    assert {"core", "ring"} == keys("core").keys()


def test_reached_packages_are_listed() -> None:
    """Present optional dependencies included."""
    reached = select_locked(lock(), ("admin", "sat"), depends).reached
    assert {"admin", "ash", "spark", "sat"} == reached["admin"]
    assert {"spark"} == reached["spark"]


def test_only_complete_builds_are_restored(tmp_path: Path) -> None:
    """A complete build has its `.app` file."""
    builds = BuildCache(tmp_path)
    picked = select_locked(lock(), ("admin",), depends)
    assert {"admin", "ash", "spark"} == set(builds.restore(picked))
    build(tmp_path, "ash", "spark")
    (tmp_path / "_build/dev/lib/admin/ebin").mkdir(parents=True)
    builds.save(picked)

    assert ("admin",) == builds.restore(picked)
    assert ["ash", "spark"] == sorted(each.name for each in (tmp_path / "_build/dev/lib").iterdir())
    builds.save(picked)
    beside = select_locked(lock(), ("admin", "sat"), depends)
    assert {"admin", "ash", "sat"} == set(builds.restore(beside))


def test_the_builds_of_another_project_are_copied_with_their_times(tmp_path: Path) -> None:
    site, mine = tmp_path / "site", tmp_path / "mine"
    build(site, "spark")
    (site / "_build/dev/lib/ash/ebin").mkdir(parents=True)
    before = (site / "_build/dev/lib/spark/ebin/spark.app").stat().st_mtime_ns
    builds = BuildCache(mine)
    picked = LockedPackages(keys={"ash": "ash-1", "spark": "spark-1"})
    builds.import_builds(picked, site / "_build/dev/lib")
    assert ("ash",) == builds.restore(picked)
    assert before == (mine / "_build/dev/lib/spark/ebin/spark.app").stat().st_mtime_ns
    assert is_built(site / "_build/dev/lib/spark")
