"""Chooses the forge and the database of a run, and rejects options that do not work together."""

from __future__ import annotations

import re
import shutil
from dataclasses import dataclass

from rollout import environment
from rollout.config.options import Options
from rollout.config.plan import Plan
from rollout.errors import EngineUnfit, ToolMissing, UsageError
from rollout.errors import NoEngine as EngineNeeded
from rollout.installation import command
from rollout.process import capture
from rollout.site import postgres
from rollout.site.engine.client import Engine, NoEngine
from rollout.site.engine.images import present_tag
from rollout.site.engine.selection import find_sharing
from rollout.site.engine.sharing import Sharing

OLDEST_ELIXIR = (1, 17)
_INSTALL = (command("setup"),)


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """The chosen kind (container, host, embedded, url) and the reason, a clause."""

    kind: str
    why: str


def choose_sharing(options: Options, found: Engine | NoEngine) -> Sharing | EngineUnfit | None:
    """The way in which containers share files and network with this process, or why they cannot.

    With --forge=host only the database can be in a container: then only its port matters. None where nothing will be in
    a container, or the engine cannot be probed yet because the run still has to make the image.
    """
    if isinstance(found, NoEngine) or not uses_engine(options):
        return None
    image = present_tag(found, "postgres" if options.forge == "host" else "forge")
    if image is None:
        return None
    try:
        return find_sharing(found, image=image, options=options, shares_files=options.forge != "host")
    except EngineUnfit as unfit:
        return unfit


def uses_engine(options: Options) -> bool:
    """Whether the forge or the database can be in a container."""
    return options.forge != "host" or options.database in {"auto", "container"}


def choose_forge(option: str, found: Engine | NoEngine, unfit: EngineUnfit | None = None) -> Choice:
    """Choose the forge. Raises NoEngine, EngineUnfit, or ToolMissing where this machine's Elixir is too old."""
    if option == "host":
        host_toolchain()
        return Choice(kind="host", why="asked for")
    if unfit is not None:
        return _without(option, unfit)
    if option == "container":
        _require(found, "--forge=container asks for one")
        return Choice(kind="container", why="asked for")
    if isinstance(found, Engine):
        return Choice(kind="container", why=f"{found.kind} {found.version} answers")
    try:
        toolchain = host_toolchain()
    except ToolMissing as error:
        reason = f"{found.reason}; and this machine's own toolchain will not do ({error.message})"
        raise engine_needed(found, reason) from None
    return Choice(kind="host", why=f"no container engine answers ({found.reason}); this machine has {toolchain}")


def _without(option: str, unfit: EngineUnfit) -> Choice:
    """The forge where an engine answers that does not fit."""
    if option == "container":
        raise unfit
    try:
        toolchain = host_toolchain()
    except ToolMissing:
        raise unfit from None
    return Choice(kind="host", why=f"the container engine does not fit ({unfit.message}); this machine has {toolchain}")


def choose_database(options: Options, found: Engine | NoEngine, unfit: EngineUnfit | None = None) -> Choice:
    """Choose the database. Raises EngineUnfit, and what `rollout.site.postgres.choose_database` raises."""
    if unfit is not None and options.database == "container":
        raise unfit
    choice = postgres.choose_database(options.database, isinstance(found, Engine) and unfit is None)
    return Choice(kind=choice.kind, why=choice.why)


def require_containers_offline(options: Options, forge: Choice, database: Choice) -> None:
    """Raise UsageError for `--offline` without containers: this machine cannot be disconnected."""
    if options.offline and (forge.kind, database.kind) != ("container", "container"):
        raise UsageError(
            f"--offline needs a container forge and a container database, not {forge.kind} and {database.kind}.",
            advice="Leave out --offline, or start a container engine.",
        )


def require_isolation(sharing: Sharing) -> None:
    """Raise UsageError for `--offline` if this process cannot reach the engine's own networks."""
    if not sharing.isolates:
        raise UsageError(
            "--offline needs an engine whose own networks this process reaches; "
            f"here containers run as {sharing.describe()}.",
            advice="Leave out --offline, or use Docker with its system service.",
        )


def require_own_server(options: Options, plan: Plan, database: Choice) -> None:
    """Raise UsageError if an observed path would be superuser of a server that others use."""
    if not plan.is_observed:
        return
    if database.kind == "url":
        raise UsageError(
            f"The path {plan.name} needs its own server, with user postgres and password postgres. "
            "It cannot use the server of --database.",
            advice="Leave out the path or --database, or use --database=container or embedded.",
        )
    if options.offline and options.script is None:
        raise UsageError(
            f"The path {plan.name} connects to a database at localhost, which does not exist with --offline.",
            advice="Leave out the path, or --offline.",
        )


def host_toolchain() -> str:
    """The toolchain of this machine, e.g. `Elixir 1.18.3 on OTP 27`. Raises ToolMissing."""
    missing = ToolMissing(
        tool="Elixir", found="none", needed="1.17 or newer", command="apt-get install elixir erlang-hex rebar3 (trixie)"
    )
    if shutil.which("elixir") is None or shutil.which("mix") is None:
        raise missing
    try:
        output = capture(("elixir", "--version"), env=environment.toolchain(), deadline=60).text
    except OSError:
        raise missing from None
    elixir = re.search(r"Elixir (\d+)\.(\d+)\.(\S+)", output)
    release = re.search(r"Erlang/OTP (\d+)", output)
    if elixir is None or release is None:
        raise missing
    if (int(elixir.group(1)), int(elixir.group(2))) < OLDEST_ELIXIR:
        raise ToolMissing(
            tool="Elixir", found=elixir.group(0).split()[1], needed="1.17 or newer", command="--forge=container"
        )
    return f"{elixir.group(0)} on OTP {release.group(1)}"


def _require(found: Engine | NoEngine, reason: str) -> Engine:
    if isinstance(found, NoEngine):
        raise engine_needed(found, f"{reason} ({found.reason})")
    return found


def engine_needed(found: NoEngine, reason: str) -> EngineNeeded:
    """The error for a missing engine. If the user named one, no other is installed."""
    if found.named:
        return EngineNeeded(reason=reason, commands=(found.mend,), to="To use another engine")
    return EngineNeeded(reason=reason, commands=_INSTALL)
