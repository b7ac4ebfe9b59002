"""Texts that Mix, Hex, Ecto and Git really printed (docs/findings.md), each with the one cause it has."""

# ruff: noqa: E501 - texts as they were printed

from __future__ import annotations

from pathlib import Path

import pytest

from rollout.diagnosis import ADVICE, CAUSES, TRANSIENT, Probes, classify, failure
from rollout.process import Outcome, Request

UNREACHABLE = Probes(upstream=lambda: "unreachable")


def ended(text: str, *, code: int | None = 1, timed_out: bool = False) -> Outcome:
    request = Request(argv=("mix", "deps.get"), label="mix deps.get", cwd=Path("/srv/xavos"))
    return Outcome(request=request, exit_code=code, seconds=1, tail=text, timed_out=timed_out)


@pytest.mark.parametrize(
    ("text", "cause", "package"),
    [
        ("** (Mix) No package with name nope_pkg (from: mix.exs) in registry", "package_missing", "nope_pkg"),
        ("** (Mix) Unknown package idna in lockfile", "package_missing", "idna"),
        (
            '{:failed_connect, [{:to_address, {~c"127.0.0.1", 9}}, {:inet, [:inet], :econnrefused}]}\n'
            "** (Mix) No package with name ash (from: mix.exs) in registry",
            "registry_unreachable",
            None,
        ),
        (
            "fatal: unable to access 'https://github.com/x/y/': Could not resolve host: github.com\n"
            '** (Mix) Command "git --git-dir=.git fetch" failed',
            "registry_unreachable",
            None,
        ),
        (
            'Because "the lock" specifies "decimal 3.1.1" and every version of "xema" depends on "decimal ~> 1.0 or ~> 2.0", '
            '"the lock" is incompatible with "xema".\n** (Mix) Hex dependency resolution failed',
            "version_conflict",
            None,
        ),
        ("Could not verify authenticity of fetched registry file.", "checksum_mismatch", None),
        (
            "manage_xavos.sh: XAVOS did not answer within 90 s and was stopped; its last words are above",
            "timeout",
            None,
        ),
        (
            "** (DBConnection.ConnectionError) tcp connect (127.0.0.1:5432): connection refused - :econnrefused\n"
            "manage_xavos.sh: XAVOS did not answer within 90 s and was stopped; its last words are above",
            "database_unreachable",
            None,
        ),
        (
            '{:failed_connect, [{:to_address, {~c"repo.hex.pm", 443}}, {:inet, [:inet], :nxdomain}]}\n'
            "Failed to check for new Hex version\nResolving Hex dependencies...\n"
            "** (Mix) No package with name no_such_package (from: mix.exs) in registry",
            "package_missing",
            "no_such_package",
        ),
        (
            'Failed to check for new Hex version\n{:failed_connect, [{:to_address, {~c"repo.hex.pm", 443}}]}\n'
            "** (Mix) No package with name no_such_package (from: mix.exs) in registry",
            "package_missing",
            "no_such_package",
        ),
        (
            "remote: The Git repository saadeghi/daisyui cannot be had from /srv/git (missing): there is no such folder\n"
            "fatal: repository 'http://127.0.0.1:36991/git/saadeghi/daisyui.git/' not found",
            "package_missing",
            "daisyui",
        ),
        ("fatal: repository 'https://example.org/git/owner/lib.git/' not found", "package_missing", "lib"),
        (
            "** (Mix) Failed to automatically determine latest version for `oban_web`\n\nThis may mean that the package",
            "package_missing",
            "oban_web",
        ),
        (
            "Dependencies have diverged:\n* igniter (Hex package)\n  the :only option for dependency igniter\n\n"
            "** (Mix) Can't continue due to errors on dependencies",
            "version_conflict",
            "igniter",
        ),
        ("** (Mix) The database for Xavos.Repo couldn't be created: killed", "database_unreachable", None),
        (
            "** (DBConnection.ConnectionError) tcp connect (127.0.0.1:1): connection refused - :econnrefused",
            "database_unreachable",
            None,
        ),
        (
            "Could not create schema migrations table\n** (DBConnection.ConnectionError) connection not available and request was "
            "dropped from queue after 2000ms",
            "database_unreachable",
            None,
        ),
        (
            "Could not create schema migrations table\n** (Postgrex.Error) FATAL 28P01 (invalid_password) password authentication failed",
            "database_denied",
            None,
        ),
        ('FATAL 3D000 (invalid_catalog_name) database "xavos_dev" does not exist', "database_misconfigured", None),
        (
            "** (Postgrex.Error) ERROR 42501 (insufficient_privilege) permission denied for schema public",
            "database_denied",
            None,
        ),
        ("== Compilation error in file lib/xavos.ex ==\n** (SyntaxError) invalid syntax", "compile_error", None),
        ('could not compile dependency :ash, "mix compile" failed', "compile_error", "ash"),
        ("Compilation failed due to warnings while using the --warnings-as-errors option", "compile_error", None),
        ('** (File.Error) could not write to file "x": no space left on device\nENOSPC', "disk_full", None),
        ('could not extend file "base/1": No space left on device', "disk_full", None),
        ('** (File.Error) could not make directory "/x": permission denied\n:eacces', "permission_denied", None),
        (
            "Running XavosWeb.Endpoint with Bandit at 127.0.0.1:4001 failed, port already in use: :eaddrinuse",
            "port_taken",
            None,
        ),
        (
            "You're trying to run :ash on Elixir v1.14.0 but it has declared in its mix.exs file it supports only Elixir ~> 1.15",
            "toolchain_too_old",
            "ash",
        ),
        ("Request failed (503)", "registry_error", None),
        ("nothing anybody has seen before", "unknown", None),
        ("", "unknown", None),
    ],
)
def test_the_text_alone(text: str, cause: str, package: str | None) -> None:
    """Where no probe knows better."""
    found = classify(ended(text))
    assert (cause, package) == (found.cause, found.package)


