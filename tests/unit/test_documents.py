"""The documentation says what the code does, its links lead somewhere, and the README is short."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from docgen import drawings, tables
from rollout.config.flags import FLAGS
from rollout.config.options import ROOT
from rollout.diagnosis import CAUSES
from rollout.diagnosis.causes import ADVICE, MEANINGS, TRANSIENT
from rollout.faults import CATALOGUE, Fault
from rollout.journal.events import EVENTS
from rollout.journal.events import MEANINGS as EVENT_MEANINGS
from rollout.results.outcomes import EXIT_CODES, OUTCOMES, PHASE_OUTCOMES, ROLLBACK_OUTCOMES
from tests.documents import shown_commands

DOCS = ROOT / "docs"
REFERENCE = DOCS / "reference"
DOCUMENTS = tables.documents()
LONGEST_README = 150


def read(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def schema() -> Mapping[str, Any]:
    found: Mapping[str, Any] = json.loads(read(DOCS / "verdict.schema.json"))
    return found


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_generated_tables_are_those_of_the_code(path: Path) -> None:
    """`make docs` writes them."""
    assert tables.current(read(path)) == read(path)


@pytest.mark.parametrize("name", drawings.DRAWINGS)
def test_drawings_are_up_to_date(name: str) -> None:
    """`make docs` draws them."""
    assert drawings.DRAWINGS[name]() == read(drawings.PICTURES / name)


@pytest.mark.parametrize("name", tables.TABLES)
def test_every_table_stands_in_exactly_one_page(name: str) -> None:
    assert 1 == sum(read(path).count(f"<!-- generated: {name} -->") for path in DOCUMENTS)


@pytest.mark.parametrize(
    ("page", "names"),
    [
        ("options.md", [f"{flag.option}={flag.metavar}" if flag.metavar else flag.option for flag in FLAGS]),
        ("faults.md", list(CATALOGUE)),
        ("causes.md", list(CAUSES)),
        ("verdict.md", [*OUTCOMES, *PHASE_OUTCOMES, *ROLLBACK_OUTCOMES]),
        ("journal-events.md", list(EVENTS)),
    ],
)
def test_the_reference_names_everything_there_is_and_nothing_else(page: str, names: list[str]) -> None:
    shown = re.findall(r"^\| `([^`]+)` \|", read(REFERENCE / page).partition("## Keys")[0], re.MULTILINE)
    shown = [name for name in shown if not name.startswith("XAVOS_")]
    assert sorted(names) == sorted(shown)


def test_every_cause_and_event_has_a_meaning() -> None:
    assert list(ADVICE) == list(MEANINGS)
    assert list(EVENTS) == list(EVENT_MEANINGS)


def test_the_page_of_causes_names_those_that_are_tried_again() -> None:
    prose = read(REFERENCE / "causes.md").partition("<!--")[0]
    assert set(re.findall(r"`(\w+)`", prose)) == TRANSIENT


def test_the_schema_names_every_cause_and_outcome() -> None:
    """The causes in the order of the classifier."""
    assert f"A named cause ({', '.join(CAUSES)})" in read(DOCS / "verdict.schema.json")
    path = schema()["properties"]["paths"]["additionalProperties"]["properties"]
    phase = path["phases"]["items"]["properties"]
    assert list(OUTCOMES) == path["outcome"]["enum"]
    assert list(PHASE_OUTCOMES) == phase["outcome"]["enum"]
    assert list(ROLLBACK_OUTCOMES) == phase["rollback"]["properties"]["outcome"]["enum"]


def test_the_exit_codes_of_pytest_are_those_of_pytest() -> None:
    """But for that of `--max-warnings`, which this suite does not use."""
    assert list(EXIT_CODES["pytest"]) == [int(code) for code in pytest.ExitCode if "WARNINGS" not in code.name]


def test_the_example_of_a_verdict_fulfils_the_contract() -> None:
    jsonschema = pytest.importorskip("jsonschema")
    example = re.search(r"```json\n(.*?)```", read(REFERENCE / "verdict.md"), re.DOTALL)
    assert example is not None
    jsonschema.validate(json.loads(example.group(1)), schema())


def test_the_readme_is_short_and_shows_a_picture() -> None:
    readme = read(ROOT / "README.md")
    assert len(readme.splitlines()) <= LONGEST_README
    assert "![" in readme


def test_every_make_target_that_is_named_exists() -> None:
    targets = set(re.findall(r"^([a-z-]+):", read(ROOT / "Makefile"), re.MULTILINE))
    for path in DOCUMENTS:
        named = set(re.findall(r"(?:`|\$ )make ([a-z-]+)", read(path)))
        assert set() == named - targets, path.name


def test_every_flag_that_is_named_exists() -> None:
    """In the commands of all pages that run this suite."""
    known = {flag.option for flag in FLAGS} | {"--rollout"}  # of the wheel
    for path in DOCUMENTS:
        for shown in shown_commands(path):
            if re.match(r"pytest\b|make (?!pictures)", shown.command):
                assert set() == set(re.findall(r"(?<![\w-])--[a-z][a-z-]*", shown.command)) - known, path.name


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(path: Path) -> None:
    for link in re.findall(r"\]\(([^)#]+?)(?:#[^)]*)?\)", read(path)):
        if "://" not in link:
            assert (path.parent / link).exists(), link


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_files_that_are_named_exist(path: Path) -> None:
    """A file of the repository in code marks, such as `rollout/config/options.py`."""
    named = re.findall(
        r"`((?:rollout|suite|fixtures|deploy_tests|docgen|tests|plans|overlay|images|rehearsal)/[\w./-]*)`", read(path)
    )
    assert [] == [file for file in named if "NAME" not in file and not (ROOT / file).exists()]


def test_the_glossary_has_every_term_once_and_in_order() -> None:
    terms = re.findall(r"^\| ([^|]+?) \| [^|]", read(DOCS / "glossary.md"), re.MULTILINE)[1:]
    assert len(terms) > 40
    assert sorted(set(terms)) == terms


def test_the_page_about_faults_calls_what_a_fault_has() -> None:
    called = re.findall(r"`self\.(\w+)\(", read(DOCS / "how-to" / "add-a-fault.md"))
    assert called
    assert [] == [name for name in called if not hasattr(Fault, name)]
