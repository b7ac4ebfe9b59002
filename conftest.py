"""The map of the suite: plugins in the order in which data flows through them."""

from pathlib import Path

import pytest

from rollout import environment

environment.enter()  # before anything is imported that obeys a variable of the user's
pytest.register_assert_rewrite("suite", "fixtures", "deploy_tests")

pytest_plugins = (
    # options → session (plan, source, forge, database, run)
    "suite.options",
    "suite.main_job",
    # phases and the deployment that they belong to; a new module is found by itself
    *sorted(f"fixtures.{file.stem}" for file in Path(__file__).with_name("fixtures").glob("[!_]*.py")),
    # checks: order, blocking
    "suite.phases",
    # journal → reports
    "suite.checks",
    "suite.report",
    "suite.path_session",
    "suite.terminal",
    "suite.closing",
)
