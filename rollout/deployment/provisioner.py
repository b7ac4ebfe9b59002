"""Creates what a deployment runs on: folder, network, forge, gateway and database server."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from rollout import rehearsal
from rollout.deployment.obstacles import (
    expects_usual_port,
    refuse_databases,
    refuse_engine_names,
    refuse_port,
    refuse_usual_port,
)
from rollout.errors import AlreadyExists, EngineUnfit
from rollout.hex.gateway import Gateway
from rollout.hex.sources import RehearsalSource
from rollout.journal.events import runs
from rollout.phases.step import Step
from rollout.site import postgres
from rollout.site.engine.client import RUN_LABEL
from rollout.site.engine.errors import engine_request
from rollout.site.engine.images import ensure_image
from rollout.site.engine.selection import find_sharing
from rollout.site.engine.sharing import Sharing
from rollout.site.folder_check import require_absent
from rollout.site.forge import TEMPORARY, ContainerForge, HostForge
from rollout.site.host_tools import host_variables
from rollout.site.repository import MARK, temporary_path
from rollout.site.selection import host_toolchain, require_isolation
from rollout.site.site import Site


def refuse_obstacles(site: Site) -> None:
    """Raise Refused for a folder, repository, listener, database or container that is in the way. Changes nothing.

    rollout/deployment/preflight.py has checked the same before the run started. This check finds what came since.
    """
    options = site.options
    require_absent(site.directory)
    refuse_port(options.port)
    refuse_usual_port(options.path, options)
    if site.database_kind == "url":
        refuse_databases(options.database, site.role, tuple(site.databases.values()), site.run.redactor)
    if site.engine is not None:
        refuse_engine_names(site.engine, site.run.id)


def make_folder(step: Step) -> None:
    """Create the deployment's folder and its missing parents."""
    directory = step.site.directory
    missing = [parent for parent in (directory, *directory.parents) if not os.path.lexists(parent)]
    made = [str(folder) for folder in reversed(missing)]
    run = step.site.run.id
    record = {"kind": "directory", "path": str(directory), "made": made, "run": run}
    with step.act(f"make folder {directory}", record):
        temporary = temporary_path(directory, run)
        temporary.mkdir(parents=True)
        (temporary / MARK).write_text(f"{run}\n")
        require_absent(directory)  # rename would replace an empty folder of another program
        try:
            temporary.rename(directory)
        except OSError as error:  # another run was quicker
            raise AlreadyExists(what="folder", name=str(directory), option="--directory or --name") from error


def make_network(step: Step) -> None:
    """With --offline: create a network for this run without access to the outside."""
    site = step.site
    if not site.options.offline:
        return
    assert site.engine is not None, "the options were checked: --offline needs containers"
    _find_sharing(step)
    name = f"xavos-{site.run.id}"
    with (
        step.act(f"make isolated network {name}", {"kind": "network", "name": name, "run": site.run.id}),
        engine_request(f"make network {name}"),
    ):
        network = site.engine.client().networks.create(
            name, driver="bridge", internal=True, labels={RUN_LABEL: site.run.id}
        )
    network.reload()
    site.network = name
    site.network_gateway = str((network.attrs or {})["IPAM"]["Config"][0]["Gateway"])


def start_forge(step: Step) -> None:
    """Start the forge, the place where commands run: a container or this machine."""
    site = step.site
    if site.forge_kind == "host":
        site.file(TEMPORARY).mkdir(parents=True)
        site.forge = HostForge(root=site.directory, toolchain=host_toolchain(), variables=host_variables())
        record = {"kind": "processes", "marker": site.run.marker, "forge": site.forge.record}
        with step.act("run commands on this machine", record):
            return
    assert site.engine is not None
    image, sharing = _find_sharing(step)
    name = f"xavos-{site.run.id}-forge"
    with step.act(f"start container {name}", {"kind": "container", "name": name, "run": site.run.id}):
        site.forge = ContainerForge.create(
            site.engine.client(),
            name=name,
            image=image,
            directory=site.directory,
            run=site.run.id,
            network=site.network,
            sharing=sharing,
            options=site.fault_points.forge_options(),
        )
        _require_shared_folder(site)


def _find_sharing(step: Step) -> tuple[str, Sharing]:
    """Returns the forge's image, and how its containers share files and network with this process.

    If the image existed when the run started, the sharing is known already. Raises EngineUnfit.
    """
    site = step.site
    assert site.engine is not None
    image = ensure_image(site.engine, "forge", say=_noting(step)).tag
    if site.sharing is None:
        site.sharing = find_sharing(site.engine, image=image, options=site.options)
    if site.options.offline:
        require_isolation(site.sharing)
    return image, site.sharing


