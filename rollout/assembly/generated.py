"""Moves a generated application into its folder, and removes random secrets from files that are compared."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

_RANDOM = re.compile(r'((?:signing_salt|secret_key_base): )"[^"]+"')


def move_in(generated: Path, directory: Path) -> None:
    """Move a generated application into its folder, without a repository of the generator."""
    shutil.rmtree(generated / ".git", ignore_errors=True)
    for child in generated.iterdir():
        child.rename(directory / child.name)
    shutil.rmtree(generated.parent)


def without_secrets(text: str) -> str:
    """The text of a generated file without what is random in it: two generated applications are equal then."""
    return _RANDOM.sub(r'\1"…"', text)
