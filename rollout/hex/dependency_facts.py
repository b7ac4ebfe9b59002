"""What a fetched dependency says of itself: its licences, and how large it is on disk."""

from __future__ import annotations

import os
import re
from pathlib import Path

METADATA = "hex_metadata.config"
_MOST_BYTES = 2_000_000  # of the metadata; a list of files can be long
_LICENCES = re.compile(rb'\{<<"licenses">>,\s*\[([^\]]*)\]\s*\}')
_BINARY = re.compile(rb'<<"((?:[^"\\]|\\.)*)"(?:/utf8)?>>')


def licences(folder: Path) -> tuple[str, ...]:
    """The licences that a Hex package in `folder` names, in its order; () where it names none, or is none of Hex's.

    Its metadata is a file of Erlang terms, written by Hex: `{<<"licenses">>,[<<"MIT">>]}.`
    """
    try:
        with (folder / METADATA).open("rb") as file:
            found = _LICENCES.search(file.read(_MOST_BYTES))
    except OSError:
        return ()
    names = _BINARY.findall(found.group(1)) if found else []
    return tuple(re.sub(rb"\\(.)", rb"\1", name).decode("utf-8", "replace") for name in names)


def size(folder: Path) -> int:
    """Bytes of all files below `folder`; what goes away while we look counts for nothing."""
    total = 0
    for place, _folders, files in os.walk(folder):
        for name in files:
            try:
                total += Path(place, name).lstat().st_size
            except OSError:
                continue
    return total
