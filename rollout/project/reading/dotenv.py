"""Variables with examples in files that a repository commits for its developers: .env.example and its like."""

from __future__ import annotations

import re

from rollout.project.reading.sources import Found, Sources, joined

FILES = (".env.example", ".env.sample", ".env.template", ".env.dev", ".env.development", ".env.test", ".envrc.example",
         ".envrc.template", ".envrc.sample", ".envrc", "env.example")  # fmt: skip
_LINE = re.compile(r"[ \t]*(?:export[ \t]+)?([A-Z][A-Z0-9_]*)=(.*)")


def read_examples(sources: Sources, folders: tuple[str, ...]) -> dict[str, Found[str]]:
    """Name → its value in the first of these files. Values that refer to something else are left out."""
    found: dict[str, Found[str]] = {}
    for path in (joined(folder, name) for folder in folders for name in FILES):
        for number, line in enumerate((sources.text(path) or "").splitlines(), 1):
            if match := _LINE.match(line):
                value = _plain(match[2])
                if value and not re.search(r"[$`<>{}]", value):
                    found.setdefault(match[1], Found(value, f"{path}:{number}"))
    return found


def _plain(value: str) -> str:
    """A value without quotes and comment."""
    value = value.strip()
    if len(value) > 1 and value[0] in "\"'" and (end := value.find(value[0], 1)) > 0:
        return value[1:end]
    return re.sub(r"\s+#.*$", "", value)
