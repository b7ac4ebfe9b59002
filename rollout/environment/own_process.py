"""Resets inherited process settings, such as environment variables, signals and limits."""

from __future__ import annotations

import os
import re
import resource
import signal
import threading
from collections.abc import MutableMapping

from rollout.errors import UsageError

UMASK = 0o022
_FEWEST_FILES, _ENOUGH_FILES = 256, 1024  # open files; a rehearsal has about 60 at a time
# Variables that libraries read by themselves. No argument overrules all of them.
_READ_BY_LIBRARIES = (
    "PSYCOPG_IMPL", "PSYCOPG_WAIT_FUNC",  # psycopg, when it is imported
    "SSLKEYLOGFILE",  # Python's ssl: every default context opens that file
    "WEB_CONCURRENCY", "FORWARDED_ALLOW_IPS",  # uvicorn
    "NETRC", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE",  # requests
)  # fmt: skip


def reset_process(environment: MutableMapping[str, str] | None = None) -> None:
    """Reset what this process inherited. Every process of the suite calls this first."""
    env = os.environ if environment is None else environment
    for name in _READ_BY_LIBRARIES:
        env.pop(name, None)
    remove_libpq_variables(env)
    _remove_invalid_sizes(env)
    _open_standard_streams()
    _raise_limit_of_files()
    os.umask(UMASK)  # container images and folders of other users' servers need readable files
    if threading.current_thread() is threading.main_thread():  # only this thread may set handlers
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)  # if it were ignored, exit codes of children would be lost
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGALRM})


def refuse_few_files() -> None:
    """Raise UsageError if this process may not open enough files. Call it after `reset_process`."""
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


def remove_libpq_variables(environment: MutableMapping[str, str] | None = None) -> None:
    """Remove libpq's variables from this process. PGSERVICE and PGTZ, among others, overrule every argument."""
    env = os.environ if environment is None else environment
    for name in [name for name in env if name.startswith("PG")]:
        env.pop(name, None)


def _remove_invalid_sizes(env: MutableMapping[str, str]) -> None:
    """Remove sizes that no terminal has. Rich prints nothing at COLUMNS=0, and pytest far too much at 99999999."""
    for name in ("COLUMNS", "LINES"):
        if name in env and not re.fullmatch("0*[1-9][0-9]{0,3}", env[name], re.ASCII):
            env.pop(name)


def _open_standard_streams() -> None:
    """Open closed standard streams as /dev/null. Otherwise the next opened file would take their place."""
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
