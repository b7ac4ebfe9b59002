"""The map of the suite: plugins in the order in which data flows through them."""

import pytest

from rollout import environment

environment.enter()  # before anything is imported that obeys a variable of the user's
pytest.register_assert_rewrite("suite", "fixtures", "deploy_tests")

pytest_plugins = (
    # options → session (plan, source, forge, database, run)
    "suite.options",
    "suite.main_job",
    # phases, in the order of the realistic path
    "fixtures.deployment",
    "fixtures.prerequisites",
    "fixtures.packages",
    "fixtures.worktree",
    "fixtures.phoenix_app",
    "fixtures.database",
    "fixtures.ash_core",
    "fixtures.authentication",
    "fixtures.extras",
    "fixtures.foundation",
    "fixtures.accounts",
    "fixtures.features",
    "fixtures.swarm",
    "fixtures.tooling",
    "fixtures.migrations",
    "fixtures.installation",
    "fixtures.scripts",
    "fixtures.server",
    # steps that only the ambitious path takes, and those of somebody's own script
    "fixtures.archives",
    "fixtures.generation",
    "fixtures.setup",
    "fixtures.overlay",
    "fixtures.script",
    # checks: order, blocking
    "suite.phases",
    # journal → reports
    "suite.checks",
    "suite.report",
    "suite.path_session",
    "suite.terminal",
    "suite.closing",
)
