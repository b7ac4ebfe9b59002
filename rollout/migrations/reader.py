"""Reads migrations with the Elixir of a forge."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

from rollout.errors import RolloutError
from rollout.migrations.operations import Migration, decode
from rollout.process import Outcome

SCRIPT = Path(__file__).resolve().parent.parent / "elixir" / "migrations"
_OUTPUT = "operations.jsonl"


class MigrationsUnread(RolloutError):
    """The script that reads migrations has failed."""

    def __init__(self, *, outcome: Outcome) -> None:
        super().__init__(
            f"The migrations could not be read: {outcome.describe()}. It printed last: {outcome.tail.strip()[-500:]}",
            advice="Run the command by hand in the forge.",
        )


def read_migrations(
    paths: Sequence[str], run: Callable[[Sequence[str]], Outcome], *, scratch: Path, seen: str
) -> tuple[Migration, ...]:
    """The migrations in folders or files, in the order of their versions. Raises MigrationsUnread.

    `run` runs an argv where `elixir` is; `paths` are as seen there. `scratch` is an empty folder that exists, `seen`
    the same folder as seen there. Nothing of the migrations is run, and neither Mix nor the application is needed.
    """
    shutil.copytree(SCRIPT, scratch / "reader", dirs_exist_ok=True)
    outcome = run(
        (
            "elixir",
            "-pr",
            f"{seen}/reader/*.ex",
            "-e",
            "Migrations.CLI.main(System.argv())",
            f"{seen}/{_OUTPUT}",
            *paths,
        )
    )
    if not outcome.ok:
        raise MigrationsUnread(outcome=outcome)
    with (scratch / _OUTPUT).open(encoding="utf-8") as lines:
        return decode(lines)
