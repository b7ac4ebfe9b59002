"""The ledger of a campaign: one line for each trial that is over, on disk before the next begins.

Its first line says what the campaign is, so that it can be gone on with. A trial is known by its key and counts once,
however often it is written.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rollout.errors import UsageError
from rollout.journal.json_lines import append_lines
from rollout.results.campaign.trials import Result, as_row, from_row

FILE = "trials.jsonl"
_HEAD = 1


class NotACampaign(UsageError):
    """What was to be gone on with is none."""

    def __init__(self, *, folder: Path, problem: str) -> None:
        super().__init__(f"{folder} holds no campaign to go on with: {problem}.", advice="Begin one: --campaign.")


class AnotherCampaign(UsageError):
    """What was to be gone on with was asked something else."""

    def __init__(self, *, folder: Path, name: str, was: object, asked: object) -> None:
        super().__init__(
            f"The campaign of {folder} was begun with {name} {was!r}, and is asked for with {asked!r} now: trials of "
            "the two are not counted together.",
            advice="Give the options that it was begun with, --seed included, or begin another: leave out --resume.",
        )


class Ledger:
    """The file `trials.jsonl` in a campaign's report folder."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / FILE
        self._results: dict[str, Result] = {}
        self.head: Mapping[str, Any] = {}

    @classmethod
    def begin(cls, folder: Path, head: Mapping[str, Any]) -> Ledger:
        """A new ledger; `head` are the campaign's facts."""
        ledger = cls(folder)
        ledger.head = {"campaign": _HEAD, **head}
        ledger._write(ledger.head)
        return ledger

    @classmethod
    def go_on(cls, folder: Path) -> Ledger:
        """The ledger of an earlier campaign, or that to which `lead` has led. Raises NotACampaign."""
        ledger = cls((folder / FILE).resolve().parent)
        try:
            lines = ledger.path.read_bytes().splitlines()
        except OSError as error:
            raise NotACampaign(folder=folder, problem=f"{FILE}: {error.strerror}") from None
        rows = [row for line in lines if (row := _parsed(line)) is not None]
        if not rows or rows[0].get("campaign") != _HEAD:
            raise NotACampaign(folder=folder, problem=f"{FILE} does not begin as one")
        ledger.head = rows[0]
        for row in rows[1:]:
            result = from_row(row)
            if result is not None:
                ledger._results.setdefault(result.specification.key, result)
        return ledger

    def lead(self, folder: Path) -> None:
        """Have the folder of a session that goes on with the campaign lead to it: it is the latest one then."""
        here, there = folder.resolve(), self.path.resolve()
        if here != there.parent:
            with contextlib.suppress(OSError):  # then it is gone on with by its own name only
                (here / FILE).symlink_to(os.path.relpath(there, here))

    @property
    def results(self) -> tuple[Result, ...]:
        """Those that are there, in the order in which they came."""
        return tuple(self._results.values())

    def has(self, key: str) -> bool:
        return key in self._results

    def add(self, result: Result) -> bool:
        """Write it down; False, and nothing is written, where the trial is there already."""
        if self.has(result.specification.key):
            return False
        self._write(as_row(result))
        self._results[result.specification.key] = result
        return True

    def _write(self, row: Mapping[str, Any]) -> None:
        data = json.dumps(row, ensure_ascii=False, default=str).encode("utf-8", "replace") + b"\n"
        append_lines(self.path, data)


def _parsed(line: bytes) -> Mapping[str, Any] | None:
    try:
        row = json.loads(line)
    except ValueError:
        return None
    return row if isinstance(row, dict) else None
