"""Adds the generated files to app/, and runs commands in the complete project.

`fill` copies what a deployment has generated (see assembly/manifest.toml) into app/: the deployment NAME of the
realistic path, kept by an earlier run. It writes app/.env with the variables of a local database if there is none.
`run` runs a command in the completed app/, with this machine's Elixir if it is new enough, else in a container of the
forge's image. Exit codes: the command's; 1 if something failed; 2 for other words.
"""

from __future__ import annotations

import os
import secrets
import shutil
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from rollout import environment
from rollout.assembly import Manifest, load
from rollout.config.options import Options, parse_options
from rollout.errors import RolloutError, ToolMissing
from rollout.process import LocalLauncher, Outcome, Quiet, Request, execute
from rollout.rollback import recovery
from rollout.site.engine.client import NoEngine
from rollout.site.engine.discovery import find_engine
from rollout.site.engine.images import ensure_image
from rollout.site.engine.selection import find_sharing
from rollout.site.forge import ROOT_IN_CONTAINER, ContainerForge, homes
from rollout.site.selection import engine_needed, host_toolchain
from rollout.text.standard_streams import make_outputs_safe

_USAGE = "usage: python -m rollout.cli.source_tree fill NAME | run COMMAND…"
# What only using a deployment makes, and what belongs to its site.
_OF_USE = (".elixir_ls/**", ".env", ".home/**", "cover/**", "log/**")
_PASSED_ON = ("DATABASE_URL", "MIX_ENV", "PORT", "SECRET_KEY_BASE", "TEST_DATABASE_URL", "TOKEN_SIGNING_SECRET")
_DATABASE = "ecto://xavos:xavos@127.0.0.1:5432/xavos"
_HOURS = 12
_LABEL = "source-tree"


class NotDeployed(RolloutError):
    """There is no deployment to complete the tree from."""

    def __init__(self, *, name: str) -> None:
        super().__init__(f"There is no deployment {name}.", advice="`make app` makes it first.")


class NotCompleted(RolloutError):
    """app/ holds our files only."""

    def __init__(self) -> None:
        super().__init__("app/ has no mix.exs: it is not completed yet.", advice="Complete it: make app.")


def main(arguments: Sequence[str]) -> int:
    """Returns the exit code."""
    make_outputs_safe()
    environment.reset_process()
    options = parse_options(lambda name: None)
    try:
        match list(arguments):
            case ["fill", name]:
                print(f"app/ is complete: {fill(load(), _deployed(options, name))} files and folders were generated.")
                return 0
            case ["run", program, *words]:
                return run(options, (program, *words))
    except RolloutError as error:
        print(f"ERROR: {error}", file=sys.stderr)
        return 1
    print(_USAGE, file=sys.stderr)
    return 2


def _deployed(options: Options, name: str) -> Path:
    found = [Path(item.directory) for item in recovery.kept(options.state) if item.name == name]
    if not found:
        raise NotDeployed(name=name)
    return found[0]


def fill(manifest: Manifest, deployed: Path) -> int:
    """Replace what is generated in app/ by what the deployment has; returns how much that is."""
    ours = set(manifest.files)
    count = 0
    for pattern in manifest.generated:
        if pattern in _OF_USE:
            continue
        for stale in _found(manifest.app, pattern, ours):
            shutil.rmtree(stale) if stale.is_dir() and not stale.is_symlink() else stale.unlink()
        for source in _found(deployed, pattern, ours):
            target = manifest.app / source.relative_to(deployed)
            target.parent.mkdir(parents=True, exist_ok=True)
            if source.is_dir():
                shutil.copytree(source, target, symlinks=True)
            else:
                shutil.copy2(source, target)
            count += 1
    _write_environment(manifest.app / ".env")
    return count


def _write_environment(file: Path) -> None:
    """Write the variables without which `config/site.exs` refuses to load, unless there is such a file already."""
    if file.exists():
        return
    values = {
        "DATABASE_URL": f"{_DATABASE}_dev",
        "TEST_DATABASE_URL": f"{_DATABASE}_test",
        "SECRET_KEY_BASE": secrets.token_urlsafe(64),
        "TOKEN_SIGNING_SECRET": secrets.token_urlsafe(64),
    }
    file.touch(mode=0o600)
    file.write_text("".join(f"{name}={value}\n" for name, value in values.items()), encoding="utf-8")


def _found(root: Path, pattern: str, ours: set[str]) -> list[Path]:
    """What a pattern names below `root`: for `FOLDER/**` the folder as a whole. Files of ours are left out."""
    found = root.glob(pattern.removesuffix("/**"))
    return [path for path in found if path.relative_to(root).as_posix() not in ours]


def run(options: Options, command: tuple[str, ...]) -> int:
    """Run a command in app/, its output on the console; returns its exit code."""
    app = load().app
    if not (app / "mix.exs").is_file():
        raise NotCompleted
    try:
        host_toolchain()
    except ToolMissing as missing:
        return _code(_in_container(options, app, command, why=str(missing)))
    variables = {**environment.toolchain(), **_given(os.environ)}
    request = Request(argv=command, label=" ".join(command), cwd=app, env=variables, deadline=_HOURS * 3600)
    return _code(execute(request, LocalLauncher(), _Console()))


def _in_container(options: Options, app: Path, command: tuple[str, ...], *, why: str) -> Outcome:
    engine = find_engine()
    if isinstance(engine, NoEngine):
        raise engine_needed(engine, why)
    image = ensure_image(engine, "forge").tag
    client = engine.client()
    sharing = find_sharing(engine, image=image, options=options)
    forge = ContainerForge.create(client, name=f"xavos-app-{os.getpid()}", image=image, directory=app, run=_LABEL,
                                  network=None, sharing=sharing)  # fmt: skip
    try:
        variables = {**forge.environment(), **homes(ROOT_IN_CONTAINER), **_given(os.environ)}
        request = Request(argv=command, label=" ".join(command), cwd=ROOT_IN_CONTAINER, env=variables,
                          deadline=_HOURS * 3600)  # fmt: skip
        return execute(request, forge.launcher, _Console())
    finally:
        client.containers.get(forge.name).remove(force=True)


def _given(env: Mapping[str, str]) -> dict[str, str]:
    """The variables that XAVOS reads."""
    return {name: value for name, value in env.items() if name in _PASSED_ON or name.startswith("XAVOS_")}


def _code(outcome: Outcome) -> int:
    if outcome.exit_code is None or outcome.timed_out:
        print(f"ERROR: {outcome.describe()}", file=sys.stderr)
        return 1
    return outcome.exit_code


class _Console(Quiet):
    """Shows a command's output as it comes."""

    def __init__(self, write: Callable[[bytes], object] | None = None) -> None:
        self._write = write or sys.stdout.buffer.write

    def output(self, chunk: bytes) -> None:
        self._write(chunk)
        sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
