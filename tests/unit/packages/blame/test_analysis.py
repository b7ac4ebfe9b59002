"""Blame from start to end on a site of this machine, with a scripted `mix`."""

from __future__ import annotations

import base64
import stat
import types
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from rollout.config.plan import Package, PhasePlan
from rollout.errors import PhaseFailed
from rollout.hex import lookup
from rollout.packages.blame import RootRequirement, Symptom, blame, matrix
from rollout.packages.blame.errors import SolverFailed
from rollout.packages.blame.scratch_project import FOLDER
from rollout.site.forge import HostForge
from tests.unit import fakes
from tests.unit.packages.blame.fakes import FakeProbe

CONFLICT = Symptom(cause="version_conflict", package=None, message="Hex dependency resolution failed")

# `mix run --no-mix-exs solve.exs QUESTIONS IDLE`: one line of $ANSWERS for each question, its number before it.
MIX = """#!/bin/sh
echo "$*" >>{calls}
case "$1" in
run)
  test -e {broken} && {{ echo "** (Mix) no such thing"; exit 1; }}
  echo "@0 ready 0"
  number=0
  while test -e "$4"; do
    count=$(wc -l <"$4")
    while test $number -lt $count; do
      number=$((number + 1))
      line=$(sed -n "$number p" "$4")
      test "$line" = end && exit 0
      answer=$(sed -n "$number p" {answers})
      echo "Failed to fetch record for something from registry"
      echo "@$number ${{answer:-ok 5 ash 3.0.0}}"
    done
    sleep 0.02
  done ;;
deps.get) echo '%{{}}' >mix.lock ;;
esac
"""


class Ground:
    """A stage whose forge is this machine with that `mix`, and whose registry is asked through `look_up`."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        phase = PhasePlan(name="installing", packages=tuple(Package(name=name, requirement="~> 1.0") for name in "ab"))
        self.stage = fakes.Stage(folder / "stage", fakes.plan(phase))
        self.site = self.stage.site
        self.plan = self.stage.plan
        self.calls, self.answers, self.broken = folder / "calls", folder / "answers", folder / "broken"
        self.answers.touch()
        self.calls.touch()
        mix = folder / "bin" / "mix"
        mix.parent.mkdir()
        mix.write_text(MIX.format(calls=self.calls, answers=self.answers, broken=self.broken))
        mix.chmod(mix.stat().st_mode | stat.S_IXUSR)
        self.site.forge = HostForge(root=self.site.directory, toolchain="test",
                                    variables={"PATH": f"{mix.parent}:/usr/bin:/bin"})  # fmt: skip
        self.site.gateway = gateway()
        self.site.file(".home/hex").mkdir(parents=True)
        self.site.file(".home/hex/hex.config").write_text("known")
        self.statuses: dict[str, str] = {}
        monkeypatch.setattr("rollout.packages.blame.analysis.look_up", self._look_up)

    def _look_up(self, registry: object, wants: tuple[lookup.WantedPackage, ...]) -> tuple[lookup.LookupResult, ...]:
        return tuple(lookup.LookupResult(want=each, status=self.statuses.get(each.name, "found")) for each in wants)

    def blame(self, failure: BaseException | Symptom, **how: Any) -> Any:
        return blame(self.site, self.plan, failure, phase="installing", **how)

    def say(self, *answers: str) -> None:
        """What the solver says to its questions, in their order."""
        self.answers.write_text("".join(f"{answer}\n" for answer in answers))

    def told(self, event: str) -> list[Mapping[str, Any]]:
        return self.stage.told(event)


def gateway() -> Any:
    return types.SimpleNamespace(
        mark=lambda: 0, causes_since=lambda mark: {}, forge_environment=dict, dependencies=lambda name, version: ()
    )


def words(text: str) -> str:
    return "conflict 7 " + base64.b64encode(text.encode()).decode()


@pytest.fixture
def ground(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Ground:
    return Ground(tmp_path, monkeypatch)


def test_a_conflict_is_found_and_nothing_is_left(ground: Ground) -> None:
    """All packages, none, a, b; then b alone conflicts already."""
    ground.say(words("all"), "ok 5", "ok 5", words("Because b is\nimpossible."))
    found = ground.blame(CONFLICT)
    assert ("conflict", ("b",), 0) == (found.kind, found.culprits, found.probes)
    assert "b ~> 1.0 cannot be installed at all: Because b is impossible." == found.sentence
    (start,), (end,) = ground.told("blame.started"), ground.told("blame.finished")
    assert (["a", "b"], "version_conflict") == (start["packages"], start["failure"]["cause"])
    assert ("conflict", ["b"], found.sentence, "Because b is\nimpossible.") == (
        end["kind"], end["culprits"], end["sentence"], end["evidence"],
    )  # fmt: skip
    assert not ground.site.file(FOLDER).exists()


def test_a_cause_that_packages_cannot_have_is_not_analysed(ground: Ground) -> None:
    """A stopped database: no command runs."""
    found = ground.blame(PhaseFailed("It does not answer.", cause="database_unreachable"))
    assert ("none", ()) == (found.kind, found.culprits)
    assert "database_unreachable" in found.sentence
    assert "" == ground.calls.read_text()


def test_a_missing_package_is_found(ground: Ground) -> None:
    ground.statuses = {"b": "missing"}
    found = ground.blame(PhaseFailed("No package with name b", cause="package_missing", package="b"))
    assert ("missing", ("b",)) == (found.kind, found.culprits)


def test_the_reason_that_matches_the_symptom_comes_first(ground: Ground) -> None:
    """A missing package and a conflict: Hex reports one of them."""
    ground.statuses = {"a": "missing"}
    ground.say(words("all"), "ok 5", words("b is impossible"))
    causes = ("version_conflict", "package_missing")
    found = [ground.blame(Symptom(cause=cause, package=None, message="x")) for cause in causes]
    assert [("conflict", ("b", "a")), ("missing", ("a", "b"))] == [(each.kind, each.culprits) for each in found]


def test_a_missing_application_is_noted(ground: Ground) -> None:
    """Without phx_new and mix.exs, the packages are still compared."""
    ground.blame(CONFLICT)
    assert any("only the packages of the plan are compared" in note["text"] for note in ground.told("phase.note"))


def test_blame_is_unfinished_after_an_unresponsive_registry(ground: Ground) -> None:
    ground.statuses = {"a": "unreachable"}
    found = ground.blame(CONFLICT)
    assert ("unfinished", ()) == (found.kind, found.culprits)
    assert "its responses prove nothing" in found.sentence


def test_blame_is_unfinished_after_a_solver_failure(ground: Ground) -> None:
    """The result has the solver's output."""
    ground.broken.touch()
    found = ground.blame(CONFLICT)
    assert "unfinished" == found.kind
    assert "no such thing" in found.sentence
    assert not ground.site.file(FOLDER).exists()


