"""What blame found, as data and as sentences. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rollout.packages.blame.requirements import Wanted

CONFLICT, MISSING, COMPILE, NONE, UNFINISHED = "conflict", "missing", "compile", "none", "unfinished"


@dataclass(frozen=True, slots=True, kw_only=True)
class Culprits:
    """Packages of the plan that together are to blame: none of them can be left out of the explanation.

    `kind` is conflict, missing or compile; `against` are requirements of the application that belong to it; `evidence`
    is what the solver, registry or compiler said. `is_minimal` is False where the search had to stop early.
    """

    kind: str
    packages: tuple[str, ...]
    sentence: str
    evidence: str = ""
    against: tuple[str, ...] = ()
    is_minimal: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Blame:
    """Why an installation failed. `kind`: conflict, missing, compile, none (the packages are not to blame), unfinished.

    `sets` are all that were found, independent of each other or overlapping; `probes` how many subsets were tried,
    resolutions not counted; `seconds` what finding out took.
    """

    kind: str
    sets: tuple[Culprits, ...]
    sentence: str
    evidence: str
    probes: int
    seconds: float

    @property
    def culprits(self) -> tuple[str, ...]:
        """Every package that is to blame, each once."""
        return tuple(dict.fromkeys(name for each in self.sets for name in each.packages))


def conflict(packages: Sequence[Wanted], against: Sequence[Wanted], words: str) -> Culprits:
    """`packages` do not resolve together with `against`; `words` are the solver's."""
    return Culprits(
        kind=CONFLICT,
        packages=tuple(each.name for each in packages),
        against=tuple(each.name for each in against),
        sentence=f"{_cannot(packages, against)}: {one_line(words)}",
        evidence=words,
    )


def missing(wanted: str, near: Sequence[str], *, needed_by: Sequence[Wanted] = (), words: str = "") -> Culprits:
    """No package `wanted` is at the source; `needed_by` of the plan reach it, where the plan does not name it."""
    hint = f" (did you mean {listed(near, 'or')}?)" if near else ""
    if needed_by:
        said = (
            f"{listed([str(each) for each in needed_by])} cannot be installed: {wanted}, which is needed for it, does"
        )
    else:
        said = f"{wanted} cannot be installed: a package of that name does"
    return Culprits(
        kind=MISSING,
        packages=tuple(each.name for each in needed_by) or (wanted,),
        sentence=f"{said} not exist at the source{hint}.",
        evidence=words or f"The registry answers that there is no package {wanted}.",
    )


def does_not_compile(packages: Sequence[Wanted], symptom: str, *, is_minimal: bool, of: int) -> Culprits:
    """`packages`, of the plan's `of`, fail when they are installed into a fresh application; fewer do not.

    None of them: it fails without any package of the plan.
    """
    if not packages:
        sentence = f"A fresh application fails without any package of the plan: {one_line(symptom)}"
        return Culprits(kind=COMPILE, packages=(), sentence=sentence, evidence=symptom)
    names = listed([str(each) for each in packages])
    alone = "fails by itself" if len(packages) == 1 else "fail only together"
    how = f"{alone}, in a fresh application" if is_minimal else f"fail together (not narrowed further, of {of})"
    return Culprits(
        kind=COMPILE,
        packages=tuple(each.name for each in packages),
        sentence=f"{names} {how}: {one_line(symptom)}",
        evidence=symptom,
        is_minimal=is_minimal,
    )


def said(sets: Sequence[Culprits]) -> str:
    """One sentence of several: the first, and how many others there are."""
    first = sets[0].sentence
    more = len(sets) - 1
    if not more:
        return first
    others = "; ".join(listed(each.packages) for each in sets[1:])
    return f"{first} Besides, there {'is another reason' if more == 1 else f'are {more} other reasons'}: {others}."


def _cannot(packages: Sequence[Wanted], against: Sequence[Wanted]) -> str:
    names = [str(each) for each in packages]
    if against:
        return f"{listed(names)} cannot be combined with {_asked_for(against)}"
    if len(names) == 1:
        return f"{names[0]} cannot be installed at all"
    if len(names) == 2:
        return f"{names[0]} cannot be combined with {names[1]}"
    return f"{listed(names)} cannot be combined"


def _asked_for(against: Sequence[Wanted]) -> str:
    """`gettext ~> 1.0 (which the new Phoenix application asks for)`; who asks is said once for those of one origin."""
    by_whom: dict[str, list[str]] = {}
    for each in against:
        by_whom.setdefault(each.whose, []).append(str(each))
    return listed([f"{listed(names)} ({whose})" if whose else listed(names) for whose, names in by_whom.items()])


def listed(names: Sequence[str], word: str = "and") -> str:
    """`a`, `a and b`, `a, b and c`."""
    *first, last = names
    return f"{', '.join(first)} {word} {last}" if first else last


def one_line(text: str) -> str:
    """Without line breaks: the solver's words span several."""
    return " ".join(text.split())
