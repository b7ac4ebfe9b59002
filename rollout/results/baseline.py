"""Compares the verdict of a run with an earlier verdict.json: what became worse, and what was bad before.

A team adopts the suite on a repository that is not clean yet: the run fails only if something became worse. What counts
is the result of each check and phase. Times are not compared, because those of two machines say nothing.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from rollout.errors import UsageError

# Nothing excuses these: such a run has proven nothing, or has left something behind.
_NEVER_EXCUSED = {"refused": "was refused", "void": "is void", "dirty": "left something behind"}


class InvalidBaseline(UsageError):
    """The file is no verdict with which a run can be compared."""

    def __init__(self, *, file: Path, problem: str) -> None:
        super().__init__(
            f"{file} is not a baseline: {problem}.", advice="Name the verdict.json of an earlier run to its end."
        )


def read_baseline(file: Path) -> Mapping[str, Any]:
    """The content of a verdict.json. Raises InvalidBaseline."""
    try:
        found: Any = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        problem = error.strerror if isinstance(error, OSError) and error.strerror else "it is not JSON"
        raise InvalidBaseline(file=file, problem=problem) from None
    paths = found.get("paths") if isinstance(found, dict) else None
    if not isinstance(paths, dict) or found.get("schema") != 1:
        raise InvalidBaseline(file=file, problem="it is no verdict.json with schema 1")
    if found.get("exit_code") not in {0, 1}:
        raise InvalidBaseline(file=file, problem=f"its run {found.get('run')} did not come to its end")
    if not all(isinstance(path, dict) and isinstance(path.get("failing"), list) for path in paths.values()):
        raise InvalidBaseline(file=file, problem="it is of a version that did not list failing checks")
    content: Mapping[str, Any] = found
    return content


def became_worse(before: Mapping[str, Any], now: Mapping[str, Any], gate: tuple[str, ...]) -> tuple[str, ...]:
    """One line for each thing that is worse on the paths of the gate. Both mappings are verdicts as JSON.

    A path that the baseline does not have is compared with one on which nothing failed.
    """
    if before["rehearsal"] != now["rehearsal"]:
        return ("a rehearsal and a deployment of real packages cannot be compared",)
    return tuple(line for name in gate for line in _of_path(name, before["paths"].get(name, {}), now["paths"][name]))


def _of_path(name: str, before: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[str]:
    if problem := _NEVER_EXCUSED.get(now["outcome"]):
        yield f"{name} {problem}"
    passed = {phase["name"]: phase["outcome"] == "passed" for phase in before.get("phases", ())}
    for phase in now["phases"]:
        if phase["outcome"] != "passed" and not phase["optional"] and passed.get(phase["name"], True):
            yield f"{name}: phase {phase['name']} is {phase['outcome'].replace('_', ' ')}"
    failing = set(before.get("failing", ()))
    yield from (f"{name}: {_check(check)} does not pass" for check in now["failing"] if check not in failing)
    unmet = set(before.get("unmet", ()))
    yield from (f"{name}: no check of {group} passed" for group in now.get("unmet", ()) if group not in unmet)


def _check(nodeid: str) -> str:
    return nodeid.rpartition("::")[2]
