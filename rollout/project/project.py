"""The content of rollout.toml: what the suite has to know of an application in order to deploy and check it.

Each table is a dataclass, each key a field. docs/rollout.schema.json and the reference are generated from them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from rollout.project.keys import Key, Shape

NAME = Shape(pattern=r"[a-z][a-z0-9_]*", wanted="lower-case letters, digits and underscores that begin with a letter")
MODULE = Shape(
    pattern=r"[A-Z][A-Za-z0-9_]*(?:\.[A-Z][A-Za-z0-9_]*)*", wanted="the name of a module, such as MyApp.Repo"
)
VARIABLE = Shape(pattern=r"[A-Za-z_][A-Za-z0-9_]*", wanted="the name of an environment variable, such as PORT")
VARIABLE_OR_NONE = Shape(pattern=rf"(?:{VARIABLE.pattern})?", wanted=f'{VARIABLE.wanted}, or ""')
URL_PATH = Shape(pattern=r"/[^\s]*", wanted="a path that begins with a slash, such as /health")
FOLDER = Shape(
    pattern=r"\.|(?!/)(?!(?:.*/)?\.\.(?:/|$)).*[^/]", wanted="a folder below the repository, such as apps/web, or ."
)
SERVICE = Shape(pattern=r"[a-z][a-z0-9_-]*", wanted="lower-case letters, digits, hyphens and underscores")
ONE_LINE = Shape(pattern=r"[^\r\n]+", wanted="one line of text")
KINDS = ("application", "umbrella")
ASSETS = ("esbuild", "npm", "none")
WARNINGS = ("show", "gate")
LARGEST_PORT = 65535
_PASSWORD = "postgres"  # noqa: S105  that of a database for development, as phx.new writes it
_FILLED = "`{port}`, `{database_url}`, `{service.NAME.host}` and the like are filled in"


@dataclass(frozen=True, slots=True, kw_only=True)
class Application:
    """`[application]`: what is deployed. Modules are without the prefix `Elixir.`."""

    name: Annotated[str, Key("The OTP application that is deployed: `app:` in mix.exs.", shape=NAME)]
    title: Annotated[str, Key("What reports call it. The default is its name.", shape=ONE_LINE)] = ""
    root: Annotated[str, Key("The folder of mix.exs below the repository. The default is `.`.", shape=FOLDER)] = "."
    kind: Annotated[str, Key("`umbrella` if mix.exs has `apps_path`.", allowed=KINDS)] = KINDS[0]
    module: Annotated[str, Key("The module of the application, such as `MyApp`.", shape=MODULE)] = ""
    endpoint: Annotated[str, Key("The Phoenix endpoint that the checks ask.", shape=MODULE)] = ""
    repos: Annotated[tuple[str, ...], Key("The Ecto repositories on PostgreSQL.", shape=MODULE)] = ()
    elixir: Annotated[str, Key("The Elixir that the repository asks for: a version or a requirement.")] = ""
    otp: Annotated[str, Key("The Erlang/OTP that the repository asks for.")] = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """`[server]`: how the server is started in development, and what it answers."""

    command: Annotated[str, Key("Starts the server. The default is `mix phx.server`.", is_command=True)] = (
        "mix phx.server"
    )
    port_variable: Annotated[
        str, Key('The variable with the port to listen on. `""`: the port is fixed.', shape=VARIABLE_OR_NONE)
    ] = "PORT"
    port: Annotated[
        int, Key("The port in config/dev.exs, where it listens without the variable.", most=LARGEST_PORT)
    ] = 4000
    live: Annotated[str, Key("A path that answers 200 while the server runs.", shape=URL_PATH)] = "/"
    ready: Annotated[str, Key("A path that answers 200 once it can serve.", shape=URL_PATH)] = "/"
    pages: Annotated[tuple[str, ...], Key("Paths that a visitor may get without harm.", shape=URL_PATH)] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Database:
    """`[database]`: the PostgreSQL server, as config/dev.exs and config/test.exs name it."""

    needed: Annotated[bool, Key("`false`: the application has no PostgreSQL database.")] = True
    url_variable: Annotated[str, Key("The variable with the URL, in production.", shape=VARIABLE)] = "DATABASE_URL"
    host: Annotated[str, Key("The host in config/dev.exs.", shape=ONE_LINE)] = "localhost"
    port: Annotated[int, Key("The port in config/dev.exs.", most=LARGEST_PORT)] = 5432
    username: Annotated[str, Key("The role in config/dev.exs.", shape=ONE_LINE)] = "postgres"
    password: Annotated[str, Key("Its password in config/dev.exs.")] = _PASSWORD


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnTests:
    """`[tests]`: the tests of the application itself."""

    command: Annotated[str, Key("Runs them. The default is `mix test`.", is_command=True)] = "mix test"
    gate: Annotated[bool, Key("`false`: a failing test is shown and does not fail the phase.")] = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Compile:
    """`[compile]`: how the application is compiled."""

    warnings: Annotated[str, Key("`show` warnings, or let them fail the phase: `gate`.", allowed=WARNINGS)] = "show"


@dataclass(frozen=True, slots=True, kw_only=True)
class Assets:
    """`[assets]`: how styles and scripts are built. Without commands, Mix's aliases `assets.*` are used."""

    kind: Annotated[str, Key("What builds them.", allowed=ASSETS)] = "none"
    command: Annotated[str, Key("Builds them for development.", is_command=True)] = ""
    deploy: Annotated[str, Key("Builds them for production, such as `mix assets.deploy`.", is_command=True)] = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Migrations:
    """`[migrations]`: how far migrations are rolled back."""

    back: Annotated[bool, Key("`false`: migrations are only run forward.")] = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """`[release]`: the release for production."""

    name: Annotated[str, Key("Its name. The default is that of the application.", shape=NAME)] = ""
    migrate: Annotated[
        str,
        Key(
            "Migrates: a command of the release, such as `bin/migrate`, or an expression: `eval MyApp.Release.migrate`."
        ),
    ] = ""
    variables: Annotated[
        tuple[tuple[str, str], ...],
        Key(f"Variables in production. `generate:64` makes a secret of 64 characters; {_FILLED}.", names=VARIABLE),
    ] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """`[services.NAME]`: another service than PostgreSQL, in a container."""

    image: Annotated[str, Key("Its image, with a tag.", shape=Shape(pattern=r"\S+", wanted="the name of an image"))]
    port: Annotated[int, Key("The port that it listens on in its container.", most=LARGEST_PORT)]
    environment: Annotated[tuple[tuple[str, str], ...], Key("Its variables.", names=VARIABLE)] = ()
    ready: Annotated[str, Key("A command in the container that succeeds once it is ready.", is_command=True)] = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hook:
    """`[[hook]]`: a command of the user, before or after a phase."""

    before: Annotated[str, Key("The phase before which it runs.", shape=NAME)] = ""
    after: Annotated[str, Key("The phase after which it runs.", shape=NAME)] = ""
    command: Annotated[str, Key("The command, in the folder of the deployment.", is_command=True)]
    undo: Annotated[str, Key("Takes it back. Without it the hook changes nothing.", is_command=True)] = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Checks:
    """`[checks]`: which checks are asked."""

    leave_out: Annotated[
        tuple[tuple[str, str], ...], Key("Checks that are skipped: `{ test_name = 'reason' }`.", shape=ONE_LINE)
    ] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """rollout.toml. A table that is absent has its defaults."""

    application: Annotated[Application, Key("What is deployed.")]
    server: Annotated[Server, Key("How the server is started in development, and what it answers.")] = Server()
    database: Annotated[Database, Key("The PostgreSQL server, as config/dev.exs names it.")] = Database()
    environment: Annotated[
        tuple[tuple[str, str], ...], Key(f"Variables for development and tests; {_FILLED}.", names=VARIABLE)
    ] = ()
    tests: Annotated[OwnTests, Key("The tests of the application itself.")] = OwnTests()
    compile: Annotated[Compile, Key("How it is compiled.")] = Compile()
    assets: Annotated[Assets, Key("How styles and scripts are built.")] = Assets()
    migrations: Annotated[Migrations, Key("How far migrations are rolled back.")] = Migrations()
    release: Annotated[Release, Key("The release for production.")] = Release()
    services: Annotated[
        tuple[tuple[str, Service], ...], Key("Other services than PostgreSQL: `[services.NAME]`.", names=SERVICE)
    ] = ()
    hook: Annotated[tuple[Hook, ...], Key("Commands before or after a phase.")] = ()
    checks: Annotated[Checks, Key("Which checks are asked.")] = Checks()

    @property
    def title(self) -> str:
        """What reports call the application."""
        return self.application.title or self.application.name

    @property
    def release_name(self) -> str:
        return self.release.name or self.application.name

    def hooks(self, *, before: str = "", after: str = "") -> tuple[Hook, ...]:
        """The hooks before or after a phase, in the order of the file."""
        return tuple(each for each in self.hook if (before, after) == (each.before, each.after))
