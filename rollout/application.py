"""Describes an application, and XAVOS. Only this module contains names and file paths of XAVOS."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Application:
    """A Phoenix application. `title` is its name in texts, `app` that of its OTP application and database.

    `module` is the prefix of its Elixir modules. `manage_script` starts, stops and manages its server; "" without one.
    `ready_path` answers 200 when server and database are ready, `live_path` as long as the server runs.
    `safe_paths` are pages that anybody may request and that change nothing. `required_variables` are the settings
    without which a release must not start. The build of a release reads `revision_variable`, and `live_path` tells it.
    `unvalidated` are constraints that a package leaves NOT VALID on purpose, as rollout.migrations.health names them.
    """

    title: str
    app: str
    module: str
    manage_script: str
    ready_path: str
    live_path: str
    safe_paths: tuple[str, ...]
    required_variables: tuple[str, ...]
    revision_variable: str
    unvalidated: frozenset[str] = frozenset()

    @property
    def application_file(self) -> str:
        """The file with the callback that starts the application."""
        return f"lib/{self.app}/application.ex"

    @property
    def endpoint_file(self) -> str:
        """The file of the Phoenix endpoint."""
        return f"lib/{self.app}_web/endpoint.ex"

    @property
    def web_module(self) -> str:
        """The prefix of the modules that serve pages."""
        return f"{self.module}Web"

    def phx_new(self, folder: str) -> tuple[str, ...]:
        """The command that generates the application in a folder, without its dependencies."""
        return (
            "mix", "phx.new", folder, "--app", self.app, "--module", self.module, "--database", "postgres",
            "--binary-id", "--no-install", "--no-version-check",
        )  # fmt: skip

    def starts_server(self, argv: tuple[str, ...]) -> bool:
        """Whether a command starts the server."""
        is_script = bool(self.manage_script) and argv[0].endswith(self.manage_script)
        return is_script or any("phx.server" in word for word in argv)


APPLICATION = Application(
    title="XAVOS",
    app="xavos",
    module="Xavos",
    manage_script="scripts/manage_xavos.sh",
    ready_path="/health/ready",
    live_path="/health/live",
    safe_paths=("/",),
    required_variables=("DATABASE_URL", "SECRET_KEY_BASE", "TOKEN_SIGNING_SECRET", "PHX_HOST"),
    revision_variable="XAVOS_REVISION",
    # Oban 2.23 adds it without a scan of the table, and never validates it (lib/oban/migrations/postgres/v12.ex).
    unvalidated=frozenset({"public.oban_jobs: non_negative_priority"}),
)
