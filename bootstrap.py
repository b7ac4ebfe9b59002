#!/usr/bin/env python3
"""Makes .venv from requirements.lock if it is missing or old, then runs a module or program in it.

    python3 bootstrap.py MODULE [ARGUMENTS]        a name with a dash is a program of .venv/bin

It uses the standard library only and runs on old interpreters, because it runs before anything is installed.
"""

# Interpreters that are too old for the suite can read this file and get a message.
# ruff: noqa: UP032, S606

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

MINIMUM = (3, 11)
NEWEST_TRIED = 16
ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
STAMP = VENV / "made-of"
LOCK = ROOT / "requirements.lock"
PROGRAMS = VENV / "bin"
SETUP_FAILED = 2


def main(arguments):
    """Replaces this process by the module. Returns an exit code only if that fails."""
    open_standard_streams()
    if not arguments:
        return fail("nothing to run", "python3 bootstrap.py MODULE [ARGUMENTS]")
    if sys.version_info < MINIMUM:
        return with_newer_python(arguments)
    os.chdir(str(ROOT))
    try:
        if not is_ready():
            with alone():
                if not is_ready():  # another make may have built it meanwhile
                    build()
    except SetupError as error:
        return fail(str(error), *error.commands)
    except OSError as error:
        return fail("{} cannot be made: {}".format(VENV, error), "make its folder writable, and free disk space")
    name, *rest = arguments
    argv = [str(PROGRAMS / name), *rest] if "-" in name else [str(PROGRAMS / "python"), "-m", *arguments]
    return os.execve(argv[0], argv, without_python(os.environ))


class SetupError(Exception):
    """Something is missing. `commands` fix it."""

    def __init__(self, message, *commands):
        super().__init__(message)
        self.commands = commands


def with_newer_python(arguments):
    """Replace this process by the newest suitable interpreter on PATH."""
    for minor in range(NEWEST_TRIED, MINIMUM[1] - 1, -1):
        found = shutil.which("python3.{}".format(minor))
        if found:
            os.execve(found, [found, __file__, *arguments], without_python(os.environ))
    return fail(
        "Python {}.{} or newer is needed; this is {}".format(*MINIMUM, sys.version.split()[0]),
        "Debian 12, Ubuntu 24.04 and later have it; elsewhere: uv python install 3.12 (https://docs.astral.sh/uv)",
        "and then: make PYTHON=python3.12 ...",
    )


def wanted():
    """A digest of the lock, the interpreter and the folder that .venv has to be made of."""
    digest = hashlib.sha256(LOCK.read_bytes())
    digest.update("\0".join((sys.version, str(Path(sys.executable).resolve()), str(ROOT))).encode())
    return digest.hexdigest()


def is_ready():
    """Whether .venv is complete and current. The stamp is written last, so an interrupted set-up is repeated."""
    try:
        return STAMP.read_text(encoding="ascii") == wanted() and (PROGRAMS / "python").exists()
    except FileNotFoundError:
        return False


