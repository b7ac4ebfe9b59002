"""Tells how often PostgreSQL evaluates the default of a new column. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rollout.migrations.sql_tokens import split

# pg_proc.provolatile of the functions that defaults use in practice
_VOLATILE = frozenset({
    "random", "gen_random_uuid", "uuidv4", "uuidv7", "uuid_generate_v1", "uuid_generate_v1mc", "uuid_generate_v4",
    "uuid_generate_v7", "clock_timestamp", "timeofday", "nextval", "gen_random_bytes", "random_normal",
})  # fmt: skip
_STEADY = frozenset({
    "now", "transaction_timestamp", "statement_timestamp", "timezone", "date_trunc", "to_timestamp", "lower", "upper",
    "coalesce", "concat", "jsonb_build_object", "jsonb_build_array", "json_build_object", "to_jsonb", "array", "cast",
    "current_setting", "md5", "numeric", "varchar", "char", "timestamp", "interval", "row", "abs", "round",
    "make_interval",
})  # fmt: skip


def volatility(default: Any) -> str:
    """`none`, `constant` (stable functions too: they are evaluated once), `volatile`, or `unknown`."""
    if default is None:
        return "none"
    if not isinstance(default, Mapping):
        return "constant"
    if "fragment" not in default:
        return "unknown" if "unknown" in default else "constant"
    called = _called(str(default["fragment"]))
    if called & _VOLATILE:
        return "volatile"
    return "constant" if called <= _STEADY and "#{" not in default["fragment"] else "unknown"


def _called(sql: str) -> frozenset[str]:
    """The functions that the expression calls, without their schemas."""
    names = set()
    for statement in split(sql):
        for token, after in zip(statement.tokens, statement.tokens[1:], strict=False):
            if after.text == "(" and token.kind in {"word", "name"}:
                names.add(token.text.lower())
    return frozenset(names - {"in", "and", "or", "not", "any", "all"})
