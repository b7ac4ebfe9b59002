"""Asks the application which databases its repositories would use, before any command may write to one."""

from __future__ import annotations

from collections.abc import Mapping

from rollout.app.subject import project_of
from rollout.errors import PhaseFailed
from rollout.phases.step import Step

_MARK = "rollout-repo"
_ASK = """
for name <- System.argv() do
  repo = Module.concat([name])
  {:module, _} = Code.ensure_loaded(repo)
  config = repo.config()
  socket = config[:socket_dir] || config[:socket]
  host = if socket, do: "socket:#{socket}", else: config[:hostname] || "localhost"
  IO.puts("\\n" <> Enum.join(["%s", name, host, to_string(config[:port] || 5432), config[:database]], "\\t"))
end
"""


class ForeignDatabase(PhaseFailed):
    """A repository would use a database that is not of this deployment."""

    def __init__(self, *, repo: str, found: str, wanted: str) -> None:
        super().__init__(
            f"{repo} would use the database {found}, which is not of this deployment ({wanted}). It was not asked.",
            cause="configuration_invalid",
            advice="What is read after config/config.exs decides the database: config/runtime.exs, or init/2 of the "
            "repository. Let it read DATABASE_URL, or set its variables in [environment] of rollout.toml.",
        )


def require_own_databases(step: Step) -> None:
    """Raise ForeignDatabase unless every repo of rollout.toml uses its database of this deployment."""
    site = step.site
    host, port = site.settings["PGHOST"], site.settings["PGPORT"]
    for number, (repo, found) in enumerate(configured_databases(step), 1):
        purpose = "dev" if number == 1 else f"dev_{number}"
        wanted = f"{host}:{port}/{site.databases[purpose]}"
        if found != wanted:
            raise ForeignDatabase(repo=repo, found=found, wanted=wanted)


def configured_databases(step: Step, env: Mapping[str, str] | None = None) -> list[tuple[str, str]]:
    """(module, `host:port/database`) of every repo, in the order of rollout.toml, in an environment of Mix."""
    repos = project_of(step).application.repos
    asked = step.must("mix", "run", "--no-start", "-e", _ASK % _MARK, "--", *repos, label="which databases are used",
                      deadline=300, repeatable=True, env=env)  # fmt: skip
    lines = [line.split("\t") for line in asked.tail.splitlines() if line.startswith(f"{_MARK}\t")]
    return [(repo, f"{host}:{port}/{database}") for _, repo, host, port, database in lines]
