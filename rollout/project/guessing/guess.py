"""Guesses a project from a repository."""

from __future__ import annotations

import re
from collections.abc import Iterable

from rollout.project.elixir.calls import number
from rollout.project.guessing.database import guess_database, postgres_repos
from rollout.project.guessing.draft import Draft, Notes
from rollout.project.guessing.remarks import add_remarks, signs
from rollout.project.guessing.variables import development, production
from rollout.project.project import (
    MODULE,
    NAME,
    SERVICE,
    VARIABLE,
    Application,
    Assets,
    Compile,
    OwnTests,
    Project,
    Release,
    Server,
    Service,
)
from rollout.project.reading.configuration import Setting
from rollout.project.reading.repository import Repository
from rollout.project.reading.routes import Route

_MOST_PAGES = 4
_NO_PAGE = re.compile(
    r"\.\w+$|log_?out|sign_?out|auth|callback|oauth|/dev/|admin|swagger|unsubscribe|dashboard|profile|account|settings"
    r"|/_|/new$|payment|checkout|webhook|/api"
)


def draft(repository: Repository) -> Draft:
    """The project that a repository looks like."""
    notes = Notes()
    project = Project(
        application=_application(repository, notes),
        server=_server(repository, notes),
        database=guess_database(repository, notes),
        environment=development(repository, notes),
        tests=_tests(repository, notes),
        compile=_compile(notes),
        assets=_assets(repository, notes),
        release=_release(repository, notes),
        services=_services(repository, notes),
    )
    add_remarks(repository, notes)
    return Draft(project=project, notes=notes.of, head=signs(repository), remarks=tuple(notes.remarks))


def _application(repository: Repository, notes: Notes) -> Application:
    web, mixfile = repository.web, repository.mixfile
    app = web.app.value if web.app and re.fullmatch(NAME.pattern, web.app.value) else "app"
    notes.made_from(web.app.source if web.app else web.path, "application", "name")
    if repository.root != ".":
        notes.made_from(f"{mixfile.path} is there", "application", "root")
    if repository.is_umbrella and mixfile.apps_path:
        notes.made_from(mixfile.apps_path.source, "application", "kind")
    module = web.application.value.removesuffix(".Application") if web.application else ""
    if web.application:
        notes.made_from(web.application.source, "application", "module")
    if len(repository.endpoints) > 1:
        others = ", ".join(each.name for each in repository.endpoints if each != repository.endpoint)
        notes.ask(f"{repository.endpoint.place}; there are also {others}", "application", "endpoint")
    else:
        notes.made_from(repository.endpoint.place, "application", "endpoint")
    repos = postgres_repos(repository)
    if repos:
        notes.made_from(_places(repos.values()), "application", "repos")
    for key, found in (("elixir", repository.versions.get("elixir") or mixfile.elixir or web.elixir),
                       ("otp", repository.versions.get("otp"))):  # fmt: skip
        if found:
            notes.made_from(found.source, "application", key)
    elixir, otp = repository.versions.get("elixir") or mixfile.elixir or web.elixir, repository.versions.get("otp")
    return Application(
        name=app, root=repository.root, kind="umbrella" if repository.is_umbrella else "application",
        module=module if re.fullmatch(MODULE.pattern, module) else "", endpoint=repository.endpoint.name,
        repos=tuple(repos), elixir=elixir.value if elixir else "", otp=otp.value if otp else "",
    )  # fmt: skip


def _places(places: Iterable[str]) -> str:
    """Places in as few words as possible: `lib/router.ex:26, 27` and, of several files, the first."""
    lines: dict[str, list[str]] = {}
    for each in places:
        file, _, line = each.rpartition(":")
        lines.setdefault(file, []).append(line)
    file, first = next(iter(lines.items()))
    others = f" and {len(lines) - 1} more" if len(lines) > 1 else ""
    return f"{file}:{', '.join(first)}{others}"


def _server(repository: Repository, notes: Notes) -> Server:
    setting = next(repository.configuration.find(repository.endpoint.name, "http.port", environment=0), None)
    variable = _port_variable(repository, setting)
    port = (number(setting.value) if setting and not variable else None) or _default_port(repository, variable) or 4000
    if setting:
        notes.made_from(setting.place, "server", "port")
    elif variable:
        notes.made_from(f"the default of {variable}, or of Phoenix", "server", "port")
    else:
        notes.ask("no setting says the port in development; 4000 is the default of Phoenix", "server", "port")
    if variable:
        place = next(each.place for each in repository.configuration.lookups if each.name == variable)
        notes.made_from(setting.place if setting else place, "server", "port_variable")
    else:
        notes.made_from("no variable sets the port in development", "server", "port_variable")
    live, ready = _health(repository, notes)
    pages = tuple(each.path for each in _pages(repository))
    if pages:
        notes.made_from(_places(each.place for each in _pages(repository)), "server", "pages")
    return Server(port_variable=variable, port=min(port, 65535), live=live, ready=ready, pages=pages)


