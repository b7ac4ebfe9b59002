"""The tables of the documentation that are generated from the code.

A Markdown file has a pair of marks for each: `<!-- generated: NAME -->` and `<!-- /generated -->`. `make docs` writes
what stands between them. It is committed, so that it can be read without a build. A test compares it with the code.
"""

from __future__ import annotations

import ast
import inspect
import json
import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from types import FunctionType
from typing import Any

from docgen.markdown import table
from docgen.project import project_keys, project_placeholders
from rollout.config.flags import FLAGS
from rollout.config.options import ROOT
from rollout.config.plan import PACKAGE_KEYS, PHASE_KEYS, PLAN_KEYS
from rollout.config.traits import TRAITS
from rollout.diagnosis import CAUSES
from rollout.diagnosis.causes import ADVICE, MEANINGS
from rollout.faults import CATALOGUE, FAMILIES, Fault, Kind
from rollout.journal.events import EVENTS
from rollout.journal.events import MEANINGS as EVENT_MEANINGS
from rollout.migrations.rule import SEVERITIES
from rollout.migrations.rules import RULES
from rollout.project.schema import schema_text
from rollout.results.outcomes import EXIT_CODES, OUTCOMES, PHASE_OUTCOMES, ROLLBACK_OUTCOMES

DOCS = ROOT / "docs"
CHECKS = ROOT / "deploy_tests"
SCHEMA = DOCS / "verdict.schema.json"
PROJECT_SCHEMA = DOCS / "rollout.schema.json"
BLOCK = re.compile(r"(<!-- generated: ([a-z -]+) -->)\n.*?\n(<!-- /generated -->)", re.DOTALL)
_FLAG = re.compile(r"(?<![\w`-])--[a-z][a-z-]*(?:=[\w:]+)?")
_MAKE = re.compile(r"(?<!`)\bmake (?:clean-cache|undeploy|deploy)")
_NEEDS = {
    "engine": "in containers",
    "database": "not with `--database=URL`",
    "root": "as root",
    "key": "in a rehearsal",
}


def options() -> str:
    """The flags, with their variables and defaults."""
    rows = []
    for flag in FLAGS:
        spelt = f"{flag.option}={flag.metavar}" if flag.metavar else flag.option
        rows.append((_code(spelt), _code(flag.variable), _code(flag.default), flag.help))
    return table(("flag", "variable", "default", "meaning"), rows)


def faults() -> str:
    """The catalogue of faults, a section for each family."""
    head = ("fault", "what goes wrong", "phases that have", "transient: ends after", "it took effect when", "where")
    parts = []
    for family in FAMILIES:
        rows = [_fault(kind) for kind in CATALOGUE.values() if kind.family == family]
        parts += [f"## {family.capitalize()}", table(head, rows)]
    return "\n\n".join(parts)


def causes() -> str:
    """The named causes of failures."""
    rows = [(_code(name), _as_code(MEANINGS[name]), _as_code(ADVICE[name])) for name in CAUSES]
    return table(("cause", "what it means", "what to do"), rows)


def exit_codes() -> str:
    """The exit codes of each command, a section for each."""
    parts = []
    for command, codes in EXIT_CODES.items():
        rows = [(str(code), meaning) for code, meaning in codes.items()]
        parts += [f"## {_code(command)}", table(("code", "meaning"), rows)]
    return "\n\n".join(parts)


def verdict_keys() -> str:
    """The keys of verdict.json, from its schema."""
    return table(("key", "type", "meaning"), _keys(json.loads(SCHEMA.read_text(encoding="utf-8"))))


def journal_events() -> str:
    """The events of journal.jsonl, with their keys."""
    rows = [(_code(name), EVENT_MEANINGS[name], ", ".join(map(_key, keys.split()))) for name, keys in EVENTS.items()]
    return table(("event", "meaning", "keys"), rows)


def fault_methods() -> str:
    """The methods of a fault that faults override, in the order in which a run calls them."""
    overridden = {name for each in _subclasses(Fault) for name in vars(each)}
    rows = [
        (_code(name), _first_sentence(inspect.getdoc(member)))
        for name, member in vars(Fault).items()
        if name in overridden and not name.startswith("_") and isinstance(member, FunctionType | property)
    ]
    return table(("method", "what it does"), rows)


def check_fixtures() -> str:
    """The fixtures that checks share."""
    files = (CHECKS / "conftest.py", *sorted((CHECKS / "support").glob("*.py")))
    functions = [
        node
        for file in files
        for node in ast.parse(file.read_text(encoding="utf-8")).body
        if isinstance(node, ast.FunctionDef) and "pytest.fixture" in map(_decorator, node.decorator_list)
    ]
    rows = [(_code(each.name), _first_sentence(ast.get_docstring(each))) for each in functions]
    return table(("fixture", "what it does"), rows)


