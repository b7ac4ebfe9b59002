"""Resets what this process inherited: variables that libraries read, signals, umask, standard streams."""

from __future__ import annotations

import os
import re
import resource
import signal
import threading
from collections.abc import MutableMapping

from rollout.errors import UsageError

UMASK = 0o022
_FEWEST_FILES, _ENOUGH_FILES = 256, 1024  # open files; a rehearsal was seen to have some 60 at a time
# Read by a library of ours without a word from us; none of its arguments would overrule them all.
_OBEYED = (
    "PSYCOPG_IMPL", "PSYCOPG_WAIT_FUNC",  # psycopg, when it is imported
    "SSLKEYLOGFILE",  # Python's ssl: every default context opens that file
    "WEB_CONCURRENCY", "FORWARDED_ALLOW_IPS",  # uvicorn
    "NETRC", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE",  # requests
)  # fmt: skip


def enter(environment: MutableMapping[str, str] | None = None) -> None:
    """Reset what was inherited. Every process of the suite calls this first."""
    env = os.environ if environment is None else environment
    for name in _OBEYED:
        env.pop(name, None)
    forget_libpq(env)
    _forget_odd_sizes(env)
    _open_standard_streams()
    _raise_limit_of_files()
    os.umask(UMASK)  # container images and folders of other users' servers need readable files
    if threading.current_thread() is threading.main_thread():  # no other may
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)  # ignored, no exit code of a child would be known
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGALRM})


def refuse_few_files() -> None:
    """Raise UsageError where this process may not have enough files open. `enter` has raised the limit by then."""
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    if resource.RLIM_INFINITY != limit < _FEWEST_FILES:
        raise UsageError(
            f"This process may have {limit} files open at a time, and needs {_FEWEST_FILES}.",
            advice=f"Raise the limit (ulimit -n {_ENOUGH_FILES}) and run again.",
        )


def _raise_limit_of_files() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if resource.RLIM_INFINITY != soft < _ENOUGH_FILES:
        most = _ENOUGH_FILES if hard == resource.RLIM_INFINITY else min(_ENOUGH_FILES, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


def forget_libpq(environment: MutableMapping[str, str] | None = None) -> None:
    """Remove libpq's variables from this process: PGSERVICE and PGTZ, among others, overrule any argument."""
    env = os.environ if environment is None else environment
    for name in [name for name in env if name.startswith("PG")]:
        env.pop(name, None)


def _forget_odd_sizes(env: MutableMapping[str, str]) -> None:
    """Remove sizes that no terminal has. Rich prints nothing at COLUMNS=0, pytest far too much at 99999999."""
    for name in ("COLUMNS", "LINES"):
        if name in env and not re.fullmatch("0*[1-9][0-9]{0,3}", env[name], re.ASCII):
            env.pop(name)


def _open_standard_streams() -> None:
    """A stream that was closed becomes /dev/null. Otherwise the next file opened would take its place."""
    for descriptor in (0, 1, 2):
        try:
            os.fstat(descriptor)
        except OSError:
            opened = os.open(os.devnull, os.O_RDWR)
            if opened == descriptor:
                os.set_inheritable(descriptor, True)
            else:
                os.dup2(opened, descriptor)
                os.close(opened)
