"""Removes terminal codes, spinners and harmless lines from a command's output before it is searched."""

from __future__ import annotations

import re

_ANSI = re.compile(r"\x1b(?:\[[0-9;?]*[A-Za-z]|\][^\x07\x1b]*(?:\x07|\x1b\\))")
_OVERWRITTEN = re.compile(r"[^\n]*\r(?!\n)|[\u2800-\u28ff]+")  # a line begun anew, a spinner's frame
_PREFIX = re.compile(r"^(?:#\d+ (?:\d+\.\d+ )?|[\w.-]+-\d+ +\| ?)", re.MULTILINE)  # of BuildKit, of Compose
# Hex looks for newer versions of itself with every command. A failure of that is harmless.
_VERSION_CHECK = "Failed to check for new Hex version"
# Its reason is one line, which may come later, between other lines.
_ITS_REASON = re.compile(r'^\{:failed_connect, \[\{:to_address, \{~c"(?:\w+\.)?hex\.pm", \d+\}\}.*\}\n?', re.MULTILINE)
_NOISE = re.compile(rf"^(?:\{{.*\}}\n{_VERSION_CHECK}\n?|{_VERSION_CHECK}\n(?:\{{.*\}}\n)?)", re.MULTILINE)
# Lines that never name the cause: warnings, notices, errors that were handled.
_HARMLESS = re.compile(
    r"^\s*(?:warning: |\[(?:warning|debug|info|notice)\]|npm (?:WARN|warn|notice)\b|WARN(?:ING)?\b|NOTICE\b)"
    r".*|^\s*(?:hint: |\+ ).*"
    r"|^.*(?:already exists, skipping|\(using cache instead\)|\(ignored\)|[Rr]etry(?:ing)? (?:in|after|\d)).*",
    re.MULTILINE,
)
_WINDOW = 80


def plain(tail: str) -> str:
    """The text as a terminal shows it, after its control codes."""
    text = _OVERWRITTEN.sub("\n", _ANSI.sub("", tail.replace("\r\n", "\n")))
    text = _PREFIX.sub("", text)
    if _VERSION_CHECK in text and _ITS_REASON.search(text):
        return _ITS_REASON.sub("", text, count=1).replace(f"{_VERSION_CHECK}\n", "")
    return _NOISE.sub("", text)


def parts(text: str) -> tuple[str, ...]:
    """The texts to search, in order: the end without harmless lines, the whole without them, the whole."""
    lines_to_quote = _HARMLESS.sub("", text)
    lines = lines_to_quote.splitlines()
    last = [number for number, line in enumerate(lines) if line.strip()][-_WINDOW:]
    window = "\n".join(lines[last[0] :]) if last else ""
    return tuple(dict.fromkeys((window, lines_to_quote, text)))
