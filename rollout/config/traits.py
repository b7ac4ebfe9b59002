"""Traits say what a phase does. A fault selects its phases by trait.

A fault names traits instead of phases. So it applies to new phases of a plan without a change.
"""

from __future__ import annotations

from collections.abc import Mapping

TRAITS: Mapping[str, str] = {
    "makes_site": "makes folder, forge and database server",
    "checks_tools": "compares the versions of the forge's tools",
    "journals": "writes commands or acts to the journal while it runs",
    "asks_registry": "queries the registry for packages",
    "fetches": "fetches tarballs",
    "resolves": "resolves dependencies",
    "writes_files": "writes to the deployment's folder",
    "runs_mix": "runs Mix on the application or on archives",
    "reads_lock": "runs a Mix command that reads mix.lock",
    "compiles": "compiles the application with a separate command",
    "builds_assets": "builds JavaScript and CSS, or provides the files that replace them",
    "asks_database": "queries the database as the deployment's role",
    "names_databases": "chooses the names of the deployment's databases",
    "creates_databases": "creates a database as the deployment's role",
    "writes_database": "creates databases, tables or rows",
    "migrates": "runs the migrations of the development database",
    "runs_tests": "runs the application's own tests, which migrate a database of their own",
    "undoes_database": "is rolled back by commands to the database server",
    "uses_port": "needs the deployment's port",
    "rolls_releases": "replaces instances of one release by those of another",
    "installs_release": "replaces a release by a good one, which has to stay",
    "runs_server": "starts the application's server",
}
"""Every trait with its meaning."""
