"""Runs a set-up command on this machine, before a run or a forge exists."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from rollout import environment
from rollout.process import LocalLauncher, Outcome, Quiet, Request, execute


def run_on_host(*argv: str, deadline: float = 60.0, env: Mapping[str, str] | None = None) -> Outcome:
    """Run argv silently, with this machine's proxies and certificates and `env`; `deadline` in seconds."""
    variables = environment.outbound_program(**(env or {}))
    request = Request(argv=argv, label=argv[0], cwd=Path("/"), env=variables, deadline=deadline)
    return execute(request, LocalLauncher(), Quiet())
