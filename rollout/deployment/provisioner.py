"""The ground a deployment stands on: what must not be there, then folder, network, gateway, forge, database server."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from rollout import rehearsal
from rollout.deployment.obstacles import (
    is_looked_for_at_the_usual_port,
    refuse_databases,
    refuse_engine_names,
    refuse_port,
    refuse_usual_port,
)
from rollout.errors import AlreadyExists, EngineUnfit
from rollout.hex.gateway import Gateway
from rollout.hex.sources import RehearsalSource
from rollout.phases.step import Step
from rollout.site import postgres
from rollout.site.engine.client import RUN_LABEL
from rollout.site.engine.errors import engine_request
from rollout.site.engine.images import ensure_image
from rollout.site.engine.selection import find_sharing
from rollout.site.engine.sharing import Sharing
from rollout.site.folder_check import refuse_what_is_there
from rollout.site.forge import TEMPORARY, ContainerForge, HostForge
from rollout.site.host_tools import host_variables
from rollout.site.repository import MARK, being_made
from rollout.site.selection import host_toolchain, require_isolation
from rollout.site.site import Site


def refuse_what_is_not_ours(site: Site) -> None:
    """Raise Refused for a folder, repository, listener, database or container that is there. Changes nothing.

    rollout/deployment/preflight.py has checked the same before the run was opened. This check finds what came since.
    """
    options = site.options
    refuse_what_is_there(site.directory)
    refuse_port(options.port)
    refuse_usual_port(options.path, options)
    if site.database_kind == "url":
        refuse_databases(options.database, site.role, tuple(site.databases.values()), site.run.redactor)
    if site.engine is not None:
        refuse_engine_names(site.engine, site.run.id)


def make_folder(step: Step) -> None:
    """The deployment's folder, and those above it that are not there."""
    directory = step.site.directory
    missing = [parent for parent in (directory, *directory.parents) if not os.path.lexists(parent)]
    made = [str(folder) for folder in reversed(missing)]
    run = step.site.run.id
    record = {"kind": "directory", "path": str(directory), "made": made, "run": run}
    with step.act(f"make folder {directory}", record):
        beside = being_made(directory, run)
        beside.mkdir(parents=True)
        (beside / MARK).write_text(f"{run}\n")
        refuse_what_is_there(directory)  # an empty folder of somebody else's would be replaced
        try:
            beside.rename(directory)
        except OSError as error:  # another run was quicker
            raise AlreadyExists(what="folder", name=str(directory), option="--directory or --name") from error


def make_network(step: Step) -> None:
    """With --offline: a network of the run's own from which nothing outside can be reached."""
    site = step.site
    if not site.options.offline:
        return
    assert site.engine is not None, "--offline needs containers, which the options were checked for"
    _prove(step)
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
    """The place where commands run, as chosen for the run."""
    site = step.site
    if site.forge_kind == "host":
        site.file(TEMPORARY).mkdir(parents=True)
        site.forge = HostForge(root=site.directory, toolchain=host_toolchain(), variables=host_variables())
        record = {"kind": "processes", "marker": site.run.marker, "forge": site.forge.record}
        with step.act("run commands on this machine", record):
            return
    assert site.engine is not None
    image, sharing = _prove(step)
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
        _require_that_it_sees_our_folder(site)


def _prove(step: Step) -> tuple[str, Sharing]:
    """The forge's image, and the way in which its containers share files and network with this process.

    Where the image was there when the run began, that sharing is known already. Raises EngineUnfit.
    """
    site = step.site
    assert site.engine is not None
    image = ensure_image(site.engine, "forge", say=_noting(step)).tag
    if site.sharing is None:
        site.sharing = find_sharing(site.engine, image=image, options=site.options)
    if site.options.offline:
        require_isolation(site.sharing)
    return image, site.sharing


def _require_that_it_sees_our_folder(site: Site) -> None:
    """The probe has shared another folder: the deployment's may be on a disk that the engine does not see."""
    assert site.engine is not None
    assert isinstance(site.forge, ContainerForge)
    if not site.forge.sees(MARK, site.run.id):
        raise EngineUnfit(
            engine=f"{site.engine.kind} {site.engine.version} at {site.engine.url}",
            tried=(f"with the folder {site.directory}: a container finds another folder there",),
            advice="Choose a folder that the engine shares, with --directory.",
        )


def open_gateway(step: Step) -> None:
    """The gateway in front of the source, where the forge can reach it; a rehearsal's registry is built first."""
    site = step.site
    source = site.source
    if isinstance(source, RehearsalSource):
        _build_rehearsal(step, source.folder)
    gateway = Gateway(site.upstreams, cache=site.options.cache, bind=site.network_gateway or "127.0.0.1",
                      interceptors=site.fault_points.interceptors, fresh=site.options.fresh)  # fmt: skip
    gateway.start()
    site.gateway = gateway


def register_source(step: Step) -> None:
    """Have Hex in the forge know the source by its own key."""
    site = step.site
    home = site.directory / ".home"
    home.mkdir(exist_ok=True)
    (home / "source-key.pem").write_bytes(site.registry.public_key)
    for command in site.registry.setup_commands(key_file=str(site.in_forge.root / ".home/source-key.pem")):
        step.must(*command, label="register the package source", deadline=60)


def close_gateway(site: Site) -> None:
    """Stop the gateway, if it is open, and tell what it answered."""
    if site.gateway is not None:
        site.gateway.stop()
        site.run.journal.tell("gateway.summary", **site.gateway.log.summary())
        site.gateway = None


def start_database(step: Step) -> None:
    """The database server, as chosen for the run. What recovery needs of it is kept before it is started."""
    site = step.site
    server = _server(step)
    for key, value in server.secrets().items():
        site.run.keep_secret(key, value, mask=key == "password" and not site.observed)
    server.start()
    site.server = server


def _server(step: Step) -> postgres.DatabaseServer:
    site = step.site
    if site.database_kind == "url":
        return postgres.ExistingServer(site.options.database, redactor=site.run.redactor, observe=step.recorder)
    password = postgres.SUPERUSER if site.observed else None
    port = postgres.USUAL_PORT if is_looked_for_at_the_usual_port(site.options.path, site.options) else None
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
    """Build the rehearsal's registry, once for each content: where the forge sees it, then moved into the cache.

    A move may be a copy (another file system), so it arrives under a name of this run's and is there in one step.
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
    """Move what `made` holds to the parent of `folder` (its `public`), whole or not at all."""
    home = folder.parent
    home.parent.mkdir(parents=True, exist_ok=True)
    arriving = Path(tempfile.mkdtemp(dir=home.parent, prefix=f".{home.name}."))
    try:
        moved = Path(shutil.move(made, arriving))
        if home.exists() and not (folder / "public_key").is_file():
            shutil.rmtree(home)  # half copied
        try:
            moved.replace(home)
        except OSError:
            if not (folder / "public_key").is_file():
                raise  # else another run was quicker, with the same content
    finally:
        shutil.rmtree(arriving, ignore_errors=True)
