"""Options and plans: parsing, and the messages for invalid ones."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path

import pytest

from rollout.cli.plan_preview import describe
from rollout.config.flags import FLAGS
from rollout.config.options import Options, parse_options
from rollout.config.plan import load_plan, read_plan
from rollout.errors import InvalidOption, InvalidPlan

HEAD = '[plan]\nname = "realistic"\n'


def parse(environment: Mapping[str, str] | None = None, /, **given: str) -> Options:
    return parse_options(lambda name: given.get(name.replace("-", "_")), environment or {}, root=Path("/checkout"))


def test_the_defaults() -> None:
    """Automatic choices, port 4001, kept on success, below the checkout."""
    options = parse()
    assert ("auto", "auto", "auto", 4001, "on-success") == (
        options.source, options.forge, options.database, options.port, options.keep
    )  # fmt: skip
    assert Path("/checkout/deployments/xavos") == options.directory
    assert Path("/checkout/reports") == options.reports


def test_every_flag_is_also_an_environment_variable() -> None:
    """The variable is XAVOS_FLAG; the command line wins."""
    assert 4010 == parse({"XAVOS_PORT": "4010"}).port
    assert 4011 == parse({"XAVOS_PORT": "4010"}, port="4011").port
    assert parse({"XAVOS_FRESH": "yes"}).fresh
    assert not parse({"XAVOS_FRESH": "0"}).fresh
    assert "XAVOS_RECORD_BUNDLE" in {flag.variable for flag in FLAGS}


@pytest.mark.parametrize("told", ["true", "1", "TRUE", "woodpecker", "drone", "yes"])
def test_in_ci_nothing_is_kept_by_default(told: str) -> None:
    """Every value of CI but 0, false and nothing changes the default of --keep."""
    assert "never" == parse({"CI": told}).keep
    assert "always" == parse({"CI": told}, keep="always").keep


@pytest.mark.parametrize("told", ["", "0", "false", "False"])
def test_some_values_of_ci_mean_no(told: str) -> None:
    assert "on-success" == parse({"CI": told}).keep


def test_folders_are_made_absolute(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A relative folder starts at the current folder; ~ is the home folder."""
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
def test_an_invalid_value_is_rejected(flag: str, value: str) -> None:
    """The message names the flag, the value, and the expected value."""
    with pytest.raises(InvalidOption) as raised:
        parse({}, **{flag.replace("-", "_"): value})
    assert str(raised.value).startswith(f"--{flag}={value!r} is not valid. Expected: ")


@pytest.mark.parametrize(
    "url",
    ["mysql://me:hunter2@host/db", "postgresql://me:hunter2@host:99999/db", "postgresql://me:hunter2@host:port/db"],
)
def test_the_message_about_an_invalid_url_does_not_show_its_password(url: str) -> None:
    """A password is the only secret in an option."""
    with pytest.raises(InvalidOption) as raised:
        parse(database=url)
    assert "hunter2" not in str(raised.value)


def test_a_soak_needs_an_upgrade() -> None:
    """That is, the stage of production."""
    assert (parse().soak, parse(soak="10", stage="production").soak) == (0, 10)
    with pytest.raises(InvalidOption, match="0 without the production stage"):
        parse(soak="10")


def test_options_cannot_be_changed() -> None:
    """They are frozen."""
    with pytest.raises(dataclasses.FrozenInstanceError):
        parse().port = 1  # type: ignore[misc]