def _port_variable(repository: Repository, setting: Setting | None) -> str:
    """The variable that the port is made from, or PORT if development reads it for something that is not said."""
    if setting:
        return next((each for each in setting.variables if re.fullmatch(VARIABLE.pattern, each)), "")
    read = (each.name for each in repository.configuration.lookups if each.truth[0] is not False)
    return next((name for name in read if name == "PORT"), "")


def _default_port(repository: Repository, variable: str) -> int | None:
    defaults = (each.default for each in repository.configuration.lookups if each.name == variable)
    return next((int(each) for each in defaults if each.isdecimal() and int(each)), None)


def _health(repository: Repository, notes: Notes) -> tuple[str, str]:
    """(live, ready): the health routes, else the start page, else a question."""
    health = dict(repository.routes.health)
    if health:
        live = next((path for path in health if "ready" not in path and "readiness" not in path), next(iter(health)))
        ready = next((path for path in health if "ready" in path or "readiness" in path), live)
        notes.made_from(health[live], "server", "live")
        notes.made_from(health[ready], "server", "ready")
        return live, ready
    start = repository.routes.start
    pages = _pages(repository)
    if start and not start.is_guarded:
        notes.made_from(f"{start.place}; no health route was found", "server", "live")
        return "/", "/"
    others = (each.path for each in repository.routes.all if not each.is_guarded)
    path = pages[0].path if pages else next(others, "/")
    question = "no health route was found; which path answers 200 to a visitor?"
    notes.ask(question, "server", "live")
    notes.ask("the same", "server", "ready")
    return path, path


def _pages(repository: Repository) -> list[Route]:
    health = {path for path, _ in repository.routes.health}
    fitting = {each.path: each for each in repository.routes.all
               if each.is_page and not each.is_guarded and each.path not in health
               and not _NO_PAGE.search(each.path)}  # fmt: skip
    return sorted(fitting.values(), key=lambda each: each.path != "/")[:_MOST_PAGES]


def _tests(repository: Repository, notes: Notes) -> OwnTests:
    alias = repository.mixfile.aliases.get("test")
    notes.made_from(f"{alias} has an alias for it" if alias else "the default", "tests", "command")
    return OwnTests()


def _compile(notes: Notes) -> Compile:
    notes.made_from('"gate" lets warnings fail the phase', "compile", "warnings")
    return Compile()


def _assets(repository: Repository, notes: Notes) -> Assets:
    facts = repository.assets
    notes.made_from(facts.kind.source, "assets", "kind")
    for key, found in (("command", facts.command), ("deploy", facts.deploy)):
        if found:
            notes.made_from(found.source, "assets", key)
    return Assets(kind=facts.kind.value, command=facts.command.value if facts.command else "",
                  deploy=facts.deploy.value if facts.deploy else "")  # fmt: skip


def _release(repository: Repository, notes: Notes) -> Release:
    releases = [name for name in repository.mixfile.releases if re.fullmatch(NAME.pattern, name)]
    app = repository.web.app.value if repository.web.app else ""
    name = app if app in releases else (releases or [""])[0]
    if len(releases) > 1:
        others = ", ".join(each for each in releases if each != name)
        notes.ask(f"{repository.mixfile.releases[name]}; there are also {others}", "release", "name")
    elif name:
        notes.made_from(repository.mixfile.releases[name], "release", "name")
    elif repository.is_umbrella:
        notes.ask(
            f"{repository.mixfile.path} has no `releases:`, and Mix cannot release an umbrella without",
            "release",
            "name",
        )
    migrate = ""
    if repository.migrate_script:
        migrate = "bin/migrate"
        notes.made_from(repository.migrate_script, "release", "migrate")
    elif repository.release_modules:
        module = repository.release_modules[0]
        migrate = f"eval {module.name}.migrate"
        notes.made_from(module.place, "release", "migrate")
    elif postgres_repos(repository):
        notes.made_from("no function migrate was found; Ecto.Migrator runs", "release", "migrate")
    return Release(name=name, migrate=migrate, variables=production(repository, notes))


def _services(repository: Repository, notes: Notes) -> tuple[tuple[str, Service], ...]:
    found = []
    for each in repository.services:
        if each.is_backing and re.fullmatch(SERVICE.pattern, each.name):
            notes.made_from(each.place, "services", each.name, "image")
            safe = tuple((name, value) for name, value in each.environment if "{" not in value)
            found.append((each.name, Service(image=each.image, port=each.port, environment=safe)))
    return tuple(found)
