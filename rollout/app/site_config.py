"""Points an unchanged application at the database and the port of its deployment, through one file of configuration.

config/dev.exs names a database server: that of the developer. Neither Ecto nor Phoenix lets the environment win over
it. So the copy gets a file that config/config.exs imports last, and that reads the environment whenever Mix reads the
configuration. Nothing of a site is compiled in.
"""

from __future__ import annotations

import re
from pathlib import Path

from rollout.errors import PostconditionFailed
from rollout.project.project import Project

FILE = "config/rollout_site.exs"
MAIN = "config/config.exs"
_IMPORT = f'\nimport_config "{Path(FILE).name}"\n'
_HEAD = """# Database and port of this deployment, written by xavos-rollout. Only the copy has this file.
import Config
"""
_REPO = """
if config_env() in [:dev, :test] do
  name = if config_env() == :test, do: "{test}", else: "{dev}"

  config :{app}, {module},
    url: System.fetch_env!(name),
    show_sensitive_data_on_connection_error: false
end
"""
_ENDPOINT = """
if config_env() == :dev do
  {{:ok, ip}} = "XAVOS_BIND" |> System.fetch_env!() |> String.to_charlist() |> :inet.parse_address()
  port = String.to_integer(System.fetch_env!("XAVOS_PORT"))

  # Keyword lists are merged, and an empty one changes nothing. Nobody edits the copy, so nothing watches it.
  config :{app}, {module}, http: [ip: ip, port: port], watchers: nil
end
"""


def variables_of_repo(number: int) -> tuple[str, str]:
    """The variables with the URLs of the databases of the repo with a number from 1: development, tests."""
    end = "" if number == 1 else f"_{number}"
    return f"DATABASE_URL{end}", f"TEST_DATABASE_URL{end}"


def lay(application: Path, project: Project) -> tuple[str, ...]:
    """Write the file and its import. Returns the changed files, () if nothing has to be pointed at the deployment.

    Raises PostconditionFailed if the application has no config/config.exs, or already a file of that name.
    """
    text = "".join(_parts(application, project))
    if not text:
        return ()
    main, own = application / MAIN, application / FILE
    if not main.is_file():
        raise PostconditionFailed(expected=f"{MAIN}, which names database and port", found="no such file",
                                  cause="configuration_invalid")  # fmt: skip
    if own.exists():
        raise PostconditionFailed(expected=f"no file {FILE}", found="one, of the repository", cause="already_exists")
    own.write_text(_HEAD + text, encoding="utf-8")
    with main.open("a", encoding="utf-8") as file:
        file.write(_IMPORT)
    return MAIN, FILE


def _parts(application: Path, project: Project) -> list[str]:
    own = project.application
    parts = []
    for number, repo in enumerate(own.repos if project.database.needed else (), 1):
        dev, test = variables_of_repo(number)
        parts.append(_REPO.format(app=otp_app(application, repo, own.name), module=repo, dev=dev, test=test))
    if own.endpoint:
        parts.append(_ENDPOINT.format(app=otp_app(application, own.endpoint, own.name), module=own.endpoint))
    return parts


def otp_app(application: Path, module: str, default: str) -> str:
    """The OTP application whose configuration a module reads, as config/*.exs configures it."""
    named = re.compile(rf"\bconfig\(?\s*:(\w+)\s*,\s*{re.escape(module)}\b(?!\.)")
    for file in sorted((application / "config").glob("*.exs")):
        if found := named.search(file.read_text(encoding="utf-8", errors="replace")):
            return found[1]
    return default
