"""Builds releases that are bad on purpose, to see that each is noticed and taken back.

They are real releases of the application, built as any other. One has a plug in front of everything else, which
misbehaves as an environment variable says. Two more have a migration that fails, or that takes a lock for long.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from rollout.application import APPLICATION
from rollout.config.options import ROOT
from rollout.phases.step import Step
from rollout.production.release import FOLDER, Release, build, find

_SOURCES = ROOT / "rollout" / "elixir" / "release"
_PLUG = "bad_release.ex"
_VARIABLE = "ROLLOUT_BAD_RELEASE"
_VERSION = "99990101000000"  # after every migration of the application
_FAILING = """\
defmodule RolloutFailingMigration do
  use Ecto.Migration

  def up do
    execute("CREATE TABLE rollout_half_done (id integer)")
    execute("SELECT 1 / 0")
  end

  def down, do: :ok
end
"""
_LOCKING = """\
defmodule RolloutLockingMigration do
  use Ecto.Migration

  # Locks every table, as a statement that rewrites it would, and takes its time.
  def up do
    execute(\"\"\"
    DO $$ DECLARE name text; BEGIN
      FOR name IN SELECT format('%I.%I', schemaname, tablename) FROM pg_tables
                  WHERE schemaname NOT LIKE 'pg\\\\_%' AND schemaname <> 'information_schema'
                    AND tablename <> 'schema_migrations' LOOP
        EXECUTE 'LOCK TABLE ' || name || ' IN ACCESS EXCLUSIVE MODE';
      END LOOP;
    END $$
    \"\"\")

    execute("SELECT pg_sleep(60)")
  end

  def down, do: :ok
end
"""
_BOOT = """

if System.get_env("ROLLOUT_BAD_RELEASE") == "does_not_boot" and System.get_env("PHX_SERVER") do
  raise "a bad release, made on purpose: it does not boot"
end
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Defect:
    """What is wrong with a release on purpose. `noticed`: the steps of rollout.production.rolling that may see it."""

    name: str
    text: str
    noticed: tuple[str, ...]
    observe: float = 5.0

    @property
    def migration(self) -> str:
        """The migration that makes it bad; "" for those that the plug makes bad."""
        return {"failing_migration": _FAILING, "locking_migration": _LOCKING}.get(self.name, "")

    @property
    def label(self) -> str:
        """The label of the release that it is an instance of."""
        return {"failing_migration": "d", "locking_migration": "e"}.get(self.name, "c")

    @property
    def variables(self) -> Mapping[str, str]:
        """What the environment of its instances has besides."""
        return {_VARIABLE: self.name, "ROLLOUT_READY_PATH": APPLICATION.ready_path,
                "ROLLOUT_LIVE_PATH": APPLICATION.live_path}  # fmt: skip


DEFECTS = (
    Defect(name="does_not_boot", text="its configuration raises while it boots", noticed=("start",)),
    Defect(name="never_ready", text="it boots, and its readiness answers 503", noticed=("start",)),
    Defect(name="answers_500", text="it is ready, and every page answers 500", noticed=("pages",)),
    Defect(
        name="fails_later", text="it is ready and its pages answer, but not those of users", noticed=("observation",)
    ),
    Defect(name="leaks_memory", text="every request keeps four megabytes", noticed=("observation",), observe=60.0),
    Defect(name="failing_migration", text="its migration fails half-way", noticed=("migrate",)),
    Defect(name="locking_migration", text="its migration locks every table for a minute", noticed=("migrate",)),
)


LABELS = tuple(dict.fromkeys(kind.label for kind in DEFECTS))
"""The labels of the bad releases."""


def build_all(step: Step) -> tuple[Release, ...]:
    """Build the releases `c` (misbehaves), `d` (failing migration) and `e` (locking migration).

    The application's sources are afterwards as they were before.
    """
    site = step.site
    endpoint = site.file(APPLICATION.endpoint_file)
    planted = site.file(f"lib/{APPLICATION.app}/rollout_{_PLUG}")
    edits = site.directory / ".home" / "bad_release.exs"
    before = endpoint.read_bytes()
    try:
        shutil.copy(_SOURCES / _PLUG, planted)
        edits.write_text(f'[{{:module_prelude, "{APPLICATION.endpoint_file}", "plug RolloutBadRelease"}}]\n')
        step.edit("apply", ".", f"{site.in_forge.root}/.home/bad_release.exs")
        release = build(step, "c")
    finally:
        endpoint.write_bytes(before)
        planted.unlink(missing_ok=True)
        edits.unlink(missing_ok=True)
    for file in release.folder.glob("releases/*/runtime.exs"):
        file.write_text(file.read_text(encoding="utf-8") + _BOOT, encoding="utf-8")
    migrating = (kind for kind in DEFECTS if kind.migration)
    return (release, *(_with_migration(site.file(FOLDER), release, kind) for kind in migrating))


def _with_migration(home: Path, release: Release, kind: Defect) -> Release:
    """A copy of the release with one more migration."""
    folder = home / kind.label
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(release.folder, folder, symlinks=True)
    (migrations,) = folder.glob(f"lib/{APPLICATION.app}-*/priv/repo/migrations")
    (migrations / f"{_VERSION}_rollout_{kind.name}.exs").write_text(kind.migration, encoding="utf-8")
    return find(folder, kind.label)


def instance_of(kind: Defect, releases: Mapping[str, Release]) -> Release:
    """The release that is bad in this way."""
    return replace(releases[kind.label], variables=kind.variables)
