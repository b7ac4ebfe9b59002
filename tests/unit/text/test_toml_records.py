"""TOML tables become dataclasses. Every error has its place, the problem, and the nearest known key."""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path

import pytest

from rollout.config import plan
from rollout.errors import InvalidPlan
from rollout.text.toml_records import InvalidRecord, read_toml, record, require_unique


@dataclass(frozen=True, slots=True, kw_only=True)
class Inner:
    name: str
    size: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Outer:
    name: str
    is_on: bool = False
    count: int = 0
    limit: float | None = None
    words: tuple[str, ...] = ()
    pairs: tuple[tuple[str, str], ...] = ()
    inner: Inner | None = None
    many: tuple[Inner, ...] = ()
    place: str = ""


def test_a_table_becomes_a_dataclass() -> None:
    """A whole number is a valid float. `more` are fields that the table cannot set."""
    table = {
        "name": "a", "is_on": True, "count": 2, "limit": 3, "words": ["x", "y"], "pairs": {"k": "v"},
        "inner": {"name": "b"}, "many": [{"name": "c", "size": 2}],
    }  # fmt: skip
    expected = Outer(name="a", is_on=True, count=2, limit=3.0, words=("x", "y"), pairs=(("k", "v"),),
                     inner=Inner(name="b"), many=(Inner(name="c", size=2.0),), place="here")  # fmt: skip
    assert expected == record(Outer, table, "it", place="here")


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (3, "it: it is not a table"),
        ({}, "it: missing: name"),
        ({"name": ""}, "it: missing: name"),
        ({"name": 1}, "it: name=1 is not text"),
        ({"name": "a", "wrods": []}, "it: unknown key 'wrods'; did you mean 'words'?"),
        ({"name": "a", "zzz": 1}, "it: unknown key 'zzz'; known: count, inner, is_on"),
        ({"name": "a", "is_on": "no"}, "it: is_on='no' is neither true nor false"),
        ({"name": "a", "count": 1.5}, "it: count=1.5 is not a number"),
        ({"name": "a", "count": True}, "it: count=True is not a number"),
        ({"name": "a", "limit": float("nan")}, "it: limit=nan is not a number"),
        ({"name": "a", "words": "x"}, "it: words='x' is not a list"),
        ({"name": "a", "words": ["x", 1]}, "it: words 2=1 is not text"),
        ({"name": "a", "pairs": ["x"]}, "it: pairs=['x'] is not a table"),
        ({"name": "a", "pairs": {"k": 1}}, "it: pairs.k=1 is not text"),
        ({"name": "a", "inner": {}}, "it, inner: missing: name"),
        ({"name": "a", "many": [{"name": "c"}, {"name": "d", "sise": 1}]}, "it, many 2 (d): unknown key 'sise'"),
    ],
)
def test_an_invalid_table_has_place_and_problem(table: object, message: str) -> None:
    """Unknown and missing keys, and values of the wrong type, also in nested tables."""
    with pytest.raises(InvalidRecord) as raised:
        record(Outer, table, "it")
    assert str(raised.value).startswith(message)


def test_a_field_that_is_not_a_key_cannot_be_set() -> None:
    """It is set by the caller."""
    with pytest.raises(InvalidRecord, match="unknown key 'place'"):
        record(Outer, {"name": "a", "place": "x"}, "it", place="here")


@pytest.mark.parametrize(
    ("content", "message"), [(None, "file: does not exist"), (b"a = ", "syntax: "), (b"a = '\xff'", "syntax: ")]
)
def test_an_unreadable_file_is_an_error(tmp_path: Path, content: bytes | None, message: str) -> None:
    """Missing, not TOML, not UTF-8."""
    if content is not None:
        (tmp_path / "x.toml").write_bytes(content)
    with pytest.raises(InvalidRecord) as raised:
        read_toml(tmp_path / "x.toml")
    assert str(raised.value).startswith(message)


def test_a_name_must_be_unique() -> None:
    """The error has the repeated name."""
    require_unique("phase", ("a", "b"))
    with pytest.raises(InvalidRecord, match="phase: b is named twice"):
        require_unique("phase", ("a", "b", "b"))


def test_the_described_keys_of_a_plan_are_its_fields() -> None:
    """docs/reference/plan-files.md is made from these descriptions."""
    described = {plan.Package: plan.PACKAGE_KEYS, plan.PhasePlan: plan.PHASE_KEYS, plan._Head: plan.PLAN_KEYS}
    for kind, keys in described.items():
        assert set(keys) == {field.name for field in fields(kind)}


@pytest.mark.parametrize("text", ['optional = "no"', "observed = 1", "arguments = [1]", 'packages = "ash"'])
def test_a_plan_with_a_value_of_the_wrong_type_is_rejected(tmp_path: Path, text: str) -> None:
    """`optional = "no"` would otherwise mean true."""
    file = tmp_path / "plan.toml"
    file.write_text(f'[plan]\nname = "x"\n[[phase]]\nname = "a"\n{text}\n')
    with pytest.raises(InvalidPlan, match=r"phase 1 \(a\)"):
        plan.read_plan(file, overlays=[])
