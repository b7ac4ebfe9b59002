"""Recognises commands that a shell could not run: missing or not executable (bash, dash, env)."""

from __future__ import annotations

import re
from dataclasses import dataclass

MISSING = "command_missing"
UNUSABLE = "not_executable"
TOOLCHAIN = "toolchain_too_old"
_TOOLS = frozenset({
    "elixir", "elixirc", "erl", "erlc", "escript", "git", "hex", "iex", "mix", "node", "npm", "pg_dump", "psql",
    "rebar3",
})  # fmt: skip
_COULD_NOT_RUN = (126, 127)  # POSIX: found but not executed, and not found
_OPEN, _SHUT = "['\u2018]", "['\u2019]"  # what env(1) quotes with depends on the locale

# The shell treats a carriage return at the end of a line as an argument, and prints it raw or as `$'\r'`.
_CARRIAGE = re.compile(
    r"^.*(?:\$'[^'\n]*\\r'|\\r'?: (?:No such|command|invalid)|\r: (?:not found|No such file)|\^M: bad interpreter"
    rf"|/env: {_OPEN}[\w.-]+(?:\\r|\r){_SHUT}).*$",
    re.MULTILINE,
)
_UNUSABLE = re.compile(
    r"^.*(?:bad interpreter|cannot execute(?: binary file)?|Exec format error|: Is a directory$|"
    r"(?:line \d+|sh: \d+|bash): \S*/\S*: Permission denied$).*$",
    re.MULTILINE,
)
_NO_INTERPRETER = re.compile(r"bad interpreter|cannot execute: required file not found")  # which ends with 127
_MISSING = re.compile(
    r"^(?:.*: )?(?:line )?(?:\d+: )?(?:exec: |source: |\.: (?:cannot open )?)?(?P<what>[^\s:][^\s:]*): "
    r"(?:command not found|not found|No such file(?: or directory)?|file not found)$",
    re.MULTILINE,
)
_ENV = re.compile(rf"^(?:\S*/)?env: {_OPEN}?(?P<what>[^'\u2019\n]+?){_SHUT}?: No such file or directory$", re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class ShellComplaint:
    """A line that a shell printed, and the cause it shows."""

    cause: str
    line: str


def has_carriage_returns(text: str) -> str | None:
    """The line that shows CR LF line ends in a script; None if there is none."""
    found = _CARRIAGE.search(text)
    return _line(found.group(0)) if found else None


def could_not_run(text: str, exit_code: int | None) -> ShellComplaint | None:
    """Why a command ended with 126 or 127; None for other codes, or if no shell line shows it."""
    if exit_code not in _COULD_NOT_RUN:
        return None
    if carriage := has_carriage_returns(text):
        return ShellComplaint(cause=UNUSABLE, line=f"{carriage} (its lines end with CR LF)")
    unusable, missing = _last(_UNUSABLE, text), _last(_ENV, text) or _last(_MISSING, text)
    if unusable and (exit_code == 126 or not missing or _NO_INTERPRETER.search(unusable.group(0))):
        return ShellComplaint(cause=UNUSABLE, line=_line(unusable.group(0)))
    if missing:
        is_tool = missing.group("what").rpartition("/")[2] in _TOOLS
        return ShellComplaint(cause=TOOLCHAIN if is_tool else MISSING, line=_line(missing.group(0)))
    return None


def by_exit_code(text: str, exit_code: int | None) -> ShellComplaint | None:
    """The cause by exit code 126 or 127 alone, if no line shows it."""
    if exit_code not in _COULD_NOT_RUN:
        return None
    if exit_code == 126:
        return ShellComplaint(cause=UNUSABLE, line=_last_line(text) or "the command cannot be executed (exit code 126)")
    return ShellComplaint(cause=MISSING, line=_last_line(text) or "a command is not there (exit code 127)")


def complaint(text: str) -> ShellComplaint | None:
    """The last command that a shell could not run, if the script's exit code does not show it."""
    if carriage := has_carriage_returns(text):
        return ShellComplaint(cause=UNUSABLE, line=f"{carriage} (its lines end with CR LF)")
    last = _last_line(text)
    if not _is_complaint(last):
        return None
    return could_not_run(last, 126 if _UNUSABLE.search(last) else 127)


def _is_complaint(line: str) -> bool:
    return any(sign.search(line) for sign in (_UNUSABLE, _ENV, _MISSING))


def _last(sign: re.Pattern[str], text: str) -> re.Match[str] | None:
    found = tuple(sign.finditer(text))
    return found[-1] if found else None


def _last_line(text: str) -> str:
    lines = [line for line in text.splitlines() if line.strip()]
    return _line(lines[-1]) if lines else ""


def _line(text: str) -> str:
    return text.replace("\r", "").strip()[:500]
