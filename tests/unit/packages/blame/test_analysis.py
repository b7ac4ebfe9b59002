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


class BlameSite:
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

    def events(self, event: str) -> list[Mapping[str, Any]]:
        return self.stage.told(event)


def gateway() -> Any:
    return types.SimpleNamespace(
        mark=lambda: 0, causes_since=lambda mark: {}, forge_environment=dict, dependencies=lambda name, version: ()
    )


def words(text: str) -> str:
    return "conflict 7 " + base64.b64encode(text.encode()).decode()


@pytest.fixture
def blame_site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> BlameSite:
    return BlameSite(tmp_path, monkeypatch)


def test_a_conflict_is_found_and_nothing_is_left(blame_site: BlameSite) -> None:
    """All packages, none, a, b; then b alone conflicts already."""
    blame_site.say(words("all"), "ok 5", "ok 5", words("Because b is\nimpossible."))
    found = blame_site.blame(CONFLICT)
    assert ("conflict", ("b",), 0) == (found.kind, found.culprits, found.probes)
    assert "b ~> 1.0 cannot be installed at all: Because b is impossible." == found.sentence
    (start,), (end,) = blame_site.events("blame.started"), blame_site.events("blame.finished")
    assert (["a", "b"], "version_conflict") == (start["packages"], start["failure"]["cause"])
    assert ("conflict", ["b"], found.sentence, "Because b is\nimpossible.") == (
        end["kind"], end["culprits"], end["sentence"], end["evidence"],
    )  # fmt: skip
    assert not blame_site.site.file(FOLDER).exists()


def test_a_cause_that_packages_cannot_have_is_not_analysed(blame_site: BlameSite) -> None:
    """A stopped database: no command runs."""
    found = blame_site.blame(PhaseFailed("It does not answer.", cause="database_unreachable"))
    assert ("none", ()) == (found.kind, found.culprits)
    assert "database_unreachable" in found.sentence
    assert "" == blame_site.calls.read_text()


def test_a_missing_package_is_found(blame_site: BlameSite) -> None:
    blame_site.statuses = {"b": "missing"}
    found = blame_site.blame(PhaseFailed("No package with name b", cause="package_missing", package="b"))
    assert ("missing", ("b",)) == (found.kind, found.culprits)


def test_the_reason_that_matches_the_symptom_comes_first(blame_site: BlameSite) -> None:
    """A missing package and a conflict: Hex reports one of them."""
    blame_site.statuses = {"a": "missing"}
    blame_site.say(words("all"), "ok 5", words("b is impossible"))
    causes = ("version_conflict", "package_missing")
    found = [blame_site.blame(Symptom(cause=cause, package=None, message="x")) for cause in causes]
    assert [("conflict", ("b", "a")), ("missing", ("a", "b"))] == [(each.kind, each.culprits) for each in found]


def test_a_missing_application_is_noted(blame_site: BlameSite) -> None:
    """Without phx_new and mix.exs, the packages are still compared."""
    blame_site.blame(CONFLICT)
    assert any("only the packages of the plan are compared" in note["text"] for note in blame_site.events("phase.note"))


def test_blame_is_unfinished_after_an_unresponsive_registry(blame_site: BlameSite) -> None:
    blame_site.statuses = {"a": "unreachable"}
    found = blame_site.blame(CONFLICT)
    assert ("unfinished", ()) == (found.kind, found.culprits)
    assert "its responses prove nothing" in found.sentence


def test_blame_is_unfinished_after_a_solver_failure(blame_site: BlameSite) -> None:
    """The result has the solver's output."""
    blame_site.broken.touch()
    found = blame_site.blame(CONFLICT)
    assert "unfinished" == found.kind
    assert "no such thing" in found.sentence
    assert not blame_site.site.file(FOLDER).exists()


def test_an_invalid_answer_is_a_solver_failure(blame_site: BlameSite) -> None:
    blame_site.say("broken 3 " + base64.b64encode(b"** (exit) noproc").decode())
    found = blame_site.blame(CONFLICT)
    assert ("unfinished", True) == (found.kind, "noproc" in found.sentence)


def test_an_upstream_failure_makes_answers_inconclusive(blame_site: BlameSite) -> None:
    """Hex prints "doesn't exist" while the registry is down; the gateway has the cause."""
    blame_site.site.gateway.causes_since = lambda mark: {"unreachable": 1}  # type: ignore[union-attr,method-assign]
    blame_site.say(words("a doesn't exist"))
    found = blame_site.blame(CONFLICT)
    assert ("unfinished", True) == (found.kind, "unreachable" in found.sentence)


def test_packages_that_resolve_and_compile_are_not_the_cause(blame_site: BlameSite) -> None:
    """The fake lock is empty, so the only probe passes without compiling."""
    found = blame_site.blame(CONFLICT)
    assert ("none", 1) == (found.kind, found.probes)
    assert "all 2 of them resolve, fetch and compile together" in found.sentence
    assert ["passed"] == [each["outcome"] for each in blame_site.events("blame.probe")]


def test_other_probes_run_where_compiling_does_not_fail(blame_site: BlameSite) -> None:
    """The journal has each of them."""
    probe = FakeProbe({frozenset("ab"): "b"})
    found = blame_site.blame(CONFLICT, probes=(probe,))
    assert ("compile", ("a", "b")) == (found.kind, found.culprits)
    probes = [(each["packages"], each["outcome"]) for each in blame_site.events("blame.probe")]
    assert (["a", "b"], "failed") in probes
    assert (["a"], "passed") in probes
    assert found.probes == len(probes)


def test_an_interrupt_is_raised_and_nothing_is_left(blame_site: BlameSite) -> None:
    """The journal has the end of blame without a result."""

    class Interrupted(FakeProbe):
        def __call__(self, packages: tuple[RootRequirement, ...]) -> Any:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        blame_site.blame(CONFLICT, probes=(Interrupted({}),))
    assert ["unfinished"] == [each["kind"] for each in blame_site.events("blame.finished")]
    assert not blame_site.site.file(FOLDER).exists()


def test_the_matrix_is_journaled(blame_site: BlameSite) -> None:
    """A cell for a, b and both, then a summary."""
    blame_site.say("ok 5", words("no b"))
    made = matrix(blame_site.site, blame_site.plan, phase="installing", minutes=1)
    cells = [(each["packages"], each["outcome"]) for each in blame_site.events("matrix.cell")]
    assert [(["a"], "resolves"), (["b"], "conflict"), (["a", "b"], "implied")] == cells
    (end,) = blame_site.events("matrix.finished")
    assert (3, 3, [["b"]], made.sentence()) == (end["cells"], end["reached"], end["conflicts"], end["sentence"])
    assert not blame_site.site.file(FOLDER).exists()


def test_a_matrix_without_a_solver_is_an_error(blame_site: BlameSite) -> None:
    blame_site.broken.touch()
    with pytest.raises(SolverFailed):
        matrix(blame_site.site, blame_site.plan, phase="installing", minutes=1)
    assert not blame_site.site.file(FOLDER).exists()
