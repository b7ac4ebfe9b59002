"""Unknown XAVOS_… variables cause a warning with the nearest known name."""

from __future__ import annotations

import re
import subprocess

import pytest

from rollout import __main__, environment
from rollout.config.options import ROOT, RUN_FOLDER
from rollout.environment.unknown_variables import known

# Made up in tests, documentation or a regular expression.
_NO_VARIABLES = {"XAVOS_FLAG", "XAVOS_PROT", "XAVOS_PATCH", "XAVOS_UNLIKE_ANYTHING", "XAVOS_ADVICE_APLY", "XAVOS_TEST"}


@pytest.mark.parametrize(
    ("name", "near"),
    [("XAVOS_PROT", "XAVOS_PORT"), ("XAVOS_SOURCES", "XAVOS_SOURCE"), ("XAVOS_CACHEDIR", "XAVOS_CACHE_DIR"),
     ("XAVOS_ADVICE_APLY", "XAVOS_ADVICE_APPLY"), ("XAVOS_DB", None), ("XAVOS_UNLIKE_ANYTHING", None)],
)  # fmt: skip
def test_an_unknown_name_causes_a_warning(name: str, near: str | None) -> None:
    (said,) = environment.warnings({name: "1", "XAVOS_PORT": "4100", "PATH": "/bin"})
    assert name in said
    assert (f"Did you mean {near}?" in said) if near else "README" in said


def test_known_names_cause_no_warning() -> None:
    assert environment.warnings(dict.fromkeys(known(), "1")) == ()


def test_a_session_of_a_path_prints_no_warning() -> None:
    assert environment.warnings({"XAVOS_PROT": "1", RUN_FOLDER: "/x"}) == ()


def test_every_name_in_the_sources_is_known() -> None:
    where = ("--", ".", ":!tests", ":!CHANGELOG.md")
    listed = subprocess.run(("git", "grep", "-hoE", r"XAVOS_[A-Z][A-Z0-9_]*[A-Z0-9]", *where),
                            cwd=ROOT, capture_output=True, text=True, check=True)  # fmt: skip
    named = set(listed.stdout.split()) - _NO_VARIABLES
    # The beginning of several, as in `XAVOS_ADVICE_…`.
    unknown = {name for name in named - known() if not any(each.startswith(f"{name}_") for each in known())}
    assert unknown == set(), "each belongs into a tuple of rollout/environment/unknown_variables.py"


def test_other_commands_warn_too(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("XAVOS_PROT", "4100")
    assert __main__.main(["no such word"]) == 2
    assert len(re.findall("XAVOS_PROT", capsys.readouterr().err)) == 1