def test_an_invalid_answer_is_a_solver_failure(ground: Ground) -> None:
    ground.say("broken 3 " + base64.b64encode(b"** (exit) noproc").decode())
    found = ground.blame(CONFLICT)
    assert ("unfinished", True) == (found.kind, "noproc" in found.sentence)


def test_an_upstream_failure_makes_answers_inconclusive(ground: Ground) -> None:
    """Hex prints "doesn't exist" while the registry is down; the gateway has the cause."""
    ground.site.gateway.causes_since = lambda mark: {"unreachable": 1}  # type: ignore[union-attr,method-assign]
    ground.say(words("a doesn't exist"))
    found = ground.blame(CONFLICT)
    assert ("unfinished", True) == (found.kind, "unreachable" in found.sentence)


def test_packages_that_resolve_and_compile_are_not_the_cause(ground: Ground) -> None:
    """The fake lock is empty, so the only probe passes without compiling."""
    found = ground.blame(CONFLICT)
    assert ("none", 1) == (found.kind, found.probes)
    assert "all 2 of them resolve, fetch and compile together" in found.sentence
    assert ["passed"] == [each["outcome"] for each in ground.told("blame.probe")]


def test_other_probes_run_where_compiling_does_not_fail(ground: Ground) -> None:
    """The journal has each of them."""
    probe = FakeProbe({frozenset("ab"): "b"})
    found = ground.blame(CONFLICT, probes=(probe,))
    assert ("compile", ("a", "b")) == (found.kind, found.culprits)
    told = [(each["packages"], each["outcome"]) for each in ground.told("blame.probe")]
    assert (["a", "b"], "failed") in told
    assert (["a"], "passed") in told
    assert found.probes == len(told)


def test_an_interrupt_is_raised_and_nothing_is_left(ground: Ground) -> None:
    """The journal has the end of blame without a result."""

    class Interrupted(FakeProbe):
        def __call__(self, packages: tuple[RootRequirement, ...]) -> Any:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        ground.blame(CONFLICT, probes=(Interrupted({}),))
    assert ["unfinished"] == [each["kind"] for each in ground.told("blame.finished")]
    assert not ground.site.file(FOLDER).exists()


def test_the_matrix_is_journaled(ground: Ground) -> None:
    """A cell for a, b and both, then a summary."""
    ground.say("ok 5", words("no b"))
    made = matrix(ground.site, ground.plan, phase="installing", minutes=1)
    cells = [(each["packages"], each["outcome"]) for each in ground.told("matrix.cell")]
    assert [(["a"], "resolves"), (["b"], "conflict"), (["a", "b"], "implied")] == cells
    (end,) = ground.told("matrix.finished")
    assert (3, 3, [["b"]], made.sentence()) == (end["cells"], end["reached"], end["conflicts"], end["sentence"])
    assert not ground.site.file(FOLDER).exists()


def test_a_matrix_without_a_solver_is_an_error(ground: Ground) -> None:
    ground.broken.touch()
    with pytest.raises(SolverFailed):
        matrix(ground.site, ground.plan, phase="installing", minutes=1)
    assert not ground.site.file(FOLDER).exists()
