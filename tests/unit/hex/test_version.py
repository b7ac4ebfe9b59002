"""Elixir's Version.

What is asserted here was taken from its documentation and source; tests/hex asks Elixir itself.
"""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollout.hex.errors import InvalidRequirement, InvalidVersion
from rollout.hex.version import Requirement, Version

_identifier = st.text(alphabet="019abzAZ-", min_size=1, max_size=4)
_versions = st.builds(
    Version,
    major=st.integers(0, 3),
    minor=st.integers(0, 3),
    patch=st.integers(0, 3),
    pre=st.lists(st.one_of(st.integers(0, 20), _identifier.filter(lambda text: not text.isdigit())), max_size=3).map(
        tuple
    ),
)


@given(_versions)
def test_str_and_parse_are_inverse(version: Version) -> None:
    """str and parse are each other's inverse."""
    assert version == Version.parse(str(version))


@given(_versions, _versions, _versions)
def test_order_is_total_and_transitive(one: Version, two: Version, three: Version) -> None:
    """Sorting and max need it."""
    assert (one < two) + (one == two) + (one > two) == 1
    if one <= two <= three:
        assert one <= three


@given(_versions)
def test_a_version_satisfies_itself(version: Version) -> None:
    """With ==, ~>, >= and <=."""
    for operator in ("==", "~>", ">=", "<=", ""):
        assert Requirement.parse(f"{operator} {version}").matches(version)
    for operator in ("!=", ">", "<"):
        assert not Requirement.parse(f"{operator} {version}").matches(version)


@given(_versions, _versions)
def test_a_pre_release_matches_only_a_requirement_that_names_one(version: Version, operand: Version) -> None:
    """Unless the requirement names one."""
    stable = Version(major=operand.major, minor=operand.minor, patch=operand.patch)
    for operator in ("~>", ">", ">="):
        if version.pre:
            assert not Requirement.parse(f"{operator} {stable}").matches(version)


@given(_versions, _versions, _versions)
def test_and_binds_closer_than_or(version: Version, one: Version, two: Version) -> None:
    """`and` binds closer than `or`."""
    left, right = Requirement.parse(f">= {one}"), Requirement.parse(f"< {two}")
    assert Requirement.parse(f">= {one} and < {two}").matches(version) == (
        left.matches(version) and right.matches(version)
    )
    assert Requirement.parse(f">= {one} or < {two}").matches(version) == (
        left.matches(version) or right.matches(version)
    )


@pytest.mark.parametrize(
    ("lesser", "greater"),
    [("1.0.0-beta", "1.0.0-rc1"), ("1.0.0-2", "1.0.0-10"), ("1.0.0-rc", "1.0.0"), ("1.0.0-1", "1.0.0-a"),
     ("1.0.0-a", "1.0.0-a.0"), ("1.9.0", "1.10.0")],
)  # fmt: skip
def test_comparison(lesser: str, greater: str) -> None:
    """Numbers before words, short before long, pre-releases before releases."""
    assert Version.parse(lesser) < Version.parse(greater)


def test_build_is_ignored_in_comparison() -> None:
    """As in Version.compare."""
    assert Version.parse("1.0.0+a") == Version.parse("1.0.0+b")


@pytest.mark.parametrize("text", ["1.0", "1", "", "1.0.0.0", "01.0.0", "1.0.0-", "1.0.0-01", "1.0.0+",
"1.0.0-a..b", " 1.0.0",
                                  "1.0.0\n", "١.0.0", "v1.0.0", "1.0.x"])  # fmt: skip
def test_invalid_versions_are_rejected(text: str) -> None:
    """Elixir returns :error for each."""
    with pytest.raises(InvalidVersion):
        Version.parse(text)


@pytest.mark.parametrize(
    "text",
    ["", "~>", "~> 1", ">= 1.0", "== == 1.0.0", "1.0.0 and", "1.0.0 2.0.0", "> 1.0.0 or", "foo", "~> 1.0.x"],
)
def test_invalid_requirements_are_rejected(text: str) -> None:
    """Elixir returns :error for each."""
    with pytest.raises(InvalidRequirement):
        Requirement.parse(text)


@pytest.mark.parametrize(
    ("requirement", "version", "fits"),
    [
        ("~> 1.4", "1.9.9", True), ("~> 1.4", "2.0.0", False), ("~> 1.4", "2.0.0-rc.0", False),
        ("~> 1.4.2", "1.4.9", True), ("~> 1.4.2", "1.5.0", False), ("~> 1.0-rc.1", "1.0.0-rc.2", True),
        ("~> 1.4", "1.5.0-rc.1", False), (">= 1.0.0-rc.0", "1.2.0-rc.0", True), ("< 2.0.0", "1.0.0-rc.0",
        True),
        ("~> 0.6 and >= 0.6.29", "0.6.28", False), ("~> 2.0 or ~> 3.0", "3.1.1", True), ("1.0.0", "1.0.0",
        True),
        ("> 1.0.0 and < 2.0.0 or == 3.0.0", "3.0.0", True), ("!= 1.0.0", "1.0.1", True), (">=1.0.0", "1.0.0",
        True),
    ],
)  # fmt: skip
def test_requirements_of_deployed_packages(requirement: str, version: str, fits: bool) -> None:
    """Examples from the packages that are deployed."""
    assert fits == Requirement.parse(requirement).matches(Version.parse(version))


def test_newest_is_the_greatest_match() -> None:
    """Pre-releases only where the requirement names one."""
    versions = [Version.parse(text) for text in ("1.0.0", "1.10.0", "1.9.0", "1.11.0-rc.0", "2.0.0")]
    assert "1.10.0" == str(Requirement.parse("~> 1.0").newest(versions))
    assert "1.11.0-rc.0" == str(Requirement.parse("~> 1.0").newest(versions, allow_pre=True))
    assert Requirement.parse("~> 3.0").newest(versions) is None
