from __future__ import annotations

from collections import Counter
from dataclasses import replace
from itertools import groupby, islice

import pytest

from rollout.campaign.schedule import Choice, Wish, cells, chosen, kinds_left_out, schedule, size
from rollout.config.plan import load_plan
from rollout.errors import InvalidOption
from rollout.faults import CATALOGUE
from rollout.results.campaign.trials import CONTROL, KILLS

PLANS = {path: load_plan(path, rehearsal=True) for path in ("realistic", "incremental", "ambitious")}


def wish(*names: str, trials: int | None = 1, seed: int = 7) -> Wish:
    choice = chosen(names)
    return Wish(
        plans=PLANS,
        kinds=choice.kinds,
        with_kills=choice.with_kills,
        limits=choice.limits,
        trials=trials,
        seed=seed,
        source="rehearsal",
        scenario="ambitious",
        spans={"realistic": 20.0, "incremental": 24.0, "ambitious": 60.0},
    )


def test_equal_seeds_give_equal_trials_and_others_give_others() -> None:
    first, again, other = (tuple(schedule(wish("suite", seed=seed))) for seed in (7, 7, 8))
    assert first == again
    assert {trial.key for trial in first}.isdisjoint(trial.key for trial in other)
    assert [trial.fault for trial in first] != [trial.fault for trial in other]


def test_every_cell_of_every_fault_comes_as_often_as_asked_for_and_no_trial_twice() -> None:
    trials = tuple(schedule(wish("all", trials=2)))
    counted = Counter((t.fault, t.group, t.form, t.path) for t in trials if t.kind == "fault")
    wanted = {
        (kind.name, cell.group, cell.form, path): 2
        for kind in CATALOGUE.values()
        for cell in cells(kind, PLANS)
        for path in cell.targets
    }
    assert counted == wanted
    assert len({trial.key for trial in trials}) == len(trials) == size(wish("all", trials=2))


def test_a_block_is_paired_across_paths_by_seed_fault_form_and_place() -> None:
    for _, block in groupby(schedule(wish("all")), key=lambda trial: trial.block):
        trials = tuple(block)
        assert len({(t.seed, t.fault, t.form, t.group, t.kind) for t in trials}) == 1
        assert len({(t.path, t.arm) for t in trials}) == len(trials)


def test_a_block_of_control_is_one_path_twice_and_one_of_kills_every_path_once() -> None:
    blocks = [tuple(block) for _, block in groupby(schedule(wish("kills")), key=lambda trial: trial.block)]
    control = [block for block in blocks if block[0].kind == CONTROL]
    assert [{t.arm for t in block} for block in control] == [{"A", "B"}] * 3
    (kills,) = (block for block in blocks if block[0].kind == KILLS)
    assert {t.path for t in kills} == set(PLANS)
    parts = {round((t.at or 0) / wish("kills").spans[t.path], 2) for t in kills}
    assert len(parts) == 1
    assert 0 <= parts.pop() <= 1


def test_a_loop_of_kills_is_mostly_kills_and_only_the_control_alone_is_as_often_as_asked_for() -> None:
    loop = Counter((t.kind, t.path) for t in schedule(wish("kills", trials=30)))
    assert {loop[KILLS, path] for path in PLANS} == {30}
    assert all(2 <= loop[CONTROL, path] <= 10 for path in PLANS)
    alone = Counter((t.kind, t.path) for t in schedule(wish("none", trials=5)))
    assert alone == {(CONTROL, path): 10 for path in PLANS}


def test_a_phase_of_one_path_meets_the_phase_that_answers_for_it_on_another() -> None:
    blocks = groupby(schedule(wish("sigterm")), key=lambda trial: trial.block)
    pairs = {trial.path: trial.phase for _, block in blocks for trial in block if trial.group == "ash_core"}
    assert pairs["realistic"] == "ash_core"
    assert pairs["incremental"] == "ash_core"


def test_without_a_number_of_trials_there_is_no_end_and_seeds_do_not_come_back() -> None:
    endless = replace(wish("two_runs"), trials=None)
    keys = [trial.key for trial in islice(schedule(endless), 400)]
    assert len(set(keys)) == 400
    assert size(endless) is None


