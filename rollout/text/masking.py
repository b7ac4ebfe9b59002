"""Masks credentials in URLs, queries and HTTP headers. It finds them by position, not by value.

`rollout.journal.redaction` also masks the known secrets of a run. Errors use this module, because they may be printed
before a run and its secrets exist.
"""

from __future__ import annotations

import re

MASK = "***"

_QUOTES = r"\s\"'<>`"
# The credentials end at the last @, because a password may hold an unencoded @ or /. It must not be shown.
# `user:password@` is an example in the suite's own messages.
_DATABASE = re.compile(rf"(\b(?:postgres|postgresql|ecto)://[^{_QUOTES}:/@]*):(?!password@)[^{_QUOTES}]+@")
_USER = rf"(\b[a-z][a-z0-9+.-]*://[^{_QUOTES}:/@?#]*)"
_PASSWORD = re.compile(rf"{_USER}:(?!password@)[^{_QUOTES}/?#]+@", re.IGNORECASE)
# The text after the colon is no port, so it is a password with an unencoded character.
_BROKEN_PASSWORD = re.compile(rf"{_USER}:(?!password@|\d+[/?#])[^{_QUOTES}@]+@(?=[\w.\[-])", re.IGNORECASE)
_TOKEN = re.compile(rf"(\b(?:https?|git|ssh)://)(?!git@)[^{_QUOTES}:/@?#]+@", re.IGNORECASE)
_QUERY = re.compile(
    rf"([?&](?:ssl)?(?:password|passwd|pwd|secret|token|access_token|api_?key)=)[^&#{_QUOTES}]+", re.IGNORECASE
)
_HEADER = re.compile(
    r"(\bauthorization[\"']?\s*[:=,>]+\s*[\"']?(?:basic|bearer|token)\s+)[A-Za-z0-9._~+/=-]+", re.IGNORECASE
)


def mask_credentials(text: str) -> str:
    """The text with masked passwords in URLs, queries and authorization headers."""
    if "://" in text:
        text = _DATABASE.sub(rf"\1:{MASK}@", text)
        text = _PASSWORD.sub(rf"\1:{MASK}@", text)
        text = _BROKEN_PASSWORD.sub(rf"\1:{MASK}@", text)
        text = _TOKEN.sub(rf"\1{MASK}@", text)
    if "=" in text:
        text = _QUERY.sub(rf"\1{MASK}", text)
    return _HEADER.sub(rf"\1{MASK}", text) if "uthorization" in text.lower() else text
