"""The trial log: `trials.jsonl`, one line for each finished trial of a campaign, written to disk at once.

The first line, the head, identifies the campaign, so that it can be resumed. A trial has a key and counts once, even if
it has several lines.
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
    """The folder of `--resume` has no campaign."""

    def __init__(self, *, folder: Path, problem: str) -> None:
        super().__init__(
            f"Cannot resume: {folder} has no campaign: {problem}.",
            advice="Start one with --campaign, without --resume.",
        )


class DifferentCampaign(UsageError):
    """The campaign of `--resume` was started with other options."""

    def __init__(self, *, folder: Path, name: str, was: object, asked: object) -> None:
        super().__init__(
            f"Cannot resume: the campaign in {folder} was started with {name} {was!r}, this command asks for "
            f"{asked!r}. Trials with different options are not counted together.",
            advice="Use the options of that campaign, including --seed, or start a new one without --resume.",
        )


class TrialLog:
    """The file `trials.jsonl` in the report folder of a campaign."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / FILE
        self._results: dict[str, Result] = {}
        self.head: Mapping[str, Any] = {}

    @classmethod
    def create(cls, folder: Path, head: Mapping[str, Any]) -> TrialLog:
        """Start a new log. `head`: the facts that identify the campaign."""
        log = cls(folder)
        log.head = {"campaign": _HEAD, **head}
        log._write(log.head)
        return log

    @classmethod
    def load(cls, folder: Path) -> TrialLog:
        """Read the log of an earlier campaign; follows the link of `link_from`. Raises NotACampaign."""
        log = cls((folder / FILE).resolve().parent)
        try:
            lines = log.path.read_bytes().splitlines()
        except OSError as error:
            raise NotACampaign(folder=folder, problem=f"{FILE}: {error.strerror}") from None
        rows = [row for line in lines if (row := _parsed(line)) is not None]
        if not rows or rows[0].get("campaign") != _HEAD:
            raise NotACampaign(folder=folder, problem=f"the first line of {FILE} is not the head of a campaign")
        log.head = rows[0]
        for row in rows[1:]:
            result = from_row(row)
            if result is not None:
                log._results.setdefault(result.specification.key, result)
        return log

    def link_from(self, folder: Path) -> None:
        """Link to this log from the folder of a session that resumes the campaign, so that `latest` finds it."""
        here, there = folder.resolve(), self.path.resolve()
        if here != there.parent:
            with contextlib.suppress(OSError):  # without the link, --resume needs the name of the first folder
                (here / FILE).symlink_to(os.path.relpath(there, here))

    @property
    def results(self) -> tuple[Result, ...]:
        """The results in the order in which they were written."""
        return tuple(self._results.values())

    def has(self, key: str) -> bool:
        return key in self._results

    def add(self, result: Result) -> bool:
        """Write a result; False, without writing, if the log has the trial already."""
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
