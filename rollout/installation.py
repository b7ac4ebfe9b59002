"""Locates the suite's own files, and names its commands, in a checkout and in an installed wheel.

A checkout has plans/, app/, deploy_tests/ and all other folders beside rollout/. The wheel has the same folders, in the
same order, below xavos_rollout/_suite/. So one root is right for both. No other module works out where it is.
"""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
CHECKS = ROOT / "deploy_tests"
IS_CHECKOUT = (ROOT / "bootstrap.py").is_file()
"""Whether the suite runs from its repository. The wheel lacks the file that sets up a checkout."""

# The folder in which an installed suite is started is the user's. It may have a rollout/ or fixtures/ of its own.
INTERPRETER = (sys.executable,) if IS_CHECKOUT else (sys.executable, "-P")
_PROGRAM = "xavos-rollout"
_OF_MAKE = {"setup": "deploy"}  # which prepares the machine first
_NOT_OF_MAKE = {"recover": "pytest --recover", "init": "python -m rollout init"}
_PLUGINS = ("xavos_rollout.session", "no:cacheprovider")  # the cache would be in the installed package


def session_arguments() -> tuple[str, ...]:
    """What a pytest of this suite is given besides the options of a run: nothing in a checkout.

    In a wheel: the suite's own configuration, root, plugins and checks, whatever folder it is started in. They have to
    come last, because pytest takes the last of two values.
    """
    if IS_CHECKOUT:
        return ()
    plugins = (f"-p{name}" for name in _PLUGINS)
    return ("-c", str(ROOT / "pyproject.toml"), f"--rootdir={ROOT}", "--disable-plugin-autoload", *plugins, str(CHECKS))


def pytest_command(*arguments: str) -> tuple[str, ...]:
    """The command line that starts a pytest of this suite with these arguments."""
    return (*INTERPRETER, "-m", "pytest", *arguments, *session_arguments())


def run_command(*arguments: str) -> tuple[str, ...]:
    """The command line of a run, for messages: `pytest -k NAME`, or `xavos-rollout deploy -k NAME`."""
    return (*(("pytest",) if IS_CHECKOUT else (_PROGRAM, "deploy")), *arguments)


def program(module: str, name: str = "") -> str:
    """The beginning of a usage: `python -m rollout.report`, or `xavos-rollout report`."""
    return f"python -m {module}" if IS_CHECKOUT else f"{_PROGRAM} {name}".rstrip()


def command(name: str, *arguments: str) -> str:
    """A command of the suite, for messages: `make undeploy ARGS=xavos`, or `xavos-rollout undeploy xavos`."""
    if not IS_CHECKOUT:
        return " ".join((_PROGRAM, name, *arguments))
    made = _NOT_OF_MAKE.get(name, f"make {_OF_MAKE.get(name, name)}")
    given = " ".join(arguments)
    return f'{made} ARGS="{given}"' if " " in given else f"{made} ARGS={given}" if given else made
