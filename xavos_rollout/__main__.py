"""The console command `xavos-rollout`. It finds the suite first, because the rest of the command is written with it."""

from __future__ import annotations

import importlib
import os
import sys

from xavos_rollout.place import put_first_on_path

_USAGE_ERROR = 4
_INTERRUPTED = 130
# Variables for the user's own tests, which change how pytest and the interpreter work.
_USERS = ("PYTEST_ADDOPTS", "PYTEST_PLUGINS", "PYTEST_DISABLE_PLUGIN_AUTOLOAD", "PYTEST_CURRENT_TEST",
          "PYTEST_XDIST_WORKER", "PYTEST_XDIST_WORKER_COUNT", "PYTEST_XDIST_TESTRUNUID",
          "PYTHONOPTIMIZE", "PYTHONSTARTUP", "PYTHONWARNINGS", "PYTHONINSPECT")  # fmt: skip


def main() -> int:
    """Run the command line of this process. Returns the exit code."""
    for name in _USERS:
        os.environ.pop(name, None)
    hidden = put_first_on_path()
    if hidden:
        print("\n".join(f"ERROR: {sentence}" for sentence in hidden), file=sys.stderr)
        return _USAGE_ERROR
    try:
        return int(importlib.import_module("xavos_rollout.commands").main(sys.argv[1:]))
    except KeyboardInterrupt:
        return _INTERRUPTED


if __name__ == "__main__":
    sys.exit(main())
