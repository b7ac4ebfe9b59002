"""Digests of every column of a database, which show whether rows were kept."""

from __future__ import annotations

from collections.abc import Mapping

from psycopg import sql

from rollout.migrations.catalog import table_facts
from rollout.migrations.health import LEDGER, Connection
from rollout.migrations.measure import largest_tables

ColumnKey = tuple[str, str]
_SETTINGS = "SET TimeZone = 'UTC'; SET DateStyle = 'ISO, YMD'; SET extra_float_digits = 1; SET bytea_output = 'hex'"
_DIGEST = "md5(coalesce(string_agg(md5({key}), '' ORDER BY md5({key})), ''))"


def column_digests(connection: Connection, ledger: str = LEDGER) -> Mapping[ColumnKey, str]:
    """(schema.table, column) → digest of all values of the column, each beside the key of its row.

    The order of columns and of rows does not count. Without a key, the values are digested alone.
    """
    connection.execute(_SETTINGS.encode())
    found: dict[ColumnKey, str] = {}
    for table in largest_tables(connection, ledger):
        facts = table_facts(connection, table)
        keys = facts.unique[0] if facts.unique else ()
        names = [column.name for column in facts.columns]
        if not names:
            continue
        digests = [
            sql.SQL(_DIGEST).format(
                key=sql.SQL("ROW({})::text").format(sql.SQL(", ").join(map(sql.Identifier, (*keys, name))))
            )
            for name in names
        ]
        query = sql.SQL("SELECT count(*), {} FROM {}").format(sql.SQL(", ").join(digests), sql.Identifier(*table))
        count, *values = connection.execute(query).fetchall()[0]
        place = ".".join(table)
        found.update({(place, name): f"{count} rows, {value}" for name, value in zip(names, values, strict=True)})
    return found
