"""Elixir's versions and version requirements: parsing, comparing, matching.

A port of lib/elixir/lib/version.ex of Elixir 1.18, including the oddities of its grammar. A test compares both on
thousands of random pairs.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import total_ordering
from typing import TypeAlias

from rollout.hex.errors import InvalidRequirement, InvalidVersion

Pre: TypeAlias = tuple[int | str, ...]
_OPERATORS = (">=", "<=", "~>", ">", "<", "==", " or ", " and ", "!=", "!")
_NUMBER = re.compile(r"0|[1-9][0-9]*")
_DIGITS = re.compile(r"[0-9]+")
_IDENTIFIER = re.compile(r"[0-9A-Za-z-]+")


@total_ordering
@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """A version. `pre` holds the parts of the pre-release: 1.0.0-rc.1 has ("rc", 1). Comparisons ignore `build`."""

    major: int
    minor: int
    patch: int
    pre: Pre = ()
    build: str | None = field(default=None, compare=False)

    @classmethod
    def parse(cls, text: str) -> Version:
        """Parse a version. Raises InvalidVersion where Elixir's Version.parse returns :error."""
        parts = _parse(text)
        if parts is None:
            raise InvalidVersion(text=text)
        major, minor, patch, pre, build = parts
        if patch is None:
            raise InvalidVersion(text=text)
        return cls(major=major, minor=minor, patch=patch, pre=pre, build=build)

    def __lt__(self, other: Version) -> bool:
        return _key(self) < _key(other)

    def __str__(self) -> str:
        pre = "-" + ".".join(map(str, self.pre)) if self.pre else ""
        build = f"+{self.build}" if self.build else ""
        return f"{self.major}.{self.minor}.{self.patch}{pre}{build}"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Term:
    """One comparison of a requirement. `patch` is None only in `~> MAJOR.MINOR`."""

    operator: str
    major: int
    minor: int
    patch: int | None
    pre: Pre

    def holds(self, version: Version, *, allow_pre: bool) -> bool:
        operand = Version(major=self.major, minor=self.minor, patch=self.patch or 0, pre=self.pre)
        pre_fits = allow_pre or bool(self.pre) or not version.pre
        match self.operator:
            case "==":
                return version == operand
            case "!=":
                return version != operand
            case ">":
                return version > operand and pre_fits
            case ">=":
                return version >= operand and pre_fits
            case "<":
                return version < operand
            case "<=":
                return version <= operand
        if self.patch is None:
            above = Version(major=self.major + 1, minor=0, patch=0, pre=(0,))
        else:
            above = Version(major=self.major, minor=self.minor + 1, patch=0, pre=(0,))
        return operand <= version < above and pre_fits


@dataclass(frozen=True, slots=True, kw_only=True)
class Requirement:
    """A version requirement: alternatives (`or`), each a group of comparisons that must all hold (`and`)."""

    source: str
    alternatives: tuple[tuple[_Term, ...], ...]

    @classmethod
    def parse(cls, text: str) -> Requirement:
        """Parse a requirement. Raises InvalidRequirement where Elixir's Version.parse_requirement returns :error."""
        lexed = _lex(text)
        alternatives: list[tuple[_Term, ...]] = []
        group: list[_Term] = []
        position = 0
        while True:
            pair = lexed[position : position + 2]
            term = _term(pair[0], pair[1]) if len(pair) == 2 else None
            if term is None:
                raise InvalidRequirement(text=text)
            group.append(term)
            position += 2
            if position == len(lexed):
                return cls(source=text, alternatives=(*alternatives, tuple(group)))
            joint = lexed[position]
            if joint == " or ":
                alternatives.append(tuple(group))
                group = []
            elif joint != " and ":
                raise InvalidRequirement(text=text)
            position += 1

    def matches(self, version: Version, *, allow_pre: bool = False) -> bool:
        """Whether a version matches, as in Elixir's Version.match?/3.

        Without `allow_pre`, a pre-release matches only a requirement that names a pre-release. Elixir applies this rule
        to `~>`, `>` and `>=`, but not to `<` and `<=`.
        """
        return any(all(term.holds(version, allow_pre=allow_pre) for term in terms) for terms in self.alternatives)

    def newest(self, versions: Iterable[Version], *, allow_pre: bool = False) -> Version | None:
        """The greatest matching version, or None."""
        return max((each for each in versions if self.matches(each, allow_pre=allow_pre)), default=None)

    def __str__(self) -> str:
        return self.source


def _key(version: Version) -> tuple[object, ...]:
    pre = tuple((0, part, b"") if isinstance(part, int) else (1, 0, part.encode()) for part in version.pre)
    return (version.major, version.minor, version.patch, not version.pre, pre)


def _parse(text: str) -> tuple[int, int, int | None, Pre, str | None] | None:
    rest, plus, build = text.partition("+")
    core, dash, pre = rest.partition("-")
    numbers = core.split(".")
    if len(numbers) not in (2, 3) or not all(_NUMBER.fullmatch(each) for each in numbers):
        return None
    pre_parts = _identifiers(pre) if dash else ()
    build_parts = _identifiers(build) if plus else ()
    if pre_parts is None or build_parts is None:
        return None
    converted: list[int | str] = []
    for part in pre_parts:
        if not _DIGITS.fullmatch(part):
            converted.append(part)
        elif _NUMBER.fullmatch(part):
            converted.append(int(part))
        else:
            return None
    patch = int(numbers[2]) if len(numbers) == 3 else None
    return int(numbers[0]), int(numbers[1]), patch, tuple(converted), build if plus else None


def _identifiers(text: str) -> tuple[str, ...] | None:
    parts = tuple(text.split("."))
    return parts if all(_IDENTIFIER.fullmatch(part) for part in parts) else None


def _lex(text: str) -> list[str]:
    """Split into operators, conjunctions and operands. An operand without an operator gets `==`."""
    tokens: list[str] = []
    buffer = ""

    def flush() -> None:
        nonlocal buffer
        if buffer:
            if not tokens or tokens[-1] not in _OPERATORS[:6] + _OPERATORS[8:]:
                tokens.append("==")
            tokens.append(buffer)
        buffer = ""

    position = 0
    while position < len(text):
        operator = next((each for each in _OPERATORS if text.startswith(each, position)), None)
        if operator is not None:
            flush()
            tokens.append("!=" if operator == "!" else operator)
            position += len(operator)
            continue
        if text[position] == " ":
            flush()
        else:
            buffer += text[position]
        position += 1
    flush()
    return tokens


def _term(operator: str, operand: str) -> _Term | None:
    if operator.startswith(" ") or operator not in _OPERATORS:
        return None
    parts = _parse(operand)
    if parts is None or (parts[2] is None and operator != "~>"):
        return None
    major, minor, patch, pre, _build = parts
    return _Term(operator=operator, major=major, minor=minor, patch=patch, pre=pre)
