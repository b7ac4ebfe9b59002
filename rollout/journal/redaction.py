"""Masks secrets in all text that is written, in every encoding in which a program may print them.

A strong secret is masked everywhere. A weak one (`postgres`, `1234`, the deployment's name) is an ordinary word too.
It is masked only after a word such as `password`, so that other texts and links to log files stay intact.
"""

from __future__ import annotations

import base64
import html
import json
import re
import shlex
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from typing import Any
from urllib.parse import quote, quote_plus, unquote

from rollout.text.masking import MASK, mask_credentials

__all__ = ["MASK", "Redactor"]

_LEAST = 6  # characters of a strong secret
_LONG = 16  # a text of this length is strong even if it looks like a word
_WORD = re.compile(r"[A-Za-z]?[a-z]+|[A-Z]+|[0-9]+")
_WRAP = re.compile(r"[ \t]*\r?\n[ \t]*")
_BASE64_RUN = r"[A-Za-z0-9+/=_-]*"
_LOOKED_BACK = 4096  # characters of output that are searched for a secret broken over several lines
_KEY = 3  # letters that index the beginnings of secrets
_LONG_RUN = re.compile(r"[A-Za-z0-9+/=_-]{12,}")
_LEAST_BASE64 = 8  # characters; shorter ones occur in other encoded texts by chance
_NAMED = (
    r"(?:password|passwd|passphrase|pwd|secret|token|credentials?|api[_-]?key)[\w-]*"
    r"(?:[\"']?\s*(?:=>|:=|=|:)\s*|\s+(?:is\s+)?)[\"']?"
)


class Redactor:
    """Masks the given secrets, and every credential in a URL or a header.

    `spared`: public texts, such as the deployment's name and folder. A secret that is a part of one of them is weak.
    """

    def __init__(self, *, spared: Iterable[str] = ()) -> None:
        self._spared = tuple(spared)
        self._strong: tuple[_Secret, ...] = ()
        self._weak: tuple[re.Pattern[str], ...] = ()
        self._known: set[str] = set()
        self._beginnings: dict[str, list[tuple[str, int]]] = {}  # last letters → form, length of its beginning

    def add(self, *secrets: str) -> None:
        """Add secrets to mask."""
        new = {secret for secret in secrets if secret} - self._known
        if not new:
            return
        self._known |= new
        weak = {secret for secret in new if self._is_weak(secret)}
        strong = (*self._strong, *map(_Secret, new - weak))
        for form in {form for secret in strong[len(self._strong) :] for form in secret.forms}:
            for size in range(1, len(form)):
                self._beginnings.setdefault(form[max(0, size - _KEY) : size], []).append((form, size))
        self._strong = tuple(sorted(strong, key=lambda secret: len(secret.text), reverse=True))
        self._weak = (*self._weak, *map(_as_credential, sorted(weak, key=len, reverse=True)))

    def text(self, value: str) -> str:
        """The text with every secret in it masked."""
        decoded = unquote(value) if "%" in value else ""
        coded = " ".join(_LONG_RUN.findall(value)) if self._strong else ""
        for secret in self._strong:
            value = secret.masked(value, coded)
            if secret.text in decoded:
                value = secret.encoded.sub(MASK, value)
        if "\n" in value and self._strong:
            value = self._masked_over_lines(value)
        value = mask_credentials(value)
        for pattern in self._weak:
            value = pattern.sub(lambda found: found[0][: found.start(1) - found.start()] + MASK, value)
        return value

    def value(self, value: Any) -> Any:
        """The same JSON-like value with every string in it masked, keys included."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, Mapping):
            return {self.text(key) if isinstance(key, str) else key: self.value(item) for key, item in value.items()}
        if isinstance(value, Sequence) and not isinstance(value, bytes | bytearray):
            return [self.value(item) for item in value]
        return value

    def unfinished(self, text: str) -> int:
        """The number of characters at the end of `text` that may begin a secret that continues on the next line."""
        last = _WRAP.sub("", text[-_LOOKED_BACK:].rstrip())
        ends = (last[-length:] for length in range(1, _KEY + 1))
        begun = (found for end in ends for found in self._beginnings.get(end, ()))
        missing = max((size for form, size in begun if last.endswith(form[:size])), default=0)
        if not missing:
            return 0
        place = len(text)
        while missing and place:
            place -= 1
            missing -= not text[place].isspace()
        return len(text) - place

    def _is_weak(self, secret: str) -> bool:
        is_word = _WORD.fullmatch(secret) is not None and len(secret) < _LONG
        return len(secret) < _LEAST or is_word or any(secret in text for text in self._spared)

    def _masked_over_lines(self, value: str) -> str:
        joined = _WRAP.sub("", value)
        for secret in self._strong:
            if any(form in joined for form in secret.forms):
                value = secret.over_lines.sub(MASK, value)
                joined = _WRAP.sub("", value)
        return value


class _Secret:
    """One strong secret: the forms in which it may appear."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.forms = _forms(text)
        self._base64 = tuple(_base64_parts(text))

    def masked(self, value: str, coded: str) -> str:
        """The text with this secret masked. `coded`: the parts of the text that may be Base64."""
        for form in self.forms:
            if form in value:
                value = value.replace(form, MASK)
        for part in self._base64 if coded else ():
            if part in coded:
                value = re.sub(_BASE64_RUN + re.escape(part) + _BASE64_RUN, MASK, value)
        return value

    @cached_property
    def encoded(self) -> re.Pattern[str]:
        """A pattern of the secret with any of its characters percent-encoded."""
        coded = ("".join(f"%{byte:02x}" for byte in letter.encode("utf-8", "replace")) for letter in self.text)
        letters = (f"(?:{re.escape(letter)}|{code})" for letter, code in zip(self.text, coded, strict=True))
        return re.compile("".join(letters), re.IGNORECASE)

    @cached_property
    def over_lines(self) -> re.Pattern[str]:
        """A pattern of every form of the secret with line breaks between any two characters."""
        gap = r"(?:[ \t]*\r?\n[ \t]*)?"
        return re.compile("|".join(gap.join(map(re.escape, form)) for form in self.forms))


