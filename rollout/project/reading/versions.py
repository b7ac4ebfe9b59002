"""The versions of Elixir and Erlang/OTP that a repository asks for."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator

from rollout.project.reading.sources import Found, Sources, joined

_MISE = ("mise.toml", ".mise.toml", ".config/mise.toml", "mise/config.toml")
_NAMES = {"elixir": "elixir", "erlang": "otp"}
_LINE = re.compile(r"(elixir|erlang)[ \t]+(\S+)")
_ARGUMENT = re.compile(r"[ \t]*ARG[ \t]+(ELIXIR|OTP|ERLANG)_VERSION=[\"']?([\w.-]+)", re.IGNORECASE)


def read_versions(sources: Sources, folders: tuple[str, ...]) -> dict[str, Found[str]]:
    """`elixir` and `otp` → the version in .tool-versions, mise.toml or a Dockerfile, in this order."""
    found: dict[str, Found[str]] = {}
    for folder in folders:
        for name, version, place in (*_tools(sources, folder), *_mise(sources, folder), *_docker(sources, folder)):
            if re.fullmatch(r"[\w.-]+", version):
                found.setdefault(name, Found(version, place))
    return found


def _tools(sources: Sources, folder: str) -> Iterator[tuple[str, str, str]]:
    path = joined(folder, ".tool-versions")
    for number, line in enumerate((sources.text(path) or "").splitlines(), 1):
        if match := _LINE.match(line):
            yield _NAMES[match[1]], match[2], f"{path}:{number}"


def _mise(sources: Sources, folder: str) -> Iterator[tuple[str, str, str]]:
    for path in (joined(folder, name) for name in _MISE):
        content = sources.text(path)
        if content is None:
            continue
        try:
            tools = tomllib.loads(content).get("tools", {})
        except tomllib.TOMLDecodeError as error:
            sources.unread.setdefault(path, str(error))
            continue
        for name, wanted in tools.items() if isinstance(tools, dict) else ():
            version = wanted.get("version") if isinstance(wanted, dict) else wanted
            version = version[0] if isinstance(version, list) and version else version
            if name in _NAMES and isinstance(version, str):
                lines = content.splitlines()
                number = next((at for at, line in enumerate(lines, 1) if line.strip().startswith(name)), 1)
                yield _NAMES[name], version, f"{path}:{number}"


def _docker(sources: Sources, folder: str) -> Iterator[tuple[str, str, str]]:
    path = joined(folder, "Dockerfile")
    for number, line in enumerate((sources.text(path) or "").splitlines(), 1):
        if match := _ARGUMENT.match(line):
            yield "elixir" if match[1].upper() == "ELIXIR" else "otp", match[2], f"{path}:{number}"
