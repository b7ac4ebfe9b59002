"""What mix.exs says: the application, what it depends on, aliases and releases."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from rollout.project.elixir.calls import Pair, atom, calls, module, pair, pairs, text
from rollout.project.elixir.tokens import ATOM, NAME, OPERATOR
from rollout.project.elixir.tree import DO, Group, Items, Node, at, is_token, split, statements, walk
from rollout.project.reading.sources import Found, Sources, joined

MIX = "mix.exs"
_DEEPEST = 8  # functions that call functions; a limit against those that call themselves


@dataclass(frozen=True, slots=True, kw_only=True)
class MixFile:
    """A mix.exs. `dependencies`, `aliases` and `releases` map a name to its place: `mix.exs:42`.

    `apps_path` is the folder of an umbrella's applications. `application` is the module of `mod:`.
    """

    folder: str
    path: str
    app: Found[str] | None
    elixir: Found[str] | None
    apps_path: Found[str] | None
    application: Found[str] | None
    dependencies: Mapping[str, str]
    aliases: Mapping[str, str]
    releases: Mapping[str, str]


def read_mixfile(sources: Sources, folder: str) -> MixFile | None:
    """The mix.exs of a folder; None if there is none."""
    path = joined(folder, MIX)
    nodes = sources.nodes(path)
    if not nodes:
        return None
    reader = _Reader(nodes, path)
    project = reader.body("project")
    return MixFile(
        folder=folder,
        path=path,
        app=reader.found(project, "app", atom),
        elixir=reader.found(project, "elixir", text),
        apps_path=reader.found(project, "apps_path", text),
        application=reader.application(),
        dependencies=reader.dependencies(project),
        aliases=reader.names(project, "aliases"),
        releases=reader.names(project, "releases"),
    )


class _Reader:
    """Resolves the functions and attributes that the keyword list of `project` refers to."""

    def __init__(self, nodes: Items, path: str) -> None:
        self._path = path
        self._functions: dict[str, list[Items]] = {}
        self._attributes: dict[str, Items] = {}
        for each in calls(nodes):
            if each.name in {"def", "defp"} and each.arguments:
                self._add_function(each.arguments, each.block)
        for items, number in walk(nodes):
            if is_token(items[number], OPERATOR, "@") and is_token(at(items, number + 1), NAME):
                self._add_attribute(items[number + 1 :])

    def _add_function(self, arguments: tuple[tuple[Node, ...], ...], block: Group | None) -> None:
        name = arguments[0][0]
        body = block.items if block else next((each.value for each in pairs(arguments[-1]) if each.key == DO), ())
        if not isinstance(name, Group):
            self._functions.setdefault(name.text, []).append(body)

    def _add_attribute(self, items: Items) -> None:
        statement = next(statements(items), ())
        if len(statement) > 1 and not isinstance(statement[0], Group):
            self._attributes.setdefault(statement[0].text, statement[1:])

    def body(self, name: str) -> Items:
        """The last expression of a function."""
        found = [each for body in self._functions.get(name, ()) for each in statements(body)]
        return found[-1] if found else ()

    def found(self, items: Items, key: str, read: object) -> Found[str] | None:
        """The value of a key of the keyword list, if it can be read."""
        entry = pair(items, key)
        value = read(self.resolved(entry.value)) if entry and callable(read) else None
        return Found(value, f"{self._path}:{entry.line}") if entry and value else None

    def resolved(self, value: Items, depth: int = 0) -> Items:
        """A value in the place of the attribute or the function that names it."""
        name = at(value, 0)
        if depth > _DEEPEST:
            return value
        if is_token(name, OPERATOR, "@") and len(value) == 2 and not isinstance(value[1], Group):
            return self.resolved(self._attributes.get(value[1].text, ()), depth + 1)
        is_call = len(value) == 1 or (len(value) == 2 and isinstance(value[1], Group))
        if not isinstance(name, Group) and name and is_token(name, NAME) and is_call and name.text in self._functions:
            return self.resolved(self.body(name.text), depth + 1)
        return value

    def application(self) -> Found[str] | None:
        entry = pair(self.resolved(self.body("application")), "mod")
        for node in entry.value if entry else ():
            if entry and isinstance(node, Group) and (parts := split(node.items)) and (name := module(parts[0])):
                return Found(name, f"{self._path}:{entry.line}")
        return None

    def names(self, project: Items, key: str) -> Mapping[str, str]:
        """The keys of a keyword list in `project`, with their places."""
        entry = pair(project, key)
        found: list[Pair] = []
        for part in split(entry.value, "++") if entry else ():
            found += pairs(self.resolved(part))
        return {each.key: f"{self._path}:{each.line}" for each in found}

    def dependencies(self, project: Items) -> Mapping[str, str]:
        """The tuples `{:name, …}` in `deps:` and in the functions that it calls."""
        entry = pair(project, "deps")
        found: dict[str, str] = {}
        for items in self._reached(entry.value if entry else (), set()):
            for sequence, number in walk(items):
                node = sequence[number]
                first = at(node.items, 0) if isinstance(node, Group) and node.opening == "{" else None
                if first and not isinstance(first, Group) and first.kind == ATOM:
                    found.setdefault(first.text, f"{self._path}:{first.line}")
        return found

    def _reached(self, items: Items, seen: set[str]) -> Iterator[Items]:
        yield items
        for sequence, number in walk(items):
            node = sequence[number]
            if not isinstance(node, Group) and node.kind == NAME and node.text in self._functions.keys() - seen:
                seen.add(node.text)
                for body in self._functions[node.text]:
                    yield from self._reached(body, seen)
