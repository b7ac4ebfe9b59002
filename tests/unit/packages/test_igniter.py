"""Installing with Igniter: its arguments, packages that Mix installs instead, and verification afterwards."""

from __future__ import annotations

import types
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest

from rollout.config.plan import Package
from rollout.errors import PhaseFailed, PostconditionFailed
from rollout.packages import igniter
from rollout.packages.dependencies import Downgraded
from rollout.phases.step import Step

LOCKED = '  "{name}": {{:hex, :{name}, "{version}", "ab", [:mix], [], "hexpm", "cd"}},\n'


class Application:
    """A folder with mix.exs as a list of names, mix.lock and _build, as far as installing looks at them."""

    def __init__(self, folder: Path, **locked: str) -> None:
        self.folder = folder
        self.ran: list[tuple[str, ...]] = []
        self.declared: list[str] = []
        self.lock(**locked)
        for name in locked:
            (folder / "_build/dev/lib" / name).mkdir(parents=True)

    def lock(self, **versions: str) -> None:
        entries = "".join(LOCKED.format(name=name, version=version) for name, version in versions.items())
        (self.folder / "mix.lock").write_text(f"%{{\n{entries}}}\n")

    def step(self, installer: Callable[[], None], **found: str) -> Step:
        """A step whose `igniter.install` exits 0 after `installer` has done what it does."""

        def must(*argv: str, **_how: Any) -> Any:
            self.ran.append(argv)
            if "igniter.install" in argv or "deps.get" in argv:
                installer()
            return types.SimpleNamespace(tail="{:module, Ash}", ok=True)

        def edit(*arguments: str) -> Any:
            if arguments[0] == "add-dep":
                self.declared.append(arguments[2])
                self.ran.append(arguments)
            return types.SimpleNamespace(tail="".join(f'{name}\t{{:{name}, "~> 1.0"}}\n' for name in self.declared))

        site = types.SimpleNamespace(file=lambda name: self.folder / name, directory=self.folder, findings=found)
        return cast(
            Step, types.SimpleNamespace(site=site, must=must, must_retrying=must, edit=edit, facts={}, note=print)
        )


def package(name: str = "ash", **how: Any) -> Package:
    return Package(name=name, requirement="~> 3.0", **how)


@pytest.mark.parametrize(
    ("version", "expected"),
    [("3.32.0", "ash@3.32"), ("0.2.3", "ash@0.2"), ("4.0.0-rc.1", "ash@4.0.0-rc.1"), ("~> 3.0", "ash@3.0")],
)
def test_the_argument_always_has_a_version(version: str, expected: str) -> None:
    """Major and minor version; a pre-release in full; a requirement is read too."""
    assert expected == igniter.specification(package(), version)


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [(package(), True), (package("igniter"), False), (package(override=True), False), (package(only=("dev",)), False),
     (package(runtime=False), False)],
)  # fmt: skip
def test_unsupported_packages_are_installed_with_mix(wanted: Package, expected: bool) -> None:
    """Igniter itself, overrides, environments and `runtime: false`."""
    assert expected is igniter.supports(wanted)


def test_a_package_is_installed_with_its_version_and_arguments(tmp_path: Path) -> None:
    """One command with `--yes`; then it is compiled and loaded. We do not edit mix.exs."""
    application = Application(tmp_path, phoenix="1.8.9")

    def installs() -> None:
        application.declared.append("ash")
        application.lock(phoenix="1.8.9", ash="3.32.0")
        (tmp_path / "made.ex").write_text("")

    step = application.step(installs, ash="3.32.0")
    igniter.install(step, package(arguments=("--example",), creates=("*.ex",), verify_module="Ash"))
    assert ("mix", "igniter.install", "ash@3.32", "--yes", "--example") == application.ran[0]
    assert "deps.compile" in application.ran[1]
    assert {"ash"} == step.facts["compiled"].keys()


def test_an_override_is_installed_with_mix(tmp_path: Path) -> None:
    """`igniter.install` would omit it."""
    application = Application(tmp_path)
    step = application.step(lambda: application.lock(decimal="3.1.1"))
    igniter.install(step, package("decimal", override=True, reason="a test"))
    assert ("add-dep", "mix.exs", "decimal", "~> 3.0", "--override") == application.ran[0]
    assert not [argv for argv in application.ran if "igniter.install" in argv]


@pytest.mark.parametrize(
    ("does", "said"),
    [
        ((), "Expected ash in mix.exs"),
        (("declare",), "Expected ash in mix.lock"),
        (("declare", "lock"), "Expected lib/made/*.ex from the installer of ash"),
    ],
)
def test_an_installer_that_fails_with_exit_code_0_is_a_failure(
    tmp_path: Path, does: tuple[str, ...], said: str
) -> None:
    """mix.exs, mix.lock and created files are verified, whatever the exit code."""
    application = Application(tmp_path)

    def gives_up() -> None:
        if "declare" in does:
            application.declared.append("ash")
        if "lock" in does:
            application.lock(ash="3.32.0")

    with pytest.raises(PostconditionFailed, match=said.replace("*", r"\*")):
        igniter.install(application.step(gives_up, ash="3.32.0"), package(creates=("lib/made/*.ex",)))


def test_a_downgrade_is_rejected(tmp_path: Path) -> None:
    """An installed package must not become older."""
    application = Application(tmp_path, ecto="3.14.0")

    def downgrades() -> None:
        application.declared.append("ash")
        application.lock(ecto="3.13.0", ash="3.32.0")

    with pytest.raises(Downgraded, match=r"ecto 3\.14\.0 → 3\.13\.0"):
        igniter.install(application.step(downgrades, ash="3.32.0"), package())


def test_a_failed_command_fails_the_phase(tmp_path: Path) -> None:
    """The phase has the command's cause."""
    application = Application(tmp_path)

    def fails() -> None:
        raise PhaseFailed("No package with name ash", cause="package_missing")

    with pytest.raises(PhaseFailed) as raised:
        igniter.install(application.step(fails), package())
    assert "package_missing" == raised.value.cause