class TestPlan:
    """The files plans/*.toml."""

    def plan(self, folder: Path, text: str) -> Path:
        file = folder / "realistic.toml"
        file.write_text(text)
        return file

    def test_phases_of_the_realistic_path(self) -> None:
        """It has these phases in this order, maybe with others between them; extras and tooling are optional."""
        plan = load_plan("realistic")
        names = (
            "prerequisites", "packages", "worktree", "phoenix_app", "database", "ash_core", "authentication", "extras",
            "foundation", "accounts", "features", "swarm", "tooling", "migrations", "installation", "scripts", "server",
        )  # fmt: skip
        assert names == tuple(name for name in plan.phase_names if name in names)
        assert ["extras", "tooling"] == [phase.name for phase in plan.phases if phase.optional]
        packages = [package.name for package in plan.packages]
        assert packages.index("picosat_elixir") < packages.index("ash")

    def test_the_incremental_path_is_the_realistic_path_with_another_installer(self) -> None:
        """It has the phases, checks and packages of a rehearsal of the realistic path, and Igniter from the start."""
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

    def test_a_plan_that_stops_early_has_all_packages(self) -> None:
        """It has fewer phases and the same packages, because versions are resolved together. Cuts can be repeated."""
        plan = load_plan("realistic")
        cut = plan.through("extras").through("database")
        assert "database" == cut.phase_names[-1]
        assert plan.packages == cut.packages
        assert plan.archives == cut.archives
        assert plan.all_phases == cut.all_phases
        assert plan is plan.through(None)

    def test_a_rehearsal_leaves_out_the_phases_that_need_real_packages(self) -> None:
        """Their packages are left out too. The plan gives the reason; stopping at such a phase is an error."""
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
        assert rehearsed.left_out_phase_for("swarm") is rehearsed.left_out[left_out.index("swarm")]
        assert "swarm is left out, it needs real packages: claiming" in describe(rehearsed, parse())
        with pytest.raises(InvalidOption, match="needs real packages"):
            rehearsed.through("features")

    def test_an_edition_needs_a_reason_and_unique_names(self, tmp_path: Path) -> None:
        """One phase may have two editions, each with a reason. Within an edition a name is unique."""
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

    def test_an_unknown_phase_is_rejected_with_the_nearest_name(self) -> None:
        """The message lists all names."""
        with pytest.raises(InvalidOption, match=r"did you mean database\?"):
            load_plan("realistic").through("databse")

    @pytest.mark.parametrize(
        ("text", "problem"),
        [
            ("", "[plan]: missing: name"),
            ("[plan", "syntax"),
            (HEAD, "there is none"),
            (HEAD + "[[phase]]\n", "phase 1 (without a name): missing: name"),
            (HEAD + '[[phase]]\nname = "a"\npakages = []\n', "did you mean 'packages'"),
            (HEAD + '[[phase]]\nname = "a"\n[[phase]]\nname = "a"\n', "a is named twice"),
            (HEAD + '[[phase]]\nname = "a"\ntimeout_seconds = 0\n', "not a positive number"),
            (HEAD + '[[phase]]\nname = "a"\noverlay = ["theer"]\n', "unknown overlay 'theer'; did you mean 'there'"),
            (HEAD + '[[phase]]\nname = "a"\npackages = [{ name = "ash" }]\n', "packages 1 (ash): missing: requirement"),
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
    def test_an_invalid_plan_is_reported_with_file_and_place(self, tmp_path: Path, text: str, problem: str) -> None:
        """The message also says how to go on."""
        file = self.plan(tmp_path, text)
        with pytest.raises(InvalidPlan) as raised:
            read_plan(file, overlays=["there"])
        assert str(raised.value).startswith(f"{file}: ")
        assert problem in str(raised.value)
        assert "nothing was changed" in str(raised.value)

    def test_a_missing_plan_is_an_error(self, tmp_path: Path) -> None:
        """It raises InvalidPlan."""
        with pytest.raises(InvalidPlan, match="does not exist"):
            read_plan(tmp_path / "none.toml", overlays=[])

    def test_the_preview_of_a_plan(self) -> None:
        """It has a line for each phase and each package, and never the password of --database."""
        options = parse(database="postgresql://me:hunter2@host/db")
        plan = load_plan("realistic")
        text = describe(plan, options)
        assert f"{len(plan.phases)}. server" in text
        assert "ash_postgres ~> 2.0" in text
        assert " 8. extras (optional)" in text
        assert "hunter2" not in text
