"""The manifest of XAVOS: every file of app/ is laid, every part is there once, complete means equal to app/."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from rollout.assembly import File, InvalidManifest, Manifest, load, write
from rollout.assembly.manifest import matches
from rollout.assembly.parts import occurrences
from rollout.config.options import ROOT
from rollout.config.plan import Plan, load_plan

PATHS = ("realistic", "incremental", "ambitious")
MANIFEST = """
generated = ["deps/**", "mix.exs", "priv/*_made.exs"]

[overlay.base]
files = ["a.ex", "config/**"]

[overlay.rest]
files = ["**"]

[overlay.other]
shapes = ["a.ex"]

[parts."a.ex"]
rest = ["Rest,"]

[parts."other:a.ex"]
"base|rest" = ["Base"]
"""


@pytest.fixture
def small(tmp_path: Path) -> Manifest:
    """A tree of six files, two of them generated, with an overlay that replaces one."""
    for name, text in {
        "app/a.ex": "[\n  First,\n  Rest,\n  Last\n]\n",
        "app/config/b.exs": "1\n",
        "app/lib/c.sh": "echo\n",
        "app/mix.exs": "generated\n",
        "app/deps/d/mix.exs": "generated\n",
        "app/priv/1_made.exs": "generated\n",
        "assembly/shapes/other/a.ex": "[Base]\n",
        "assembly/edits/rest.exs": "[]\n",
        "assembly/manifest.toml": MANIFEST,
    }.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    (tmp_path / "app/lib/c.sh").chmod(0o755)
    return load(tmp_path)


def complete(plan: Plan) -> tuple[str, ...]:
    """The overlays of a whole path, in order, with the assets that npm builds."""
    everything = frozenset(plan.phase_names)
    return tuple(
        name
        for phase in plan.phases
        for name in (
            *phase.overlay_first,
            *phase.overlays(everything),
            *(["assets_npm"] if phase.name in {"phoenix_app", "overlay"} else []),
        )
    )


def released(plan: Plan) -> tuple[str, ...]:
    """The overlays of a path, and those of the second release, which only the production stage lays."""
    laid = complete(plan)
    return laid if "second_release" in laid else (*laid, "second_release")


def test_the_longest_pattern_says_who_lays_a_file(small: Manifest) -> None:
    """What is generated belongs to nobody."""
    assert {"base": ("a.ex", "config/b.exs"), "rest": ("lib/c.sh",), "other": ()} == dict(small.owned)


def test_a_file_is_laid_again_when_a_part_of_it_comes(small: Manifest) -> None:
    """Until then without that part; a file that nobody has laid stays away."""
    first = small.laid_by(["base"])
    assert ("[\n  First,\n  Last\n]\n", False) == (first["a.ex"].content.decode(), first["a.ex"].is_final)
    then = small.laid_by(["rest"], laid=["base"])
    assert {"a.ex": True, "lib/c.sh": True} == {path: file.is_final for path, file in then.items()}
    assert 0o755 == then["lib/c.sh"].mode
    assert {"lib/c.sh"} == small.laid_by(["rest"]).keys()


def test_a_shape_takes_the_place_of_the_file_and_has_parts_of_its_own(small: Manifest) -> None:
    """Whichever overlay is laid last decides."""
    alone = small.laid_by(["other"])["a.ex"]
    assert (b"[]\n", False) == (alone.content, alone.is_final)
    assert b"[Base]\n" == small.laid_by(["other"], laid=["base"])["a.ex"].content
    assert b"Last" in small.laid_by(["base"], laid=["other"])["a.ex"].content


def test_the_digest_is_of_all_that_is_laid_and_of_nothing_else(small: Manifest) -> None:
    """Files, their parts and modes, edits: they are in the key of a checkpoint."""
    before = {names: small.digest(names, laid=["base"]) for names in (("base",), ("rest",))}
    (small.app / "lib/c.sh").chmod(0o644)
    changed = load.__wrapped__(small.root)
    assert before["base",] == changed.digest(["base"], laid=["base"])
    assert before["rest",] != changed.digest(["rest"], laid=["base"])
    (small.app / "lib/c.sh").chmod(0o755)
    (small.root / "assembly/edits/rest.exs").write_text("[:other]\n")
    assert before["rest",] != changed.digest(["rest"], laid=["base"])
    (small.root / "assembly/edits/rest.exs").write_text("[]\n")
    assert before["rest",] == changed.digest(["rest"], laid=["base"])
    assert before["rest",] != changed.digest(["rest"])


def test_an_equal_file_is_not_written_again(tmp_path: Path) -> None:
    """Mix would compile it again; its mode is set all the same."""
    path, file = tmp_path / "new/a.sh", File(content=b"x", mode=0o755, is_final=True)
    write(path, file)
    written = path.stat()
    path.chmod(0o600)
    write(path, file)
    assert (written.st_ino, written.st_mtime_ns, 0o755) == (
        path.stat().st_ino,
        path.stat().st_mtime_ns,
        path.stat().st_mode & 0o777,
    )
    write(path, File(content=b"y", mode=0o644, is_final=True))
    assert "y" == path.read_text()


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ('[overlay.a]\nfile = ["x"]\n', "overlay a: unknown key file"),
        ('[overlay.a]\n[parts."x"]\nb = ["y"]\n', "parts of x: no overlay b"),
        ('[overlay.a]\n[parts."x"]\na = [{ text = "y", after = "z" }]\n', "parts of x: unknown key after"),
    ],
)
def test_a_mistake_is_named_with_its_place(tmp_path: Path, text: str, problem: str) -> None:
    """Before anything is laid."""
    (tmp_path / "assembly").mkdir()
    (tmp_path / "assembly/manifest.toml").write_text(text)
    with pytest.raises(InvalidManifest, match=problem):
        load(tmp_path)


def test_patterns() -> None:
    """A path, everything below a folder, or a name with stars."""
    assert matches("a/b", "a/b")
    assert matches("a/b/c", "a/**")
    assert not matches("ab/c", "a/**")
    assert matches("a/1_x.exs", "a/*_x.exs")
    assert not matches("a/b/1_x.exs", "a/*_x.exs")


class TestXavos:
    """assembly/manifest.toml itself."""

    def test_every_file_is_laid_by_the_complete_realistic_path_as_it_is(self) -> None:
        """No part is missing after the second release, so the tree is app/ file by file."""
        manifest = load()
        laid = manifest.laid_by(released(load_plan("realistic")))
        assert set(manifest.files) == laid.keys()
        assert [] == [path for path, file in laid.items() if not file.is_final]
        assert {path: (manifest.app / path).read_bytes() for path in laid} == {
            path: file.content for path, file in laid.items()
        }

    def test_laid_phase_by_phase_comes_to_the_same(self) -> None:
        """What is laid early is laid again when its parts come."""
        manifest, plan = load(), load_plan("realistic")
        tree: dict[str, bytes] = {}
        laid: tuple[str, ...] = ()
        for name in released(plan):
            tree |= {path: file.content for path, file in manifest.laid_by([name], laid).items()}
            laid = (*laid, name)
        assert {path: (manifest.app / path).read_bytes() for path in manifest.files} == tree

    def test_every_part_is_in_its_file_exactly_once(self) -> None:
        """Otherwise it would never be removed, or something else would."""
        manifest = load()
        wrong = []
        for key, parts in manifest.parts.items():
            overlay, _, path = key.rpartition(":")
            text = (manifest.root / "assembly/shapes" / overlay / path if overlay else manifest.app / path).read_text()
            wrong += [(key, part.text) for part in parts if occurrences(text, part) != 1]
        assert [] == wrong

    def test_shapes_and_edits_are_those_of_the_manifest(self) -> None:
        """Nothing lies in assembly/ that no overlay lays."""
        manifest = load()
        shapes = {path.relative_to(ROOT / "assembly/shapes").as_posix()
                  for path in (ROOT / "assembly/shapes").rglob("*") if path.is_file()}  # fmt: skip
        named = {f"{name}/{path}" for name, overlay in manifest.overlays.items() for path in overlay.shapes}
        assert named == shapes
        assert {path.stem for path in (ROOT / "assembly/edits").iterdir()} <= manifest.overlays.keys()

    def test_every_overlay_is_laid_by_a_plan(self) -> None:
        """Plain assets are chosen by the site. The second release is laid by the production stage only."""
        used = {"assets_plain", "second_release", "second_release_standin"}
        for path in PATHS:
            for rehearsal in (False, True):
                used |= set(complete(load_plan(path, rehearsal=rehearsal)))
        assert load().overlays.keys() == used

    def test_the_second_release_adds_to_the_first_and_takes_nothing_away(self) -> None:
        """So old code finds everything that it knows: the text of A is that of B with lines left out."""
        manifest, first = load(), complete(load_plan("realistic"))
        before, after = manifest.laid_by(first), manifest.laid_by(released(load_plan("realistic")))
        assert after.keys() >= before.keys()
        changed = [path for path in before if before[path].content != after[path].content]
        assert changed
        for path in changed:
            old, new = (laid[path].content.decode().replace(",\n", "\n").split("\n") for laid in (before, after))
            left = iter(new)
            assert all(line in left for line in old), path

    @pytest.mark.parametrize("failed", [frozenset(), frozenset({"extras"}), frozenset({"extras", "tooling"})])
    def test_without_optional_phases_nothing_names_what_is_not_laid(self, failed: frozenset[str]) -> None:
        """Modules, packages and configuration of a phase that failed are named nowhere outside of tests."""
        manifest, plan = load(), load_plan("realistic")
        passed = frozenset(plan.phase_names) - failed
        names = tuple(name for phase in plan.phases if phase.name in passed for name in phase.overlays(passed))
        text = {path: file.content.decode() for path, file in manifest.laid_by(names).items()
                if path.endswith((".ex", ".exs")) and not path.startswith("test/")}  # fmt: skip
        words = ("AshAdmin", "AshJsonApi", "ash_json_api", "ash_admin", "AdminActor", "Coordination.Api", "Team.Api")
        found = sorted({word for word in words for each in text.values() if word in each})
        assert (sorted(words) if "extras" not in failed else []) == found

    def test_git_ignores_what_is_generated_and_nothing_else(self) -> None:
        """The rules stand between two marks of .gitignore."""
        rules = (ROOT / ".gitignore").read_text().partition("# app/ completed: ")[2].splitlines()[1:]
        assert [f"/app/{pattern.removesuffix('**')}" for pattern in load().generated] == rules

    def test_git_knows_every_file_of_ours(self) -> None:
        """A file that Git ignores would be laid on this machine only."""
        manifest = load()
        paths = "".join(f"app/{path}\0" for path in manifest.files)
        ignored = subprocess.run(["git", "check-ignore", "-z", "--stdin"], cwd=ROOT, input=paths, text=True,
                                 capture_output=True, timeout=30, check=False)  # fmt: skip
        if ignored.returncode == 128:
            pytest.skip("no Git repository")
        assert "" == ignored.stdout
