"""Faults of the application: files that do not compile, a migration that fails, a server that does not start."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import replace

from rollout.faults.fault import FaultSpec, Kind, either_form
from rollout.faults.planted_code import PlantedFiles, after, mix
from rollout.process import Outcome, Request
from rollout.site.site import Site

_MIGRATIONS = "priv/repo/migrations"
_SAYS = "injected by a fault"
_TABLE = _SAYS.replace(" ", "_")
_PATIENCE_SECONDS = 12  # how long the script waits for a server that hangs; its default is 90 s
_DOES_NOT_COMPILE = (
    "defmodule {module}.BrokenOverlay do\n  def broken, do: [1, 2\nend\n",
    "defmodule {module}.BrokenOverlay do\n  def broken, do: there_is_no_such_function(1)\nend\n",
    "defmodule {module}.BrokenOverlay do\n  use {module}.ThereIsNoSuchModule\nend\n",
)
_DOES_NOT_MIGRATE = (
    f'raise "{_SAYS}"',
    f'execute "ALTER TABLE {_TABLE} ADD COLUMN nothing text"',
)
_GARBLED = ("<<<<<<< HEAD\n{text}=======\n%{{}}\n>>>>>>> other\n", "{half}", "\x00\x01\x02{half}")


class DoesNotCompile(PlantedFiles):
    """An overlay has a file that does not compile."""

    def __init__(self, spec: FaultSpec) -> None:
        super().__init__(spec, r"broken_overlay\.ex|BrokenOverlay")

    def plants_before(self, site: Site, request: Request) -> bool:
        """Before the first command that compiles. Igniter compiles before it installs a package."""
        return mix(request, "compile") or mix(request, "igniter.install")

    def files(self, site: Site) -> Mapping[str, str]:
        text = self.chance.choice(_DOES_NOT_COMPILE).format(module=site.target.module)
        return {f"lib/{site.target.app}/broken_overlay.ex": text}


class DoesNotMigrate(PlantedFiles):
    """The newest migration fails after the earlier ones have run."""

    def __init__(self, spec: FaultSpec) -> None:
        super().__init__(spec, rf"\(RuntimeError\) {_SAYS}|{_TABLE}\"? does not exist")

    def plants_before(self, site: Site, request: Request) -> bool:
        return mix(request, "ecto.migrate") or mix(request, "ash.setup") or mix(request, "ash.migrate")

    def files(self, site: Site) -> Mapping[str, str]:
        versions = [int(name) for file in site.file(_MIGRATIONS).glob("*.exs")
                    if (name := file.name.partition("_")[0]).isdigit()]  # fmt: skip
        newest = max(versions, default=20200101000000) + 1
        return {
            f"{_MIGRATIONS}/{newest}_injected.exs": (
                f"defmodule {site.target.module}.Repo.Migrations.Injected do\n  use Ecto.Migration\n\n"
                f"  def up do\n    {self.chance.choice(_DOES_NOT_MIGRATE)}\n  end\n\n  def down, do: :ok\nend\n"
            )
        }


class LockGarbled(PlantedFiles):
    """mix.lock is unreadable: it contains conflict markers, or only half of it was written."""

    def __init__(self, spec: FaultSpec) -> None:
        super().__init__(spec, r"mix\.lock")
        self._is_rewritten = False

    def plants_before(self, site: Site, request: Request) -> bool:
        return request.argv[0] == "mix" and site.file("mix.lock").is_file()

    def files(self, site: Site) -> Mapping[str, str]:
        text = site.file("mix.lock").read_text(encoding="utf-8")
        return {"mix.lock": self.chance.choice(_GARBLED).format(text=text, half=text[: len(text) // 2])}

    def after_command(self, site: Site, outcome: Outcome) -> None:
        """Mix treats an unreadable lock as empty, without a message, and writes a new one."""
        super().after_command(site, outcome)
        for before, planted in self.planted.values():
            lock = site.file("mix.lock").read_bytes() if site.file("mix.lock").is_file() else planted
            if lock != planted and not self.is_over and not self._is_rewritten:
                self._is_rewritten = True
                same = "with what was in it" if lock == before else "with something else in it"
                self.bite(site, f"{outcome.request.label}: has written mix.lock anew, {same}")


class _DoesNotStart(PlantedFiles):
    """Base class: the application does not start."""

    what = ""

    def plants_before(self, site: Site, request: Request) -> bool:
        return site.target.starts_server(request.argv)

    def files(self, site: Site) -> Mapping[str, str]:
        file = site.target.application_file
        text = site.file(file).read_text(encoding="utf-8")
        return {file: after(r"def start\(_type, _args\) do\n", text, f"    {self.what}\n")}

    def failed(self, site: Site, error: BaseException) -> None:
        """Search the server's log for proof."""
        super().failed(site, error)
        if self.planted:
            self.search_log(site)


