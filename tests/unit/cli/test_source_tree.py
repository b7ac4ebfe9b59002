"""app/ is completed from a deployment, and commands run in it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from rollout.assembly import Manifest, load
from rollout.cli import source_tree
from rollout.config.options import ROOT, Options, parse_options

MANIFEST = """
generated = ["mix.exs", "deps/**", "priv/*_made.exs", ".env", "config/b.exs"]

[overlay.all]
files = ["**"]
"""


def lay(root: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)


def tree(root: Path) -> dict[str, str]:
    return {path.relative_to(root).as_posix(): path.read_text() for path in root.rglob("*") if path.is_file()}


@pytest.fixture
def manifest(tmp_path: Path) -> Manifest:
    """A source tree with one file of ours, and things that an earlier completion has left."""
    lay(tmp_path, {"assembly/manifest.toml": MANIFEST, "app/a.ex": "ours", "app/mix.exs": "old",
                   "app/deps/gone/x": "old", "app/priv/1_made.exs": "old", "app/.env": "mine"})  # fmt: skip
    return load(tmp_path)


def test_what_is_generated_is_replaced_and_nothing_else(manifest: Manifest, tmp_path: Path) -> None:
    """Our files, and what only using a deployment makes, are left alone; links stay links."""
    deployed = tmp_path / "deployed"
    lay(deployed, {"a.ex": "laid", "mix.exs": "new", "deps/d/x": "new", "priv/2_made.exs": "new", ".env": "its",
                   "reports/x": "new"})  # fmt: skip
    (deployed / "deps/link").symlink_to("d")
    assert 3 == source_tree.fill(manifest, deployed)
    assert {"a.ex": "ours", "mix.exs": "new", "deps/d/x": "new", "priv/2_made.exs": "new", ".env": "mine"} == {
        path: text for path, text in tree(manifest.app).items() if not path.startswith("deps/link")
    }
    assert (manifest.app / "deps/link").is_symlink()


def test_the_variables_that_the_configuration_requires_are_written_once(manifest: Manifest, tmp_path: Path) -> None:
    """For this user only, with secrets of its own, long enough for Phoenix."""
    file = manifest.app / ".env"
    file.unlink()
    source_tree.fill(manifest, tmp_path / "deployed")
    values = dict(line.split("=", 1) for line in file.read_text().splitlines())
    assert {"DATABASE_URL", "TEST_DATABASE_URL", "SECRET_KEY_BASE", "TOKEN_SIGNING_SECRET"} == values.keys()
    assert 64 <= len(values["SECRET_KEY_BASE"])
    assert 0o600 == file.stat().st_mode & 0o777
    required = set(re.findall(r'required\.\("(\w+)"', (ROOT / "app/config/site.exs").read_text()))
    assert required == values.keys()


def test_the_same_again_comes_to_the_same(manifest: Manifest, tmp_path: Path) -> None:
    """`make app` can be run as often as one likes."""
    deployed = tmp_path / "deployed"
    lay(deployed, {"mix.exs": "new", "deps/d/x": "new"})
    source_tree.fill(manifest, deployed)
    before = tree(manifest.app)
    source_tree.fill(manifest, deployed)
    assert before == tree(manifest.app)


def test_a_tree_that_is_not_complete_runs_nothing(
    monkeypatch: pytest.MonkeyPatch, manifest: Manifest, options: Options
) -> None:
    """The error says how to complete it."""
    (manifest.app / "mix.exs").unlink()
    monkeypatch.setattr(source_tree, "load", lambda: manifest)
    with pytest.raises(source_tree.NotCompleted, match="make app"):
        source_tree.run(options, ("mix", "test"))


def test_a_command_runs_in_app_with_the_variables_of_xavos_alone(
    monkeypatch: pytest.MonkeyPatch, manifest: Manifest, options: Options, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    """Its output is shown, its exit code is the command's."""
    monkeypatch.setattr(source_tree, "load", lambda: manifest)
    monkeypatch.setattr(source_tree, "host_toolchain", lambda: "Elixir")
    monkeypatch.setenv("TEST_DATABASE_URL", "ecto://here")
    monkeypatch.setenv("PGHOST", "elsewhere")
    code = source_tree.run(options, ("sh", "-c", "cat mix.exs; echo $TEST_DATABASE_URL $PGHOST; exit 7"))
    assert (7, b"oldecto://here\n") == (code, capfdbinary.readouterr().out)


@pytest.mark.parametrize("arguments", [[], ["fill"], ["run"], ["fill", "a", "b"], ["other"]])
def test_other_words_are_refused(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert 2 == source_tree.main(arguments)
    assert "usage: python -m rollout.cli.source_tree" in capsys.readouterr().err


def test_a_deployment_that_is_not_there_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("XAVOS_STATE_DIR", str(tmp_path))
    assert 1 == source_tree.main(["fill", "nobody"])
    assert "There is no deployment nobody. `make app` makes it first." in capsys.readouterr().err


@pytest.fixture
def options(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Options:
    monkeypatch.setenv("XAVOS_STATE_DIR", str(tmp_path / "state"))
    return parse_options(lambda name: None)
