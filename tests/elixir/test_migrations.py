"""The reader of migrations (rollout/elixir/migrations) on the corpus, and on what it cannot know.

`XAVOS_ACCEPT=1 pytest tests/elixir` writes what it reads into the corpus: read the difference before you commit it.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from rollout.migrations.reader import SCRIPT
from tests.elixir.machine import in_elixir
from tests.elixir.migration_cases import READ, write_all

LOOPS = """
defmodule Loops do
  use Ecto.Migration
  @tables [:a, :b]
  @sql \"\"\"
  UPDATE x
  SET y = 1
  \"\"\"

  def up do
    for table <- @tables, do: alter(table(table), do: add(:one, :text))
    Enum.each(~w(c d), fn table -> execute("ALTER TABLE #{table} ADD COLUMN two text") end)
    index(:a, [:one]) |> create()
    add_three(:e, null: false)
    name = "f"
    rename table(name), :old, to: :new
    execute(@sql)
    if System.get_env("G"), do: drop(table(:g))
    execute("DROP TABLE #{name()}")
    for table <- tables(), do: drop(table(table))
    recursive(1)
    execute(&by_capture/0, fn -> repo().query!("SELECT 1") end)
  end

  defp add_three(table, options) do
    alter table(table, prefix: "tenant") do
      add :three, references(:a, validate: false), options
    end
  end

  defp recursive(n), do: recursive(n + 1)
  defp by_capture, do: execute("SELECT 2")
  defp tables, do: repo().query!("SELECT 3")
end
"""


def read(folder: Path, *paths: str) -> list[dict[str, Any]]:
    """What the script writes about migrations in the folder, in their order."""
    script = "Migrations.CLI.main(System.argv())"
    argv = f"cd {folder} && elixir -pr '{SCRIPT}/*.ex' -e '{script}' out.jsonl {' '.join(paths)}"
    in_elixir((folder, SCRIPT), ["sh", "-c", argv])
    return [json.loads(line) for line in (folder / "out.jsonl").read_text(encoding="utf-8").splitlines()]


def test_corpus_is_what_the_script_reads(tmp_path: Path) -> None:
    """The unit tests of the rules judge what Elixir's parser really gives."""
    write_all(tmp_path)
    rows = sorted(read(tmp_path, "."), key=lambda row: "/" in row["file"])
    lines = [json.dumps(row, ensure_ascii=False, sort_keys=True) for row in rows]
    if os.environ.get("XAVOS_ACCEPT"):
        READ.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
        pytest.skip("corpus written; run again without XAVOS_ACCEPT")

    assert READ.read_text(encoding="utf-8").splitlines() == lines


def test_loops_functions_and_values_are_followed_as_far_as_they_are_known(tmp_path: Path) -> None:
    """Literal loops are unrolled and functions followed; what only running it could tell has a reason."""
    (tmp_path / "1_loops.exs").write_text(LOOPS, encoding="utf-8")

    _, *found = read(tmp_path, "1_loops.exs")

    assert [
        ("add_column", "a", "one"),
        ("add_column", "b", "one"),
        ("execute", None, None),
        ("execute", None, None),
        ("create_index", "a", None),
        ("add_column", "e", "three"),
        ("rename_column", "f", "old"),
        ("execute", None, None),
        ("drop_table", "g", None),
        ("execute", None, None),
        ("query", None, None),
        ("drop_table", None, None),
        ("execute", None, None),
    ] == [(row["kind"], row["table"], row["column"]) for row in found]
    sql = [row["sql"] for row in found if row["kind"] == "execute"]
    assert ["ALTER TABLE c ADD COLUMN two text", "ALTER TABLE d ADD COLUMN two text", "UPDATE x\nSET y = 1\n"] == sql[
        :3
    ]
    assert ["DROP TABLE #{name()}", "SELECT 2"] == sql[3:]
    assert {
        8: ["inside `if` at line 18"],
        9: ["the value of `name()`"],
        11: ["inside a loop at line 20", "the table `table`"],
    } == {number: row["undecided"] for number, row in enumerate(found) if row["undecided"]}
    assert ("tenant", {"null": False, "if_not_exists": False}) == (found[5]["prefix"], found[5]["options"])
    assert {"references": "a", "options": {"validate": False}} == found[5]["type"]
    assert "a function" == found[-1]["options"]["down"]


def test_file_that_does_not_parse_is_one_line_with_the_reason(tmp_path: Path) -> None:
    """A broken file does not hide the others, and files that Ecto would not run are left out."""
    (tmp_path / "1_broken.exs").write_text(
        "defmodule Broken do\n  def change do\n    alter table(:a\n", encoding="utf-8"
    )
    (tmp_path / "2_empty.exs").write_text("# nothing\n", encoding="utf-8")
    (tmp_path / "notes.exs").write_text("IO.puts(1)\n", encoding="utf-8")

    rows = read(tmp_path, ".")

    assert [("unreadable", 1), ("unreadable", 2)] == [(row["kind"], row["version"]) for row in rows]
    assert "missing terminator: )" in rows[0]["text"]
    assert "it defines no module" == rows[1]["text"]
