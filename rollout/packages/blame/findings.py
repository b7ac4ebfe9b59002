"""Result of a blame analysis: the sets of packages that cause a failure, as data and as sentences. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rollout.packages.blame.requirements import RootRequirement

CONFLICT, MISSING, COMPILE, NONE, UNFINISHED = "conflict", "missing", "compile", "none", "unfinished"


@dataclass(frozen=True, slots=True, kw_only=True)
class Culprits:
    """A minimal set of packages of the plan that together cause the failure.

    `kind` is conflict, missing or compile. `against` are the application's requirements that are part of it. `evidence`
    is the output of the solver, registry or compiler. `is_minimal` is False where the search ended early.
    """

    kind: str
    packages: tuple[str, ...]
    sentence: str
    evidence: str = ""
    against: tuple[str, ...] = ()
    is_minimal: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Blame:
    """The result of blame. `kind` is conflict, missing, compile, none (no package is the cause) or unfinished.

    `sets` are all sets found; they can overlap. `probes` is the number of installed subsets, without resolutions.
    """

    kind: str
    sets: tuple[Culprits, ...]
    sentence: str
    evidence: str
    probes: int
    seconds: float

    @property
    def culprits(self) -> tuple[str, ...]:
        """Every package of the sets, once."""
        return tuple(dict.fromkeys(name for each in self.sets for name in each.packages))


def conflict(packages: Sequence[RootRequirement], against: Sequence[RootRequirement], words: str) -> Culprits:
    """`packages` do not resolve together with `against`. `words` are the solver's."""
    return Culprits(
        kind=CONFLICT,
        packages=tuple(each.name for each in packages),
        against=tuple(each.name for each in against),
        sentence=f"{_cannot(packages, against)}: {one_line(words)}",
        evidence=words,
    )


def missing(
    wanted: str, near: Sequence[str], *, needed_by: Sequence[RootRequirement] = (), words: str = ""
) -> Culprits:
    """The source has no package `wanted`, which the packages `needed_by` need if the plan does not name it."""
    hint = f" (did you mean {join_names(near, 'or')}?)" if near else ""
    if needed_by:
        subject = f"{join_names([str(each) for each in needed_by])} cannot be installed: {wanted}, which it needs, does"
    else:
        subject = f"{wanted} cannot be installed: a package of that name does"
    return Culprits(
        kind=MISSING,
        packages=tuple(each.name for each in needed_by) or (wanted,),
        sentence=f"{subject} not exist at the source{hint}.",
        evidence=words or f"The registry has no package {wanted}.",
    )


def does_not_compile(packages: Sequence[RootRequirement], symptom: str, *, is_minimal: bool, of: int) -> Culprits:
    """`packages` (of the plan's `of` packages) fail when they are installed into a fresh application.

    Without `packages`, the fresh application fails without any package of the plan.
    """
    if not packages:
        sentence = f"A fresh application fails without any package of the plan: {one_line(symptom)}"
        return Culprits(kind=COMPILE, packages=(), sentence=sentence, evidence=symptom)
    names = join_names([str(each) for each in packages])
    alone = "fails alone" if len(packages) == 1 else "fail only together"
    how = f"{alone}, in a fresh application" if is_minimal else f"fail together (not narrowed further, of {of})"
    return Culprits(
        kind=COMPILE,
        packages=tuple(each.name for each in packages),
        sentence=f"{names} {how}: {one_line(symptom)}",
        evidence=symptom,
        is_minimal=is_minimal,
    )


def summary(sets: Sequence[Culprits]) -> str:
    """One sentence for all sets: the first in full, and the packages of the others."""
    first = sets[0].sentence
    more = len(sets) - 1
    if not more:
        return first
    others = "; ".join(join_names(each.packages) for each in sets[1:])
    return f"{first} There {'is another reason' if more == 1 else f'are {more} other reasons'}: {others}."


def _cannot(packages: Sequence[RootRequirement], against: Sequence[RootRequirement]) -> str:
    names = [str(each) for each in packages]
    if against:
        return f"{join_names(names)} cannot be combined with {_with_origins(against)}"
    if len(names) == 1:
        return f"{names[0]} cannot be installed at all"
    if len(names) == 2:
        return f"{names[0]} cannot be combined with {names[1]}"
    return f"{join_names(names)} cannot be combined"


def _with_origins(against: Sequence[RootRequirement]) -> str:
    """`gettext ~> 1.0 (which the new Phoenix application requires)`. Requirements of one origin are grouped."""
    by_origin: dict[str, list[str]] = {}
    for each in against:
        by_origin.setdefault(each.whose, []).append(str(each))
    return join_names(
        [f"{join_names(names)} ({whose})" if whose else join_names(names) for whose, names in by_origin.items()]
    )


def join_names(names: Sequence[str], word: str = "and") -> str:
    """`a`, `a and b`, `a, b and c`."""
    *first, last = names
    return f"{', '.join(first)} {word} {last}" if first else last


def one_line(text: str) -> str:
    """Join lines to one. The solver's explanation spans several."""
    return " ".join(text.split())
