"""Finds errors in the log of a PostgreSQL server, and those of a release whose code and schema do not fit. Pure."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping

WATCHED: Mapping[str, str] = {
    "0A000": "a prepared statement whose columns have another type now (cached plan must not change result type)",
    "42703": "a column that does not exist",
    "42P01": "a table that does not exist",
    "53300": "no connection was free",
    "42P05": "a prepared statement that exists already (a pooler in transaction mode)",
    "26000": "a prepared statement that does not exist (a pooler in transaction mode)",
}
"""SQLSTATE → what it means for a release."""
# The messages, for a log without SQLSTATEs (log_line_prefix without %e, which is the default); lc_messages is C.
_MESSAGES = {
    "0A000": re.compile(r"cached plan must not change result type"),
    "42703": re.compile(r'column "?[^\s"]+"?(?: of relation "[^"]+")? does not exist'),
    "42P01": re.compile(r'(?:relation|table) "[^"]+" does not exist'),
    "53300": re.compile(r"too many (?:clients|connections)|remaining connection slots are reserved"),
    "42P05": re.compile(r'prepared statement "[^"]*" already exists'),
    "26000": re.compile(r'prepared statement "[^"]*" does not exist'),
}
# A migration gives a lock up and is tried again. An application learns from the database that a value is taken.
_EXPECTED = re.compile(r"canceling statement due to lock timeout|duplicate key value violates unique constraint ")
_LINE = re.compile(
    r"^(?P<prefix>.*?)\b(?:ERROR|FATAL|PANIC):\s+(?:(?P<verbose>[0-9A-Z]{5}):\s+)?(?P<message>.*)$", re.MULTILINE
)


def count_errors(log: str) -> Mapping[str, int]:
    """SQLSTATE → how often the log has it; only those of WATCHED that occur."""
    found: Counter[str] = Counter()
    for match in _LINE.finditer(log):
        states = set(re.findall(r"\b[0-9A-Z]{5}\b", match["prefix"])) | {match["verbose"]}
        named = next((state for state in WATCHED if state in states), None)
        state = named or next((state for state, sign in _MESSAGES.items() if sign.search(match["message"])), None)
        if state:
            found[state] += 1
    return {state: found[state] for state in WATCHED if found[state]}


def errors_in(log: str) -> Mapping[str, int]:
    """Message → how often the log has it as ERROR, FATAL or PANIC, but for what is part of a good upgrade."""
    found = Counter(match["message"].strip() for match in _LINE.finditer(log))
    return {message: count for message, count in found.items() if not _EXPECTED.match(message)}
