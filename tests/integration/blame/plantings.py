"""Generates package plans with planted failures, whose culprits are known. Deterministic by seed.

Each planting has packages of its own. All plantings share the application's requirements (`CORE`). `write_scenario`
writes plantings as one rehearsal scenario: sources, releases, requirements.
"""

from __future__ import annotations

import itertools
import json
import random
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

CORE: Mapping[str, str] = {"web_core": "~> 1.8", "word_core": "~> 1.0", "data_core": "~> 3.1"}
CORE_RELEASES: Mapping[str, tuple[str, ...]] = {
    "web_core": ("1.8.3", "1.8.0", "1.7.9"),
    "word_core": ("1.0.2", "0.26.1", "0.25.0"),
    "data_core": ("3.2.0", "3.1.4", "2.9.0"),
}
_TREES = ("alder", "aspen", "birch", "cedar", "elder", "hazel", "holly", "larch", "maple", "olive", "rowan", "thorn")


@dataclass(slots=True, kw_only=True)
class Package:
    """`releases`, newest first: version → (name → requirement). `notices` are optional dependencies of all releases.

    It does not compile together with all packages in `breaks_beside`. With an empty tuple it never compiles, with None
    always.
    """

    releases: dict[str, dict[str, str]]
    notices: tuple[str, ...] = ()
    breaks_beside: tuple[str, ...] | None = None


@dataclass(slots=True, kw_only=True)
class Planting:
    """A plan (name → requirement) with the expected result of blame.

    `culprits` are the expected sets, `against` the core's requirements that they conflict with. `kind` is missing,
    conflict, compile or none.
    """

    seed: int
    what: str
    kind: str = "conflict"
    packages: dict[str, Package] = field(default_factory=dict)
    plan: dict[str, str] = field(default_factory=dict)
    culprits: set[frozenset[str]] = field(default_factory=set)
    against: set[str] = field(default_factory=set)
    near: str = ""
    chance: random.Random = field(default_factory=random.Random, repr=False)
    names: list[str] = field(default_factory=list, repr=False)

    def __str__(self) -> str:
        return f"{self.seed}-{self.what}"

    def add(self, releases: dict[str, dict[str, str]], *, planned: bool = True, **how: object) -> str:
        """Add a package with a unique name. The plan requires the series of its newest release."""
        name = f"{self.names.pop()}_{self.seed}"
        self.packages[name] = Package(releases=releases, **how)  # type: ignore[arg-type]
        if planned:
            self.plan[name] = f"~> {'.'.join(next(iter(releases)).split('.')[:2])}"
        return name

    def shared(self, *versions: str) -> str:
        """Add a package that others depend on and that the plan does not name."""
        return self.add({version: {} for version in versions}, planned=False)

    def with_requirement(self, name: str, requirement: str) -> str:
        """Add a package whose releases all have the same requirement."""
        versions = [f"{self.chance.randint(1, 3)}.{minor}.0" for minor in (self.chance.randint(3, 6), 2, 0)]
        series = versions[0].split(".")[0]
        return self.add({f"{series}.{version.split('.', 1)[1]}": {name: requirement} for version in versions})


# -- kinds of plantings --------------------------------------------------------------------------


def missing(planting: Planting) -> None:
    """The plan misspells a package that exists."""
    planting.kind = "missing"
    there = planting.shared("1.4.0")
    place = planting.chance.randrange(1, len(there.split("_")[0]))
    wrong = there[:place] + there[place + 1 :]
    planting.plan[wrong], planting.near = "~> 1.0", there
    planting.culprits = {frozenset({wrong})}


def missing_below(planting: Planting) -> None:
    """A package needs another that was never published."""
    planting.kind = "missing"
    planting.culprits = {frozenset({planting.with_requirement(f"ghost_{planting.seed}", "~> 1.0")})}


def with_core(planting: Planting) -> None:
    """Every release asks for an older series than the application does."""
    planting.culprits = {frozenset({planting.with_requirement("word_core", "~> 0.26")})}
    planting.against = {"word_core"}


def with_core_below(planting: Planting) -> None:
    """The same, by way of a dependency."""
    between = planting.add({"1.1.0": {"data_core": "~> 2.0"}, "1.0.0": {"data_core": "~> 2.5"}}, planned=False)
    planting.culprits = {frozenset({planting.with_requirement(between, "~> 1.0")})}
    planting.against = {"data_core"}


def pair(planting: Planting) -> None:
    """Two packages want different series of a third."""
    third = planting.shared("2.3.1", "2.0.0", "1.9.4")
    planting.culprits = {
        frozenset({planting.with_requirement(third, "~> 1.0"), planting.with_requirement(third, "~> 2.0")})
    }


def pair_below(planting: Planting) -> None:
    """The same, one of them by way of a dependency."""
    third = planting.shared("2.3.1", "1.9.4")
    between = planting.add({"0.7.0": {third: "~> 1.9"}}, planned=False)
    planting.culprits = {
        frozenset({planting.with_requirement(between, "~> 0.7"), planting.with_requirement(third, ">= 2.0.0")})
    }


def triple(planting: Planting) -> None:
    """Three packages: any two of them leave one release of a fourth, all three leave none."""
    fourth = planting.shared("1.2.0", "1.1.0", "1.0.0")
    planting.culprits = {
        frozenset(planting.with_requirement(fourth, text) for text in ("< 1.2.0", ">= 1.1.0", "~> 1.0.0 or ~> 1.2.0"))
    }


