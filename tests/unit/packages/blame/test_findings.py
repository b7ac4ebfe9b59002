"""The sentences of blame."""

from __future__ import annotations

from rollout.packages.blame import findings
from rollout.packages.blame.requirements import INSTALLER
from tests.unit.packages.blame.fakes import core, want

WORDS = "Because x,\n  version solving\nfailed."


def test_conflicts_of_every_size() -> None:
    """One, two and three packages, with and without the application; the solver's explanation is on one line."""
    end = ": Because x, version solving failed."
    a, ab, abc = want("a"), want("a", "b"), want("a", "b", "c")
    both = (*core("x"), *want("y", origin=INSTALLER))
    sentences = [findings.conflict(each, (), WORDS).sentence for each in (a, ab, abc)]
    assert sentences == [
        f"a ~> 1.0 cannot be installed at all{end}",
        f"a ~> 1.0 cannot be combined with b ~> 1.0{end}",
        f"a ~> 1.0, b ~> 1.0 and c ~> 1.0 cannot be combined{end}",
    ]
    assert findings.conflict(ab, both, WORDS).sentence == (
        "a ~> 1.0 and b ~> 1.0 cannot be combined with x ~> 1.0 (which the new Phoenix application requires) and "
        f"y ~> 1.0 (which the installer added to the application){end}"
    )
    assert WORDS == findings.conflict(a, (), WORDS).evidence


def test_missing_packages() -> None:
    assert "nope cannot be installed: a package of that name does not exist at the source." == (
        findings.missing("nope", ()).sentence
    )
    assert findings.missing("ghost", ("host", "ghosts"), needed_by=want("a")).sentence == (
        "a ~> 1.0 cannot be installed: ghost, which it needs, does not exist at the source "
        "(did you mean host or ghosts?)."
    )


def test_packages_that_fail_together() -> None:
    def sentence(*names: str, is_minimal: bool = True) -> str:
        return findings.does_not_compile(want(*names), "error: x", is_minimal=is_minimal, of=9).sentence

    assert "a ~> 1.0 fails alone, in a fresh application: error: x" == sentence("a")
    assert "a ~> 1.0 and b ~> 1.0 fail only together, in a fresh application: error: x" == sentence("a", "b")
    assert "fail together (not narrowed further, of 9)" in sentence("a", "b", is_minimal=False)


def test_one_sentence_for_several_sets() -> None:
    sets = [findings.missing(name, ()) for name in ("a", "b", "c")]
    assert findings.summary(sets).endswith("There are 2 other reasons: b; c.")