class Crashes(_DoesNotStart):
    """The application raises when it starts."""

    what = f'raise "{_SAYS}"'

    def __init__(self, spec: FaultSpec) -> None:
        super().__init__(spec, _SAYS)


class Hangs(_DoesNotStart):
    """The application hangs when it starts. The script that starts it gets a shorter timeout."""

    what = f'IO.puts("{_SAYS}: waiting")\n    Process.sleep(:infinity)'

    def __init__(self, spec: FaultSpec) -> None:
        super().__init__(spec, _SAYS)

    def before_command(self, site: Site, request: Request) -> Request:
        request = super().before_command(site, request)
        return replace(request, env={**request.env, "XAVOS_START_SECONDS": str(_PATIENCE_SECONDS)})


class AssetsFail(PlantedFiles):
    """JavaScript and CSS cannot be built, or their prebuilt replacement cannot be set up."""

    def __init__(self, spec: FaultSpec) -> None:
        super().__init__(spec, r"app\.css|endpoint\.ex")
        self._plain = True

    def plants_before(self, site: Site, request: Request) -> bool:
        self._plain = any("assets_plain" in word for word in request.argv)
        return self._plain or mix(request, "assets.build") or mix(request, "assets.setup")

    def files(self, site: Site) -> Mapping[str, str]:
        if self._plain:
            return {site.target.endpoint_file: f"defmodule {site.target.web_module}.Endpoint do\n"}
        return {"assets/css/app.css": f'@import "./{_SAYS.replace(" ", "_")}.css";\n@apply {{\n'}


_FAILING = either_form("rolled_back")
_MET = "after the first command was affected"
_kind = functools.partial(Kind, family="deployment", lasts=_MET, expects=_FAILING)

KINDS: tuple[Kind, ...] = (
    _kind(
        name="overlay_compile_error",
        text="an overlay has a file that does not compile",
        bites="a command that failed and named the file",
        make=DoesNotCompile,
        traits=("compiles",),
    ),
    _kind(
        name="failing_migration",
        text="the newest migration fails",
        bites="a command that failed in the migration",
        make=DoesNotMigrate,
        traits=("migrates",),
    ),
    _kind(
        name="corrupt_lock",
        alters=True,
        text="mix.lock cannot be read",
        bites="a command that failed and named the file, or replaced it",
        make=LockGarbled,
        traits=("reads_lock",),
        expects=either_form("deployed", "rolled_back"),
    ),
    _kind(
        name="server_crashes",
        text="the application raises while it starts",
        bites="its error in the log of the server",
        make=Crashes,
        traits=("runs_server",),
    ),
    _kind(
        name="server_hangs",
        text="the application hangs while it starts",
        bites="the wait in the log of the server",
        make=Hangs,
        traits=("runs_server",),
    ),
    _kind(
        name="asset_build_fails",
        text="JavaScript and CSS cannot be built, or their prebuilt replacement cannot be set up",
        bites="a command that failed and named the file",
        make=AssetsFail,
        traits=("builds_assets",),
    ),
)
