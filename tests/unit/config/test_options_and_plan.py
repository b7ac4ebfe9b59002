"""What the user asks for: parsed once, refused with a sentence; and the plan as data."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path

import pytest

from rollout.cli.plan_preview import describe
from rollout.config.options import FLAGS, Options, parse_options
from rollout.config.plan import load_plan, read_plan
from rollout.errors import InvalidOption, InvalidPlan

HEAD = '[plan]\nname = "realistic"\n'


def parse(environment: Mapping[str, str] | None = None, /, **given: str) -> Options:
    return parse_options(lambda name: given.get(name.replace("-", "_")), environment or {}, root=Path("/checkout"))


def test_the_defaults() -> None:
    """Nothing said: automatic everywhere, port 4001, kept on success, below the checkout."""
    options = parse()
    assert ("auto", "auto", "auto", 4001, "on-success") == (
        options.source, options.forge, options.database, options.port, options.keep
    )  # fmt: skip
    assert Path("/checkout/deployments/xavos") == options.directory
    assert Path("/checkout/reports") == options.reports


def test_every_flag_is_also_an_environment_variable() -> None:
    """XAVOS_FLAG, and the command line wins."""
    assert 4010 == parse({"XAVOS_PORT": "4010"}).port
    assert 4011 == parse({"XAVOS_PORT": "4010"}, port="4011").port
    assert parse({"XAVOS_FRESH": "yes"}).fresh
    assert not parse({"XAVOS_FRESH": "0"}).fresh
    assert "XAVOS_RECORD_BUNDLE" in {flag.variable for flag in FLAGS}


@pytest.mark.parametrize("told", ["true", "1", "TRUE", "woodpecker", "drone", "yes"])
def test_nothing_is_kept_in_ci_unless_asked_for(told: str) -> None:
    """CI, whatever a service sets it to, changes one default."""
    assert "never" == parse({"CI": told}).keep
    assert "always" == parse({"CI": told}, keep="always").keep


@pytest.mark.parametrize("told", ["", "0", "false", "False"])
def test_ci_can_be_denied(told: str) -> None:
    assert "on-success" == parse({"CI": told}).keep


def test_folders_are_made_absolute(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Relative to where the command was given; ~ is the home folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", "/home/me")
    assert tmp_path / "x" == parse(directory="x").directory
    assert Path("/home/me/x") == parse(directory="~/x").directory


@pytest.mark.parametrize(
    ("flag", "value"),
    [
        ("path", "ambitiuos"),
        ("source", "hex"),
        ("source", "mirror:"),
        ("source", "mirror:ftp://x"),
        ("source", "mirror:http://"),
        ("source", "bundle:"),
        ("git-source", "gitlab"),
        ("forge", "docker"),
        ("database", "mysql://x/y"),
        ("database", "sqlite"),
        ("database", "postgresql:///nohost"),
        ("assets", "webpack"),
        ("port", "0"),
        ("port", "80"),
        ("port", "65536"),
        ("port", "4001x"),
        ("port", "-1"),
        ("port", "٤٠٠١"),
        ("port", "²"),
        ("name", "Xavos"),
        ("name", "1x"),
        ("name", "a-b"),
        ("name", "x" * 41),
        ("name", "x; DROP DATABASE y"),
        ("keep", "sometimes"),
    ],
)
def test_a_value_that_cannot_be_meant_is_refused(flag: str, value: str) -> None:
    """The sentence names the flag, the value, and what was expected."""
    with pytest.raises(InvalidOption) as raised:
        parse({}, **{flag.replace("-", "_"): value})
    assert str(raised.value).startswith(f"--{flag}={value!r} is not valid. Expected: ")


@pytest.mark.parametrize(
    "url",
    ["mysql://me:hunter2@host/db", "postgresql://me:hunter2@host:99999/db", "postgresql://me:hunter2@host:port/db"],
)
def test_a_refused_url_does_not_show_its_password(url: str) -> None:
    """The one secret an option can hold."""
    with pytest.raises(InvalidOption) as raised:
        parse(database=url)
    assert "hunter2" not in str(raised.value)


def test_options_cannot_be_changed() -> None:
    """Parsed once, frozen."""
    with pytest.raises(dataclasses.FrozenInstanceError):
        parse().port = 1  # type: ignore[misc]


class TestPlan:
    """plans/*.toml."""

    def plan(self, folder: Path, text: str) -> Path:
        file = folder / "realistic.toml"
        file.write_text(text)
        return file

    def test_the_realistic_path_is_the_one_of_the_issues(self) -> None:
        """These phases in this order; extras and tooling are optional. A new phase may come between them."""
        plan = load_plan("realistic")
        names = (
            "prerequisites", "packages", "worktree", "phoenix_app", "database", "ash_core", "authentication", "extras",
            "foundation", "accounts", "features", "swarm", "tooling", "migrations", "installation", "scripts", "server",
        )  # fmt: skip
        assert names == tuple(name for name in plan.phase_names if name in names)
        assert ["extras", "tooling"] == [phase.name for phase in plan.phases if phase.optional]
        packages = [package.name for package in plan.packages]
        assert packages.index("picosat_elixir") < packages.index("ash")

    def test_the_incremental_path_is_the_realistic_one_by_another_installer(self) -> None:
        """The same phases and checks, the same packages in the same order; Igniter is there from the start.

        It goes as far as a rehearsal of the realistic path.
        """
        realistic, incremental = load_plan("realistic", rehearsal=True), load_plan("incremental")
        assert (("mix", "igniter"), realistic.phase_names) == (
            (realistic.installer, incremental.installer),
            incremental.phase_names,
        )
        assert realistic.groups == incremental.groups
        assert [(package.name, package.requirement) for package in realistic.packages] == [
            (package.name, package.requirement) for package in incremental.packages if package.name != "igniter"
        ]
        assert ["igniter"] == [package.name for package in incremental.phase("phoenix_app").packages]
        assert not any(phase.observed for phase in incremental.phases)

    def test_stopping_early_keeps_the_whole_in_sight(self) -> None:
        """Fewer phases, the same packages: they are resolved together; cutting twice is cutting once."""
        plan = load_plan("realistic")
        cut = plan.through("extras").through("database")
        assert "database" == cut.phase_names[-1]
        assert plan.packages == cut.packages
        assert plan.archives == cut.archives
        assert plan.phases == cut.whole
        assert plan is plan.through(None)

    def test_a_rehearsal_leaves_out_what_it_cannot_do(self) -> None:
        """With their packages; what both have is the same; why is said, and asking for it is refused."""
        real, rehearsed = load_plan("realistic"), load_plan("realistic", rehearsal=True)
        assert () == real.left_out
        left_out = [phase.name for phase in rehearsed.left_out]
        assert {"accounts", "features", "swarm", "tooling"} <= set(left_out)
        assert all(phase.because and phase.needs == "real packages" for phase in rehearsed.left_out)
        assert [name for name in real.phase_names if name in rehearsed.phase_names] == list(rehearsed.phase_names)
        assert {"oban", "hammer"} <= {package.name for package in real.packages}
        assert {"oban", "hammer"}.isdisjoint(package.name for package in rehearsed.packages)
        assert "foundation_standin" in rehearsed.phase("foundation").overlay
        assert "coordination" in real.phase("foundation").overlay
        assert rehearsed.leaving_out("swarm") is rehearsed.left_out[left_out.index("swarm")]
        assert "swarm is left out, it needs real packages: claiming" in describe(rehearsed, parse())
        with pytest.raises(InvalidOption, match="needs real packages"):
            rehearsed.through("features")

    def test_an_edition_needs_its_reason_and_no_name_twice(self, tmp_path: Path) -> None:
        """One phase may have two editions, each with its reason; within an edition a name stands once."""
        a = '[[phase]]\nname = "a"\n'
        for text, problem in (
            (a + 'edition = "dream"\n', "is not real or rehearsal"),
            (a + 'edition = "real"\n', "needs its reason"),
            (a + 'edition = "real"\nbecause = "b"\n' + a, "a is named twice"),
        ):
            with pytest.raises(InvalidPlan, match=problem):
                read_plan(self.plan(tmp_path, HEAD + text), overlays=["there"])
        both = "".join(f'{a}edition = "{each}"\nbecause = "b"\n' for each in ("real", "rehearsal"))
        file = self.plan(tmp_path, HEAD + both)
        for rehearsal in (False, True):
            plan = read_plan(file, overlays=["there"], rehearsal=rehearsal)
            assert ["rehearsal" if rehearsal else "real"] == [phase.edition for phase in plan.phases]
            assert () == plan.left_out

    def test_an_unknown_phase_is_refused_with_the_nearest(self) -> None:
        """All names are listed."""
        with pytest.raises(InvalidOption, match=r"did you mean database\?"):
            load_plan("realistic").through("databse")

    @pytest.mark.parametrize(
        ("text", "problem"),
        [
            ("", "needs a name"),
            ("[plan", "syntax"),
            (HEAD, "there is none"),
            (HEAD + "[[phase]]\n", "needs a name"),
            (HEAD + '[[phase]]\nname = "a"\npakages = []\n', "did you mean 'packages'"),
            (HEAD + '[[phase]]\nname = "a"\n[[phase]]\nname = "a"\n', "a is named twice"),
            (HEAD + '[[phase]]\nname = "a"\ntimeout_seconds = 0\n', "not a positive number"),
            (HEAD + '[[phase]]\nname = "a"\noverlay = ["theer"]\n', "unknown overlay 'theer'; did you mean 'there'"),
            (HEAD + '[[phase]]\nname = "a"\npackages = [{ name = "ash" }]\n', "needs name and requirement"),
            (
                HEAD + '[[phase]]\nname = "a"\npackages = [{ name = "ash", requirement = "~> 3", overide = true }]\n',
                "'override'",
            ),
            (
                HEAD + '[[phase]]\nname = "a"\npackages = [{ name = "ash", requirement = "~> 3", override = true }]\n',
                "needs its reason",
            ),
        ],
    )
    def test_a_mistake_is_named_with_file_and_place(self, tmp_path: Path, text: str, problem: str) -> None:
        """And how to go on."""
        file = self.plan(tmp_path, text)
        with pytest.raises(InvalidPlan) as raised:
            read_plan(file, overlays=["there"])
        assert str(raised.value).startswith(f"{file}: ")
        assert problem in str(raised.value)
        assert "nothing was changed" in str(raised.value)

    def test_a_plan_that_is_not_there(self, tmp_path: Path) -> None:
        """Named, not a traceback."""
        with pytest.raises(InvalidPlan, match="does not exist"):
            read_plan(tmp_path / "none.toml", overlays=[])

    def test_telling_the_plan_looks_at_nothing(self) -> None:
        """One line a phase, one a package, without the password of --database."""
        options = parse(database="postgresql://me:hunter2@host/db")
        plan = load_plan("realistic")
        told = describe(plan, options)
        assert f"{len(plan.phases)}. server" in told
        assert "ash_postgres ~> 2.0" in told
        assert " 8. extras (optional)" in told
        assert "hunter2" not in told
