"""Programs get only the named variables of the user's environment."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from rollout import environment
from rollout.campaign import trial
from rollout.environment.subprocesses import PYTEST_VARIABLES
from rollout.hex import git_clones, upstreams
from rollout.rehearsal import registry
from rollout.site.engine.host_command import run_on_host
from rollout.site.forge import HostForge
from rollout.site.repository import Repository

HOSTILE = {
    "PGSSLMODE": "require", "PGHOSTADDR": "192.0.2.1", "PGSERVICE": "other", "PGOPTIONS": "-c search_path=other",
    "GIT_DIR": "/other/.git", "GIT_WORK_TREE": "/other", "GIT_INDEX_FILE": "/other/index", "GIT_SSH": "/other/ssh",
    "GIT_CONFIG_PARAMETERS": "'core.bare=true'", "GIT_TRACE": "1", "GIT_TEMPLATE_DIR": "/other",
    "MIX_ENV": "prod", "MIX_TARGET": "other", "MIX_BUILD_PATH": "/other", "MIX_DEPS_PATH": "/other",
    "MIX_EXS": "/other.exs", "HEX_HOME": "/other",
    "HEX_MIRROR": "http://192.0.2.1", "HEX_UNSAFE_REGISTRY": "1", "HEX_OFFLINE": "1",
    "HEX_API_KEY": "secret", "HEX_COOLDOWN": "7",
    "ERL_FLAGS": "-noshell -bad", "ERL_AFLAGS": "-bad", "ERL_ZFLAGS": "-bad", "ERL_LIBS": "/other",
    "ELIXIR_ERL_OPTIONS": "+bad", "RELEASE_NODE": "other", "RELEASE_COOKIE": "secret",
    "NODE_OPTIONS": "--require=/other.js", "NODE_ENV": "production", "npm_config_ignore_scripts": "true",
    "PYTHONPATH": "/other", "PYTHONHOME": "/other", "PYTHONWARNINGS": "error", "PYTHONSTARTUP": "/other.py",
    "PYTHONOPTIMIZE": "2", "PYTEST_ADDOPTS": "--maxfail=1", "PYTEST_PLUGINS": "other",
    "BASH_ENV": "/other.sh", "ENV": "/other.sh", "CDPATH": "/other", "GREP_OPTIONS": "-v", "TAR_OPTIONS": "--exclude=*",
    "POSIXLY_CORRECT": "1", "IFS": "x", "LD_PRELOAD": "/other.so",
    "TESTCONTAINERS_HOST_OVERRIDE": "192.0.2.1", "COMPOSE_FILE": "/other.yml", "COMPOSE_PROJECT_NAME": "other",
    "REQUESTS_CA_BUNDLE": "/other.pem", "CURL_CA_BUNDLE": "/other.pem", "NETRC": "/other", "OPENSSL_CONF": "/other",
}  # fmt: skip
WANTED_OUTSIDE = {"https_proxy": "http://proxy.test:3128", "NO_PROXY": "localhost", "SSL_CERT_FILE": "/company.pem"}
PLAIN = {"PATH": "/usr/bin:/bin", "HOME": "/home/me", "LC_ALL": "de_DE.UTF-8", "LANGUAGE": "de"}
KINDS: tuple[Callable[..., dict[str, str]], ...] = (
    environment.program, environment.outbound_program, environment.toolchain, environment.npm, environment.git,
    environment.git_outbound, environment.suite,
)  # fmt: skip


@pytest.fixture
def hostile(monkeypatch: pytest.MonkeyPatch) -> Mapping[str, str]:
    """An environment with unusual variables."""
    for name, value in {**HOSTILE, "HTTP_PROXY": "http://127.0.0.1:1", "ALL_PROXY": "socks5://127.0.0.1:1"}.items():
        monkeypatch.setenv(name, value)
    return HOSTILE


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_variables_that_change_a_program_are_not_passed_on(kind: Callable[..., dict[str, str]]) -> None:
    got = kind({**HOSTILE, **PLAIN})
    ours = {name: value for name, value in got.items() if name in HOSTILE}
    assert ours == {}, "what comes through"
    assert got["PATH"] == PLAIN["PATH"]


@pytest.mark.parametrize("kind", KINDS[:-1], ids=lambda kind: kind.__name__)
def test_programs_speak_english(kind: Callable[..., dict[str, str]]) -> None:
    got = kind(PLAIN)
    assert (got["LC_ALL"], got["LANG"], got.get("LANGUAGE")) == ("C.UTF-8", "C.UTF-8", None)


def test_only_programs_that_fetch_get_proxies_and_certificates() -> None:
    env = {**PLAIN, **WANTED_OUTSIDE}
    reaching = {kind.__name__ for kind in KINDS if kind(env).get("https_proxy") == "http://proxy.test:3128"}
    assert reaching == {"outbound_program", "git_outbound", "suite"}


def test_git_gets_the_certificates_of_the_environment() -> None:
    assert environment.git_outbound({"SSL_CERT_FILE": "/a.pem"})["GIT_SSL_CAINFO"] == "/a.pem"
    assert environment.git_outbound({"HEX_CACERTS_PATH": "/b.pem"})["GIT_SSL_CAINFO"] == "/b.pem"
    assert environment.git_outbound({"SSL_CERT_DIR": "/certificates"})["GIT_SSL_CAPATH"] == "/certificates"
    named = {"SSL_CERT_FILE": "/a.pem", "GIT_SSL_CAINFO": "/c.pem"}
    assert environment.git_outbound(named)["GIT_SSL_CAINFO"] == "/c.pem"
    assert "GIT_SSL_CAINFO" not in environment.git_outbound({})


def test_a_missing_folder_for_temporary_files_is_not_passed_on() -> None:
    assert Path(environment.program({"TMPDIR": "/no/such/folder"})["TMPDIR"]).is_dir()


def test_a_missing_or_empty_path_becomes_that_of_the_system() -> None:
    assert environment.program({})["PATH"] == environment.program({"PATH": ""})["PATH"] == os.defpath


def test_npm_gets_its_own_configuration() -> None:
    env = {"NPM_CONFIG_USERCONFIG": "/etc/me.npmrc", "npm_config_registry": "http://r.test", "NPM_TOKEN": "secret"}
    got = environment.npm({**env, "HOME": "/home/me"})
    assert (got["NPM_CONFIG_USERCONFIG"], got["npm_config_registry"], got["HOME"]) == (
        "/etc/me.npmrc", "http://r.test", "/home/me",
    )  # fmt: skip
    assert "NPM_TOKEN" not in got


def test_version_managers_get_their_variables() -> None:
    env = {"ASDF_DATA_DIR": "/opt/asdf", "MISE_DATA_DIR": "/opt/mise", "MIX_HOME": "/opt/mix", "MIX_ENV": "prod"}
    got = environment.toolchain(env)
    assert (got["ASDF_DATA_DIR"], got["MISE_DATA_DIR"], got["MIX_HOME"]) == ("/opt/asdf", "/opt/mise", "/opt/mix")
    assert "MIX_ENV" not in got


def test_a_session_of_the_suite_gets_the_variables_of_the_suite() -> None:
    env = {"XAVOS_CACHE_DIR": "/cache", "DOCKER_HOST": "unix:///d.sock", "CI": "true", "TERM": "xterm", "OTHER": "x"}
    assert environment.suite(env) == {name: value for name, value in env.items() if name != "OTHER"}


def test_the_session_of_a_path_gets_the_variables_of_pytest() -> None:
    env = {"PYTEST_ADDOPTS": "-k server", "PYTEST_XDIST_WORKER": "gw0", "PYTEST_CURRENT_TEST": "x"}
    assert environment.suite(env, also=PYTEST_VARIABLES) == {"PYTEST_ADDOPTS": "-k server"}


def test_variables_can_be_removed_for_a_session() -> None:
    env = {"XAVOS_PORT": "1", "CI": "true", "PATH": "/bin", "GITHUB_STEP_SUMMARY": "/summary"}
    assert environment.suite(env, without=trial._REMOVED_VARIABLES, XAVOS_RUN="r") == {"PATH": "/bin", "XAVOS_RUN": "r"}


def test_commands_of_the_set_up(hostile: Mapping[str, str]) -> None:
    printed = run_on_host("env", env={"DEBIAN_FRONTEND": "noninteractive"}).tail.splitlines()
    assert {line.partition("=")[0] for line in printed}.isdisjoint(hostile)
    assert {"DEBIAN_FRONTEND=noninteractive", "HTTP_PROXY=http://127.0.0.1:1"} <= set(printed)


def test_commands_of_a_forge_that_is_this_machine(hostile: Mapping[str, str], tmp_path: Path) -> None:
    got = HostForge(root=tmp_path, toolchain="x").environment()
    assert {*hostile, "HTTP_PROXY", "ALL_PROXY"}.isdisjoint(got)


def test_git_of_a_deployment(hostile: Mapping[str, str], tmp_path: Path) -> None:
    repository = Repository(tmp_path / ".x.git")
    repository.create(run="run-1")
    assert repository.run == "run-1"


def test_git_of_the_gateway_and_of_a_rehearsal(hostile: Mapping[str, str], tmp_path: Path) -> None:
    source, target = tmp_path / "source", tmp_path / "target"
    (source / "owner" / "repo" / "v1.0").mkdir(parents=True)
    (source / "owner" / "repo" / "v1.0" / "file").write_text("text")
    registry._build_git(source, target)
    origin = git_clones.GitOrigin(kind="mirror", description="x", bases=(str(target),))
    bare = git_clones.GitClones(origin, folder=tmp_path / "mirrors").repository("owner/repo")
    code, _ = git_clones.run_git(("-C", str(bare), "rev-parse", "--verify", "v1.0^{commit}"))
    assert code == 0


def test_a_git_configuration_of_the_user_s_does_not_redirect_a_clone(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / ".gitconfig").write_text('[url "file:///no/such/place/"]\n\tinsteadOf = file://\n')
    made = tmp_path / "bases" / "repo.git"
    assert git_clones.run_git(("init", "--quiet", "--bare", str(made)))[0] == 0
    assert git_clones.run_git(("ls-remote", f"file://{made}"))[0] == 0


def test_the_npm_registry_is_queried_without_options_of_node(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    npm = tmp_path / "npm"
    npm.write_text('#!/bin/sh\n[ -z "$NODE_OPTIONS" ] && [ ! -e .npmrc ] && echo "https://registry.test/"\n')
    npm.chmod(0o755)
    (tmp_path / ".npmrc").touch()
    monkeypatch.chdir(tmp_path)
    env = {"PATH": f"{tmp_path}:/usr/bin:/bin", "NODE_OPTIONS": "--require=/no/such/file"}
    assert upstreams.npm_registry(env) == "https://registry.test"


def test_a_child_session_gets_no_variables_of_python(hostile: Mapping[str, str]) -> None:
    printed = subprocess.run(
        (sys.executable, "-c", "import sys; print(sys.flags.optimize, '/other' in sys.path)"),
        env=environment.suite(), capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert printed.stdout.split() == ["0", "False"]
