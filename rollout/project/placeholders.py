"""Placeholders in the values of variables: `{port}`, `{database_url}`, `{service.search.port}`.

Only the names below, in braces, are placeholders. Other braces, such as those of JSON, stay as they are.
"""

from __future__ import annotations

import re
import secrets
import string
from collections.abc import Iterable, Mapping

from rollout.text.toml_records import InvalidRecord, require_known

PLACEHOLDERS: Mapping[str, str] = {
    "port": "The port that the server is to listen on.",
    "database_url": "The URL of the database of the phase: `ecto://role:password@host:port/name`. Tests have another.",
    "database.host": "The parts of that URL.",
    "database.port": "",
    "database.username": "",
    "database.password": "",
    "database.name": "",
    "service.NAME.host": "Where `[services.NAME]` listens.",
    "service.NAME.port": "",
}
"""Every placeholder with its meaning; "" means that of the line above."""

SECRET = re.compile(r"generate:([1-9][0-9]{0,3})")
_BRACES = re.compile(r"\{([a-z_]+(?:\.[a-z0-9_-]+)*)\}")
_LETTERS = string.ascii_letters + string.digits


def fill(text: str, values: Mapping[str, str]) -> str:
    """The text with its placeholders replaced, or a new secret for `generate:N` (N letters and digits).

    `values` has a value for each placeholder that can be filled: `{"port": "4000", "service.search.port": "9200"}`.
    A placeholder without a value stays, so that the caller sees it.
    """
    if secret := SECRET.fullmatch(text):
        return "".join(secrets.choice(_LETTERS) for _ in range(int(secret[1])))
    return _BRACES.sub(lambda found: values.get(found[1], found[0]), text)


def used(text: str) -> tuple[str, ...]:
    """The names in braces of a text, in order."""
    return tuple(_BRACES.findall(text))


def require_placeholders(
    text: str, services: Iterable[str], where: str, path: tuple[str | int, ...], *, secret: bool
) -> None:
    """Raise InvalidRecord for a name in braces that is no placeholder. `secret`: `generate:N` is allowed."""
    own = [name.replace("NAME", each) for name in PLACEHOLDERS if "NAME" in name for each in services]
    known = [*(name for name in PLACEHOLDERS if "NAME" not in name), *own]
    for name in used(text):
        require_known(where, "placeholder", name, known, path=path)
    if text.startswith("generate:") and not (secret and SECRET.fullmatch(text)):
        wanted = (
            "generate:N with a number from 1 to 9999" if secret else "a value; generate:N is for [release] variables"
        )
        raise InvalidRecord(where, f"{path[-1]}={text!r} is not {wanted}", path=path)