def test_whatever_stops_it_families_are_balanced_and_each_fault_comes_before_one_comes_again() -> None:
    trials = islice(schedule(replace(wish("all"), trials=None)), 700)
    blocks = [tuple(block) for _, block in groupby(trials, key=lambda trial: trial.block)]
    struck = [block[0] for block in blocks if block[0].kind == "fault"]
    for some in (25, 50, 100):
        counted = Counter(trial.family for trial in struck[:some])
        assert max(counted.values()) - min(counted.values()) <= 1
    of_registry = [trial.fault for trial in struck if trial.family == "registry"]
    kinds = [kind for kind in CATALOGUE.values() if kind.family == "registry" and cells(kind, PLANS)]
    assert len(set(of_registry[: len(kinds)])) == len(kinds)
    others = Counter(block[0].kind for block in blocks)
    assert abs(others[CONTROL] - others[KILLS]) <= 1
    assert others[KILLS] >= 5


@pytest.mark.parametrize("seed", [1, 7, 30])
def test_every_second_fault_strikes_where_most_paths_can_be_compared(seed: int) -> None:
    """A path that ends early shares few cells with the others: left to chance, a quarter of a family's blocks."""
    short = {**PLANS, "ambitious": PLANS["ambitious"].through("generation")}
    asked = replace(wish("registry", "machine", "suite", trials=None, seed=seed), plans=short)
    trials = tuple(islice(schedule(asked), 150))
    for family in ("registry", "machine", "suite"):
        struck = Counter(trial.path for trial in trials if trial.family == family)
        assert 0.4 <= struck["ambitious"] / struck["realistic"] < 1
        assert struck["incremental"] >= 0.8 * struck["realistic"]


@pytest.mark.parametrize("seed", range(1, 11))
def test_they_take_turns_from_the_beginning(seed: int) -> None:
    """However short a campaign is, no path has been left to chance."""
    blocks: dict[int, set[str]] = {}
    for trial in islice(schedule(wish("database", trials=None, seed=seed)), 60):
        if trial.family == "database":
            blocks.setdefault(trial.block, set()).add(trial.path)
    compared = ["ambitious" in paths for paths in list(blocks.values())[:8]]
    assert compared == [True, False] * 4


def test_names_are_faults_families_kills_none_or_all() -> None:
    assert [kind.name for kind in chosen(["sigterm", "sigint"]).kinds] == ["sigint", "sigterm"]
    assert {kind.family for kind in chosen(["suite"]).kinds} == {"suite"}
    assert chosen(["none"]) == Choice(kinds=(), with_kills=False, limits={})
    assert chosen(["kills"]) == Choice(kinds=(), with_kills=True, limits={})
    assert len(chosen(["all"]).kinds) == len(CATALOGUE)
    with pytest.raises(InvalidOption, match="did you mean sigterm"):
        chosen(["sigtemr"])
    with pytest.raises(InvalidOption, match="transient"):
        chosen(["sigkill:persistent"])


def test_a_fault_may_be_limited_to_a_phase_and_a_form() -> None:
    trials = tuple(schedule(wish("sigterm@database:transient", "sigint:persistent")))
    assert {(t.group, t.form) for t in trials if t.fault == "sigterm"} == {("database", "transient")}
    assert {t.form for t in trials if t.fault == "sigint"} == {"persistent"}
    assert len({t.group for t in trials if t.fault == "sigint"}) > 5


@pytest.mark.parametrize("told", ["registry@ash_core", "all:transient", "kills@server", "none:persistent"])
def test_a_limit_is_that_of_one_fault_and_of_no_group(told: str) -> None:
    with pytest.raises(InvalidOption, match=f"{told.partition('@')[0].partition(':')[0]} alone, or a fault's name"):
        chosen([told])


def test_a_fault_that_can_strike_no_path_is_named() -> None:
    kind = replace(CATALOGUE["sigterm"], name="nowhere", traits=("no_such_trait",))
    assert kinds_left_out([kind, CATALOGUE["sigterm"]], PLANS, {}) == ("nowhere",)
    assert kinds_left_out([CATALOGUE["sigterm"]], PLANS, {"sigterm": (("no_phase", ""),)}) == ("sigterm",)
