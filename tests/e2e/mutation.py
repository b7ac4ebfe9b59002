"""A pytest plugin of the tests (`-p tests.e2e.mutation`). It breaks the product on purpose, which a test must detect.

MUTATION names what is broken: `undo_KIND` (an undo that says it has been done, and does nothing), `blunt` (faults that
do not strike).
"""

from __future__ import annotations

import os
from typing import Any

from rollout.faults.fault import Fault
from rollout.rollback import undo


def _install(name: str) -> None:
    kind = name.removeprefix("undo_")
    if name == "blunt":
        Fault.__enter__ = lambda self: self  # type: ignore[method-assign]
    elif kind in undo._KINDS:
        undo._KINDS = {**undo._KINDS, kind: _says_so}
    else:
        raise ValueError(f"MUTATION={name} names nothing to break")


def _says_so(record: Any, context: Any) -> str:
    return "done"


if os.environ.get("MUTATION"):
    _install(os.environ["MUTATION"])
