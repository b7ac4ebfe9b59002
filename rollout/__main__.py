"""`python -m rollout status | undeploy | clean-cache | init`: shows and removes deployments, writes rollout.toml."""

from __future__ import annotations

import contextlib
import shutil
import sys
from collections.abc import Sequence
from urllib.parse import urlsplit

import httpx

from rollout import environment
from rollout.application import APPLICATION
from rollout.config.names import name_problem
from rollout.config.options import Options, parse_options
from rollout.deployment.server import NO_TLS
from rollout.errors import RolloutError
from rollout.installation import command, program
from rollout.project.cli import init, parse_words
from rollout.project.schema import schema_text
from rollout.rollback import recovery
from rollout.site.engine.selection import CACHED
from rollout.site.processes import port_holder
from rollout.site.store.objects import FOLDER, Store
from rollout.text.standard_streams import make_outputs_safe

_USAGE = f"""usage: {program("rollout")} status | undeploy [NAME…] | clean-cache
       {program("rollout")} init [FOLDER] [--root=FOLDER] [--write] | init --schema"""

_FORMER = "objects"  # the store of earlier versions; no code reads it now


def main(arguments: list[str]) -> int:
    """Returns the exit code; 2 for an unknown command or deployment."""
    make_outputs_safe()
    environment.reset_process()
    for line in environment.warnings():
        print(line, file=sys.stderr)
    try:
        environment.refuse_few_files()
        match arguments:
            case ["status"]:
                return _status(parse_options(lambda name: None))
            case ["undeploy", *names]:
                return _undeploy(parse_options(lambda name: None), names)
            case ["clean-cache"]:
                return _clean_cache(parse_options(lambda name: None))
            case ["init", "--schema"]:
                sys.stdout.write(schema_text())
                return 0
            case ["init", *words] if (given := parse_words(words)) is not None:
                return init(given.folder, root=given.root, write=given.write)
    except RolloutError as error:
        print(f"ERROR: {error}", file=sys.stderr)
        return 1
    print(_USAGE, file=sys.stderr)
    return 2


def _status(options: Options) -> int:
    """Print the kept deployments, and whether they answer."""
    found = recovery.kept(options.state)
    if not found:
        print("Nothing is deployed.")
    for item in found:
        lines = [f"{item.name}  {item.url}  {_state(item.url)}" if item.url else f"{item.name}  without a server",
                 f"path {item.path}, run {item.run}", f"folder {item.directory}"]  # fmt: skip
        if item.release:
            lines.append(f"release {item.release}, instances {', '.join(item.instances)} behind HAProxy")
        lines += [f"manage: {item.manage} status"] if item.manage else []
        print("\n  ".join([*lines, f"remove: {command('undeploy', item.name)}"]))
    return 0


def _state(url: str) -> str:
    """Whether XAVOS answers at the URL. If another program has the port, its name is returned."""
    with contextlib.suppress(httpx.HTTPError, httpx.InvalidURL, ValueError, AttributeError):
        answer = httpx.get(f"{url}{APPLICATION.ready_path}", timeout=5, trust_env=False, verify=NO_TLS)
        status = answer.json().get("status")
        if status in {"ready", "unavailable"}:
            return "running" if status == "ready" else "running, but not ready"
    port = urlsplit(url).port
    holder = port_holder(port) if port else None
    return f"not running: the port is held by {holder}" if holder else "not running"


def _undeploy(options: Options, names: Sequence[str]) -> int:
    """Remove the named deployments; without a name, the only one."""
    deployed = sorted(item.name for item in recovery.kept(options.state))
    unknown = sorted(set(names) - set(deployed))
    if unknown or (not names and len(set(deployed)) > 1):
        print(f"Deployed: {', '.join(deployed) or 'nothing'}. " + (
            f"Not {', '.join(map(_shown, unknown))}; nothing was removed." if unknown
            else f"Which of them? {command('undeploy', *deployed)} removes all."
        ), file=sys.stderr)  # fmt: skip
        return 2
    store = Store(options.cache)
    done = recovery.undeploy(options.state, options.reports, store, print, names=names or deployed)
    print(f"{sum(not item.left for item in done)} deployment(s) removed." if done else "Nothing is deployed.")
    return 1 if any(item.left for item in done) else 0


def _shown(name: str) -> str:
    """The name as it was given. An invalid name is quoted, so that an empty name or a line break is visible."""
    return repr(name) if name_problem(name) else name


def _clean_cache(options: Options) -> int:
    """Remove checkpoints and the gateway's cache, which can be made again. Bundles stay."""
    running = recovery.alive(options.state)
    if running:
        print(f"Run {', '.join(running)} is not finished and may need the cache to roll back; nothing was removed.",
              file=sys.stderr)  # fmt: skip
        return 1
    folders = [options.cache / name for name in ("checkpoints", FOLDER, _FORMER, "gateway", "rehearsal", CACHED)]
    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)
    left = [str(folder) for folder in folders if folder.exists()]
    print(f"Could not be emptied: {', '.join(left)}." if left else f"Emptied {options.cache}; bundles stay.")
    return 1 if left else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
