"""The command lines that enter a kept site: short, correct and without a secret."""

from __future__ import annotations

import types
from pathlib import Path
from typing import Any

import pytest

from rollout.site.forge import HostForge, homes
from rollout.site.shell_access import shell_commands

SECRET = "s3cret-password"


def site(folder: Path, *, kind: str = "container", observed: bool = False, provisioned: bool = True) -> Any:
    (folder / ".env").write_text(f"PGPASSWORD={SECRET}\n")
    forge = HostForge(root=folder, toolchain="test")
    if kind == "container":
        forge = types.SimpleNamespace(kind=kind, root=Path("/srv/xavos"), record={"name": "xavos-r-forge"})  # type: ignore[assignment]
    settings = {"PGHOST": "127.0.0.1", "PGPORT": "5433", "PGUSER": "postgres", "PGPASSWORD": "postgres"}
    return types.SimpleNamespace(
        forge=forge, in_forge=forge, observed=observed, provisioned=provisioned, directory=folder,
        settings=settings if observed else {"PGPASSWORD": SECRET},
        engine=types.SimpleNamespace(command=lambda: ("podman", "--url", "unix:///run/p.sock")),
    )  # fmt: skip


def test_a_forge_in_a_container_is_entered_by_the_engine_of_the_run(tmp_path: Path) -> None:
    lines = shell_commands(site(tmp_path))
    assert "podman --url unix:///run/p.sock exec -it xavos-r-forge bash" == lines["forge"]
    assert lines["database"].startswith("podman --url unix:///run/p.sock exec -it xavos-r-forge bash -c ")
    assert SECRET not in "".join(lines.values())


def test_a_forge_on_the_host_is_entered_in_its_folder(tmp_path: Path) -> None:
    folder = tmp_path / "a b"
    folder.mkdir()
    lines = shell_commands(site(folder, kind="host"))
    assert lines["forge"].startswith(f"cd '{folder}' && env 'HOME={folder}/.home'")
    assert SECRET not in "".join(lines.values())


@pytest.mark.parametrize(("observed", "there"), [(False, False), (True, True)])
def test_a_database_is_entered_once_its_role_exists(observed: bool, there: bool, tmp_path: Path) -> None:
    """Not before the role exists. The superuser's password of an observed path is no secret."""
    lines = shell_commands(site(tmp_path, observed=observed, provisioned=False))
    assert there == ("database" in lines)


def test_without_a_forge_there_is_no_command() -> None:
    nothing: Any = types.SimpleNamespace(forge=None)
    assert {} == shell_commands(nothing)


def test_home_folders_are_inside_the_deployment() -> None:
    assert {"/srv/xavos/.home", "/srv/xavos/.home/mix", "/srv/xavos/.home/hex"} == set(
        homes(Path("/srv/xavos")).values()
    )
