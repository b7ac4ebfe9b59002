"""Comments of a migration that silence a rule."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from rollout.migrations.operations import Migration
from rollout.migrations.rule import Finding

_ALLOW = re.compile(r"^#+\s*rollout:\s*(?P<words>.*)$")
_FULL = re.compile(r"^allow\s+(?P<rules>[a-z_]+(?:\s*,\s*[a-z_]+)*)(?:\s+because\s+(?P<reason>\S.*))?$")


@dataclass(frozen=True, slots=True, kw_only=True)
class Allowance:
    """A comment. `covers` is the line of code that it is about. `problem`: why it silences nothing, or None."""

    line: int
    covers: int
    rules: frozenset[str] = frozenset()
    reason: str = ""
    problem: str | None = None


def allowances(migration: Migration, known: frozenset[str]) -> tuple[Allowance, ...]:
    """The comments for us in a migration. `known`: ids of the rules."""
    return tuple(
        _read(line, _covered(migration, line), found["words"].strip(), known)
        for line, text in sorted(migration.comments.items())
        if (found := _ALLOW.match(text.strip()))
    )


def reason_for(
    finding: Finding, given: tuple[Allowance, ...], migration: Migration, statements: Mapping[int, int]
) -> str | None:
    """The reason of the comment that silences the finding, None without one."""
    places = {finding.line, statements.get(finding.line, finding.line), migration.line}
    return next(
        (each.reason for each in given if finding.rule in each.rules and {each.covers, each.line} & places), None
    )


def _covered(migration: Migration, line: int) -> int:
    """The first line after the comments that follow one another."""
    while line in migration.comments:
        line += 1
    return line


def _read(line: int, covers: int, words: str, known: frozenset[str]) -> Allowance:
    match = _FULL.match(words)
    if match is None or not match["reason"]:
        return Allowance(line=line, covers=covers, problem=f"`{words}` gives no reason")
    rules = frozenset(re.split(r"\s*,\s*", match["rules"]))
    if unknown := sorted(rules - known):
        return Allowance(line=line, covers=covers, problem=f"there is no rule {', '.join(unknown)}")
    return Allowance(line=line, covers=covers, rules=rules, reason=match["reason"])
