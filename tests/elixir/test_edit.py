"""The editor (rollout/elixir/edit) on golden files.

A case (`golden/NAME.case`) is the command, the files before, and after or the error.

`XAVOS_ACCEPT=1 pytest tests/elixir` writes what comes out into the cases: read the difference before you commit it.
"""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.elixir import machine

HERE = Path(__file__).resolve().parent
EDITOR = HERE.parent.parent / "rollout" / "elixir" / "edit"
SECTION = re.compile(rb"^=== ", re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One golden file. `after` holds changed files only; `error` and `output` are exact, None where not said."""

    name: str
    command: str
    before: Mapping[str, bytes]
    edits: bytes | None = None
    after: Mapping[str, bytes] = field(default_factory=dict)
    error: str | None = None
    output: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """What one turn of a case left."""

    exit: int
    out: str
    err: str
    files: Mapping[str, bytes]


def read_case(path: Path) -> Case:
    head, *sections = SECTION.split(path.read_bytes())
    parts = {title.decode(): body for title, _, body in (section.partition(b"\n") for section in sections)}
    return Case(
        name=path.stem,
        command=head.decode().removeprefix("$ ").strip(),
        before={title.removeprefix("before "): body for title, body in parts.items() if title.startswith("before ")},
        after={title.removeprefix("after "): body for title, body in parts.items() if title.startswith("after ")},
        edits=parts.get("edits"),
        error=parts["error"].decode().strip() if "error" in parts else None,
        output=parts["output"].decode() if "output" in parts else None,
    )


CASES = tuple(read_case(path) for path in sorted((HERE / "golden").glob("*.case")))


def tree(folder: Path) -> dict[str, bytes]:
    """Contents by relative path, without the operations file."""
    files = (path for path in sorted(folder.rglob("*")) if path.is_file() and path.name != "edits.exs")
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def in_elixir(work: Path, argv: list[str]) -> None:
    """Run argv where `elixir` is, with work, tests and editor at the same paths."""
    machine.in_elixir((work, HERE, EDITOR), argv)


@pytest.fixture(scope="session")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Ran, Ran | None]]:
    """Every case, run twice, in one container."""
    work = tmp_path_factory.mktemp("edit")
    for case in CASES:
        root = work / case.name / "root"
        for name, content in {**case.before, **({"edits.exs": case.edits} if case.edits else {})}.items():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_bytes(content)
        (root.parent / "argv").write_text("".join(f"{argument}\n" for argument in shlex.split(case.command)))
    in_elixir(work, ["elixir", str(HERE / "run_cases.exs"), str(work), str(EDITOR)])

    def ran(case: Case, turn: str) -> Ran:
        at = work / case.name
        return Ran(
            exit=int((at / f"{turn}.exit").read_text()),
            out=(at / f"{turn}.out").read_text(),
            err=(at / f"{turn}.err").read_text(),
            files=tree(at / turn),
        )

    done: dict[str, tuple[Ran, Ran | None]] = {}
    for case in CASES:
        first = ran(case, "first")
        done[case.name] = (first, ran(case, "second") if first.exit == 0 else None)
    if os.environ.get("XAVOS_ACCEPT"):
        for case in CASES:
            accept(case, done[case.name][0])
        pytest.skip("golden files written; run again without XAVOS_ACCEPT")
    return done


def accept(case: Case, ran: Ran) -> None:
    body = f"$ {case.command}\n".encode()
    for name, content in case.before.items():
        body += f"=== before {name}\n".encode() + content
        body += b"" if content.endswith(b"\n") else b"\n"
    body += b"=== edits\n" + case.edits if case.edits else b""
    if ran.exit:
        body += f"=== error\n{ran.err}".encode()
    elif case.command.startswith("list-deps"):
        body += f"=== output\n{ran.out}".encode()
    for name, content in ran.files.items():
        body += f"=== after {name}\n".encode() + content if content != case.before.get(name) else b""
    (HERE / "golden" / f"{case.name}.case").write_bytes(body)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_edit_gives_the_golden_files_and_nothing_else(case: Case, runs: dict[str, tuple[Ran, Ran | None]]) -> None:
    """Files, exit code, error line and standard output of a case are exactly what its golden file says."""
    first, _ = runs[case.name]

    assert (case.error or "") == first.err.strip()
    assert (3 if case.error else 0) == first.exit
    assert {**case.before, **case.after} == first.files
    if case.output is not None:
        assert case.output == first.out


@pytest.mark.parametrize("case", [case for case in CASES if case.after], ids=lambda case: case.name)
def test_second_run_changes_nothing_and_says_so(case: Case, runs: dict[str, tuple[Ran, Ran | None]]) -> None:
    """An edit is idempotent: the same bytes, exit 0 and only lines of `unchanged`."""
    first, second = runs[case.name]

    assert second is not None
    assert (0, first.files) == (second.exit, second.files)
    assert all(line.startswith("unchanged ") for line in second.out.splitlines())


def test_command_line_exits_with_three_and_one_line(tmp_path: Path) -> None:
    """As a process, a file of another shape and an unknown command both give exit 3 and one line on standard error."""
    (tmp_path / "a.exs").write_text("[deps: []]\n")
    script = (
        f"cd {tmp_path}; edit() {{ elixir -pr '{EDITOR}/*.ex' -e 'Edit.CLI.main(System.argv())' \"$@\"; }}; "
        "edit remove-dep a.exs x >o 2>e; echo $? >>o; edit nonsense >>o 2>e; echo $? >>o"
    )

    in_elixir(tmp_path, ["sh", "-c", script])

    assert "3\n3\n" == (tmp_path / "o").read_text()
    assert 1 == len((tmp_path / "e").read_text().splitlines())


def test_formatted_files_stay_formatted(tmp_path: Path) -> None:
    """Where the formatter had nothing to say before an edit, it has nothing to say after it."""
    for case in CASES:
        for name, content in case.after.items():
            if not content.endswith(b"\n") or b"\r" in content:
                continue
            folder = tmp_path / case.name
            folder.mkdir(exist_ok=True)
            (folder / f"{Path(name).name}.before").write_bytes(case.before[name])
            (folder / f"{Path(name).name}.after").write_bytes(content)
    check = (
        'for before <- Path.wildcard(Path.join(hd(System.argv()), "*/*.before"), match_dot: true) do '
        'after_ = Path.rootname(before) <> ".after"; '
        "calls = [plug: :*, pipe_through: :*, live: :*, get: :*, import_config: :*, config: :*]; "
        "formatted? = fn file -> text = File.read!(file); "
        "IO.iodata_to_binary([Code.format_string!(text, locals_without_parens: calls), ?\\n]) == text end; "
        'if formatted?.(before) and not formatted?.(after_), do: raise("not formatted: " <> after_) end'
    )

    in_elixir(tmp_path, ["elixir", "-e", check, str(tmp_path)])
