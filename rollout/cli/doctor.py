"""`--doctor`: lists everything that a run needs, found or missing, with the command that fixes it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from textwrap import TextWrapper

from rich.console import Console
from rich.text import Text

from rollout import environment
from rollout.config.cache_folder import check_cache
from rollout.config.options import Options
from rollout.config.plan import load_plan
from rollout.config.values import STAGES
from rollout.errors import EngineUnfit, RolloutError
from rollout.hex.http_client import make_client
from rollout.hex.sources import HexpmSource, MirrorSource
from rollout.hex.upstreams import default_bundle
from rollout.installation import command
from rollout.process import capture
from rollout.production.proxy import HAPROXY_COMMAND, haproxy
from rollout.rollback import recovery
from rollout.site.engine.base_image import PULLED_BASE, base_command, find_base
from rollout.site.engine.client import Engine, NoEngine
from rollout.site.engine.discovery import find_engine
from rollout.site.engine.images import PRODUCTION, image_present
from rollout.site.folder_check import is_folder, require_usable_place
from rollout.site.postgres.binaries import find_binaries
from rollout.site.processes import port_obstacle
from rollout.site.selection import choose_sharing, host_toolchain
from rollout.text.plain import plain

_NEEDED_BYTES = 3 * 1024**3
_ANSWER_SECONDS = 60.0
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_COLOURS = {"found": "green", "missing": "red", "optional": "yellow"}
_COLUMNS = 80
_INDENT = " " * 10  # the width of the column of states


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One need of a run. `state` is found, missing, or optional (missing, but there is a substitute)."""

    what: str
    state: str
    detail: str
    fix: str = ""


def print_report(options: Options) -> int:
    """Print all findings. Returns 0 if a run can start, else 1."""
    findings = tuple(examine(options))
    console = Console(no_color=bool(os.environ.get("NO_COLOR")), highlight=False, emoji=False, soft_wrap=True)
    console.print("What a run needs", style="bold")
    for finding in findings:
        for row, style in _rows(finding):
            console.print(Text(row, style))
    missing = [finding.what for finding in findings if finding.state == "missing"]
    print(f"Not ready: {', '.join(missing)}." if missing else "Ready.")
    return 1 if missing else 0


def _rows(finding: Finding) -> Iterator[tuple[str, str]]:
    """The lines of a finding with their colours, wrapped at 80 columns. Paths and commands are never broken."""
    head = f"{finding.state:<9} {finding.what}"
    colour = _COLOURS[finding.state]
    if len(head) + len(finding.detail) + 2 <= _COLUMNS and "\n" not in finding.detail:
        yield f"{head}: {finding.detail}" if finding.detail else head, colour
    else:
        yield head, colour
        yield from ((row, "") for row in _wrapped(finding.detail, ""))
    yield from ((row, "bold") for row in _wrapped(finding.fix, "to fix it: "))


def _wrapped(text: str, label: str) -> list[str]:
    """The wrapped lines of a text below its finding; none for an empty text."""
    wrap = TextWrapper(width=_COLUMNS, initial_indent=_INDENT + label, subsequent_indent=_INDENT,
                       break_long_words=False, break_on_hyphens=False)  # fmt: skip
    return wrap.wrap(plain(text)) if text else []


def examine(options: Options) -> Iterator[Finding]:
    """Every need of a run with these options, in the order in which the run needs them."""
    yield from _plan(options)
    engine = find_engine()
    host = _host_toolchain()
    embedded = _embedded()
    answering = isinstance(engine, Engine)
    yield Finding(
        what="container engine",
        state="found" if answering else "optional" if host.state == embedded.state == "found" else "missing",
        detail=f"{engine.kind} {engine.version}" if isinstance(engine, Engine) else engine.reason,
        fix=_engine_fix(engine),
    )
    if isinstance(engine, Engine):
        names = ("forge", "postgres", *(PRODUCTION if options.stage == STAGES[-1] else ()))
        for name in names:
            present = image_present(engine, name)
            yield Finding(what=f"image {name}", state="found" if present else "optional",
                          detail="built" if present else "not built yet",
                          fix="" if present else "built by the run itself")  # fmt: skip
        if not all(image_present(engine, name) for name in names):
            base = find_base(engine.client())
            yield Finding(what="base of the images", state="found" if base else "optional",
                          detail=base or f"not here yet: {PULLED_BASE} is pulled, or made with debootstrap as root",
                          fix="" if base or os.geteuid() == 0 else base_command(engine))  # fmt: skip
        yield from _fit(options, engine, without="optional" if host.state == embedded.state == "found" else "missing")
    yield host if not answering or options.forge == "host" else _soften(host)
    yield embedded if not answering or options.database == "embedded" else _soften(embedded)
    yield from _tools()
    if options.stage == STAGES[-1]:
        yield _proxy(options, has_engine=answering)
    yield from _sources(options)
    yield from _place(options)


def _proxy(options: Options, *, has_engine: bool) -> Finding:
    """HAProxy on this machine. Where the forge is a container, an image has it."""
    found = haproxy()
    needed = options.forge == "host" or not has_engine
    return Finding(what="HAProxy", state="found" if found else "missing" if needed else "optional",
                   detail=found or "not on this machine", fix="" if found else HAPROXY_COMMAND)  # fmt: skip


