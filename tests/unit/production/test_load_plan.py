"""The load of the plan: editions, set-up, and errors with their place."""

from __future__ import annotations

from pathlib import Path

import pytest

from rollout.errors import InvalidPlan, PostconditionFailed
from rollout.production.load_plan import answer_of_setup, load_plan

PLAN = """
setup = "setup.exs"

[[request]]
name = "page"
rate = 2.0

[[request]]
name = "write"
edition = "real"
rate = 1.0
method = "POST"
path = "/api"
headers = { authorization = "Bearer $api_key" }
body = '{"key": "{key}", "owner": "$owner"}'

[[session]]
name = "live"

[[proof]]
request = "write"
edition = "real"
query = "SELECT key FROM writes"
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    (tmp_path / "setup.exs").write_text("IO.puts(1)")
    made = tmp_path / "load.toml"
    made.write_text(PLAN)
    return made


def test_the_plans_of_the_suite_are_valid() -> None:
    assert [kind.name for kind in load_plan(rehearsal=False).requests]
    assert [kind.name for kind in load_plan(rehearsal=True).requests]


def test_an_edition_has_its_own_requests(file: Path) -> None:
    assert [kind.name for kind in load_plan(rehearsal=True, file=file).requests] == ["page"]
    assert [kind.name for kind in load_plan(rehearsal=False, file=file).requests] == ["page", "write"]
    assert load_plan(rehearsal=True, file=file).proofs == ()


def test_only_texts_with_a_name_need_the_set_up(file: Path) -> None:
    assert not load_plan(rehearsal=True, file=file).needs_setup
    assert load_plan(rehearsal=False, file=file).needs_setup


def test_names_are_replaced_and_the_key_stays_for_the_generator(file: Path) -> None:
    profile = load_plan(rehearsal=False, file=file).profile({"api_key": "k1", "owner": "me"}, seed=3)
    write = profile.requests[1]
    assert write.headers == (("authorization", "Bearer k1"),)
    assert write.body == '{"key": "{key}", "owner": "me"}'
    assert profile.seed == 3


def test_sessions_name_the_origin_of_their_page(file: Path) -> None:
    profile = load_plan(rehearsal=False, file=file).profile({}, seed=1, origin="https://localhost")
    assert profile.sessions[0].headers == (("origin", "https://localhost"),)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("rate = 2.0", "rat = 2.0", "did you mean 'rate'"),
        ('request = "write"', 'request = "writes"', "did you mean 'write'"),
        ('edition = "real"', 'edition = "reel"', "edition='reel' is not real or rehearsal"),
        ("setup.exs", "gone.exs", "gone.exs does not exist"),
        ("rate = 2.0", "rate = 0.0", "more than 0"),
        ("[[session]]", "[[sessions]]", "did you mean 'session'"),
    ],
)
def test_a_mistake_is_named_with_its_place(file: Path, old: str, new: str, said: str) -> None:
    file.write_text(PLAN.replace(old, new))
    with pytest.raises(InvalidPlan, match=said) as error:
        load_plan(rehearsal=False, file=file)
    assert file.name in str(error.value)


def test_the_last_line_of_the_set_up_counts() -> None:
    assert answer_of_setup('[info] x\nROLLOUT {"api_key": "k"}\nbye') == {"api_key": "k"}


def test_a_set_up_without_an_answer_is_an_error() -> None:
    with pytest.raises(PostconditionFailed, match="function is undefined"):
        answer_of_setup("** (UndefinedFunctionError) function is undefined")
