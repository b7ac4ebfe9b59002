"""The section about releases: upgrades, and releases that were bad on purpose."""

from __future__ import annotations

from typing import Any

from rollout.journal.events import encode, production
from rollout.journal.events.base import JournalEvent
from rollout.report.releases_section import releases

WHERE = {"path": "realistic", "phase": "upgrade"}


def _told(happened: JournalEvent) -> dict[str, Any]:
    name, keys = encode(happened)
    return {"event": name, **keys}


def _bad(kind: str, outcome: str, noticed: str) -> dict[str, Any]:
    return _told(production.BadReleaseTried(path="realistic", phase="bad_release", kind=kind, outcome=outcome,
                                            noticed=noticed, seconds=4.0, message="why"))  # fmt: skip


def _stopped(how: str) -> dict[str, Any]:
    return _told(production.InstanceStopped(**WHERE, instance="a1", exit_code=0, seconds=1.0, how=how, log="a1.log"))


ROLL = _told(production.RollFinished(**WHERE, old="a", new="b", outcome="replaced", seconds=12.0))
TAKEN_BACK = _told(production.RollFinished(path="realistic", phase="bad_release", old="b", new="c",
                                           outcome="taken_back", seconds=3.0))  # fmt: skip


def test_a_path_without_releases_has_no_section() -> None:
    assert releases([{"event": "path.started", "path": "realistic"}], ["realistic"]) == ()


def test_an_upgrade_is_a_row() -> None:
    (found,) = releases([ROLL], ["realistic", "ambitious"])
    assert [(row.title, row.state, row.words) for row in found.rolls] == [("A → B", "passed", "replaced")]


def test_rolls_of_bad_releases_are_not_upgrades() -> None:
    (found,) = releases([TAKEN_BACK, _bad("never_ready", "taken_back", "start")], ["realistic"])
    assert found.rolls == ()
    assert [(row.kind, row.state, row.noticed) for row in found.bad] == [("never ready", "passed", "its start")]


def test_an_accepted_bad_release_has_failed() -> None:
    (found,) = releases([_bad("leaks_memory", "accepted", "")], ["realistic"])
    assert (found.bad[0].state, found.bad[0].words) == ("failed", "accepted")
    assert "0 of 1 bad release taken back" in found.lead


def test_the_lead_counts_instances_that_had_to_be_killed() -> None:
    (found,) = releases([ROLL, _stopped("ended"), _stopped("killed")], ["realistic"])
    assert found.lead.startswith("2 instances stopped, 1 of them had to be killed.")


def test_a_damaged_event_breaks_nothing() -> None:
    (found,) = releases([{"event": "roll.finished", "path": "realistic", "seconds": "x"}], ["realistic"])
    assert found.rolls[0].state == "skipped"


def test_a_soak_is_a_row_for_each_instance() -> None:
    steady, grows = (
        {"instance": name, "samples": 121, "first": 200_000_000, "last": 200_000_000, "highest": 210_000_000,
         "slope": slope, "seconds": 600.0}
        for name, slope in (("b1", 12_000.0), ("b2", 9_000_000.0))
    )  # fmt: skip
    soak = _told(production.SoakFinished(**WHERE, load="soak", seconds=600.0, bound=644_000_000,
                                         instances=(steady, grows)))  # fmt: skip
    (found,) = releases([ROLL, soak], ["realistic"])
    assert "644 MB" in found.soak
    assert [(row.instance, row.state, row.slope) for row in found.memory] == [
        ("b1", "passed", "+0.01 MB"), ("b2", "failed", "+9.00 MB"),
    ]  # fmt: skip
