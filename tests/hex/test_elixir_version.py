"""Compares rollout.hex.version with Elixir's Version on thousands of random pairs."""

from __future__ import annotations

import random

from rollout.hex.errors import InvalidRequirement, InvalidVersion
from rollout.hex.version import Requirement, Version
from tests.hex.conftest import Forge

PAIRS = 5000
SCRIPT = """
for line <- File.stream!("/tmp/pairs.txt") do
  [requirement, one, two] = line |> String.trim_trailing("\\n") |> String.split("\\t")
  compared =
    case {Version.parse(one), Version.parse(two)} do
      {{:ok, a}, {:ok, b}} -> Version.compare(a, b)
      {left, right} -> {left != :error, right != :error}
    end
  matched =
    case {Version.parse_requirement(requirement), Version.parse(one)} do
      {:error, _} -> :no_requirement
      {_, :error} -> :no_version
      {{:ok, r}, {:ok, v}} -> {Version.match?(v, r, allow_pre: false), Version.match?(v, r)}
    end
  IO.puts(inspect({compared, matched}))
end
"""


def test_our_versions_behave_as_elixirs(forge: Forge) -> None:
    """Comparing, matching with and without pre-releases, and rejecting."""
    chance = random.Random(20250101)
    triples = [(_requirement(chance), _version(chance), _version(chance)) for _ in range(PAIRS)]
    forge.write("/tmp/pairs.txt", "".join("\t".join(triple) + "\n" for triple in triples))  # noqa: S108
    forge.write("/tmp/pairs.exs", SCRIPT)  # noqa: S108
    output = forge.run("sh", "-c", "elixir /tmp/pairs.exs 2>/dev/null").require().splitlines()
    ours = [_said(*triple) for triple in triples]
    differing = [each for each in zip(triples, output, ours, strict=True) if each[1] != each[2]]
    assert [] == differing[:5]
    assert sum("{true" in each or "{false" in each for each in output) > PAIRS / 2, "most pairs have to be meaningful"
    assert sum("no_requirement" in each for each in output) > PAIRS / 50


def _said(requirement: str, one: str, two: str) -> str:
    """In the words of SCRIPT."""
    left, right = _parsed(one), _parsed(two)
    if left is None or right is None:
        compared = f"{{{_word(left is not None)}, {_word(right is not None)}}}"
    else:
        compared = ":eq" if left == right else ":lt" if left < right else ":gt"
    try:
        wanted = Requirement.parse(requirement)
    except InvalidRequirement:
        return f"{{{compared}, :no_requirement}}"
    if left is None:
        return f"{{{compared}, :no_version}}"
    strict, loose = wanted.matches(left), wanted.matches(left, allow_pre=True)
    return f"{{{compared}, {{{_word(strict)}, {_word(loose)}}}}}"


def _parsed(text: str) -> Version | None:
    try:
        return Version.parse(text)
    except InvalidVersion:
        return None


def _word(value: bool) -> str:
    return "true" if value else "false"


def _number(chance: random.Random) -> str:
    return (
        chance.choice(("0", "0", "1", "1", "2", "3", "10"))
        if chance.random() < 0.98
        else chance.choice(("01", "x", "", "-1"))
    )


def _version(chance: random.Random, *, parts: int = 3) -> str:
    text = ".".join(_number(chance) for _ in range(parts))
    if chance.random() < 0.3:
        text += "-" + ".".join(
            chance.choice(("rc", "0", "1", "10", "a-b", "beta", "00", "")) for _ in range(chance.randint(1, 2))
        )
    if chance.random() < 0.1:
        text += "+" + chance.choice(("build", "1", "01", "", "a.b", "a+b"))
    return text


def _requirement(chance: random.Random) -> str:
    terms = []
    for _ in range(chance.choice((1, 1, 1, 2, 2, 3))):
        operator = chance.choice(("==", "!=", ">", ">=", "<", "<=", "~>", "~>", "~>", "", "!"))
        parts = (
            2 if operator == "~>" and chance.random() < 0.5 else 3 if chance.random() < 0.97 else chance.randint(1, 4)
        )
        terms.append(f"{operator}{chance.choice((' ', ' ', '', '  '))}{_version(chance, parts=parts)}")
    text = terms[0]
    for term in terms[1:]:
        text += chance.choice((" and ", " or ", " and ", " or ", " AND ", "  and  ", " ")) + term
    return text
