"""Masks credentials that are recognisable by their place: in a URL, a query or an HTTP header.

It knows no secret by itself; `rollout.journal.redaction` adds the secrets of a run. Errors use it as well, because they
are printed before a run, and so its secrets, exist.
"""

from __future__ import annotations

import re

MASK = "***"

_QUOTES = r"\s\"'<>`"
# Here the credentials end at the last @: a password with @ or / in it was not encoded, and must not show.
# `user:password@` is what our own advice says.
_DATABASE = re.compile(rf"(\b(?:postgres|postgresql|ecto)://[^{_QUOTES}:/@]*):(?!password@)[^{_QUOTES}]+@")
_USER = rf"(\b[a-z][a-z0-9+.-]*://[^{_QUOTES}:/@?#]*)"
_PASSWORD = re.compile(rf"{_USER}:(?!password@)[^{_QUOTES}/?#]+@", re.IGNORECASE)
# What follows the colon is no port, so it is a password with a character that ought to be encoded.
_BROKEN_PASSWORD = re.compile(rf"{_USER}:(?!password@|\d+[/?#])[^{_QUOTES}@]+@(?=[\w.\[-])", re.IGNORECASE)
_TOKEN = re.compile(rf"(\b(?:https?|git|ssh)://)(?!git@)[^{_QUOTES}:/@?#]+@", re.IGNORECASE)
_QUERY = re.compile(
    rf"([?&](?:ssl)?(?:password|passwd|pwd|secret|token|access_token|api_?key)=)[^&#{_QUOTES}]+", re.IGNORECASE
)
_HEADER = re.compile(
    r"(\bauthorization[\"']?\s*[:=,>]+\s*[\"']?(?:basic|bearer|token)\s+)[A-Za-z0-9._~+/=-]+", re.IGNORECASE
)


def mask_credentials(text: str) -> str:
    """The text with the password of every URL, query and authorization header masked."""
    if "://" in text:
        text = _DATABASE.sub(rf"\1:{MASK}@", text)
        text = _PASSWORD.sub(rf"\1:{MASK}@", text)
        text = _BROKEN_PASSWORD.sub(rf"\1:{MASK}@", text)
        text = _TOKEN.sub(rf"\1{MASK}@", text)
    if "=" in text:
        text = _QUERY.sub(rf"\1{MASK}", text)
    return _HEADER.sub(rf"\1{MASK}", text) if "uthorization" in text.lower() else text
