"""Secrets are masked before anything is written."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

MASK = "***"
_URL_PASSWORD = re.compile(r"(\b[a-z][a-z0-9+.-]*://[^\s:/@]*):[^\s@/]+@")
_URL_TOKEN = re.compile(r"(\bhttps?://)[^\s:/@]+@")
_QUERY_PASSWORD = re.compile(r"([?&]password=)[^&\s\"']+")


class Redactor:
    """Masks the secrets it was told, and the password of every URL."""

    def __init__(self) -> None:
        self._secrets: tuple[str, ...] = ()

    def add(self, *secrets: str) -> None:
        """Mask these from now on (at least 6 characters each, so that no word of prose is one)."""
        known = {*self._secrets, *(secret for secret in secrets if len(secret) >= 6)}
        self._secrets = tuple(sorted(known, key=len, reverse=True))

    def text(self, value: str) -> str:
        for secret in self._secrets:
            value = value.replace(secret, MASK)
        value = _URL_PASSWORD.sub(rf"\1:{MASK}@", value)
        value = _URL_TOKEN.sub(rf"\1{MASK}@", value)
        return _QUERY_PASSWORD.sub(rf"\1{MASK}", value)

    def value(self, value: Any) -> Any:
        """The same JSON-like value with every string in it masked."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, Mapping):
            return {key: self.value(item) for key, item in value.items()}
        if isinstance(value, Sequence):
            return [self.value(item) for item in value]
        return value
