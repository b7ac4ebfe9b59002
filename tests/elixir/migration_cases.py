"""The corpus of migrations: for each rule, one that it is about, and the safer way.

`migrations/RULE.case` has the body of an unsafe migration, then those of the safer ones, in order. They come after
`migrations/before.exs`, which is applied. `migrations/read.jsonl` is what the Elixir script reads in all of them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from rollout.migrations.operations import Migration, decode

HERE = Path(__file__).resolve().parent / "migrations"
READ = HERE / "read.jsonl"
BEFORE = 20240101000000
UNSAFE = 20250101000000
_SECTION = re.compile(r"^=== (unsafe|safer)\n", re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleCase:
    """A case. `version` is that of the unsafe migration, `server` the major version of PostgreSQL."""

    rule: str
    unsafe: str
    safer: tuple[str, ...]
    server: int
    version: int

    def files(self) -> Iterator[tuple[str, str]]:
        """Path and text of every migration."""
        for kind, bodies, version in (("unsafe", (self.unsafe,), self.version), ("safer", self.safer, UNSAFE)):
            for number, body in enumerate(bodies):
                lines = "".join(f"  {line}" if line.strip() else line for line in body.splitlines(keepends=True))
                name = f"Shop.Repo.Migrations.{kind.title()}{number}"
                text = f"defmodule {name} do\n  use Ecto.Migration\n\n{lines}end\n"
                yield f"{self.rule}/{kind}/{version + number}_{kind}.exs", text


def _case(path: Path) -> RuleCase:
    head, *parts = _SECTION.split(path.read_text(encoding="utf-8"))
    settings = dict(line.removeprefix("$ ").split() for line in head.splitlines())
    sections = list(zip(parts[::2], parts[1::2], strict=True))
    return RuleCase(
        rule=path.stem,
        unsafe=next(body for kind, body in sections if kind == "unsafe"),
        safer=tuple(body for kind, body in sections if kind == "safer"),
        server=int(settings.get("server", "17")),
        version=int(settings.get("version", UNSAFE)),
    )


CASES = tuple(_case(path) for path in sorted(HERE.glob("*.case")))


def write_all(folder: Path) -> None:
    """Write the migrations of all cases below the folder."""
    (folder / f"{BEFORE}_before.exs").write_text((HERE / "before.exs").read_text(encoding="utf-8"), encoding="utf-8")
    for case in CASES:
        for name, text in case.files():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(text, encoding="utf-8")


@cache
def _rows() -> Mapping[str, tuple[str, ...]]:
    """Folder of a migration (rule/kind; "" for the one before) → its lines in read.jsonl."""
    rows: dict[str, list[str]] = {}
    for line in READ.read_text(encoding="utf-8").splitlines():
        rows.setdefault("/".join(json.loads(line)["file"].split("/")[:-1]), []).append(line)
    return {folder: tuple(lines) for folder, lines in rows.items()}


def read_case(case: RuleCase, kind: str) -> tuple[Migration, ...]:
    """The migration before, and the unsafe or safer ones of the case, as the script has read them."""
    return decode((*_rows()[""], *_rows()[f"{case.rule}/{kind}"]))