def _forms(text: str) -> tuple[str, ...]:
    """The encoded and escaped forms of a secret: URL, JSON, Elixir, SQL, HTML, shell."""
    quoted = json.dumps(text)[1:-1]
    found = {
        text,
        *(quote(text, safe=""), quote(text), quote_plus(text)),
        *(quoted, json.dumps(quoted)[1:-1], json.dumps(text, ensure_ascii=False)[1:-1], repr(text)[1:-1]),
        text.replace("\\", "\\\\").replace('"', '\\"').replace("#{", "\\#{"),
        text.replace("'", "''"),
        *(html.escape(text), html.escape(text, quote=False), shlex.quote(text).strip("'")),
    }
    return tuple(sorted(filter(None, found), key=len, reverse=True))


def _base64_parts(text: str) -> Iterable[str]:
    """The Base64 forms of the secret, at every offset in the encoded text (`user:password`)."""
    data = text.encode("utf-8", "replace")
    for before in range(3):
        coded = base64.b64encode(b"\0" * before + data).decode()
        part = coded[-(-before * 8 // 6) : (before + len(data)) * 8 // 6]
        if len(part) >= _LEAST_BASE64:
            yield part
            if (safe := part.translate(str.maketrans("+/", "-_"))) != part:
                yield safe


def _as_credential(secret: str) -> re.Pattern[str]:
    """A pattern of a weak secret after a word such as `password`. The secret is group 1."""
    forms = "|".join(map(re.escape, _forms(secret)))
    return re.compile(rf"{_NAMED}({forms})(?![\w-])", re.IGNORECASE)