def two_reasons(planting: Planting) -> None:
    """One package against the application, and two others against each other."""
    with_core(planting)
    alone = planting.culprits
    pair(planting)
    planting.culprits |= alone


def one_against_two(planting: Planting) -> None:
    """Two pairs that have a package in common."""
    third = planting.shared("2.3.1", "1.9.4")
    hub = planting.with_requirement(third, "~> 1.0")
    planting.culprits = {frozenset({hub, planting.with_requirement(third, "~> 2.0")}) for _ in range(2)}


def breaks_alone(planting: Planting) -> None:
    """It does not compile."""
    planting.kind = "compile"
    planting.culprits = {frozenset({planting.add({"1.0.0": {}}, breaks_beside=())})}


def breaks_beside_one(planting: Planting) -> None:
    """It compiles, but not where another package is there as well."""
    _breaks_beside(planting, 1)


def breaks_beside_two(planting: Planting) -> None:
    """It does not compile together with two others."""
    _breaks_beside(planting, 2)


def nothing(planting: Planting) -> None:
    """Nothing fails, so no package may be blamed."""
    planting.kind = "none"


def _breaks_beside(planting: Planting, count: int) -> None:
    planting.kind = "compile"
    others = tuple(planting.add({"1.0.0": {}}) for _ in range(count))
    planting.culprits = {frozenset({planting.add({"2.1.0": {}}, notices=others, breaks_beside=others), *others})}


BY_RESOLUTION: tuple[Callable[[Planting], None], ...] = (
    missing, with_core, pair, triple, two_reasons, missing_below, with_core_below, pair_below, one_against_two,
)  # fmt: skip
BY_COMPILING: tuple[Callable[[Planting], None], ...] = (breaks_alone, breaks_beside_one, breaks_beside_two, nothing)
_ROUND = (*BY_RESOLUTION[:4], breaks_beside_one, *BY_RESOLUTION[4:], breaks_beside_two)


def plant(seed: int) -> Planting:
    """Generate the planting of a seed."""
    kind = {18: nothing, 19: breaks_alone}.get(seed) or _ROUND[seed % len(_ROUND)]
    chance = random.Random(seed)
    planting = Planting(seed=seed, what=kind.__name__, chance=chance, names=chance.sample(_TREES, len(_TREES)))
    for _ in range(2 if kind in BY_COMPILING else 5):
        _bystander(planting)
    kind(planting)
    order = list(planting.plan.items())
    chance.shuffle(order)
    planting.plan = dict(order)
    return planting


def _bystander(planting: Planting) -> None:
    """Add an innocent package. It requires parts of the core and some earlier packages."""
    chance = planting.chance
    asks = {name: requirement for name, requirement in CORE.items() if chance.random() < 0.5}
    for other in list(planting.plan):
        if chance.random() < 0.3:
            asks[other] = planting.plan[other]
    old = dict.fromkeys(asks, ">= 0.1.0")
    planting.add({f"1.{chance.randint(2, 9)}.0": asks, "1.1.0": old, "0.9.0": {}})


# -- as a scenario --------------------------------------------------------------------------------


def write_scenario(root: Path, plantings: Iterable[Planting], *, signing: Path) -> str:
    """Write a rehearsal folder at `root` with one scenario of all plantings. Returns the scenario's name."""
    packages = {name: Package(releases={each: {} for each in releases}) for name, releases in CORE_RELEASES.items()}
    packages |= dict(itertools.chain.from_iterable(planting.packages.items() for planting in plantings))
    (root / "scenarios").mkdir(parents=True)
    (root / "registry.exs").write_bytes(signing.read_bytes())
    tables = "".join(_table(name, package) for name, package in packages.items())
    (root / "scenarios" / "planted.toml").write_text(f'name = "planted"\ndescription = "Planted faults."\n{tables}')
    for name, package in packages.items():
        source = root / "packages" / name / "lib" / f"{name}.ex"
        source.parent.mkdir(parents=True)
        source.write_text(_source(name, package))
    return "planted"


def _table(name: str, package: Package) -> str:
    newest, *older = package.releases.items()
    optional = _inline(dict.fromkeys(package.notices, ">= 0.0.0"))
    text = f'\n[packages.{name}]\nversion = "{newest[0]}"\nrequires = {_inline(newest[1])}\noptional = {optional}\n'
    each = (
        f'{{ version = "{version}", requires = {_inline({**dict.fromkeys(newest[1], False), **asks})} }}'
        for version, asks in older
    )
    return text + (f"older = [{', '.join(each)}]\n" if older else "")


def _inline(values: Mapping[str, str | bool]) -> str:
    return "{ " + ", ".join(f"{name} = {json.dumps(value)}" for name, value in values.items()) + " }"


def _source(name: str, package: Package) -> str:
    lines = [f"defmodule {_module(name)} do"]
    if package.breaks_beside is not None:
        there = " and ".join(f"Code.ensure_loaded?({_module(each)})" for each in package.breaks_beside) or "true"
        lines += [
            f"  if {there} do",
            '    raise CompileError, description: "cannot be compiled like this"',
            "  end",
            "",
        ]
    return "\n".join((*lines, f'  def name, do: "{name}"', "end", ""))


def _module(name: str) -> str:
    return "".join(part.capitalize() for part in name.split("_"))
