"""The mix of troubles: what is in it, and how it is refused."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from rollout.faults import CATALOGUE
from rollout.results.campaign.trouble_mix import FILE, InvalidTroubles, as_rows, from_rows, load_troubles

GOOD = 'probability = 0.1\ntransient = 0.5\nassumption = true\nbecause = "a guess"\n'
NAMES = frozenset(tomllib.loads(FILE.read_text(encoding="utf-8")))


def written(folder: Path, text: str) -> Path:
    path = folder / "troubles.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_our_mix_is_read_and_weighs_every_fault_that_an_attempt_can_fail_by() -> None:
    """Each has a source or is an assumption, and a reason in any case; `none` is the rest."""
    mix = load_troubles(known=NAMES)

    assert {name for name in CATALOGUE if not name.endswith("_in_rollback")} == {one.fault for one in mix.troubles}
    assert all(bool(trouble.source) != trouble.assumption and trouble.because for trouble in mix.troubles)
    assert any(trouble.source for trouble in mix.troubles)
    assert sum(mix.strata.values()) == pytest.approx(1)
    assert mix.none == pytest.approx(1 - sum(trouble.probability for trouble in mix.troubles))


def test_our_mix_has_no_form_that_the_catalogue_does_not_have() -> None:
    """What cannot be injected in a form would never be measured."""
    for fault, form in load_troubles(known=NAMES).strata:
        if fault in CATALOGUE:
            assert form in CATALOGUE[fault].forms, fault


def test_the_mix_survives_json() -> None:
    """Rows and back."""
    mix = load_troubles(known=NAMES)
    assert mix == from_rows(as_rows(mix))


def test_forms_share_the_probability(tmp_path: Path) -> None:
    """By the transient share; what is impossible is no stratum."""
    text = f"[a]\n{GOOD}[b]\n{GOOD.replace('0.5', '1')}"
    mix = load_troubles(written(tmp_path, text), known={"a", "b"})
    assert mix.strata == {
        ("none", ""): pytest.approx(0.8), ("a", "transient"): 0.05, ("a", "persistent"): 0.05, ("b", "transient"): 0.1,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (f"[registry_dwn]\n{GOOD}", "registry_dwn: no fault has this name (did you mean registry_down?)"),
        (f"[zzz]\n{GOOD}", "zzz: no fault has this name."),
        ("registry_down = 3", "registry_down: it is no table"),
        (f"[registry_down]\nodds = 1\n{GOOD}", "registry_down: unknown key 'odds'; known: assumption, because"),
        (f"[registry_down]\n{GOOD.replace('probability = 0.1', '')}", "registry_down: it needs probability"),
        (f"[registry_down]\n{GOOD.replace('0.1', '1.5')}", "registry_down: probability=1.5 is no share from 0 to 1"),
        (f"[registry_down]\n{GOOD.replace('0.1', 'nan')}", "registry_down: probability=nan is no share"),
        (f"[registry_down]\n{GOOD.replace('0.5', 'true')}", "registry_down: transient=True is no share"),
        (f"[registry_down]\n{GOOD}source = 'x'", "it needs a source, or assumption = true, and not both"),
        (f"[registry_down]\n{GOOD.replace('true', 'false')}", "it needs a source, or assumption = true"),
        (f"[registry_down]\n{GOOD.replace('true', '1')}", "assumption=1 is neither true nor false"),
        (f"[registry_down]\n{GOOD.replace('a guess', ' ')}", "registry_down: it needs because"),
        (f"[registry_down]\n{GOOD.replace('0.1', '0.6')}[disk_full]\n{GOOD.replace('0.1', '0.5')}",
         "troubles.toml, probability: all together are 1.1, more than 1"),
        ("[registry_down", "troubles.toml, syntax: "),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named_with_its_place(tmp_path: Path, text: str, problem: str) -> None:
    """File, entry, problem."""
    with pytest.raises(InvalidTroubles) as refused:
        load_troubles(written(tmp_path, text), known={"registry_down", "disk_full"})
    assert problem in str(refused.value)


def test_a_file_that_is_not_there_is_said(tmp_path: Path) -> None:
    """By its name."""
    with pytest.raises(InvalidTroubles, match=r"no\.toml, file: No such file"):
        load_troubles(tmp_path / "no.toml", known=())
