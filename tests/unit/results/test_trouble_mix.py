"""The mix of troubles: its content, and how invalid files are rejected."""

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


def test_the_mix_covers_every_fault_that_can_fail_an_attempt() -> None:
    """Each entry has a source or is an assumption, and has a reason. `none` has the rest of the probability.

    The mix is that of a first deployment. What an upgrade meets in production is not in it.
    """
    mix = load_troubles(known=NAMES)

    deploying = {name for name, kind in CATALOGUE.items() if kind.family != "production"}
    assert {name for name in deploying if not name.endswith("_in_rollback")} == {one.fault for one in mix.troubles}
    assert all(bool(trouble.source) != trouble.assumption and trouble.because for trouble in mix.troubles)
    assert any(trouble.source for trouble in mix.troubles)
    assert sum(mix.strata.values()) == pytest.approx(1)
    assert mix.none == pytest.approx(1 - sum(trouble.probability for trouble in mix.troubles))


def test_the_mix_has_no_form_that_the_catalogue_lacks() -> None:
    """Such a form could never be injected, so never be measured."""
    for fault, form in load_troubles(known=NAMES).strata:
        if fault in CATALOGUE:
            assert form in CATALOGUE[fault].forms, fault


def test_the_mix_survives_json() -> None:
    """From rows and back."""
    mix = load_troubles(known=NAMES)
    assert mix == from_rows(as_rows(mix))


def test_forms_share_the_probability(tmp_path: Path) -> None:
    """In proportion to the transient share. A form of probability 0 is not a stratum."""
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
        ("registry_down = 3", "registry_down: it is not a table"),
        (f"[registry_down]\nodds = 1\n{GOOD}", "registry_down: unknown key 'odds'; known: assumption, because"),
        (f"[registry_down]\n{GOOD.replace('probability = 0.1', '')}", "registry_down: missing: probability"),
        (f"[registry_down]\n{GOOD.replace('0.1', '1.5')}", "registry_down: probability=1.5 is not a number from 0"),
        (f"[registry_down]\n{GOOD.replace('0.1', 'nan')}", "registry_down: probability=nan is not a number"),
        (f"[registry_down]\n{GOOD.replace('0.5', 'true')}", "registry_down: transient=True is not a number"),
        (f"[registry_down]\n{GOOD}source = 'x'", "it needs either a source or assumption = true"),
        (f"[registry_down]\n{GOOD.replace('true', 'false')}", "it needs either a source or assumption = true"),
        (f"[registry_down]\n{GOOD.replace('true', '1')}", "assumption=1 is neither true nor false"),
        (f"[registry_down]\n{GOOD.replace('a guess', ' ')}", "registry_down: missing: because"),
        (f"[registry_down]\n{GOOD.replace('0.1', '0.6')}[disk_full]\n{GOOD.replace('0.1', '0.5')}",
         "troubles.toml, probability: the sum is 1.1, more than 1"),
        ("[registry_down", "troubles.toml, syntax: "),
    ],
)  # fmt: skip
def test_an_error_names_file_entry_and_problem(tmp_path: Path, text: str, problem: str) -> None:
    """One case for each rule of the file."""
    with pytest.raises(InvalidTroubles) as refused:
        load_troubles(written(tmp_path, text), known={"registry_down", "disk_full"})
    assert problem in str(refused.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    """The error has the name of the file."""
    with pytest.raises(InvalidTroubles, match=r"no\.toml, file: does not exist"):
        load_troubles(tmp_path / "no.toml", known=())
