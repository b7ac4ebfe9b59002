"""`python -m rollout.cli.setup [OPTIONS OF A RUN]`: container engine and images, where the run will need them.

Reads `--forge`, `--database` and the words that need no engine (`--plan`, `--doctor`, `--collect-only`, `--help`)
out of the run's own arguments, or from XAVOS_FORGE and XAVOS_DATABASE; whatever else is there is left to pytest.
Exit codes: 0 ready, 2 something is missing (the commands that mend it are printed), 130 interrupted.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence

from rollout import environment
from rollout.errors import NoEngine, RolloutError, ToolMissing
from rollout.site.engine.client import Engine
from rollout.site.engine.discovery import find_engine
from rollout.site.engine.images import ensure_image, image_present
from rollout.site.engine.setup import commands, install_engine
from rollout.site.postgres.binaries import find_binaries
from rollout.site.postgres.errors import EmbeddedUnavailable
from rollout.site.selection import engine_needed, host_toolchain
from rollout.text.standard_streams import accept_everything

_ENGINELESS = frozenset({
    "--plan", "--doctor", "--collect-only", "--co", "--help", "-h", "--version", "-V", "--recover", "--markers",
    "--fixtures", "--funcargs", "--fixtures-per-test", "--setup-plan", "--setup-only", "--cache-show", "--fault=list",
})  # fmt: skip

Say = Callable[[str], None]


def main(arguments: Sequence[str]) -> int:
    """Returns the exit code."""
    accept_everything()
    environment.enter()
    began = time.monotonic()

    def say(text: str) -> None:
        print(f"[{time.monotonic() - began:5.1f} s] {text}", flush=True)

    try:
        prepare(needed_images(arguments, os.environ), say)
    except RolloutError as error:
        print(f"ERROR: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    return 0


def needed_images(arguments: Sequence[str], environment: Mapping[str, str]) -> Mapping[str, str]:
    """Images that the run may need, with `auto` or `container` for each: empty where it needs no engine."""
    if any({argument, argument.partition("=")[0]} & _ENGINELESS for argument in arguments):
        return {}
    needed = {}
    for option, image in (("forge", "forge"), ("database", "postgres")):
        value = _value(option, arguments) or environment.get(f"XAVOS_{option.upper()}") or "auto"
        if value in {"auto", "container"}:
            needed[image] = value
    return needed


def prepare(needed: Mapping[str, str], say: Say) -> None:
    """Have every image of `needed` on an engine. Raises RolloutError with what to do."""
    if not needed:
        return
    engine = _engine(needed, say)
    if engine is None:
        return
    missing = [name for name in needed if not image_present(engine, name)]
    if missing:
        say(f"Using {engine.kind} {engine.version} at {engine.url}; making: {', '.join(missing)}")
    for name in missing:
        ensure_image(engine, name, say=say)


def _engine(needed: Mapping[str, str], say: Say) -> Engine | None:
    """An engine; None where `auto` can do without, and one cannot be installed or that is not ours to do."""
    found = find_engine()
    if isinstance(found, Engine):
        return found
    if found.named:
        raise engine_needed(found, found.reason)
    none = NoEngine(reason=found.reason, commands=commands())
    if os.geteuid() == 0:
        try:
            return install_engine(say, reason=found.reason)
        except NoEngine as error:
            none = error
    if "container" in needed.values() or not _can_do_without(needed):
        raise none
    say(f"{none.message}\nGoing on without: with this machine's own Elixir and an embedded PostgreSQL.")
    return None


def _can_do_without(needed: Mapping[str, str]) -> bool:
    """Whether this machine has what `auto` takes instead of each image."""
    try:
        if "forge" in needed:
            host_toolchain()
        if "postgres" in needed:
            find_binaries()
    except (ToolMissing, EmbeddedUnavailable):
        return False
    return True


def _value(option: str, arguments: Sequence[str]) -> str | None:
    """The last `--option=value` or `--option value`, as pytest reads it."""
    value = None
    for index, argument in enumerate(arguments):
        if argument == f"--{option}" and index + 1 < len(arguments):
            value = arguments[index + 1]
        elif argument.startswith(f"--{option}="):
            value = argument.partition("=")[2]
    return value


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
