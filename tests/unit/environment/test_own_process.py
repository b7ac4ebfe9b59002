"""A process of the suite resets inherited settings before any library reads them."""

from __future__ import annotations

import subprocess
import sys

import pytest

from rollout import environment
from rollout.config.options import ROOT

ENTERED = f"""
import os, signal, subprocess, sys
sys.path.insert(0, {str(ROOT)!r})
from rollout import environment
environment.reset_process()
ended = subprocess.run(["sh", "-c", "exit 3"]).returncode
free = os.open(os.devnull, os.O_RDONLY)
umask = os.umask(0)
blocked = signal.SIGTERM in signal.pthread_sigmask(signal.SIG_BLOCK, ())
sys.stderr.write(f"{{ended}} {{free > 2}} {{umask:o}} {{blocked}}")
"""


def test_variables_that_libraries_read_are_removed() -> None:
    env = {"PGSERVICE": "x", "PGTZ": "x", "PSYCOPG_IMPL": "none", "SSLKEYLOGFILE": "/no", "WEB_CONCURRENCY": "9",
           "FORWARDED_ALLOW_IPS": "*", "NETRC": "/x", "REQUESTS_CA_BUNDLE": "/x", "CURL_CA_BUNDLE": "/x"}  # fmt: skip
    stays = {"PATH": "/bin", "HTTPS_PROXY": "http://proxy.test", "XAVOS_PORT": "4100"}
    env.update(stays)
    environment.reset_process(env)
    assert env == stays


@pytest.mark.parametrize(
    "before",
    [
        "import signal; signal.signal(signal.SIGCHLD, signal.SIG_IGN)",  # exit codes would be lost
        "import signal; signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})",
        "import os; os.umask(0o777)",
        "import os; os.close(0)",
        "import os; os.close(0); os.close(1)",
    ],
    ids=["children-ignored", "signals-blocked", "umask", "no-input", "no-input-no-output"],
)
def test_a_process_does_not_depend_on_its_parent(before: str) -> None:
    started = f"{before}\nimport os, sys\nos.execv(sys.executable, [sys.executable, '-c', {ENTERED!r}])"
    ended = subprocess.run((sys.executable, "-c", started), capture_output=True, text=True, check=False)
    assert ended.stderr == "3 True 22 False"


@pytest.mark.parametrize(
    ("soft", "hard", "told"),
    [(100, 4096, "1024 None"), (2000, 4096, "2000 None"), (100, 500, "500 None"),
     (100, 100, "100 This process may have 100 files open at a time")],
)  # fmt: skip
def test_the_limit_of_open_files_is_raised_or_is_an_error(soft: int, hard: int, told: str) -> None:
    script = f"""
import resource, sys
sys.path.insert(0, {str(ROOT)!r})
from rollout import environment
resource.setrlimit(resource.RLIMIT_NOFILE, ({soft}, {hard}))
environment.reset_process()
refused = None
try:
    environment.refuse_few_files()
except Exception as error:
    refused = error
print(resource.getrlimit(resource.RLIMIT_NOFILE)[0], refused)
"""
    ended = subprocess.run((sys.executable, "-c", script), capture_output=True, text=True, check=True)
    assert ended.stdout.startswith(told)


@pytest.mark.parametrize(("size", "stays"), [("80", True), ("10", True), ("0", False), ("-5", False), ("wide", False),
                                             ("99999999", False), ("", False)])  # fmt: skip
def test_only_valid_sizes_of_terminals_stay(size: str, stays: bool) -> None:
    variables = {"COLUMNS": size, "LINES": size}
    environment.reset_process(variables)
    assert stays == ("COLUMNS" in variables) == ("LINES" in variables)