def _fit(options: Options, engine: Engine, *, without: str) -> Iterator[Finding]:
    """Whether the engine's containers share with this process what a run needs. None if that was not probed."""
    what = "files and network of containers" if options.forge != "host" else "published ports of containers"
    sharing = choose_sharing(options, engine)
    if isinstance(sharing, EngineUnfit):
        yield Finding(what=what, state=without, detail=sharing.message, fix=sharing.advice)
    elif sharing is not None:
        detail = f"shared, as {sharing.describe()}" if options.forge != "host" else "reached by this process"
        yield Finding(what=what, state="found", detail=detail)


def _engine_fix(engine: Engine | NoEngine) -> str:
    if isinstance(engine, Engine):
        return ""
    return engine.mend or f"{command('setup')} (as root it installs one), or start your Docker/Podman"


def _plan(options: Options) -> Iterator[Finding]:
    try:
        rehearsal = options.source == "rehearsal"
        plan = load_plan(options.path, rehearsal=rehearsal, stage=options.stage).through(options.through)
    except RolloutError as error:
        yield Finding(what="plan", state="missing", detail=error.message, fix=error.advice)
    else:
        detail = f"{plan.name}: {len(plan.phases)} phases, {len(plan.packages)} packages"
        yield Finding(what="plan", state="found", detail=detail)


def _host_toolchain() -> Finding:
    try:
        return Finding(what="Elixir of this machine", state="found", detail=host_toolchain())
    except RolloutError as error:
        return Finding(what="Elixir of this machine", state="missing", detail=error.message, fix=error.advice)


def _embedded() -> Finding:
    try:
        found = find_binaries()
    except RolloutError as error:
        return Finding(what="embedded PostgreSQL", state="missing", detail=error.message, fix=error.advice)
    return Finding(what="embedded PostgreSQL", state="found", detail=f"{found.package}, PostgreSQL {found.major}")


def _soften(finding: Finding) -> Finding:
    state = "found" if finding.state == "found" else "optional"
    return Finding(what=finding.what, state=state, detail=finding.detail, fix=finding.fix)


def find_browser() -> str | None:
    """The browser for the checks of pages; None without one."""
    return next(filter(None, map(shutil.which, BROWSERS)), None)


def _tools() -> Iterator[Finding]:
    git = shutil.which("git")
    version = capture((git, "--version"), env=environment.git(), deadline=_ANSWER_SECONDS).text if git else ""
    yield Finding(what="git", state="found" if git else "missing", detail=version.strip() or "none",
                  fix="" if git else "apt-get install git")  # fmt: skip
    browser = find_browser()
    yield Finding(what="Chromium", state="found" if browser else "optional",
                  detail=browser or "not found: the checks that look at pages will be skipped",
                  fix="" if browser else "apt-get install chromium")  # fmt: skip


def _sources(options: Options) -> Iterator[Finding]:
    with make_client(connect=3, read=3) as client:
        hexpm = HexpmSource(client=client).probe(2)
        bundle = default_bundle(options.cache)
        there = bundle.exists() or bundle.with_suffix(".tar").exists()
        real = hexpm.is_reachable or there or options.source not in {"auto", "hexpm"}
        state = "found" if hexpm.is_reachable else "missing" if options.source == "hexpm" else "optional"
        yield Finding(what="hexpm", state=state, detail=hexpm.reason or hexpm.state,
                      fix="" if hexpm.is_reachable
                      else "--source=mirror:URL, --source=bundle:DIR or --source=rehearsal")  # fmt: skip
        yield Finding(what="bundle", state="found" if there else "optional", detail=str(bundle),
                      fix="" if there else f"{command('bundle')}, on a machine with packages")  # fmt: skip
        if options.source.startswith("mirror:"):
            mirror = MirrorSource(options.source.removeprefix("mirror:"), client=client, pins=options.state / "keys",
                                  key_file=options.source_key).probe(2)  # fmt: skip
            yield Finding(what="mirror", state="found" if mirror.is_reachable else "missing",
                          detail=mirror.reason or mirror.state,
                          fix="" if mirror.is_reachable else "start it, or check the URL")  # fmt: skip
        if not real and options.ci:
            yield Finding(what="a real source", state="missing", detail="CI is set, so auto never becomes a rehearsal",
                          fix="--source=rehearsal, for a rehearsal")  # fmt: skip


def _place(options: Options) -> Iterator[Finding]:
    directory = options.directory
    try:
        require_usable_place(options, directory, recovery.owners(options.state))
    except RolloutError as error:
        yield Finding(what="folder", state="missing", detail=error.message, fix=error.advice)
    else:
        yield Finding(what="folder", state="found", detail=f"{directory} can be made")
    try:
        if options.cache.exists():  # otherwise the run makes it
            check_cache(options.cache)
    except RolloutError as error:
        yield Finding(what="cache folder", state="missing", detail=error.message, fix=error.advice)
    else:
        yield Finding(what="cache folder", state="found", detail=str(options.cache))
    holder = port_obstacle(options.port)
    yield Finding(what=f"port {options.port}", state="missing" if holder else "found", detail=holder or "free",
                  fix="stop that program, or another --port" if holder else "")  # fmt: skip
    for place in (_nearest(directory), _nearest(options.cache)):
        free = shutil.disk_usage(place).free
        enough = free >= _NEEDED_BYTES
        yield Finding(what=f"disk at {place}", state="found" if enough else "missing",
                      detail=f"{free / 1024**3:.1f} GiB free",
                      fix="" if enough else f"free 3 GiB; {command('clean-cache')} helps")  # fmt: skip


def _nearest(path: Path) -> Path:
    """The nearest existing parent folder."""
    return next(parent for parent in (path, *path.parents) if is_folder(parent))
