"""Journal events are typed once: what a run writes fits the types, and damaged values are treated as missing."""

from __future__ import annotations

import json
import typing
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from rollout.journal import Journal, Redactor
from rollout.journal.events import EVENTS, KINDS, REQUIRED, decode, encode, phases, runs, select, undo
from rollout.journal.events.base import keys_of
from tests.unit.report import golden

COMMON = {"v", "seq", "t", "mono", "run", "event"}
MERGED = {"path", "phase"}  # merging adds the path, some writers add the phase


def as_json(value: Any) -> Any:
    return json.loads(json.dumps(value))


@pytest.mark.parametrize("name", golden.RECORDED)
def test_events_of_real_runs_fit_their_types(name: str) -> None:
    """Decoding and encoding changes nothing: no value has another type, no key is unknown."""
    for found in golden.RECORDED[name]():
        kind = KINDS[found["event"]]
        assert set(found) - COMMON - MERGED <= set(keys_of(kind)), found["event"]
        written = {key: value for key, value in found.items() if key in keys_of(kind) and value is not None}
        again = as_json(encode(decode(kind, found))[1])
        assert written == {key: value for key, value in again.items() if key in written}, found["event"]


@pytest.mark.parametrize("name", EVENTS)
@pytest.mark.parametrize("wrong", [None, [], {}, "x", True, 1e300, ["x"]], ids=repr)
def test_a_value_of_the_wrong_type_is_treated_as_missing(name: str, wrong: object) -> None:
    """Every field still has a value of its type."""
    kind = KINDS[name]
    hints = typing.get_type_hints(kind)
    made = decode(kind, dict.fromkeys(hints, wrong))
    for key, hint in hints.items():
        value, plain = getattr(made, key), typing.get_origin(hint) or hint
        if plain in {str, int, float, bool, tuple}:
            assert type(value) is plain, (key, value)
        elif plain is not type(None) and hint == Mapping[str, Any]:
            assert isinstance(value, Mapping), (key, value)


def test_missing_values_become_the_defaults_of_their_fields() -> None:
    empty = decode(phases.PhaseFinished, {"event": "phase.finished"})
    assert (empty.outcome, empty.seconds, empty.restored, empty.failure) == ("", 0.0, False, None)
    assert decode(runs.PathStarted, {}).phases == ()
    assert decode(phases.CommandFinished, {"exit_code": "1"}).exit_code is None
    assert decode(phases.CommandFinished, {"exit_code": -9}).exit_code == -9


def test_select_gives_the_events_of_one_kind() -> None:
    events = [{"event": "undo.done", "id": "a"}, {"event": "act.done", "id": "b"}, {"event": "undo.done", "id": "c"}]
    assert [event.id for event in select(undo.UndoDone, events)] == ["a", "c"]


def test_an_object_and_its_keys_are_written_alike(tmp_path: Path) -> None:
    """Optional keys without a value are left out."""
    journal = Journal(tmp_path / "journal.jsonl", run="r", redactor=Redactor())
    by_object = journal.record(undo.ActIntent(id="a", text="make x", undo={"kind": "x"}))
    by_keys = journal.record("act.intent", id="a", text="make x", undo={"kind": "x"})
    varying = {"seq", "t", "mono"}
    assert {k: v for k, v in by_object.items() if k not in varying} == {
        k: v for k, v in by_keys.items() if k not in varying
    }
    assert set(by_object) - COMMON == REQUIRED["act.intent"]
    journal.close()


def test_only_known_events_with_all_keys_are_written(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal.jsonl", run="r", redactor=Redactor())
    with pytest.raises(KeyError):
        journal.record("phase.finishd", path="p")
    with pytest.raises(KeyError, match="phase\\.note lacks text"):
        journal.record("phase.note", path="p", phase="x")
    journal.close()
