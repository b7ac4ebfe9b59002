"""Checks of the repository that the path `app` deploys, and of its copy."""

from __future__ import annotations

import re
import stat
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from deploy_tests.support.commands import Ask
from deploy_tests.support.own_application import Git
from rollout.phases.phase import PhaseResult
from rollout.project.project import Project
from rollout.site.views import CheckedSite

pytestmark = [pytest.mark.phase("app_repository"), pytest.mark.timeout(60)]

SECRETS = {
    "a private key": r"-----BEGIN (?:RSA |EC |DSA |OPENSSH |ENCRYPTED )?PRIVATE KEY-----",
    "an access key of AWS": r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b",
    "a token of GitHub": r"\b(?:gh[pousr]_[A-Za-z0-9]{36}|github_pat_[A-Za-z0-9_]{40,})",
    "a live key of Stripe": r"\b[rs]k_live_[A-Za-z0-9]{16,}",
    "a token of Slack": r"\bxox[abprs]-[A-Za-z0-9-]{10,}",
    "a key of Google": r"\bAIza[0-9A-Za-z_-]{35}\b",
    "an API key of Anthropic or OpenAI": r"\bsk-(?:ant-|proj-)[A-Za-z0-9_-]{20,}",
}
SECRET_IN_PRODUCTION = re.compile(r"\b(secret_key_base|signing_secret|password)\b:\s*\"([^\"#]{32,})\"")
MARKS = ("<<<<<<< ", ">>>>>>> ")


def test_repository_phase_passed(phase: PhaseResult) -> None:
    """The working tree or the revision was copied, and points at this deployment."""
    phase.require()


def test_the_copy_differs_from_its_commit_by_what_is_uncommitted_and_by_our_two_files(
    git: Git, found: Callable[[str], Mapping[str, Any]], site: CheckedSite
) -> None:
    facts = found("repository")
    if not facts["source"]["commit"]:
        pytest.skip("the repository has no commit yet")
    below = str(site.application.relative_to(site.directory / "repository"))
    laid = {name if below == "." else f"{below}/{name}" for name in facts["laid"]}
    listed = git("status", "--porcelain", "--untracked-files=all", "-z").split("\0")
    assert {line[3:] for line in listed if line[2:3] == " "} == {*facts["source"]["changed"], *laid}


def test_nothing_that_git_ignores_was_copied(git: Git) -> None:
    ignored = [line for line in git("status", "--porcelain", "--ignored", "-z").split("\0") if line.startswith("!! ")]
    assert ignored == []


def test_the_copy_has_the_commit_of_the_repository(git: Git, found: Callable[[str], Mapping[str, Any]]) -> None:
    """An application may ask Git for it while it compiles."""
    commit = found("repository")["source"]["commit"]
    if not commit:
        pytest.skip("the repository has no commit yet")
    assert git("rev-parse", "HEAD").strip() == commit


def test_the_copy_pushes_nowhere(git: Git) -> None:
    remotes = git("remote").split()
    if not remotes:
        pytest.skip("the repository has no remote")
    assert [url for remote in remotes for url in git("remote", "get-url", "--push", "--all", remote).split()
            if not url.startswith("/this-repository-is-a-copy")] == []  # fmt: skip


def test_the_settings_of_the_deployment_are_private(site: CheckedSite) -> None:
    assert stat.S_IMODE((site.directory / ".env").stat().st_mode) == 0o600


def test_the_settings_name_the_port_and_databases_of_this_deployment(site: CheckedSite, project: Project) -> None:
    lines = (site.directory / ".env").read_text(encoding="utf-8").splitlines()
    settings = dict(line.split("=", 1) for line in lines)
    assert settings[project.server.port_variable] == str(site.options.port)
    if project.database.needed:
        assert settings["DATABASE_URL"].endswith(f"/{site.databases['dev']}")
        assert settings["TEST_DATABASE_URL"].endswith(f"/{site.databases['test']}")


def test_every_variable_of_the_project_is_set(site: CheckedSite, project: Project) -> None:
    """But for those that need the address of a service, which runs later."""
    missing = [name for name, value in project.environment if name not in site.settings and "{service." not in value]
    assert missing == []


@pytest.mark.parametrize("what", SECRETS)
def test_no_tracked_file_holds(what: str, tracked_files: Mapping[str, str]) -> None:
    """Who reads the repository has it for ever."""
    pattern = re.compile(SECRETS[what])
    assert [path for path, text in tracked_files.items() if pattern.search(text)] == []


def test_the_configuration_of_production_has_no_secret(tracked_files: Mapping[str, str]) -> None:
    """Secrets of production come from its environment. Those of development and tests may stand in their files."""
    files = {path: text for path, text in tracked_files.items()
             if re.search(r"(?:^|/)config/(?:config|prod|runtime|releases)\.exs$", path)}  # fmt: skip
    if not files:
        pytest.skip("the repository has no configuration of production")
    literal = [f"{path}: {name[1]}" for path, text in files.items() for name in SECRET_IN_PRODUCTION.finditer(text)]
    assert literal == []


def test_no_environment_file_is_tracked(tracked_files: Mapping[str, str]) -> None:
    """An example of one may be."""
    names = {path: path.rpartition("/")[2] for path in tracked_files}
    assert [path for path, name in names.items()
            if re.fullmatch(r"\.env(?:\.(?:local|prod|production|staging))?", name)] == []  # fmt: skip


def test_the_lock_is_tracked(tracked_files: Mapping[str, str]) -> None:
    """Without it every machine may get other packages."""
    assert "mix.lock" in tracked_files


@pytest.mark.parametrize("folder", ["_build", "deps", "node_modules"])
def test_no_build_product_is_tracked(folder: str, tracked_files: Mapping[str, str]) -> None:
    assert [path for path in tracked_files if folder in path.split("/")[:-1]][:5] == []


@pytest.mark.parametrize("folder", ["_build", "deps"])
def test_git_ignores_what_mix_writes(folder: str, ask: Ask) -> None:
    ignored = ask("git", "-c", "safe.directory=*", "check-ignore", "--quiet", f"{folder}/x", repeatable=True)
    assert ignored.exit_code == 0, f"{folder}/ is not ignored: {ignored.tail}"


def test_no_conflict_of_a_merge_is_left(tracked_files: Mapping[str, str]) -> None:
    marked = [path for path, text in tracked_files.items()
              if all(any(line.startswith(mark) for line in text.splitlines()) for mark in MARKS)]  # fmt: skip
    assert marked == []


def test_no_two_tracked_names_differ_by_case_only(tracked_files: Mapping[str, str]) -> None:
    """macOS and Windows would have one file for both."""
    lower = [path.lower() for path in tracked_files]
    assert sorted({path for path in tracked_files if lower.count(path.lower()) > 1}) == []


def test_the_package_source_is_verified_by_its_key(ask: Ask) -> None:
    repositories = ask("mix", "hex.repo", "list", repeatable=True).tail
    assert "hexpm" in repositories
    unsafe = ask("sh", "-c", 'echo "[${HEX_UNSAFE_REGISTRY:-unset}]"', repeatable=True).tail
    assert unsafe.strip() == "[unset]"
