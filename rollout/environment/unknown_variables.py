"""Warns of unknown environment variables whose names start with XAVOS_."""

from __future__ import annotations

import difflib
import os
from collections.abc import Mapping

from rollout.config.flags import FLAGS
from rollout.config.options import CONDUCTOR, PATH_NAME, RUN_FOLDER

PREFIX = "XAVOS_"
FOLDERS = ("XAVOS_CACHE_DIR", "XAVOS_STATE_DIR", "XAVOS_REPORTS_DIR")
#: Variables for the set-up, and for the suite's own tests.
SET_UP = (
    "XAVOS_DEBIAN_MIRROR", "XAVOS_E2E_CACHE", "XAVOS_ACCEPT", "XAVOS_FORGE_IMAGE", "XAVOS_TEST_FORGE_IMAGE",
    "XAVOS_TEST_POSTGRES_IMAGE", "XAVOS_TEST_REAL_SOURCE", "XAVOS_TEST_KEY", "XAVOS_TEST_NO_KEY",
)  # fmt: skip
#: Variables that the suite sets for programs that it starts.
OWN = (
    RUN_FOLDER, CONDUCTOR, PATH_NAME, "XAVOS_RUN", "XAVOS_COMMAND", "XAVOS_OBSERVER", "XAVOS_IN_FORGE",
    "XAVOS_FORGE_CONTAINER", "XAVOS_WORKTREE", "XAVOS_SERVER", "XAVOS_INSTANCE", "XAVOS_PROXY",
    "XAVOS_ENGINE_URL", "XAVOS_ENGINE_TLS", "XAVOS_ENGINE_CERTIFICATES",
)  # fmt: skip
#: Settings of XAVOS and of its scripts, which a deployment reads from its `.env` and from the environment.
APPLICATION = (
    "XAVOS_BIND", "XAVOS_ORIGINS", "XAVOS_MAIL_FROM", "XAVOS_LOG_LEVEL", "XAVOS_POOL_SIZE", "XAVOS_SIGN_IN_PER_ADDRESS",
    "XAVOS_SIGN_IN_PER_CLIENT", "XAVOS_START_SECONDS", "XAVOS_STOP_SECONDS", "XAVOS_READY_SECONDS", "XAVOS_ENGINE",
    "XAVOS_WATCH",
    "XAVOS_SWARM", "XAVOS_ADVICE_APPLY", "XAVOS_ADVICE_INPUT_PRICE", "XAVOS_ADVICE_ITEMS", "XAVOS_ADVICE_MAX_COST",
    "XAVOS_ADVICE_MAX_COST_PER_DAY", "XAVOS_ADVICE_MAX_TOKENS", "XAVOS_ADVICE_OUTPUT_PRICE", "XAVOS_ADVICE_RETRIES",
    "XAVOS_ADVICE_TIMEOUT_MS", "XAVOS_JOB_RESCUE_SECONDS", "XAVOS_MAIL", "XAVOS_MAIL_DOMAIN", "XAVOS_MAIL_KEY",
    "XAVOS_PUBLIC_PORT", "XAVOS_PUBLIC_SCHEME", "XAVOS_REVISION", "XAVOS_RELEASE_ARGUMENTS",
)  # fmt: skip
_NEAR = 0.6


def known() -> frozenset[str]:
    """Every known name."""
    return frozenset((*(flag.variable for flag in FLAGS), *FOLDERS, *SET_UP, *OWN, *APPLICATION))


def warnings(environment: Mapping[str, str] | None = None) -> tuple[str, ...]:
    """One warning for each unknown variable, with the nearest known name.

    Empty in the session of a path in a comparison: the session that started it has printed the warnings.
    """
    env = os.environ if environment is None else environment
    if RUN_FOLDER in env:
        return ()
    names = known()
    return tuple(_sentence(name, names) for name in sorted(env) if name.startswith(PREFIX) and name not in names)


def _sentence(name: str, names: frozenset[str]) -> str:
    near = difflib.get_close_matches(name.removeprefix(PREFIX), [each.removeprefix(PREFIX) for each in sorted(names)],
                                     n=1, cutoff=_NEAR)  # fmt: skip
    hint = f"Did you mean {PREFIX}{near[0]}?" if near else "The README lists the variables."
    return f"WARNING: nothing reads the variable {name}. {hint}"
