"""A hostile environment: variables and configuration files that must not affect a run."""

from __future__ import annotations

import json
from pathlib import Path

_PROXY = "http://me:s3cret@127.0.0.1:1"  # nobody listens there
_HOSTILE = {
    "PGSSLMODE": "require", "PGHOSTADDR": "192.0.2.1", "PGSERVICE": "other", "PGOPTIONS": "-c nonsense=1", "PGTZ": "x",
    "HTTP_PROXY": _PROXY, "http_proxy": _PROXY, "HTTPS_PROXY": _PROXY, "ALL_PROXY": "socks5://127.0.0.1:1",
    "NO_PROXY": "localhost,fd00::/8", "SSL_CERT_FILE": "/no/such/file", "SSLKEYLOGFILE": "/no/such/folder/keys",
    "GIT_DIR": "/other/.git", "GIT_WORK_TREE": "/other", "GIT_INDEX_FILE": "/other/index", "GIT_CONFIG_COUNT": "x",
    "MIX_ENV": "prod", "HEX_OFFLINE": "1", "ERL_FLAGS": "-bad", "ELIXIR_ERL_OPTIONS": "+bad",
    "NODE_OPTIONS": "--require=/other.js", "npm_config_ignore_scripts": "true",
    "PYTHONSTARTUP": "/other.py", "BASH_ENV": "/other.sh", "CDPATH": "/", "GREP_OPTIONS": "-v",
    "TAR_OPTIONS": "--bad",
    "TMPDIR": "/no/such/folder", "LC_ALL": "de_DE.UTF-8", "LANGUAGE": "de", "TZ": "Asia/Kolkata",
    "COLUMNS": "x", "TESTCONTAINERS_HOST_OVERRIDE": "192.0.2.1", "TC_MAX_TRIES": "x", "COMPOSE_FILE": "/other.yml",
}  # fmt: skip


def hostile(folder: Path) -> dict[str, str]:
    """Variables, and a Docker configuration in `folder` with proxies and a missing credential helper."""
    folder.mkdir(parents=True, exist_ok=True)
    proxies = {"httpProxy": _PROXY, "httpsProxy": _PROXY, "noProxy": ""}
    (folder / "config.json").write_text(json.dumps({"proxies": {"default": proxies}, "credsStore": "not-there"}))
    return {**_HOSTILE, "DOCKER_CONFIG": str(folder)}