@contextlib.contextmanager
def alone():
    """Allow one set-up at a time. The operating system frees the lock when its process ends."""
    with (ROOT / ".venv.lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("Another make is setting up; waiting for it ...")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def build():
    """Make .venv with uv if it is installed, else with venv and pip. Both check hashes."""
    say("Setting up {} from requirements.lock (a minute at most; only when the lock changes) ...".format(VENV))
    shutil.rmtree(str(VENV), ignore_errors=True)
    if not (shutil.which("uv") and build_with_uv()):
        build_with_pip()
    part = VENV / "made-of.part"
    part.write_text(wanted(), encoding="ascii")
    part.replace(STAMP)


def build_with_uv():
    """Make .venv with uv. Returns whether that succeeded."""
    quiet = ("--quiet", "--no-progress")
    made = run("uv", "venv", *quiet, "--python", sys.executable, str(VENV)) and run(
        "uv", "pip", "install", *quiet, "--python", str(PROGRAMS / "python"), "--require-hashes", "-r", str(LOCK)
    )
    if not made:
        say("uv failed; trying pip.")
        shutil.rmtree(str(VENV), ignore_errors=True)
    return made


def build_with_pip():
    """Make .venv with venv and pip. Raises SetupError if one of them fails."""
    if importlib.util.find_spec("ensurepip") is None or importlib.util.find_spec("venv") is None:
        install_venv()
    # A new process, because this one has already looked for ensurepip.
    if not run(sys.executable, "-m", "venv", "--clear", str(VENV)):
        raise SetupError("python3 -m venv failed", *venv_commands())
    pip = (str(PROGRAMS / "python"), "-m", "pip", "--disable-pip-version-check", "--no-input", "--quiet")
    if not run(*pip, "install", "--progress-bar", "off", "--retries", "5", "--require-hashes", "-r", str(LOCK)):
        raise SetupError(
            "pip could not install requirements.lock (its message is above)",
            "make a package index reachable (PIP_INDEX_URL, HTTPS_PROXY), then try again",
        )


def venv_commands():
    """The command that installs venv for this Python."""
    name = "python{}.{}-venv".format(*sys.version_info) if sys.prefix == "/usr" else "python3-venv"
    return ("sudo apt-get update && sudo apt-get install --no-install-recommends {}".format(name),)


def install_venv():
    """Install ensurepip as root. Debian and Ubuntu ship Python without it. Raises SetupError with the command."""
    commands = venv_commands()
    package = commands[0].split()[-1]
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        raise SetupError("this Python comes without venv and pip", *commands)
    say("This Python comes without venv and pip. Installing {} with apt-get ...".format(package))
    quiet = {"DEBIAN_FRONTEND": "noninteractive"}
    apt = ("apt-get", "-qq", "-o", "DPkg::Lock::Timeout=180")
    run(*apt, "update", **quiet)
    if not run(*apt, "install", "--yes", "--no-install-recommends", package, **quiet):
        raise SetupError("apt-get could not install {}".format(package), *commands)


# Variables that pip, uv and apt-get get: where packages come from, and proxies and certificates. Variables that choose
# where packages go (PIP_TARGET, PIP_USER, UV_SYSTEM_PYTHON, VIRTUAL_ENV) are not passed on.
PASSED = frozenset(
    name
    for lower in (
        "http_proxy", "https_proxy", "ftp_proxy", "all_proxy", "no_proxy", "path", "home", "user", "logname", "lang",
        "tmpdir", "ld_library_path", "ssl_cert_file", "ssl_cert_dir", "requests_ca_bundle", "curl_ca_bundle", "netrc",
        "pip_index_url", "pip_extra_index_url", "pip_find_links", "pip_no_index", "pip_trusted_host", "pip_cert",
        "pip_client_cert", "pip_proxy", "pip_cache_dir", "pip_config_file", "pip_timeout", "pip_default_timeout",
        "pip_retries", "pip_keyring_provider", "uv_index_url", "uv_default_index", "uv_extra_index_url", "uv_index",
        "uv_find_links", "uv_index_strategy", "uv_keyring_provider", "uv_insecure_host", "uv_native_tls",
        "uv_system_certs", "uv_http_timeout", "uv_cache_dir", "uv_config_file", "uv_offline",
    )
    for name in (lower, lower.upper())
)  # fmt: skip
PASSED_BEGINNINGS = ("LC_", "XDG_", "UV_INDEX_")
# Variables that would lead the interpreter away from .venv.
PYTHON = frozenset((
    "PYTHONHOME", "PYTHONPATH", "PYTHONSTARTUP", "PYTHONUSERBASE", "PYTHONPLATLIBDIR", "PYTHONEXECUTABLE",
    "PYTHONOPTIMIZE", "PYTHONWARNINGS", "PYTHONINSPECT", "__PYVENV_LAUNCHER__",
))  # fmt: skip


def without_python(environment):
    """The environment of the program in .venv. rollout.environment removes more of it later."""
    return {name: value for name, value in environment.items() if name not in PYTHON}


def for_installers(environment):
    """The environment of the programs that set up .venv."""
    passed = {
        name: value
        for name, value in environment.items()
        if name in PASSED or name.startswith(PASSED_BEGINNINGS)
    }
    return dict(passed, PIP_USER="0")  # overrules a configuration file of pip


def run(*argv, **more):
    """Run argv. Returns whether it ended with 0. `more` are additional variables of its environment.

    Its standard input is empty, and its output goes to standard error.
    """
    env = dict(for_installers(os.environ), **more)
    ended = subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=sys.stderr, cwd=str(ROOT), check=False, env=env)
    return ended.returncode == 0


def open_standard_streams():
    """Open closed standard streams as /dev/null. Otherwise the next opened file would take their place."""
    for descriptor in (0, 1, 2):
        try:
            os.fstat(descriptor)
        except OSError:
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)  # the lowest that is free: this one


def say(text):
    """Print a message to standard error. Standard output belongs to the module."""
    print(text, file=sys.stderr, flush=True)


def fail(message, *commands):
    """Print the error and the commands that fix it. Returns the exit code."""
    say("ERROR: {}.".format(message))
    for command in commands:
        say("    {}".format(command))
    return SETUP_FAILED


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
