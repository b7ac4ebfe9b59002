"""Builds kept from probe to probe: what makes two of them the same, and how they come and go."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from rollout.hex.lockfile import Lock, Locked
from rollout.hex.registry import Dependency
from rollout.packages.blame.build_cache import Builds, Chosen, chosen, is_built

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
    return chosen(lock(**versions), roots, depends).keys


def build(project: Path, *names: str) -> None:
    for name in names:
        application = project / "_build/dev/lib" / name / "ebin" / f"{name}.app"
        application.parent.mkdir(parents=True, exist_ok=True)
        application.write_text(name)


def test_what_is_required_is_there_what_is_optional_only_with_somebody_who_brings_it() -> None:
    assert {"ash", "spark"} == keys("ash").keys()
    assert {"ash", "spark", "sat"} == keys("ash", "sat").keys()
    assert {"admin", "ash", "spark"} == keys("admin").keys()


def test_a_package_is_another_build_beside_what_it_notices() -> None:
    """So is whatever depends on it; what does not notice stays the same."""
    alone, beside = keys("admin"), keys("admin", "sat")
    assert alone["ash"] != beside["ash"]
    assert alone["admin"] != beside["admin"]
    assert alone["spark"] == beside["spark"]


def test_versions_make_other_builds_of_those_above() -> None:
    old, new = keys("admin", "jason"), keys("admin", "jason", spark="2.0.0")
    assert {"admin", "ash", "spark"} == {name for name in old if old[name] != new[name]}


def test_a_ring_of_optional_dependencies_ends() -> None:
    assert {"core", "ring"} == keys("core").keys()


def test_who_brings_what() -> None:
    """Optional ones included where they are there."""
    reached = chosen(lock(), ("admin", "sat"), depends).reached
    assert {"admin", "ash", "spark", "sat"} == reached["admin"]
    assert {"spark"} == reached["spark"]


def test_what_was_built_is_laid_again_and_nothing_else(tmp_path: Path) -> None:
    """Only what has its application file was built to the end."""
    builds = Builds(tmp_path)
    picked = chosen(lock(), ("admin",), depends)
    assert {"admin", "ash", "spark"} == set(builds.lay(picked))
    build(tmp_path, "ash", "spark")
    (tmp_path / "_build/dev/lib/admin/ebin").mkdir(parents=True)
    builds.keep(picked)

    assert ("admin",) == builds.lay(picked)
    assert ["ash", "spark"] == sorted(each.name for each in (tmp_path / "_build/dev/lib").iterdir())
    builds.keep(picked)
    beside = chosen(lock(), ("admin", "sat"), depends)
    assert {"admin", "ash", "sat"} == set(builds.lay(beside))


def test_the_builds_of_another_project_are_copied_with_their_times(tmp_path: Path) -> None:
    site, mine = tmp_path / "site", tmp_path / "mine"
    build(site, "spark")
    (site / "_build/dev/lib/ash/ebin").mkdir(parents=True)
    before = (site / "_build/dev/lib/spark/ebin/spark.app").stat().st_mtime_ns
    builds = Builds(mine)
    picked = Chosen(keys={"ash": "ash-1", "spark": "spark-1"})
    builds.take_over(picked, site / "_build/dev/lib")
    assert ("ash",) == builds.lay(picked)
    assert before == (mine / "_build/dev/lib/spark/ebin/spark.app").stat().st_mtime_ns
    assert is_built(site / "_build/dev/lib/spark")
