"""Types and defaults: what PostgreSQL does to the table when they change. tests/integration asks a server the same."""

from __future__ import annotations

import pytest

from rollout.migrations.column_types import column_type, needs_rewrite
from rollout.migrations.defaults import volatility

CHANGES = {
    ("varchar(50)", "text"): False,
    ("varchar(50)", "varchar(60)"): False,
    ("varchar(50)", "varchar"): False,
    ("text", "varchar"): False,
    ("text", "varchar(50)"): True,
    ("varchar(50)", "varchar(40)"): True,
    ("integer", "bigint"): True,
    ("integer", "text"): True,
    ("numeric(10,2)", "numeric(12,2)"): False,
    ("numeric(10,2)", "numeric"): False,
    ("numeric(10,2)", "numeric(12,3)"): True,
    ("numeric", "numeric(10,2)"): True,
    ("timestamp(0)", "timestamp"): False,
    ("timestamp", "timestamp(0)"): True,
    ("jsonb", "json"): True,
    ("uuid", "uuid"): False,
}


@pytest.mark.parametrize(("old", "new"), CHANGES)
def test_change_of_type_is_known_to_write_the_table_anew_or_not(old: str, new: str) -> None:
    before, after = column_type(old, {}), column_type(new, {})

    assert before is not None
    assert after is not None
    assert CHANGES[old, new] is needs_rewrite(before, after)


def test_types_of_ecto_are_those_of_postgresql() -> None:
    assert column_type("string", {"size": 50}) == column_type("character varying(50)", {})
    assert column_type("utc_datetime_usec", {}) == column_type("timestamp without time zone", {})
    assert column_type({"references": "teams", "options": {}}, {}) == column_type("bigint", {})
    assert column_type("{:array, :text}", {}) == column_type("text[]", {})
    assert column_type("decimal", {"precision": 8, "scale": 3}) == column_type("numeric(8, 3)", {})
    assert column_type({"unknown": "type()"}, {}) is None


@pytest.mark.parametrize(
    ("default", "expected"),
    [
        (None, "none"),
        (0, "constant"),
        ([], "constant"),
        ({"fragment": "now()"}, "constant"),
        ({"fragment": "(now() AT TIME ZONE 'utc')"}, "constant"),
        ({"fragment": "'gen_random_uuid()'"}, "constant"),
        ({"fragment": "gen_random_uuid()"}, "volatile"),
        ({"fragment": "COALESCE(lower('X'), extensions.uuid_generate_v4()::text)"}, "volatile"),
        ({"fragment": "next_number()"}, "unknown"),
        ({"fragment": "#{default}"}, "unknown"),
        ({"unknown": "default()"}, "unknown"),
    ],
)
def test_default_is_evaluated_once_or_for_each_row(default: object, expected: str) -> None:
    assert expected == volatility(default)
