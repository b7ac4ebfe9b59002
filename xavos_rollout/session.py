"""The pytest plugin of an installed session: loads the plugins that the suite relies on, and selects its checks.

No other plugin of the user's environment is loaded, and no test of the folder in which the session was started is run.
"""

from __future__ import annotations

from collections.abc import Generator

import pytest

from xavos_rollout.place import CHECKS

# By the names of their entry points, as `-p` takes them. `-p html` would also be Python's own html.
_PLUGINS = ("timeout", "html", "metadata", "pytest_order")


def pytest_addoption(pluginmanager: pytest.PytestPluginManager) -> None:
    for name in _PLUGINS:
        pluginmanager.load_setuptools_entrypoints("pytest11", name=name)


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> None:
    """Read the conftest of the checks only, even if an argument looks like a file of the user's folder."""
    early_config.known_args_namespace.file_or_dir = [str(CHECKS)]


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_cmdline_main(config: pytest.Config) -> Generator[None, object, object]:
    """Before anything looks at the selection, replace it by the checks that the user named, or by all."""
    named = [argument for argument in config.args if argument != str(CHECKS)]
    config.args = [_check(argument) for argument in named] or [str(CHECKS)]
    return (yield)


@pytest.hookimpl(trylast=True)
def pytest_configure(config: pytest.Config) -> None:
    """Show the files of checks as in a checkout, and not as seen from the folder of the user."""
    terminal = config.pluginmanager.get_plugin("terminalreporter")
    if terminal is not None:
        terminal.startpath = config.rootpath


def _check(argument: str) -> str:
    """The check of a node id as reports show it: `deploy_tests/test_18_server.py::NAME`. Raises UsageError."""
    file, colons, name = argument.partition("::")
    path = CHECKS.parent / file
    if not path.resolve().is_relative_to(CHECKS) or not path.exists():
        raise pytest.UsageError(
            f"{argument} is not a check of this suite, and a deployment runs no other tests. Select checks with -k, or "
            f"name them as in the report: {CHECKS.name}/test_18_server.py::NAME."
        )
    return f"{path.resolve()}{colons}{name}"
