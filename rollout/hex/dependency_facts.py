"""Licences and disk size of a fetched dependency."""

from __future__ import annotations

import os
import re
from pathlib import Path

METADATA = "hex_metadata.config"
_MOST_BYTES = 2_000_000  # of the metadata, whose list of files can be long
_LICENCES = re.compile(rb'\{<<"licenses">>,\s*\[([^\]]*)\]\s*\}')
_BINARY = re.compile(rb'<<"((?:[^"\\]|\\.)*)"(?:/utf8)?>>')


def licences(folder: Path) -> tuple[str, ...]:
    """The licences that the Hex package in `folder` declares; () without a declaration or without Hex metadata.

    The metadata is a file of Erlang terms that Hex writes: `{<<"licenses">>,[<<"MIT">>]}.`
    """
    try:
        with (folder / METADATA).open("rb") as file:
            found = _LICENCES.search(file.read(_MOST_BYTES))
    except OSError:
        return ()
    names = _BINARY.findall(found.group(1)) if found else []
    return tuple(re.sub(rb"\\(.)", rb"\1", name).decode("utf-8", "replace") for name in names)


def size(folder: Path) -> int:
    """Total size of all files below `folder`, in bytes. Files that vanish meanwhile are not counted."""
    total = 0
    for place, _folders, files in os.walk(folder):
        for name in files:
            try:
                total += Path(place, name).lstat().st_size
            except OSError:
                continue
    return total
