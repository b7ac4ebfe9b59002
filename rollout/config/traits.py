"""Traits of phases: what a phase does. Plans declare them, faults match them.

A fault names traits instead of phases, so new phases of a plan are struck without a change to the faults.
"""

from __future__ import annotations

from collections.abc import Mapping

TRAITS: Mapping[str, str] = {
    "makes_site": "makes folder, forge and database server",
    "checks_tools": "compares the versions of the forge's tools",
    "journals": "writes commands or acts to the journal while it is at work",
    "asks_registry": "asks the registry about packages",
    "fetches": "fetches tarballs",
    "resolves": "resolves dependencies",
    "writes_files": "writes to the deployment's folder",
    "runs_mix": "has Mix at work on the application or on archives",
    "reads_lock": "has Mix read mix.lock",
    "compiles": "compiles the application by a command of its own",
    "builds_assets": "builds JavaScript and CSS, or sets up what is served in their place",
    "asks_database": "asks the database as the deployment's role",
    "names_databases": "takes the names of the deployment's databases",
    "creates_databases": "creates a database as the deployment's role",
    "writes_database": "creates databases, tables or rows",
    "migrates": "runs the migrations of the development database",
    "runs_tests": "runs the application's own tests, which migrate a database of their own",
    "undoes_database": "is rolled back by asking the database server",
    "uses_port": "needs the deployment's port",
    "runs_server": "starts the application's server",
}
"""Every trait with its meaning."""