def _require_shared_folder(site: Site) -> None:
    """Raise EngineUnfit if the forge does not see the deployment's folder, which may be on an unshared disk."""
    assert site.engine is not None
    assert isinstance(site.forge, ContainerForge)
    if not site.forge.sees(MARK, site.run.id):
        raise EngineUnfit(
            engine=f"{site.engine.kind} {site.engine.version} at {site.engine.url}",
            tried=(f"with the folder {site.directory}: a container finds another folder there",),
            advice="Choose a folder that the engine shares, with --directory.",
        )


def open_gateway(step: Step) -> None:
    """Start the gateway in front of the source. Builds the registry of a rehearsal first."""
    site = step.site
    source = site.source
    if isinstance(source, RehearsalSource):
        _build_rehearsal(step, source.folder)
    gateway = Gateway(site.upstreams, cache=site.options.cache, bind=site.network_gateway or "127.0.0.1",
                      interceptors=site.fault_points.interceptors, fresh=site.options.fresh)  # fmt: skip
    gateway.start()
    site.gateway = gateway


def register_source(step: Step) -> None:
    """Register the source and its public key with Hex in the forge."""
    site = step.site
    home = site.directory / ".home"
    home.mkdir(exist_ok=True)
    (home / "source-key.pem").write_bytes(site.registry.public_key)
    for command in site.registry.setup_commands(key_file=str(site.in_forge.root / ".home/source-key.pem")):
        step.must(*command, label="register the package source", deadline=60)


def close_gateway(site: Site) -> None:
    """Stop the gateway, if it runs, and journal a summary of its requests."""
    if site.gateway is not None:
        site.gateway.stop()
        counts = site.gateway.log.summary()
        summary = runs.GatewaySummary(
            requests=counts["requests"],
            from_cache=counts["from_cache"],
            bytes=counts["bytes"],
            failures=counts["failures"],
        )
        site.run.journal.tell(summary)
        site.gateway = None


def start_database(step: Step) -> None:
    """Start the database server. Its secrets are saved first, because recovery needs them."""
    site = step.site
    server = _server(step)
    for key, value in server.secrets().items():
        site.run.keep_secret(key, value, mask=key == "password" and not site.observed)
    server.start()
    site.server = server


def _server(step: Step) -> postgres.DatabaseServer:
    site = step.site
    if site.database_kind == "url":
        return postgres.ExternalServer(site.options.database, redactor=site.run.redactor, observe=step.recorder)
    password = postgres.SUPERUSER if site.observed else None
    port = postgres.USUAL_PORT if expects_usual_port(site.options.path, site.options) else None
    if site.database_kind == "embedded":
        folder = site.options.state / "postgres" / site.run.id
        folder.parent.mkdir(parents=True, exist_ok=True)
        return postgres.EmbeddedServer(
            run=site.run.id, folder=folder, journal=site.run.journal, where=step.where, observe=step.recorder,
            password=password, port=port,
        )  # fmt: skip
    assert site.engine is not None
    image = ensure_image(site.engine, "postgres", say=_noting(step))
    return postgres.ContainerServer(
        run=site.run.id, image=image.tag, journal=site.run.journal, where=step.where, network=site.network,
        joined=site.sharing.network if site.sharing and site.sharing.is_joined else None, password=password, port=port,
    )  # fmt: skip


def _noting(step: Step) -> Callable[[str], None]:
    return step.note


def _build_rehearsal(step: Step, folder: Path) -> None:
    """Build the registry of a rehearsal in the site's folder and move it into the cache, once for each content.

    The cache may be on another file system, where a move is a copy. So the registry gets a temporary name first.
    """
    if (folder / "public_key").is_file():
        return
    site = step.site
    building = site.file(".rehearsal")

    def run(argv: Sequence[str], where: Path, env: Mapping[str, str]) -> tuple[int, str]:
        outcome = step.run(*argv, cwd=str(where.relative_to(site.directory)), env=env,
                           label="build the rehearsal's registry", deadline=180)  # fmt: skip
        return (outcome.exit_code if outcome.exit_code is not None else 1), outcome.tail

    built = rehearsal.build_registry(rehearsal.load_scenario(site.options.scenario), building, run)
    move_in(built.folder.parent, folder)
    shutil.rmtree(building)


def move_in(made: Path, folder: Path) -> None:
    """Move the content of `made` to the parent of `folder` (its `public`), completely or not at all."""
    home = folder.parent
    home.parent.mkdir(parents=True, exist_ok=True)
    arriving = Path(tempfile.mkdtemp(dir=home.parent, prefix=f".{home.name}."))
    try:
        moved = Path(shutil.move(made, arriving))
        if home.exists() and not (folder / "public_key").is_file():
            shutil.rmtree(home)  # incomplete
        try:
            moved.replace(home)
        except OSError:
            if not (folder / "public_key").is_file():
                raise  # else another run has moved the same content first
    finally:
        shutil.rmtree(arriving, ignore_errors=True)
