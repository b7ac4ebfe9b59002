"""What the files of config/ set and which environment variables they read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rollout.project.elixir.calls import Pair, atom, call, keywords, module, modules, pairs, text
from rollout.project.elixir.tokens import ATOM, KEY, NAME, OPERATOR, Token
from rollout.project.elixir.tree import Items, Node, at, is_end, is_token, statements, walk
from rollout.project.reading.conditions import ALWAYS, Position, Truth, positions
from rollout.project.reading.sources import Sources, joined
from rollout.project.reading.variables import Lookup, lookup_at, names_in

_OWN_PROD = "prod.secret.exs"
_OF_ENVIRONMENTS = ("dev.exs", "test.exs", "prod.exs")
RUNTIME = ("runtime.exs", "releases.exs")
FILES: dict[str, Truth] = {
    "config.exs": ALWAYS,
    "dev.exs": (True, False, False),
    "test.exs": (False, True, False),
    "prod.exs": (False, False, True),
    _OWN_PROD: (False, False, True),
    "runtime.exs": ALWAYS,
    "releases.exs": (False, False, True),
}
"""The usual files, with the environments in which they are evaluated."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """`config :shop, Shop.Repo, pool_size: 10`: application `shop`, key `Shop.Repo`, and one pair of its value.

    For `config :shop, ecto_repos: [Shop.Repo]` the key is `ecto_repos` and `name` is "". `variables` are the
    environment variables that the value is made from, also by way of a variable of Elixir.
    """

    application: str
    key: str
    name: str
    value: Items
    truth: Truth
    file: str
    line: int
    variables: tuple[str, ...] = ()

    @property
    def place(self) -> str:
        """`config/dev.exs:12`."""
        return f"{self.file}:{self.line}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Configuration:
    """The settings and lookups of all files, in the order of the files. `files` are those that there are.

    `starts_server`: something that is evaluated in production mentions `server`, which starts a release's server.
    `missing` are files that config.exs imports and that are not there.
    """

    files: tuple[str, ...]
    missing: tuple[str, ...]
    starts_server: bool
    settings: tuple[Setting, ...]
    lookups: tuple[Lookup, ...]

    def find(self, key: str, name: str = "", *, environment: int | None = None) -> Iterator[Setting]:
        """The settings of a key, the last first; in an environment (index of ENVIRONMENTS) if one is given."""
        for each in reversed(self.settings):
            if (each.key, each.name) == (key, name) and (environment is None or each.truth[environment] is not False):
                yield each

    def fed_by(self, variable: str) -> tuple[Setting, ...]:
        """The settings that are made from an environment variable."""
        return tuple(each for each in self.settings if variable in each.variables)

    @property
    def has_runtime(self) -> bool:
        """Whether there is a configuration for releases that is read at boot."""
        return any(file.endswith(RUNTIME) for file in self.files)


def read_configuration(sources: Sources, folders: Sequence[str]) -> Configuration:
    """The configuration of the applications in these folders; for an umbrella its root comes first."""
    files: list[str] = []
    settings: list[Setting] = []
    lookups: list[Lookup] = []
    missing: list[str] = []
    starts_server = False
    for folder in folders:
        main = sources.nodes(joined(folder, "config/config.exs"))
        imported = _OF_ENVIRONMENTS if _imports(main, ".exs", interpolated=True) else ()
        missing += [path for name in imported if not sources.has(path := joined(folder, f"config/{name}"))]
        for name, truth in FILES.items():
            file = joined(folder, f"config/{name}")
            if name == _OWN_PROD and not _imports(sources.nodes(joined(folder, "config/prod.exs")), _OWN_PROD):
                continue
            if nodes := sources.nodes(file):
                files.append(file)
                found = list(positions(nodes, truth))
                starts_server = starts_server or any(map(_is_server, found))
                settings += _settings(found, file)
                lookups += [lookup for each in found if (lookup := lookup_at(each, file))]
    return Configuration(
        files=tuple(files),
        missing=tuple(missing), settings=tuple(settings), lookups=tuple(lookups),
                         starts_server=starts_server)  # fmt: skip


def _imports(nodes: Items, name: str, *, interpolated: bool = False) -> bool:
    """Whether a file is imported: `import_config "prod.secret.exs"`, or interpolated `"#{config_env()}.exs"`."""
    for items, number in walk(nodes):
        argument = at(items, number + 1)
        if is_token(items[number], NAME, "import_config") and isinstance(argument, Token) and argument.text == name:
            return argument.is_interpolated == interpolated
    return False


def _is_server(position: Position) -> bool:
    node = position.items[position.number]
    return position.truth[-1] is not False and (is_token(node, KEY, "server") or is_token(node, ATOM, "server"))


def _settings(found: Sequence[Position], file: str) -> Iterator[Setting]:
    """The pairs of all calls of `config`."""
    assigned = Assigned(found)
    for each in found:
        before = at(each.items, each.number - 1)
        is_first = before is None or is_end(before) or is_token(before, OPERATOR, "->")
        if is_first and is_token(each.items[each.number], NAME, "config"):
            statement = next(statements(each.items[each.number :]), ())
            yield from _pairs(statement, each.truth, file, assigned)


def _pairs(statement: Items, truth: Truth, file: str, assigned: Assigned) -> Iterator[Setting]:
    found = call(statement)
    if not found or len(found.arguments) < 2 or not (application := atom(found.arguments[0])):
        return
    key = module(found.arguments[1]) or atom(found.arguments[1]) or ""

    def setting(key: str, name: str, value: Items, line: int) -> Setting:
        variables = assigned.variables(value, line)
        return Setting(application=application, key=key, name=name, value=value, truth=truth, file=file, line=line,
                       variables=variables)  # fmt: skip

    if not key:
        for each in keywords(found.arguments[1:]):
            yield setting(each.key, "", each.value, each.line)
            yield from (setting(each.key, name, pair.value, pair.line) for name, pair in _nested(each.value))
        return
    for argument in found.arguments[2:]:
        yield setting(key, "", argument, found.line)
    for name, pair in _nested_of(keywords(found.arguments[2:])):
        yield setting(key, name, pair.value, pair.line)


def _nested(value: Items) -> Iterator[tuple[str, Pair]]:
    return _nested_of(pairs(value) if len(value) == 1 or not _is_call(value) else ())


def _nested_of(found: Sequence[Pair], prefix: str = "") -> Iterator[tuple[str, Pair]]:
    """(`http.port`, pair) of keyword lists in keyword lists."""
    for each in found:
        name = f"{prefix}{each.key}"
        yield name, each
        if not _is_call(each.value):
            yield from _nested_of(pairs(each.value), f"{name}.")


def _is_call(value: Items) -> bool:
    """Whether a value begins with a name, so that lists in it are arguments."""
    first = at(value, 0)
    return isinstance(first, Token) and first.kind in {NAME, "module"}


class Assigned:
    """The variables of Elixir that a file assigns from environment variables, each as of a line."""

    def __init__(self, found: Sequence[Position]) -> None:
        self._assignments: list[tuple[str, int, tuple[str, ...]]] = []
        for each in found:
            node = each.items[each.number]
            is_assigned = is_token(at(each.items, each.number + 1), OPERATOR, "=")
            if is_assigned and isinstance(node, Token) and node.kind == NAME:
                statement = next(statements(each.items[each.number :]), ())
                self._assignments.append((node.text, node.line, self.variables(statement[2:], node.line)))

    def variables(self, value: Items, line: int) -> tuple[str, ...]:
        """The environment variables that a value on a line is made from."""
        return tuple(dict.fromkeys(self._variables(value, line)))

    def _variables(self, value: Items, line: int) -> Iterator[str]:
        yield from names_in(value)
        for items, number in walk(value):
            node = items[number]
            is_field = is_token(at(items, number - 1), OPERATOR, ".") if number else False
            if isinstance(node, Token) and node.kind == NAME and not is_field:
                yield from self._of(node.text, line)

    def _of(self, name: str, line: int) -> tuple[str, ...]:
        """Those of the last assignment above a line."""
        found = (variables for each, begin, variables in reversed(self._assignments) if each == name and begin < line)
        return next(found, ())


def repos_of(configuration: Configuration) -> dict[str, str]:
    """The modules in `ecto_repos`, with their places."""
    found: dict[str, str] = {}
    for setting in configuration.settings:
        if setting.key == "ecto_repos" and not setting.name:
            for name in _modules(setting.value):
                found.setdefault(name, setting.place)
    return found


def _modules(value: Items) -> Iterator[str]:
    """The modules in the lists of a value."""
    for items, number in walk(value):
        node: Node = items[number]
        yield from modules((node,))


def url_of(setting: Setting) -> str | None:
    """The URL that a setting has written out, also as a default: `System.get_env("DATABASE_URL", "ecto://…")`."""
    direct = text(setting.value)
    if direct and "://" in direct:
        return direct
    return next((node.text for items, number in walk(setting.value)
                 if isinstance(node := items[number], Token) and "://" in node.text), None)  # fmt: skip
