"""Modules that an application defines: endpoints, Ecto repositories, routers, and its release module."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rollout.project.elixir.calls import Call, atom, call, module, pairs
from rollout.project.elixir.tree import Items, statements
from rollout.project.reading.sources import Sources

# A text that contains none of these defines nothing that is asked for, so that most files need no parsing.
_SIGNS = ("Phoenix.Endpoint", "Ecto.Repo", "Postgres.Repo", "Sqlite.Repo", "Phoenix.Router", ":router", "def migrate")
ADAPTERS = {
    "Ecto.Adapters.Postgres": "PostgreSQL",
    "Ecto.Adapters.MyXQL": "MySQL",
    "Ecto.Adapters.Tds": "SQL Server",
    "Ecto.Adapters.SQLite3": "SQLite",
    "Ecto.Adapters.ClickHouse": "ClickHouse",
}
"""Adapters by name. The first is supported."""
POSTGRES = ADAPTERS["Ecto.Adapters.Postgres"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Defined:
    """A module of some kind, where it is defined (`lib/shop/repo.ex:3`) and in which folder's application.

    `adapter` is the database of a repository, "" if it is not written out.
    """

    name: str
    kind: str
    file: str
    place: str
    folder: str
    otp_app: str = ""
    adapter: str = ""
    body: Items = ()


_RELEASES = (".Release", ".ReleaseTasks", ".ReleaseTask")
ENDPOINT, REPO, ROUTER, RELEASE = "endpoint", "repo", "router", "release"


def read_modules(sources: Sources, folders: Sequence[str]) -> tuple[Defined, ...]:
    """The modules below the lib/ of the applications in these folders."""
    found: list[Defined] = []
    for folder in folders:
        for below in ("lib", "web"):
            for file in sources.files(f"{folder}/{below}", (".ex",)):
                if any(sign in (sources.text(file) or "") for sign in _SIGNS):
                    found += _defined(sources.nodes(file), file, folder)
    return tuple(found)


def _defined(nodes: Items, file: str, folder: str, outer: str = "") -> Iterator[Defined]:
    for statement in statements(nodes):
        found = call(statement)
        if not found or found.name != "defmodule" or not found.block or not found.arguments:
            continue
        name = ".".join(filter(None, (outer, module(found.arguments[0]) or "")))
        inner = [each for each in map(call, statements(found.block.items)) if each]
        for each in inner:
            if defined := _kind(each):
                kind, otp_app, adapter = defined
                yield Defined(name=name, kind=kind, file=file, place=f"{file}:{each.line}", folder=folder,
                              otp_app=otp_app, adapter=adapter, body=found.block.items)  # fmt: skip
        yield from _release(name, inner, file, folder)
        yield from _defined(found.block.items, file, folder, name)


def _kind(used: Call) -> tuple[str, str, str] | None:
    """(kind, OTP application, database) that a `use` says; None for another call."""
    if used.name != "use" or not used.arguments:
        return None
    name, options = module(used.arguments[0]) or "", [each for part in used.arguments[1:] for each in pairs(part)]
    otp_app = next((atom(each.value) or "" for each in options if each.key == "otp_app"), "")
    if name == "Phoenix.Endpoint":
        return ENDPOINT, otp_app, ""
    if name in {"AshPostgres.Repo", "Beacon.Repo"}:
        return REPO, otp_app, POSTGRES
    if name == "AshSqlite.Repo":
        return REPO, otp_app, "SQLite"
    if name == "Ecto.Repo":
        adapter = next((each.value for each in options if each.key == "adapter"), ())
        return REPO, otp_app, ADAPTERS.get(module(adapter) or "", module(adapter) or "")
    is_router = name == "Phoenix.Router" or (len(used.arguments) == 2 and atom(used.arguments[1]) == "router")
    return (ROUTER, otp_app, "") if is_router else None


def _release(name: str, inner: Sequence[Call], file: str, folder: str) -> Iterator[Defined]:
    """A module with a function `migrate` without arguments that is named like a release's."""
    for each in inner:
        head = each.arguments[0] if each.name == "def" and each.arguments else ()
        is_migrate = len(head) in {1, 2} and getattr(head[0], "text", "") == "migrate"
        has_arguments = len(head) == 2 and bool(getattr(head[1], "items", ()))
        if is_migrate and not has_arguments and name.endswith(_RELEASES):
            yield Defined(name=name, kind=RELEASE, file=file, place=f"{file}:{each.line}", folder=folder)
            return
