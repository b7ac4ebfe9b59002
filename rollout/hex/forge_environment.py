"""Environment variables that make Hex, npm and Git in the forge fetch everything through the gateway."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit

GITHUB_SPELLINGS = ("https://github.com/", "git@github.com:", "ssh://git@github.com/", "git://github.com/")


def forge_environment(url: str) -> Mapping[str, str]:
    """The variables for a gateway at `url` (no slash at the end). Hex still verifies every package."""
    host = urlsplit(url).hostname or ""
    env = {
        "HEX_MIRROR": url,
        "HEX_API_URL": f"{url}/api",
        "HEX_HTTP_CONCURRENCY": "8",
        "HEX_HTTP_TIMEOUT": "120",
        "NO_PROXY": f"localhost,127.0.0.1,{host}",
        "no_proxy": f"localhost,127.0.0.1,{host}",
        "NPM_CONFIG_REGISTRY": f"{url}/npm/",
        "NPM_CONFIG_OMIT_LOCKFILE_REGISTRY_RESOLVED": "true",
        "NPM_CONFIG_AUDIT": "false",
        "NPM_CONFIG_FUND": "false",
        "NPM_CONFIG_UPDATE_NOTIFIER": "false",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_CONFIG_COUNT": str(len(GITHUB_SPELLINGS)),
    }
    for index, spelling in enumerate(GITHUB_SPELLINGS):
        env[f"GIT_CONFIG_KEY_{index}"] = f"url.{url}/git/.insteadOf"
        env[f"GIT_CONFIG_VALUE_{index}"] = spelling
    return env


def setup_commands(url: str, *, fingerprint: str, key_file: str | None) -> tuple[tuple[str, ...], ...]:
    """Commands that register the key of the repository `hexpm`: from a file in the forge, or fetched by fingerprint."""
    if key_file is not None:
        return (("mix", "hex.repo", "set", "hexpm", "--url", url, "--public-key", key_file),)
    return (("mix", "hex.repo", "add", "hexpm", url, "--fetch-public-key", fingerprint),)
