"""Why `init` cannot write rollout.toml. Each class takes facts and writes the message."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rollout.errors import RolloutError


class NoFolder(RolloutError):
    """`what`: a clause, such as "it does not exist"."""

    def __init__(self, *, path: Path, what: str) -> None:
        super().__init__(
            f"{path} cannot be read as a repository: {what}.",
            advice="Name the folder of a Phoenix application: `init FOLDER`.",
        )


class NoMixFile(RolloutError):
    """`found`: folders below that have a mix.exs. `why`: a clause, if there is a mix.exs that cannot be read."""

    def __init__(self, *, folder: Path, found: Sequence[str] = (), why: str = "") -> None:
        if why:
            super().__init__(f"{folder / 'mix.exs'} cannot be read: {why}.", advice="Correct it and run init again.")
            return
        which = f" `init {folder / found[0]}` or `--root={found[0]}` takes that one." if found else ""
        below = f" Below it: {', '.join(found)}." if found else ""
        super().__init__(
            f"{folder} has no mix.exs.{below}",
            advice=which.strip() or "Name the folder of a Phoenix application: `init FOLDER`.",
        )


class SeveralApplications(RolloutError):
    """`found`: the folders of the Phoenix applications below a folder without mix.exs."""

    def __init__(self, *, folder: Path, found: Sequence[str]) -> None:
        super().__init__(
            f"{folder} has no mix.exs, and several Phoenix applications below it: {', '.join(found)}.",
            advice=f"Say which, such as --root={found[0]}.",
        )


class NoPhoenix(RolloutError):
    """`files`: the mix.exs that were read. `below`: folders with a Phoenix application."""

    def __init__(self, *, folder: Path, files: Sequence[str], below: Sequence[str]) -> None:
        advice = (
            f"There is a Phoenix application in {', '.join(below)}: --root={below[0]}."
            if below
            else "Add Phoenix to the dependencies, or name the folder of a Phoenix application: `init FOLDER`."
        )
        read = ", ".join(dict.fromkeys(files))
        super().__init__(f"{folder} is no Phoenix application: nothing in {read} depends on Phoenix.", advice=advice)


class NoEndpoint(RolloutError):
    """Phoenix is a dependency, but no module uses Phoenix.Endpoint."""

    def __init__(self, *, folder: Path, unread: Sequence[str]) -> None:
        also = f" These files could not be read: {'; '.join(unread)}." if unread else ""
        super().__init__(
            f"{folder} depends on Phoenix, but no module below lib/ has `use Phoenix.Endpoint`.{also}",
            advice="A library cannot be deployed. Name the folder of an application: `init FOLDER`.",
        )


class NotWritable(RolloutError):
    """What was read cannot be said in rollout.toml, such as a folder with a line break in its name."""

    def __init__(self, *, folder: Path, problem: str) -> None:
        super().__init__(
            f"init cannot say in rollout.toml what it read in {folder}: {problem}. Nothing was written.",
            advice="Write the file by hand; docs/reference/rollout-toml.md has all keys.",
        )


class FileInTheWay(RolloutError):
    """`what`: a clause, such as "it is a link"."""

    def __init__(self, *, path: Path, what: str) -> None:
        super().__init__(f"{path} cannot be written: {what}.", advice="Remove it or correct it, then run init again.")
