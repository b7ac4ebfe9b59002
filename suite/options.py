"""Adds the suite's flags to pytest, and rejects pytest options that would break a deployment."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from rollout.config.flags import FLAGS
from rollout.config.options import Options, parse_options
from rollout.errors import UsageError
from rollout.site.folder_check import writable_reason

# Plugins that phases and reports rely on, by the name that `-p no:NAME` takes.
_NEEDED = {"timeout": "pytest-timeout", "html": "pytest-html", "metadata": "pytest-metadata",
           "pytest_order": "pytest-order", "terminal": "pytest's terminal"}  # fmt: skip

# Files and texts that plugins read. One that is missing or wrong is a traceback before the first check.
_CSS, _METADATA, _METADATA_FILE = "css", "metadata_from_json", "metadata_from_json_file"

# Files that pytest and its plugins write. One that cannot be made is a traceback, mostly after the last check.
_WRITTEN = {"--html": "htmlpath", "--junitxml": "xmlpath", "--log-file": "log_file"}


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("xavos", "deployment of XAVOS (each flag is also the environment variable XAVOS_FLAG)")
    for flag in FLAGS:
        if flag.metavar is None:
            group.addoption(flag.option, action="store_true", default=None, help=flag.help)
        else:
            group.addoption(flag.option, metavar=flag.metavar, default=None, help=flag.help)


def options_of(config: pytest.Config) -> Options:
    """Parse the options. Raises pytest.UsageError with the message for the user."""
    try:
        return parse_options(lambda name: config.getoption(f"--{name}"))
    except UsageError as error:
        raise pytest.UsageError(str(error)) from None


def refuse_what_breaks_phases(config: pytest.Config) -> None:
    """Raise UsageError for pytest options that phases cannot bear: several processes, reruns, thread time-outs."""
    if missing := [plugin for name, plugin in _NEEDED.items() if not config.pluginmanager.has_plugin(name)]:
        raise pytest.UsageError(
            f"pytest has not loaded {', '.join(missing)}, which a deployment needs. Leave out -p no:… and "
            "PYTEST_DISABLE_PLUGIN_AUTOLOAD, or install requirements.lock."
        )
    if config.getoption("numprocesses", None) or config.getoption("dist", "no") != "no":
        raise pytest.UsageError("One deployment cannot be spread over processes: leave out -n/--dist (pytest-xdist).")
    if config.getoption("reruns", None):
        raise pytest.UsageError("Phases are retried by the suite, where a cause is transient: leave out --reruns.")
    if (config.getoption("timeout_method", None) or config.getini("timeout_method")) == "thread":
        raise pytest.UsageError(
            "timeout_method=thread ends the process without rolling back (os._exit); use timeout_method=signal."
        )
    _refuse_what_plugins_cannot_read(config)
    for flag, name in _WRITTEN.items():
        given = config.getoption(name, None)
        if given and (reason := _why_unwritable(given)):
            raise pytest.UsageError(f"{flag}={given} cannot be written: {reason}. Choose another file.")


def _refuse_what_plugins_cannot_read(config: pytest.Config) -> None:
    for given in config.getoption(_CSS, None) or ():
        if not os.access(file := _as_read(given), os.R_OK) or file.is_dir():
            raise pytest.UsageError(f"--css={given} cannot be read. Name a file with style rules, or leave it out.")
    texts = {"--metadata-from-json": config.getoption(_METADATA, None)}
    if file_given := config.getoption(_METADATA_FILE, None):
        try:
            texts["--metadata-from-json-file"] = Path(file_given).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise pytest.UsageError(f"--metadata-from-json-file={file_given} cannot be read: {error}.") from None
    for flag, text in texts.items():
        if text and not _is_object(text):
            raise pytest.UsageError(f'{flag} has to hold a JSON object, such as {{"build": "7"}}.')


def _is_object(text: str) -> bool:
    try:
        return isinstance(json.loads(text), dict)
    except (ValueError, RecursionError):
        return False


def _as_read(given: str) -> Path:
    """The path that pytest and its plugins make of an option's value."""
    return Path(os.path.expanduser(os.path.expandvars(given))).absolute()  # noqa: PTH111 - as pytest reads it


def _why_unwritable(given: str) -> str | None:
    file = _as_read(given)
    return "it is a folder" if file.is_dir() else writable_reason(file.parent)
