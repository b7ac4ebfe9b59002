"""SQL in migrations: nothing hides a statement, and nothing that is not known is passed over."""

from __future__ import annotations

import hypothesis
import hypothesis.strategies as st
import pytest

from rollout.migrations.sql_statements import recognise
from rollout.migrations.sql_tokens import split

HIDDEN = (
    "-- a; b\n", "/* a; /* b; */ c; */", "'a; b'", "'it''s; '", r"E'it\'s; '", '"a; b"', "$$ a; b $$", "$x$ a; $$ b; "
    "$x$",
    "U&'a; b'", "B'1'", "$1",
)  # fmt: skip


def kinds(sql: str) -> list[str]:
    return [found.kind for found in recognise(sql)]


@pytest.mark.parametrize("hidden", HIDDEN)
def test_semicolon_in_comment_string_or_name_separates_nothing(hidden: str) -> None:
    assert 2 == len(split(f"SELECT 1 {hidden} ; SELECT {hidden} 2;"))


@hypothesis.given(st.lists(st.sampled_from(HIDDEN), max_size=4), st.lists(st.sampled_from(HIDDEN), max_size=4))
def test_statements_are_found_whatever_stands_around_them(before: list[str], after: list[str]) -> None:
    sql = f"SELECT {' '.join(before)}; DROP TABLE users {' '.join(after)}; TRUNCATE teams"

    assert ["sql", "drop_table", "truncate"] == kinds(sql)


@hypothesis.given(st.text(max_size=60))
def test_any_text_is_split_without_losing_the_last_statement(text: str) -> None:
    """Unfinished strings and comments end with the text."""
    found = split(text)

    assert "".join(found[0].text.split()) in "".join(text.split()) if found else True
    assert all(statement.tokens for statement in found)


@pytest.mark.parametrize(
    "sql",
    [
        "ALTER TABLE users ALTER COLUMN a SET STATISTICS 100, INHERIT b",
        "WITH x AS (DELETE FROM users RETURNING *) SELECT * FROM x",
        "DO $$ BEGIN EXECUTE 'DROP TABLE users'; END $$",
        "SELECT create_hypertable('a', 'b')",
        "ALTER TYPE mood ADD ATTRIBUTE x int",
        "CREATE PUBLICATION p FOR ALL TABLES",
        "CALL tidy()",
    ],
)
def test_what_is_not_known_is_said_to_be_so(sql: str) -> None:
    assert "sql" in kinds(sql)


def test_every_action_of_an_alter_table_is_an_operation() -> None:
    sql = """ALTER TABLE IF EXISTS ONLY "Shop".users
        ADD COLUMN IF NOT EXISTS a numeric(10, 2) NOT NULL DEFAULT round(1.5, 2) CHECK (a > 0),
        ADD b uuid REFERENCES teams (id) ON DELETE CASCADE,
        ADD CONSTRAINT c FOREIGN KEY (d, e) REFERENCES f (g, h) NOT VALID,
        ADD CONSTRAINT i NOT NULL j NOT VALID,
        ALTER k TYPE timestamp(0) with time zone USING k::timestamptz,
        ALTER COLUMN l DROP NOT NULL,
        DROP CONSTRAINT IF EXISTS m,
        DROP n CASCADE"""

    found = list(recognise(sql))

    assert {"Shop.users"} == {each.table for each in found}
    assert [
        ("add_column", "a", "numeric(10,2)"),
        ("add_column", "b", {"references": "teams", "options": {"type": "uuid"}}),
        ("create_constraint", None, None),
        ("create_constraint", None, None),
        ("modify_column", "k", "timestamp(0) with time zone"),
        ("modify_column", "l", None),
        ("drop_constraint", None, None),
        ("remove_column", "n", None),
    ] == [(each.kind, each.column, each.type) for each in found]
    assert {"if_not_exists": True, "null": False, "default": {"fragment": "round(1.5,2)"}, "check": "a>0"} == found[
        0
    ].options
    assert {"name": "c", "columns": ["d", "e"], "references": "f", "validate": False} == found[2].options
    assert {"name": "i", "not_null": "j", "validate": False} == found[3].options