def migration_rules() -> str:
    """The rules about migrations, a section for each severity."""
    parts = []
    for severity, meaning in SEVERITIES.items():
        rows = [
            (
                _code(rule.id),
                rule.reason,
                rule.instead,
                f"PostgreSQL {rule.harmless_since}" if rule.harmless_since else "",
            )
            for rule in RULES
            if rule.severity == severity
        ]
        found = table(("rule", "what goes wrong", "safer way", "solved since"), rows)
        parts += [f"## {severity.replace('_', ' ').capitalize()}", meaning, found]
    return "\n\n".join(parts)


TABLES: Mapping[str, Callable[[], str]] = {
    "options": options,
    "faults": faults,
    "causes": causes,
    "exit codes": exit_codes,
    "outcomes of a path": lambda: _meanings("outcome", OUTCOMES),
    "outcomes of a phase": lambda: _meanings("outcome", PHASE_OUTCOMES),
    "outcomes of a rollback": lambda: _meanings("outcome", ROLLBACK_OUTCOMES),
    "verdict keys": verdict_keys,
    "plan keys": lambda: _meanings("key", PLAN_KEYS),
    "phase keys": lambda: _meanings("key", PHASE_KEYS),
    "package keys": lambda: _meanings("key", PACKAGE_KEYS),
    "traits": lambda: _meanings("trait", TRAITS),
    "migration rules": migration_rules,
    "journal events": journal_events,
    "fault methods": fault_methods,
    "check fixtures": check_fixtures,
    "project keys": project_keys,
    "project placeholders": project_placeholders,
}
"""Name of a mark → the text between it and its end."""


def documents() -> tuple[Path, ...]:
    """Every Markdown file that people read: those of docs/, and README, CHANGELOG and CONTRIBUTING."""
    return tuple(sorted((*ROOT.glob("*.md"), *DOCS.rglob("*.md"))))


def current(text: str) -> str:
    """The text of a document with its tables as the code has them now. Raises KeyError for an unknown mark."""
    return BLOCK.sub(lambda block: f"{block[1]}\n\n{TABLES[block[2]]()}\n\n{block[3]}", text)


def write() -> None:
    """Bring the tables of all documents and the schema of rollout.toml up to date."""
    PROJECT_SCHEMA.write_text(schema_text(), encoding="utf-8")
    for path in documents():
        old = path.read_text(encoding="utf-8")
        if (new := current(old)) != old:
            path.write_text(new, encoding="utf-8")


def _meanings(head: str, keys: Mapping[str, str]) -> str:
    return table((head, "meaning"), [(_code(key), meaning) for key, meaning in keys.items()])


def _code(text: str | None) -> str:
    return f"`{text}`" if text else ""


def _key(key: str) -> str:
    return f"*{key.removesuffix('?')}*" if key.endswith("?") else _code(key)


def _as_code(text: str) -> str:
    """The text with its flags and commands as code."""
    return _MAKE.sub(lambda found: f"`{found[0]}`", _FLAG.sub(lambda found: f"`{found[0]}`", text))


def _fault(kind: Kind) -> tuple[str, ...]:
    lasts = kind.lasts if "transient" in kind.forms else "–"
    needs = ", ".join(_NEEDS[need] for need in kind.needs) or "anywhere"
    return _code(kind.name), kind.text, _phases(kind), lasts, kind.bites, needs


def _phases(kind: Kind) -> str:
    """Traits, not names of phases: a new phase of a plan does not change the page."""
    wanted = " or ".join(map(_code, kind.traits)) or "any"
    return f"{wanted}, not {' or '.join(map(_code, kind.spares))}" if kind.spares else wanted


def _subclasses(kind: type[Fault]) -> Iterable[type[Fault]]:
    for each in kind.__subclasses__():
        yield each
        yield from _subclasses(each)


def _decorator(node: ast.expr) -> str:
    return ast.unparse(node.func if isinstance(node, ast.Call) else node)


def _first_sentence(text: str | None) -> str:
    """The first sentence of a docstring."""
    paragraph = " ".join((text or "").partition("\n\n")[0].split())
    return re.split(r"(?<=\.) (?=[A-Z`])", paragraph)[0]


def _keys(schema: Mapping[str, Any], place: str = "") -> Iterable[tuple[str, str, str]]:
    """(key, type, meaning) of every property below a schema."""
    required = schema.get("required", ())
    for name, value in schema.get("properties", {}).items():
        here = f"{place}{name}"
        absent = "" if name in required else "*May be absent.*"
        yield _code(here), _type(value), " ".join(filter(None, (_as_code(value.get("description", "")), absent)))
        yield from _keys(value, f"{here}.")
        yield from _keys(value.get("items", {}), f"{here}[].")
        if isinstance(value.get("additionalProperties"), Mapping):
            yield from _keys(value["additionalProperties"], f"{here}.PATH.")


def _type(value: Mapping[str, Any]) -> str:
    if "enum" in value:
        return ", ".join(map(_code, value["enum"]))
    if "const" in value:
        return _code(str(value["const"]))
    kinds = value.get("type", "")
    named = " or ".join(kinds) if isinstance(kinds, list) else str(kinds)
    return f"{named} of {value['items'].get('type', 'object')}s" if "items" in value else named
