"""Computes when the requests of a kind arrive. Pure.

Arrivals are a Poisson process: the gaps are exponential. Independent users arrive like that, and such arrivals see what
the server does on average over time (PASTA: Wolff, Operations Research 30, 1982). Requests at even gaps could keep step
with what the server does at even gaps, such as health checks and garbage collection, and would miss or meet it always.
"""

from __future__ import annotations

import itertools
import random
import uuid
from collections.abc import Iterator
from dataclasses import dataclass

from rollout.load.profile import RequestKind

_NAMESPACE = uuid.UUID("6f3b1a52-0b3e-4f0e-9d53-6f2c5d1f7a10")  # any fixed one: keys differ by what is hashed below it


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """One request that is due. `at`: seconds since the load began. `is_fresh`: it opens a connection of its own."""

    number: int
    at: float
    key: str
    is_fresh: bool


def arrivals(kind: RequestKind, *, seed: int, token: str) -> Iterator[Arrival]:
    """The endless arrivals of a kind. Kind and seed decide the times. `token` makes the keys unique among loads."""
    chance = random.Random(f"{seed}/{kind.name}")  # noqa: S311  a schedule that can be repeated, no secret
    at = 0.0
    for number in itertools.count(1):
        at += chance.expovariate(kind.rate)
        key = str(uuid.uuid5(_NAMESPACE, f"{token}/{kind.name}/{number}"))
        yield Arrival(number=number, at=at, key=key, is_fresh=chance.random() < kind.fresh)
