"""What the README says about options, causes, outcomes and targets is what the code does."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from rollout.config.options import FLAGS, ROOT
from rollout.diagnosis import CAUSES
from rollout.faults import CATALOGUE, FAMILIES, Kind

README = (ROOT / "README.md").read_text(encoding="utf-8")
FAULTS = ROOT / "docs" / "faults.md"
TABLES = re.compile(r"(<!-- faults: .*? -->\n)(.*?)(\n<!-- /faults -->)", re.DOTALL)
OPTIONS = re.compile(r"(<!-- options: .*? -->\n)(.*?)(\n<!-- /options -->)", re.DOTALL)
DOCUMENTS = sorted(path for pattern in ("*.md", "docs/*.md") for path in ROOT.glob(pattern))


def options_table() -> str:
    """The table of flags, as the README has to show it."""
    rows = []
    for flag in FLAGS:
        spelt = f"{flag.option}={flag.metavar}" if flag.metavar else flag.option
        rows.append(f"| `{spelt}` | `{flag.variable}` | {f'`{flag.default}`' if flag.default else ''} | {flag.help} |")
    return "\n".join(("| flag | variable | default | |", "|---|---|---|---|", *rows))


NEEDS = {
    "engine": "in containers",
    "database": "not with `--database=URL`",
    "root": "as root",
    "key": "in a rehearsal",
}


def faults_table() -> str:
    """The catalogue, as docs/faults.md has to show it."""
    parts = []
    for family in FAMILIES:
        rows = [
            f"| `{kind.name}` | {kind.text} | {_phases(kind)} | {_forms(kind)} | {kind.bites} | "
            f"{', '.join(NEEDS[need] for need in kind.needs) or 'anywhere'} |"
            for kind in CATALOGUE.values()
            if kind.family == family
        ]
        head = "| fault | what goes wrong | phases that | transient: goes away after | it bit when | where |"
        parts.append("\n".join((f"### {family}", "", head, "|---|---|---|---|---|---|", *rows)))
    return "\n\n".join(parts)


def _phases(kind: Kind) -> str:
    """Traits, not names of phases: a new phase of a plan does not change the document."""
    wanted = ", ".join(f"`{trait}`" for trait in kind.traits) or "any"
    spared = ", ".join(f"`{trait}`" for trait in kind.spares)
    return f"{wanted}, but none of {spared}" if spared else wanted


def _forms(kind: Kind) -> str:
    return kind.lasts if "transient" in kind.forms else "–"


def _schema() -> dict[str, object]:
    schema: dict[str, object] = json.loads((ROOT / "docs" / "verdict.schema.json").read_text(encoding="utf-8"))
    return schema


def test_the_options_table_is_that_of_the_flags() -> None:
    """`python -m tests.unit.test_documents` mends it."""
    shown = OPTIONS.search(README)
    assert shown is not None
    assert options_table() == shown.group(2)


def test_the_catalogue_of_faults_is_that_of_the_code() -> None:
    """`python -m tests.unit.test_documents` mends it."""
    shown = TABLES.search(FAULTS.read_text(encoding="utf-8"))
    assert shown is not None
    assert faults_table() == shown.group(2)


@pytest.mark.parametrize("cause", CAUSES)
def test_every_cause_is_explained(cause: str) -> None:
    assert f"\n| `{cause}` | " in README


def test_the_schema_names_every_cause() -> None:
    """In the order of the classifier."""
    schema = (ROOT / "docs/verdict.schema.json").read_text(encoding="utf-8")
    assert f"A named cause ({', '.join(CAUSES)})" in schema


def test_no_cause_is_explained_that_does_not_exist() -> None:
    section = README.partition("## Troubleshooting by cause")[2].partition("\n## ")[0]
    assert set(CAUSES) == set(re.findall(r"^\| `([a-z_]+)` \|", section, re.MULTILINE))


def test_every_outcome_of_the_contract_is_explained() -> None:
    paths = _schema()["properties"]["paths"]["additionalProperties"]  # type: ignore[index]
    for outcome in paths["properties"]["outcome"]["enum"]:
        assert f"\n| `{outcome}` | " in README


def test_the_example_of_a_verdict_fulfils_the_contract() -> None:
    jsonschema = pytest.importorskip("jsonschema")
    example = re.search(r"```json\n(.*?)```", README, re.DOTALL)
    assert example is not None
    jsonschema.validate(json.loads(example.group(1)), _schema())


def test_every_make_target_that_is_named_exists() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    for path in DOCUMENTS:
        named = set(re.findall(r"(?:`|\$ )make ([a-z-]+)", path.read_text(encoding="utf-8")))
        assert set() == named - targets, path.name


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(path: Path) -> None:
    for link in re.findall(r"\]\(([^)#]+?)(?:#[^)]*)?\)", path.read_text(encoding="utf-8")):
        if "://" not in link:
            assert (path.parent / link).exists(), link


if __name__ == "__main__":
    mended = OPTIONS.sub(lambda old: old[1] + options_table() + old[3], README)
    (ROOT / "README.md").write_text(mended, encoding="utf-8")
    mended = TABLES.sub(lambda old: old[1] + faults_table() + old[3], FAULTS.read_text(encoding="utf-8"))
    FAULTS.write_text(mended, encoding="utf-8")