def test_an_unreachable_registry_is_not_a_missing_package() -> None:
    """Hex prints the same line for both; the gateway knows."""
    text = "** (Mix) No package with name ash (from: mix.exs) in registry"
    assert "registry_unreachable" == classify(ended(text), UNREACHABLE).cause


def test_an_unreachable_registry_does_not_explain_a_compiler_error() -> None:
    """Both happened, and the compiler error stopped the command."""
    assert "compile_error" == classify(ended("** (SyntaxError) nofile:1"), UNREACHABLE).cause


def test_a_denied_login_to_a_server_that_is_down() -> None:
    """The probe knows."""
    probes = Probes(database_up=lambda: False)
    assert "database_unreachable" == classify(ended("FATAL 28P01 (invalid_password)"), probes).cause


def test_a_full_disk_comes_first() -> None:
    """Whatever else is said, it is said because of that."""
    assert "disk_full" == classify(ended("** (SyntaxError) nofile:1"), Probes(free_bytes=lambda: 4096)).cause


def test_deadlines_and_kills() -> None:
    """What ended it from outside."""
    assert "timeout" == classify(ended("still compiling", code=-15, timed_out=True)).cause
    for code in (137, -9, 143, -15):
        assert "killed" == classify(ended("still compiling", code=code)).cause


def test_colours_are_ignored() -> None:
    """A tool that colours without a terminal."""
    text = "\x1b[31m** (Mix) \x1b[0mNo package with name \x1b[1mnope\x1b[0m in registry"
    assert "nope" == classify(ended(text)).package


def test_every_cause_has_advice_and_transient_ones_are_causes() -> None:
    """One sentence of advice."""
    assert set(CAUSES) == set(ADVICE)
    assert set(CAUSES) >= TRANSIENT
    assert all(advice.endswith(".") for advice in ADVICE.values())


def test_the_error_carries_everything() -> None:
    """Cause, package, advice, log; the sentence begins with the command's label."""
    error = failure(ended("** (Mix) No package with name nope_pkg (from: mix.exs) in registry"))
    assert ("package_missing", "nope_pkg") == (error.cause, error.package)
    assert error.message.startswith("mix deps.get: ** (Mix) No package")
    assert ADVICE["package_missing"] == error.advice


def test_a_conflict_quotes_the_solver() -> None:
    """All of its sentences, whatever a tool has printed around them."""
    text = (
        "\r\x1b[Kfetching deps ⣷\r\x1b[Kfetching deps ✗\n** (RuntimeError) mix deps.get exited with 1\n\nOutput:\n\n"
        'Because "the lock" specifies "decimal 3.1.1" and every version of "xema" depends on "decimal ~> 2.0",\n'
        '"the lock" is incompatible with "xema".\nSo, because "your app" depends on "the lock", version solving failed.\n'
        "** (Mix) Hex dependency resolution failed\n    (mix 1.18.3) lib/mix/task.ex:495"
    )
    found = classify(ended(text))
    assert found.cause == "version_conflict"
    assert found.message == (
        'Because "the lock" specifies "decimal 3.1.1" and every version of "xema" depends on "decimal ~> 2.0", '
        '"the lock" is incompatible with "xema". So, because "your app" depends on "the lock", version solving failed.'
    )


def test_a_spinner_does_not_hide_the_error_line() -> None:
    text = "\rcompiling igniter ⡇\rcompiling igniter ⣗** (Mix) No package with name nope (from: mix.exs) in registry\n"
    assert classify(ended(text)).message == "** (Mix) No package with name nope (from: mix.exs) in registry"


def test_a_failed_look_up_of_a_newer_hex_is_not_the_cause() -> None:
    """As a script's `mix deps.get` printed it in a forge without the network: two questions at once."""
    text = (
        "Failed to check for new Hex version\n"
        "Failed to fetch record for no_such_package from registry (using cache instead)\n"
        "This could be because the package does not exist, it was spelled incorrectly or you don't have permissions to it\n"
        '{:failed_connect, [{:to_address, {~c"repo.hex.pm", 443}}, {:inet, [:inet], :nxdomain}]}\n'
        "** (Mix) No package with name no_such_package (from: mix.exs) in registry\n"
    )
    found = classify(ended(text))
    assert (found.cause, found.package) == ("package_missing", "no_such_package")
    gateway = text.replace("repo.hex.pm", "127.0.0.1")
    assert classify(ended(gateway)).cause == "registry_unreachable"
