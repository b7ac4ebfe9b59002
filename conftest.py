"""Lists the pytest plugins of the suite, in the order in which data flows through them."""

from pathlib import Path

import pytest

from rollout import environment

environment.reset_process()  # before imports of libraries that read variables of the user
pytest.register_assert_rewrite("suite", "fixtures", "deploy_tests")

pytest_plugins = (
    # options → session (plan, source, forge, database, run)
    "suite.options",
    "suite.main_job",
    # the deployment and its phases; a new module needs no entry
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
