"""Builds the environment of each program that is started: only the variables on a fixed list are passed.

Each function takes the environment to read (default: that of this process) and returns a new dict.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable, Mapping

NOWHERE = "/nonexistent"
_USER = ("HOME", "USER", "LOGNAME")
_PROXIES = ("http_proxy", "https_proxy", "ftp_proxy", "all_proxy", "no_proxy")
PROXIES = (*_PROXIES, *map(str.upper, _PROXIES))
CERTIFICATES = ("SSL_CERT_FILE", "SSL_CERT_DIR")
HEX_CERTIFICATES = "HEX_CACERTS_PATH"
OUTBOUND = (*PROXIES, *CERTIFICATES)
# Version managers (asdf, mise) put small programs on PATH. These find the real programs with these variables.
_TOOLCHAIN = ("MIX_HOME", "MIX_ARCHIVES", "MIX_XDG")
_VERSION_MANAGERS = ("ASDF_", "MISE_", "RTX_", "XDG_")
_NPM = ("npm_config_registry", "npm_config_userconfig", "npm_config_globalconfig", "npm_config_prefix")
# Variables for a pytest that this suite starts: those that `rollout.config.options` and `outbound` read, those of the
# terminal, and those that tell the interpreter and the engine where their files are.
_SUITE = (
    *_USER, *OUTBOUND, HEX_CERTIFICATES, "GIT_SSL_CAINFO", "GIT_SSL_CAPATH", *_NPM, *map(str.upper, _NPM), *_TOOLCHAIN,
    "PATH", "SHELL", "LANG", "LANGUAGE", "TZ", "TMPDIR", "TERM", "COLUMNS", "LINES", "NO_COLOR", "CI", "VIRTUAL_ENV",
    "SSH_AUTH_SOCK", "LD_LIBRARY_PATH", "PYTHONDONTWRITEBYTECODE", "PYTHONPYCACHEPREFIX", "PYTHONUTF8",
    "PYTHONIOENCODING",
    "SABOTAGE", "MUTATION",  # what the suite's own tests break on purpose (tests/e2e)
)  # fmt: skip
_SUITE_PREFIXES = ("XAVOS_", "LC_", "DOCKER_", "CONTAINER_", "GITHUB_", "COVERAGE_", *_VERSION_MANAGERS)
#: pytest's own variables, which add to its command line. Only the sessions of a comparison's paths get them.
PYTEST_VARIABLES = ("PYTEST_ADDOPTS", "PYTEST_PLUGINS", "PYTEST_DISABLE_PLUGIN_AUTOLOAD")


def program(environment: Mapping[str, str] | None = None, /, **more: str) -> dict[str, str]:
    """The environment of a program that does not use the network. Its messages are in English."""
    env = _given(environment)
    return {
        "PATH": env.get("PATH") or os.defpath,
        **_named(env, _USER),
        "LANG": "C.UTF-8",
        "LC_ALL": "C.UTF-8",
        "TMPDIR": tempfile.gettempdir(),  # an existing folder; TMPDIR may name a missing one
        **more,
    }


def outbound_program(environment: Mapping[str, str] | None = None, /, **more: str) -> dict[str, str]:
    """The environment of a program that uses the network, with proxies and certificates."""
    env = _given(environment)
    return {**program(env), **_named(env, OUTBOUND), **more}


def toolchain(environment: Mapping[str, str] | None = None, /, **more: str) -> dict[str, str]:
    """The environment of this machine's Elixir: variables that locate it and Hex, none that change how it works."""
    env = _given(environment)
    return {**program(env), **_named(env, _TOOLCHAIN), **_prefixed(env, _VERSION_MANAGERS), **more}


def npm(environment: Mapping[str, str] | None = None, /, **more: str) -> dict[str, str]:
    """The environment of this machine's npm, with npm's configuration and without variables of Node.js."""
    env = _given(environment)
    return {**program(env), **_named(env, (*_NPM, *map(str.upper, _NPM))), **_prefixed(env, _VERSION_MANAGERS), **more}


def git(environment: Mapping[str, str] | None = None, /, **more: str) -> dict[str, str]:
    """The environment of a Git without the user's configuration, hooks, templates, credentials and prompts."""
    return {
        **program(environment),
        "HOME": NOWHERE,  # ~/.gitconfig, ~/.config/git, ~/.netrc
        "XDG_CONFIG_HOME": NOWHERE,
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_ATTR_NOSYSTEM": "1",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_ASKPASS": "true",
        "GIT_CONFIG_COUNT": "2",
        "GIT_CONFIG_KEY_0": "safe.directory",
        "GIT_CONFIG_VALUE_0": "*",
        "GIT_CONFIG_KEY_1": "core.hooksPath",
        "GIT_CONFIG_VALUE_1": os.devnull,
        **more,
    }


def git_outbound(environment: Mapping[str, str] | None = None, /, **more: str) -> dict[str, str]:
    """The environment of a Git that fetches: as `git`, with proxies, certificates and the user's SSH agent."""
    env = _given(environment)
    found = _named(env, (*PROXIES, "SSH_AUTH_SOCK", "GIT_SSL_CAINFO", "GIT_SSL_CAPATH"))
    if not {"GIT_SSL_CAINFO", "GIT_SSL_CAPATH"} & found.keys():  # Git does not read OpenSSL's variables
        file, folder = env.get("SSL_CERT_FILE") or env.get(HEX_CERTIFICATES), env.get("SSL_CERT_DIR")
        found |= {"GIT_SSL_CAINFO": file} if file else {}
        found |= {"GIT_SSL_CAPATH": folder} if folder else {}
    return {**git(env), **found, **more}


def suite(
    environment: Mapping[str, str] | None = None,
    /,
    *,
    also: Iterable[str] = (),
    without: Iterable[str] = (),
    **more: str,
) -> dict[str, str]:
    """The environment of a pytest of this suite that another process of the suite starts.

    `also` are other variables to pass on. `without` are prefixes of names that are not passed on.
    """
    env = _given(environment)
    kept = {**_named(env, (*_SUITE, *also)), **_prefixed(env, _SUITE_PREFIXES)}
    return {**{name: value for name, value in kept.items() if not name.startswith(tuple(without))}, **more}


def _given(environment: Mapping[str, str] | None) -> Mapping[str, str]:
    return os.environ if environment is None else environment


def _named(env: Mapping[str, str], names: Iterable[str]) -> dict[str, str]:
    return {name: env[name] for name in names if name in env}


def _prefixed(env: Mapping[str, str], prefixes: tuple[str, ...]) -> dict[str, str]:
    return {name: value for name, value in env.items() if name.startswith(prefixes)}
