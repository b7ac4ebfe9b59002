"""Prepares a command's output for the signs: no terminal codes, spinners and noise; which part is searched first."""

from __future__ import annotations

import re

_ANSI = re.compile(r"\x1b(?:\[[0-9;?]*[A-Za-z]|\][^\x07\x1b]*(?:\x07|\x1b\\))")
_OVERWRITTEN = re.compile(r"[^\n]*\r(?!\n)|[\u2800-\u28ff]+")  # a line begun anew, a spinner's frame
_PREFIX = re.compile(r"^(?:#\d+ (?:\d+\.\d+ )?|[\w.-]+-\d+ +\| ?)", re.MULTILINE)  # of BuildKit, of Compose
# Hex asks for newer versions of itself, whatever it was called for; not to reach that page stops nothing.
_VERSION_CHECK = "Failed to check for new Hex version"
# Its reason, one line, may come later, between lines of what was asked meanwhile.
_ITS_REASON = re.compile(r'^\{:failed_connect, \[\{:to_address, \{~c"(?:\w+\.)?hex\.pm", \d+\}\}.*\}\n?', re.MULTILINE)
_NOISE = re.compile(rf"^(?:\{{.*\}}\n{_VERSION_CHECK}\n?|{_VERSION_CHECK}\n(?:\{{.*\}}\n)?)", re.MULTILINE)
# Lines that never say what stopped a command: warnings, notices, what was survived.
_HARMLESS = re.compile(
    r"^\s*(?:warning: |\[(?:warning|debug|info|notice)\]|npm (?:WARN|warn|notice)\b|WARN(?:ING)?\b|NOTICE\b)"
    r".*|^\s*(?:hint: |\+ ).*"
    r"|^.*(?:already exists, skipping|\(using cache instead\)|\(ignored\)|[Rr]etry(?:ing)? (?:in|after|\d)).*",
    re.MULTILINE,
)
_WINDOW = 80


def plain(tail: str) -> str:
    """What is there to read once the terminal has done what it was told."""
    text = _OVERWRITTEN.sub("\n", _ANSI.sub("", tail.replace("\r\n", "\n")))
    text = _PREFIX.sub("", text)
    if _VERSION_CHECK in text and _ITS_REASON.search(text):
        return _ITS_REASON.sub("", text, count=1).replace(f"{_VERSION_CHECK}\n", "")
    return _NOISE.sub("", text)


def parts(text: str) -> tuple[str, ...]:
    """Texts to search one after the other: the end without harmless lines, the whole without them, the whole."""
    telling = _HARMLESS.sub("", text)
    lines = telling.splitlines()
    last = [number for number, line in enumerate(lines) if line.strip()][-_WINDOW:]
    window = "\n".join(lines[last[0] :]) if last else ""
    return tuple(dict.fromkeys((window, telling, text)))
