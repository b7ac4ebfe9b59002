"""The pytest plugin of the wheel: `pytest --rollout` becomes `xavos-rollout deploy`. It does nothing else.

Every pytest of the environment imports this module, so it imports nothing of the suite. The process is replaced before
pytest redirects its output and before any conftest is read. So the terminal, signals and the exit code are those of the
run itself, and no setting of the user's repository applies to it.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Generator

import pytest

_OPTION = "--rollout"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.getgroup("rollout", "deploy and verify a Phoenix application").addoption(
        _OPTION, action="store_true", help="run `xavos-rollout deploy` with all other arguments, instead of tests"
    )


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> Generator[None]:
    if getattr(early_config.known_args_namespace, "rollout", False) is True:
        _become_command(tuple(map(str, early_config.invocation_params.args)))
    return (yield)


def _become_command(arguments: tuple[str, ...]) -> None:
    """Replace this process by the command. Raises UsageError in a program that calls pytest.main."""
    if arguments != tuple(sys.argv[1:]):
        raise pytest.UsageError(
            f"{_OPTION} replaces the process, so it works on pytest's own command line only. From a program, start "
            "`xavos-rollout deploy` as a process."
        )
    given = [argument for argument in arguments if argument != _OPTION]
    sys.stdout.flush()
    sys.stderr.flush()
    os.execv(sys.executable, [sys.executable, "-P", "-m", "xavos_rollout", "deploy", *given])  # noqa: S606 - no shell
