"""`python -m rollout.cli.setup [OPTIONS OF A RUN]`: prepares container engine and images if the run needs them.

It reads `--forge`, `--database` and the flags of commands without an engine (`--plan`, `--doctor`, `--collect-only`,
`--help`) from the arguments of the run, or XAVOS_FORGE and XAVOS_DATABASE. It ignores all other arguments.
Exit codes: 0 ready, 2 something is missing (the commands that fix it are printed), 130 interrupted.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence

from rollout import environment
from rollout.config import flags
from rollout.config.values import STAGES
from rollout.errors import NoEngine, RolloutError, ToolMissing
from rollout.site.engine.client import Engine
from rollout.site.engine.discovery import find_engine
from rollout.site.engine.images import PRODUCTION, ensure_image, image_present
from rollout.site.engine.setup import commands, install_engine
from rollout.site.postgres.binaries import find_binaries
from rollout.site.postgres.errors import EmbeddedUnavailable
from rollout.site.selection import engine_needed, host_toolchain
from rollout.text.standard_streams import make_outputs_safe

_ENGINELESS = frozenset({
    *flags.arguments(plan=True, doctor=True, recover=True, fault=flags.LIST),
    "--collect-only", "--co", "--help", "-h", "--version", "-V", "--markers", "--fixtures", "--funcargs",
    "--fixtures-per-test", "--setup-plan", "--setup-only", "--cache-show",
})  # fmt: skip

Say = Callable[[str], None]


def main(arguments: Sequence[str]) -> int:
    """Returns the exit code."""
    make_outputs_safe()
    environment.reset_process()
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
    """The images that the run may need, with `auto` or `container` for each. Empty if it needs no engine."""
    if any({argument, argument.partition("=")[0]} & _ENGINELESS for argument in arguments):
        return {}
    needed = {}
    for option, image in (("forge", "forge"), ("database", "postgres")):
        value = flags.value_in(arguments, option) or environment.get(f"XAVOS_{option.upper()}") or "auto"
        if value in {"auto", "container"}:
            needed[image] = value
    stage = flags.value_in(arguments, "stage") or environment.get("XAVOS_STAGE")
    if stage == STAGES[-1] and "forge" in needed:
        needed |= dict.fromkeys(PRODUCTION, needed["forge"])
    return needed


def prepare(needed: Mapping[str, str], say: Say) -> None:
    """Make the missing images of `needed`. Raises RolloutError with advice."""
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
    """An engine. None if `auto` has a substitute, and an engine cannot be installed or this user may not do it."""
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
    if "container" in needed.values() or not _has_substitutes(needed):
        raise none
    say(f"{none.message}\nUsing this machine's Elixir and an embedded PostgreSQL instead.")
    return None


def _has_substitutes(needed: Mapping[str, str]) -> bool:
    """Whether this machine has what `auto` uses instead of each image."""
    try:
        if "forge" in needed:
            host_toolchain()
        if "postgres" in needed:
            find_binaries()
    except (ToolMissing, EmbeddedUnavailable):
        return False
    return True



if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
