"""The reference of rollout.toml: its keys, its placeholders and its JSON schema."""

from __future__ import annotations

import inspect

from docgen.markdown import table
from rollout.project.placeholders import PLACEHOLDERS
from rollout.project.schema import key_rows, tables


def project_keys() -> str:
    """The keys of rollout.toml, a section for each table."""
    parts = []
    for name, kind in tables().items():
        meaning = inspect.cleandoc(kind.__doc__ or "").partition(": ")[2].partition("\n\n")[0]
        parts += [f"## {name}", meaning[:1].upper() + meaning[1:], table(("key", "default", "meaning"), key_rows(kind))]
    return "\n\n".join(parts)


def project_placeholders() -> str:
    """The placeholders in the values of variables."""
    return table(("placeholder", "meaning"), [(f"`{{{name}}}`", meaning) for name, meaning in PLACEHOLDERS.items()])
