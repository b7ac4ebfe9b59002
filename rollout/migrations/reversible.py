"""Runs migrations up, down and up again on a copy, and compares schema and rows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from rollout.migrations.contents import ColumnKey, column_digests
from rollout.migrations.health import LEDGER, Connection
from rollout.site.postgres import differences, schema


@dataclass(frozen=True, slots=True, kw_only=True)
class Reversal:
    """What up, down, up has shown. Empty tuples are good.

    `after_down`: differences of the schema from before; `after_second_up`: from after the first up. `lost`: columns
    (schema.table.column) whose values are others than before, though the migrations neither add nor remove them.
    `emptied`: columns that the migrations remove, and that came back without their values. `failure`: the command that
    failed, with its error; what comes after it was not asked.
    """

    after_down: tuple[str, ...] = ()
    after_second_up: tuple[str, ...] = ()
    lost: tuple[str, ...] = ()
    emptied: tuple[str, ...] = ()
    failure: str | None = None

    @property
    def is_reversible(self) -> bool:
        return not (self.failure or self.after_down or self.after_second_up or self.lost)


@dataclass(frozen=True, slots=True, kw_only=True)
class _State:
    schema: Mapping[str, str]
    columns: Mapping[ColumnKey, str]


def up_down_up(
    connect: Callable[[str], Connection],
    database: str,
    *,
    up: Callable[[], object],
    down: Callable[[], object],
    ledger: str = LEDGER,
) -> Reversal:
    """Run `up`, `down` and `up` on the database, which has to be a copy. Exceptions of them are part of the result."""

    def state() -> _State:
        with connect(database) as connection:
            return _State(schema=schema(connection), columns=column_digests(connection, ledger))

    before = state()
    if failure := _run("the first up", up):
        return Reversal(failure=failure)
    upper = state()
    if failure := _run("down", down):
        return Reversal(failure=failure)
    lower = state()
    failure = _run("the second up", up)
    again = state() if failure is None else upper
    lost, emptied = _values(before, upper, lower)
    return Reversal(
        after_down=differences(before.schema, lower.schema),
        after_second_up=differences(upper.schema, again.schema),
        lost=lost,
        emptied=emptied,
        failure=failure,
    )


def _run(name: str, command: Callable[[], object]) -> str | None:
    try:
        command()
    except Exception as error:  # noqa: BLE001 - a migration that fails is a result
        return f"{name} failed: {type(error).__name__}: {' '.join(str(error).split())}"[:1000]
    return None


def _values(before: _State, upper: _State, lower: _State) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Columns with other values than before: those that the migrations left in place, and those that they removed."""
    changed = [key for key, digest in before.columns.items() if key in lower.columns and lower.columns[key] != digest]
    kept = [".".join(key) for key in changed if key in upper.columns]
    removed = [".".join(key) for key in changed if key not in upper.columns]
    return tuple(sorted(kept)), tuple(sorted(removed))
