"""Reads `plans/load.toml`: what is asked of the application during an upgrade, and what is proven of its data."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from string import Template
from typing import Any

from rollout.config.options import ROOT
from rollout.errors import InvalidPlan, PostconditionFailed
from rollout.load.profile import InvalidProfile, LiveViewKind, Profile, RequestKind
from rollout.text.toml_records import InvalidRecord, read_toml, record, require_known

FILE = ROOT / "plans" / "load.toml"
ANSWER = "ROLLOUT "
"""What the set-up prints before its JSON object."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """A query that returns the keys of one kind of requests that the database holds."""

    request: str
    query: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadPlan:
    """The load of one edition. `setup` is Elixir code, "" for none. Texts still have their `$NAME`."""

    requests: tuple[RequestKind, ...]
    sessions: tuple[LiveViewKind, ...]
    proofs: tuple[Proof, ...]
    setup: str

    @property
    def needs_setup(self) -> bool:
        """Whether a text has a `$NAME`."""
        return any("$" in text for text in _texts(self.requests))

    def profile(self, values: Mapping[str, str], *, seed: int, origin: str = "") -> Profile:
        """The load as the generator takes it. `origin` is that of the pages which open the sockets of sessions."""
        requests = tuple(_filled(kind, values) for kind in self.requests)
        sessions = tuple(_filled(kind, values, origin=origin) for kind in self.sessions)
        return Profile(requests=requests, sessions=sessions, seed=seed)


def load_plan(*, rehearsal: bool, file: Path = FILE) -> LoadPlan:
    """The load of an edition. Raises InvalidPlan with file, place and problem."""
    edition = "rehearsal" if rehearsal else "real"
    try:
        data = read_toml(file)
        for key in data:
            require_known("file", "key", key, ("setup", "request", "session", "proof"))
        setup = file.with_name(str(data["setup"])) if data.get("setup") else None
        if setup is not None and not setup.is_file():
            raise InvalidRecord("setup", f"{setup.name} does not exist")
        plan = LoadPlan(
            requests=tuple(_records(RequestKind, data, "request", edition)),
            sessions=tuple(_records(LiveViewKind, data, "session", edition)),
            proofs=tuple(_records(Proof, data, "proof", edition)),
            setup=setup.read_text(encoding="utf-8") if setup else "",
        )
        for proof in plan.proofs:
            require_known("proof", "request", proof.request, (kind.name for kind in plan.requests))
        plan.profile({}, seed=1)
    except InvalidRecord as error:
        raise InvalidPlan(path=file, where=error.where, problem=error.problem) from None
    except InvalidProfile as error:
        raise InvalidPlan(path=file, where="profile", problem=error.message) from None
    return plan


def answer_of_setup(output: str) -> Mapping[str, str]:
    """The values that the set-up has printed. Raises PostconditionFailed."""
    printed = [line for line in output.splitlines() if line.startswith(ANSWER)]
    if not printed:
        raise PostconditionFailed(
            expected=f"a line {ANSWER}{{…}} of the load's set-up", found=output[-500:] or "nothing"
        )
    values: Mapping[str, str] = json.loads(printed[-1].removeprefix(ANSWER))
    return values


def _records(kind: type[Any], data: Mapping[str, Any], name: str, edition: str) -> Iterable[Any]:
    for number, table in enumerate(data.get(name, []), 1):
        entry = dict(table) if isinstance(table, Mapping) else table
        own = entry.pop("edition", edition) if isinstance(entry, dict) else edition
        if own not in {"real", "rehearsal"}:
            raise InvalidRecord(f"{name} {number}", f"edition={own!r} is not real or rehearsal")
        made = record(kind, entry, f"{name} {number}")
        if own == edition:
            yield made


def _filled(kind: Any, values: Mapping[str, str], *, origin: str = "") -> Any:
    """A kind with its `$NAME` replaced."""
    headers = {name: Template(text).safe_substitute(values) for name, text in kind.headers}
    if origin:
        headers.setdefault("origin", origin)
    texts = [field.name for field in dataclasses.fields(kind) if field.name in {"path", "body"}]
    changes = {name: Template(getattr(kind, name)).safe_substitute(values) for name in texts}
    return dataclasses.replace(kind, headers=tuple(headers.items()), **changes)


def _texts(kinds: Iterable[RequestKind]) -> Iterable[str]:
    for kind in kinds:
        yield from (kind.path, kind.body, *(text for _, text in kind.headers))
