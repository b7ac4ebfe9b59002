"""Flags as arguments of a command line; no other module spells a flag."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from rollout.config.flags import FLAGS, arguments, value_in
from rollout.config.options import ROOT, Options, parse_options


def parse(**given: str) -> Options:
    return parse_options(lambda name: given.get(name.replace("-", "_")), {}, root=Path("/checkout"))


def test_options_as_arguments_set_the_same_options() -> None:
    """Every flag, including switches, lists and folders."""
    given = {
        "path": "realistic,ambitious", "gate": "ambitious", "require": "server,migrations", "port": "4010",
        "source": "mirror:http://h", "git_source": "github", "directory": "/d/x", "minutes": "1.5",
    }  # fmt: skip
    options = parse(**given, offline="1", faults="kills,none", paths="incremental", record_bundle="/b")
    read = dict(argument[2:].partition("=")[::2] for argument in options.as_arguments(*(f.keyword for f in FLAGS)))
    again = parse(**{name.replace("-", "_"): value or "1" for name, value in read.items()})
    assert options == again


def test_unset_options_give_no_argument() -> None:
    """None, False and an empty list."""
    assert ("--forge=auto",) == parse().as_arguments("offline", "source_key", "require", "forge")


def test_an_unknown_flag_is_an_error() -> None:
    """It raises KeyError, not an argument that pytest would not know."""
    with pytest.raises(KeyError):
        arguments(ports=4001)


@pytest.mark.parametrize(
    ("given", "value"),
    [
        (("--forge=host",), "host"),
        (("--forge", "host"), "host"),
        (("--forge=auto", "-k", "x", "--forge", "host"), "host"),
        (("--forge",), None),
        (("--forged=x",), None),
        ((), None),
    ],
)
def test_the_value_of_a_flag_is_read_as_pytest_reads_it(given: tuple[str, ...], value: str | None) -> None:
    """The last one counts, with or without an equals sign."""
    assert value == value_in(given, "forge")


FLAG = re.compile(rf"--({'|'.join(flag.name for flag in FLAGS)})(=\S*)?")


def spelt_flags(file: Path) -> Iterator[str]:
    """The arguments for the suite's flags that a module spells: a literal that is a flag, or a flag with its value.

    A sentence may name a flag. So may the name of an option in an error, which has to exist.
    """
    tree = ast.parse(file.read_text(encoding="utf-8"))
    options = {keyword.value for node in ast.walk(tree) if isinstance(node, ast.Call)
               for keyword in node.keywords if keyword.arg in {"option", "variable", "command"}}  # fmt: skip
    inner = {part for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
    for node in ast.walk(tree):
        if node in options or node in inner:
            continue
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            text = node.value
        elif isinstance(node, ast.JoinedStr):
            text = "".join(str(part.value) if isinstance(part, ast.Constant) else "…" for part in node.values)
        else:
            continue
        if FLAG.fullmatch(text):
            yield text


# Flags of other programs with the name of one of ours.
OTHERS = {
    "rollout/application.py": {"--database"},
    "docgen/pictures.py": {"--campaign"},
    "fixtures/installation.py": {"--seed"},
    "rollout/production/release.py": {"--path"},
    "rollout/site/engine/base_image.py": {"--directory=…"},
}


def test_no_other_module_spells_a_flag() -> None:
    """`rollout.config.flags.arguments` and `Options.as_arguments` write the arguments of a command line."""
    folders = ("rollout", "suite", "fixtures", "deploy_tests", "docgen")
    files = [ROOT / "conftest.py", *(file for folder in folders for file in (ROOT / folder).rglob("*.py"))]
    spelt = {str(file.relative_to(ROOT)): set(spelt_flags(file)) for file in files}
    assert OTHERS == {file: found for file, found in spelt.items() if found}


def test_an_error_names_flags_that_exist() -> None:
    """In the arguments `option` and `variable` of errors. `init` has words of its own."""
    known = {"--root"}.union(flag.option for flag in FLAGS)
    for file in (*(ROOT / "rollout").rglob("*.py"), *(ROOT / "suite").glob("*.py")):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            for keyword in node.keywords if isinstance(node, ast.Call) else ():
                if keyword.arg in {"option", "variable"} and isinstance(keyword.value, ast.Constant):
                    named = re.findall(r"--[a-z-]+", str(keyword.value.value))
                    assert known.issuperset(named), f"{file}:{keyword.value.lineno} {named}"
