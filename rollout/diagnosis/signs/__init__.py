"""Lists all signs (output patterns of errors) in search order: signs of causes before signs of their effects.

SIGNS are searched first. FALLBACKS say only that something failed, and are searched where no sign is found at all.
"""

from rollout.diagnosis.signs import build, database, elixir, engine, files, machine, network, shell, sources, tls
from rollout.diagnosis.signs.sign import Sign

SIGNS: tuple[Sign, ...] = (
    *machine.SIGNS,
    *shell.SCRIPT,
    *engine.IMAGES,
    *sources.ACCESS,
    *database.SETTINGS,
    *tls.SIGNS,
    *machine.TAKEN,
    *database.SIGNS,
    *shell.COMMANDS,
    *engine.RUNTIME,
    *build.PLATFORM,
    *files.CLOSED,
    *engine.SIGNS,
    *sources.BROKEN,
    *network.LOCAL,
    *network.SIGNS,
    *build.TOOLCHAIN,
    *sources.SIGNS,
    *build.LIBRARIES,
    *elixir.SETTINGS,
    *shell.USAGE,
    *database.STATEMENTS,
    *build.COMPILERS,
    *shell.COMPLAINTS,
    *build.HEADLINES,
    *sources.TOGETHER,
    *sources.OUTDATED,
    *files.SIGNS,
    *elixir.TESTS,
    *machine.WAITING,
)
FALLBACKS: tuple[Sign, ...] = (*elixir.FALLBACKS, *engine.FALLBACKS, *shell.FALLBACKS)

__all__ = ["FALLBACKS", "SIGNS", "Sign"]
