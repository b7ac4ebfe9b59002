"""Routes that a visitor may ask: those of the router without parameters, and health routes wherever they are."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rollout.project.elixir.calls import Call, atom, call, elements, keywords, text
from rollout.project.elixir.tokens import KEY, TEXT, Token
from rollout.project.elixir.tree import Group, Items, at, is_token, statements, walk
from rollout.project.reading.modules import ENDPOINT, ROUTER, Defined
from rollout.project.reading.sources import Sources

_HEALTH = re.compile(
    r"/(?:[\w-]+/){0,3}_?(?:health(?:z|check|-check|_check)?|up|ping|live(?:z|ness)?|ready(?:z|ness)?|readiness"
    r"|heartbeat|alive|status)(?:/(?:live|ready|liveness|readiness))?"
)
_WEAK = re.compile(r"live|status")
_GUARDED = re.compile(r"auth|require|admin|logged|signed|ensure|protect|token|must|enforce", re.IGNORECASE)
_OPEN = re.compile(r"maybe|optional|fetch|load|not_auth|unauth|no_auth|redirect_if|guest|anonymous", re.IGNORECASE)
_NOT_ROUTES = frozenset({"pipeline", "if", "unless", "def", "defp", "defmodule", "defmacro", "quote", "resources"})
_SAFE = frozenset({"get", "live"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """A GET without parameters. `is_guarded`: its scope or pipelines look as if a visitor had to sign in."""

    path: str
    place: str
    is_page: bool
    is_guarded: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Routes:
    """The routes of an endpoint. `health` are (path, place), the best sign first."""

    all: tuple[Route, ...]
    health: tuple[tuple[str, str], ...]

    @property
    def start(self) -> Route | None:
        """The route `/`."""
        return next((each for each in self.all if each.path == "/"), None)


def read_routes(sources: Sources, defined: Sequence[Defined], folder: str, endpoint: str) -> Routes:
    """The routes of an endpoint of the application in a folder: those of its routers, and of its own plugs."""
    own = [each for each in defined if each.folder == folder]
    every = [each for each in own if each.kind == ROUTER]
    routers = [router for each in own if each.name == endpoint for router in plugged(defined, each)] or every
    routes = tuple(route for each in routers for route in _routes(each.body, each.file, "", guarded=False))
    health = {each.path: each.place for each in routes if _is_health(each.path) and not each.is_guarded}
    for each in own:
        if each.kind == ENDPOINT and each.name == endpoint:
            health |= {path: place for path, place in _plugged(each.body, each.file) if path not in health}
    for path, place in _matched(sources, folder):
        health.setdefault(path, place)
    best = sorted(health.items(), key=lambda each: (_rank(each[0]), len(each[0])))
    return Routes(all=routes, health=tuple(best))


def _rank(path: str) -> int:
    """The best sign of a health route first."""
    return next(number for number, word in enumerate(("health", "ready", "readiness", "", "live", "status"))
                if (word in path if word else not _WEAK.search(path)))  # fmt: skip


def plugged(defined: Sequence[Defined], endpoint: Defined) -> list[Defined]:
    """The routers that an endpoint plugs."""
    names = {getattr(items[number], "text", "") for items, number in walk(endpoint.body)}
    return [each for each in defined if each.kind == ROUTER and each.name in names]


def _is_health(path: str) -> bool:
    return bool(_HEALTH.fullmatch(path))


def _routes(items: Items, file: str, prefix: str, *, guarded: bool, is_page: bool = False) -> Iterator[Route]:
    found = [each for each in map(call, statements(items)) if each]
    pipelines = [name for each in found if each.name == "pipe_through" for name in _names(each)]
    guarded = guarded or any(map(_is_guard, pipelines))
    is_page = any("browser" in name for name in pipelines) if pipelines else is_page
    for each in found:
        if each.name == "scope" and each.block:
            yield from _routes(each.block.items, file, prefix + _prefix(each), guarded=guarded, is_page=is_page)
        elif each.block and each.name not in _NOT_ROUTES:  # live_session, and macros of packages that are like it
            hooks = any(map(_is_guard, _hooks(each)))
            yield from _routes(each.block.items, file, prefix, guarded=guarded or hooks, is_page=is_page)
        elif (each.name in _SAFE or _is_index(each)) and each.arguments:
            path = text(each.arguments[0])
            whole = "/" + "/".join(filter(None, f"{prefix}/{path}".split("/")))
            if path is not None and not re.search(r"[:*\s]", whole):
                yield Route(path=whole, place=f"{file}:{each.line}", is_page=is_page, is_guarded=guarded)


def _is_index(resources: Call) -> bool:
    """Whether a call is `resources "/items", ItemController` with the list of all items: not without `:index`."""
    if resources.name != "resources":
        return False
    options = {each.key: {atom(part) for part in elements(each.value)} for each in keywords(resources.arguments[1:])}
    return "index" in options.get("only", {"index"}) and "index" not in options.get("except", set())


def _is_guard(name: str) -> bool:
    """Whether a pipeline or hook looks as if it turned visitors away who have not signed in."""
    return bool(_GUARDED.search(name)) and not _OPEN.search(name)


def _prefix(scope: Call) -> str:
    written = text(scope.arguments[0]) if scope.arguments else None
    named = next((text(each.value) for each in keywords(scope.arguments) if each.key == "path"), None)
    host = any(each.key in {"host", "subdomain"} for each in keywords(scope.arguments))
    return f"/:host{written or ''}" if host else f"/{(written or named or '').strip('/')}"


def _names(piped: Call) -> list[str]:
    """The pipelines of `pipe_through :browser` or `pipe_through [:browser, :admin]`."""
    values = [part for argument in piped.arguments for part in (elements(argument) or (argument,))]
    return [getattr(value[0], "text", "") for value in values if value]


def _hooks(session: Call) -> Iterator[str]:
    """The names in `on_mount:` of a live_session."""
    for each in keywords(session.arguments):
        if each.key == "on_mount":
            yield from (str(getattr(items[number], "text", "")) for items, number in walk(each.value))


def _plugged(items: Items, file: str) -> Iterator[tuple[str, str]]:
    """Paths in the options of a plug of the endpoint: `plug Heartbeat, path: "/up"`. A socket's path is none."""
    for statement in statements(items):
        found = call(statement)
        if found and found.name == "plug":
            for each in keywords(found.arguments[1:]):
                path = text(each.value)
                if path and _is_health(path):
                    yield path, f"{file}:{each.line}"


def _matched(sources: Sources, folder: str) -> Iterator[tuple[str, str]]:
    """Paths that a plug matches itself: `def call(%{request_path: "/health"} = conn, _)`."""
    for file in sources.files(f"{folder}/lib", (".ex",)):
        content = sources.text(file) or ""
        if "request_path" not in content and "path_info" not in content:
            continue
        for items, number in walk(sources.nodes(file)):
            node, before = items[number], at(items, number - 1)
            if is_token(before, KEY, "request_path") and is_token(node, TEXT) and isinstance(node, Token):
                if _is_health(node.text):
                    yield node.text, f"{file}:{node.line}"
            elif is_token(before, KEY, "path_info") and isinstance(node, Group):
                parts = [text(part) or "" for part in elements((node,))]
                if _is_health("/" + "/".join(parts)):
                    yield "/" + "/".join(parts), f"{file}:{node.line}"
