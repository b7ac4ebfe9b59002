"""The schedule of a campaign: seeds, cells, blocks, balance, and the syntax of --faults."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from itertools import groupby, islice

import pytest

from rollout.campaign.schedule import (
    FaultSelection,
    ScheduleRequest,
    cells,
    count_trials,
    parse_faults,
    schedule,
    unusable_kinds,
)
from rollout.config.plan import load_plan
from rollout.errors import InvalidOption
from rollout.faults import CATALOGUE
from rollout.results.campaign.trials import CONTROL, KILLS

PLANS = {path: load_plan(path, rehearsal=True) for path in ("realistic", "incremental", "ambitious")}


def schedule_request(*names: str, trials: int | None = 1, seed: int = 7) -> ScheduleRequest:
    selection = parse_faults(names)
    return ScheduleRequest(
        plans=PLANS,
        kinds=selection.kinds,
        with_kills=selection.with_kills,
        limits=selection.limits,
        trials=trials,
        seed=seed,
        source="rehearsal",
        scenario="ambitious",
        durations={"realistic": 20.0, "incremental": 24.0, "ambitious": 60.0},
    )


def test_equal_seeds_give_equal_trials_and_other_seeds_other_trials() -> None:
    first, again, other = (tuple(schedule(schedule_request("suite", seed=seed))) for seed in (7, 7, 8))
    assert first == again
    assert {trial.key for trial in first}.isdisjoint(trial.key for trial in other)
    assert [trial.fault for trial in first] != [trial.fault for trial in other]


def test_every_cell_has_the_requested_number_of_trials_and_no_trial_occurs_twice() -> None:
    trials = tuple(schedule(schedule_request("all", trials=2)))
    counted = Counter((t.fault, t.group, t.form, t.path) for t in trials if t.kind == "fault")
    wanted = {
        (kind.name, cell.group, cell.form, path): 2
        for kind in CATALOGUE.values()
        for cell in cells(kind, PLANS)
        for path in cell.targets
    }
    assert counted == wanted
    assert len({trial.key for trial in trials}) == len(trials) == count_trials(schedule_request("all", trials=2))


def test_trials_of_a_block_share_seed_fault_form_and_group() -> None:
    for _, block in groupby(schedule(schedule_request("all")), key=lambda trial: trial.block):
        trials = tuple(block)
        assert len({(t.seed, t.fault, t.form, t.group, t.kind) for t in trials}) == 1
        assert len({(t.path, t.arm) for t in trials}) == len(trials)


def test_a_control_block_has_one_path_twice_and_a_kill_block_every_path_once() -> None:
    blocks = [tuple(block) for _, block in groupby(schedule(schedule_request("kills")), key=lambda trial: trial.block)]
    control = [block for block in blocks if block[0].kind == CONTROL]
    assert [{t.arm for t in block} for block in control] == [{"A", "B"}] * 3
    (kills,) = (block for block in blocks if block[0].kind == KILLS)
    assert {t.path for t in kills} == set(PLANS)
    parts = {round((t.at or 0) / schedule_request("kills").durations[t.path], 2) for t in kills}
    assert len(parts) == 1
    assert 0 <= parts.pop() <= 1


def test_a_campaign_of_kills_is_mostly_kills_and_a_campaign_of_controls_has_the_requested_number() -> None:
    loop = Counter((t.kind, t.path) for t in schedule(schedule_request("kills", trials=30)))
    assert {loop[KILLS, path] for path in PLANS} == {30}
    assert all(2 <= loop[CONTROL, path] <= 10 for path in PLANS)
    alone = Counter((t.kind, t.path) for t in schedule(schedule_request("none", trials=5)))
    assert alone == {(CONTROL, path): 10 for path in PLANS}


def test_phases_of_several_paths_are_paired_by_group() -> None:
    blocks = groupby(schedule(schedule_request("sigterm")), key=lambda trial: trial.block)
    pairs = {trial.path: trial.phase for _, block in blocks for trial in block if trial.group == "ash_core"}
    assert pairs["realistic"] == "ash_core"
    assert pairs["incremental"] == "ash_core"


def test_a_schedule_without_a_number_of_trials_is_endless_and_repeats_no_seed() -> None:
    endless = replace(schedule_request("two_runs"), trials=None)
    keys = [trial.key for trial in islice(schedule(endless), 400)]
    assert len(set(keys)) == 400
    assert count_trials(endless) is None


def test_families_are_balanced_at_any_time_and_each_fault_occurs_before_one_is_repeated() -> None:
    trials = islice(schedule(replace(schedule_request("all"), trials=None)), 700)
    blocks = [tuple(block) for _, block in groupby(trials, key=lambda trial: trial.block)]
    with_fault = [block[0] for block in blocks if block[0].kind == "fault"]
    for number in (25, 50, 100):
        counted = Counter(trial.family for trial in with_fault[:number])
        assert max(counted.values()) - min(counted.values()) <= 1
    of_registry = [trial.fault for trial in with_fault if trial.family == "registry"]
    kinds = [kind for kind in CATALOGUE.values() if kind.family == "registry" and cells(kind, PLANS)]
    assert len(set(of_registry[: len(kinds)])) == len(kinds)
    others = Counter(block[0].kind for block in blocks)
    assert abs(others[CONTROL] - others[KILLS]) <= 1
    assert others[KILLS] >= 5


@pytest.mark.parametrize("seed", [1, 7, 30])
def test_every_second_block_uses_a_cell_that_most_paths_share(seed: int) -> None:
    """A path that fails early shares few cells. With a purely random order it would be in a quarter of the blocks."""
    short = {**PLANS, "ambitious": PLANS["ambitious"].through("generation")}
    limited = replace(schedule_request("registry", "machine", "suite", trials=None, seed=seed), plans=short)
    trials = tuple(islice(schedule(limited), 150))
    for family in ("registry", "machine", "suite"):
        counted = Counter(trial.path for trial in trials if trial.family == family)
        assert 0.4 <= counted["ambitious"] / counted["realistic"] < 1
        assert counted["incremental"] >= 0.8 * counted["realistic"]


@pytest.mark.parametrize("seed", range(1, 11))
def test_shared_cells_and_others_alternate_from_the_first_block(seed: int) -> None:
    """So even a short campaign compares all paths."""
    blocks: dict[int, set[str]] = {}
    for trial in islice(schedule(schedule_request("database", trials=None, seed=seed)), 60):
        if trial.family == "database":
            blocks.setdefault(trial.block, set()).add(trial.path)
    compared = ["ambitious" in paths for paths in list(blocks.values())[:8]]
    assert compared == [True, False] * 4


def test_faults_option_accepts_faults_families_kills_none_and_all() -> None:
    assert [kind.name for kind in parse_faults(["sigterm", "sigint"]).kinds] == ["sigint", "sigterm"]
    assert {kind.family for kind in parse_faults(["suite"]).kinds} == {"suite"}
    assert parse_faults(["none"]) == FaultSelection(kinds=(), with_kills=False, limits={})
    assert parse_faults(["kills"]) == FaultSelection(kinds=(), with_kills=True, limits={})
    assert len(parse_faults(["all"]).kinds) == len(CATALOGUE)
    with pytest.raises(InvalidOption, match="did you mean sigterm"):
        parse_faults(["sigtemr"])
    with pytest.raises(InvalidOption, match="transient"):
        parse_faults(["sigkill:persistent"])


def test_a_fault_may_be_limited_to_a_phase_and_a_form() -> None:
    trials = tuple(schedule(schedule_request("sigterm@database:transient", "sigint:persistent")))
    assert {(t.group, t.form) for t in trials if t.fault == "sigterm"} == {("database", "transient")}
    assert {t.form for t in trials if t.fault == "sigint"} == {"persistent"}
    assert len({t.group for t in trials if t.fault == "sigint"}) > 5


@pytest.mark.parametrize("value", ["registry@ash_core", "all:transient", "kills@server", "none:persistent"])
def test_phase_and_form_are_allowed_after_the_name_of_a_fault_only(value: str) -> None:
    with pytest.raises(InvalidOption, match=f"{value.partition('@')[0].partition(':')[0]} alone, or a fault's name"):
        parse_faults([value])


def test_a_fault_without_a_cell_is_unusable() -> None:
    kind = replace(CATALOGUE["sigterm"], name="nowhere", traits=("no_such_trait",))
    assert unusable_kinds([kind, CATALOGUE["sigterm"]], PLANS, {}) == ("nowhere",)
    assert unusable_kinds([CATALOGUE["sigterm"]], PLANS, {"sigterm": (("no_phase", ""),)}) == ("sigterm",)
