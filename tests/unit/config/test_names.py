"""Invalid names of deployments are rejected at the start, with the reason."""

from __future__ import annotations

import re

import pytest

from rollout.config import names
from rollout.config.options import PATHS, ROOT, parse_options
from rollout.config.plan import load_plan
from rollout.errors import InvalidOption

PLANS = (*PATHS, f"script:{ROOT / 'bootstrap.py'}")


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("phoenix", "an application of the installed packages"),
        ("ash", "an application of the installed packages"),
        ("decimal", "an application of the installed packages"),
        ("logger", "an application of Elixir"),
        ("mix", "an application of Elixir"),
        ("kernel", "an application of Erlang/OTP"),
        ("ssl", "an application of Erlang/OTP"),
        ("end", "a reserved word of Elixir"),
        ("nil", "a reserved word of Elixir"),
        ("receive", "a reserved word of Erlang"),
        ("user", "a reserved word of PostgreSQL"),
        ("postgres", "a reserved word of PostgreSQL"),
        ("pg_mine", "begin with pg_"),
        ("test", "one of Mix's environments"),
        ("string", "its module would be String"),
        ("gen_server", "its module would be GenServer"),
        ("uri", "its module would be URI"),
        ("bcrypt", "its module would be Bcrypt"),
        ("Xavos", "a lower-case letter"),
        ("x" * 41, "at most 39 letters"),
        ("", "a lower-case letter"),
    ],
)
def test_a_reserved_name_has_a_reason(name: str, reason: str) -> None:
    """The reason is the first rule that the name breaks."""
    assert reason in str(names.name_problem(name))


@pytest.mark.parametrize("name", ["xavos", "xavos2", "mine", "my_app", "phoenixes", "strings", "x", "x" * 40, "a_test"])
def test_valid_names(name: str) -> None:
    """Names that only resemble reserved names are valid."""
    assert names.name_problem(name) is None


@pytest.mark.parametrize("rehearsal", [False, True])
@pytest.mark.parametrize("path", PLANS)
def test_no_package_of_a_plan_is_a_valid_name(path: str, rehearsal: bool) -> None:
    """A package that is added to a plan has to be added to names.PACKAGES."""
    plan = load_plan(path, rehearsal=rehearsal)
    packages = {package.name for phase in (*plan.phases, *plan.left_out) for package in phase.packages}
    packages |= {archive.name for archive in plan.archives}
    assert set() == {name for name in packages if names.name_problem(name) is None}


def test_the_lists_hold_names_that_could_be_meant_else() -> None:
    """An entry that the shape excludes anyway, or that a rule before it excludes, would be noise."""
    shaped = re.compile(r"[a-z][a-z0-9_]*")
    for words in (names.OTP, names.ELIXIR, names.PACKAGES, names.POSTGRES_WORDS):
        assert set() == {word for word in words if not shaped.fullmatch(word)}
    assert frozenset() == names.PACKAGES & (names.OTP | names.ELIXIR)


def test_the_option_says_why() -> None:
    """At the start, whatever else is asked for; `--name` is named."""
    with pytest.raises(InvalidOption) as refused:
        parse_options({"name": "phoenix"}.get, {})
    assert "--name='phoenix' is not valid." in str(refused.value)
    assert "another name, because it is an application of the installed packages" in str(refused.value)
