"""The choice of forge and database, with `auto` and with an engine that does not fit."""

from __future__ import annotations

from pathlib import Path

import pytest

from rollout.errors import EngineUnfit, ToolMissing, UsageError
from rollout.site import postgres, selection
from rollout.site.engine.client import Engine
from rollout.site.engine.sharing import Sharing
from rollout.site.selection import choose_database, choose_forge, choose_sharing, require_isolation
from tests.unit.fakes import options

ENGINE = Engine(url="tcp://there:2375", kind="docker", version="28", rootless=False, os="")
UNFIT = EngineUnfit(engine="docker 28", tried=("as user 0:0: no",), advice="Use another.")


def no_toolchain() -> str:
    raise ToolMissing(tool="Elixir", found="none", needed="1.17", command="x")


def test_without_a_fitting_engine_auto_uses_this_machines_toolchain(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(selection, "host_toolchain", lambda: "Elixir 1.18.3 on OTP 27")
    chosen = choose_forge("auto", ENGINE, UNFIT)
    assert "host" == chosen.kind
    assert UNFIT.message in chosen.why


@pytest.mark.parametrize("option", ["auto", "container"])
def test_without_a_toolchain_the_error_is_that_of_the_engine(option: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(selection, "host_toolchain", no_toolchain)
    with pytest.raises(EngineUnfit, match="as user 0:0: no"):
        choose_forge(option, ENGINE, UNFIT)


def test_a_database_is_not_put_on_an_engine_that_does_not_fit(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    asked: list[bool] = []

    def choose(option: str, has_engine: bool) -> postgres.Choice:
        asked.append(has_engine)
        return postgres.Choice(kind="embedded", why="")

    monkeypatch.setattr(postgres, "choose_database", choose)
    assert "embedded" == choose_database(options(tmp_path), ENGINE, UNFIT).kind
    assert [False] == asked
    with pytest.raises(EngineUnfit):
        choose_database(options(tmp_path, database="container"), ENGINE, UNFIT)


def test_nothing_is_probed_where_nothing_will_be_in_a_container_or_the_image_is_yet_to_be_made(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(selection, "present_tag", lambda engine, name: None)
    monkeypatch.setattr(selection, "find_sharing", lambda *_, **__: pytest.fail("it was probed"))
    assert choose_sharing(options(tmp_path), ENGINE) is None
    monkeypatch.setattr(selection, "present_tag", lambda engine, name: name)
    assert choose_sharing(options(tmp_path, forge="host", database="embedded"), ENGINE) is None


@pytest.mark.parametrize(
    ("forge", "database", "asked"),
    [("host", "container", ("postgres", False)), ("host", "auto", ("postgres", False)),
     ("auto", "embedded", ("forge", True)), ("container", "container", ("forge", True))],
)  # fmt: skip
def test_the_engine_is_probed_for_whatever_will_be_in_a_container(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, forge: str, database: str, asked: tuple[str, bool]
) -> None:
    probed = []

    def find(engine: Engine, *, image: str, options: object, shares_files: bool) -> Sharing:
        probed.append((image, shares_files))
        return Sharing(user="0:0")

    monkeypatch.setattr(selection, "present_tag", lambda engine, name: name)
    monkeypatch.setattr(selection, "find_sharing", find)
    assert choose_sharing(options(tmp_path, forge=forge, database=database), ENGINE) == Sharing(user="0:0")
    assert [asked] == probed


def test_a_host_forge_without_elixir_is_told_as_that_whatever_the_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(selection, "host_toolchain", no_toolchain)
    with pytest.raises(ToolMissing):
        choose_forge("host", ENGINE, UNFIT)


def test_offline_needs_networks_that_this_process_reaches() -> None:
    require_isolation(Sharing(user="0:0"))
    with pytest.raises(UsageError, match="--offline needs an engine whose own networks"):
        require_isolation(Sharing(user="0:0", mapped=True, isolates=False))
