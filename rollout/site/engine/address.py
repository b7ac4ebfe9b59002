"""Finds the address of the user's container engine by the rules of Docker's command line. Contacts no engine.

| order | source of the address |
|---|---|
| 1 | `DOCKER_HOST` |
| 2 | `DOCKER_CONTEXT`, the name of a context (`default` is none) |
| 3 | `CONTAINER_HOST`, the variable of Podman |
| 4 | `currentContext` in `config.json` of `~/.docker` (or `DOCKER_CONFIG`), written by `docker context use` |
| 5 | `DOCKER_TLS_VERIFY` or `DOCKER_TLS` alone: tcp://localhost:2376 |

With `DOCKER_TLS_VERIFY` or `DOCKER_TLS` a TCP address of 1 or 5 uses TLS. The certificates are in `DOCKER_CERT_PATH` or
`~/.docker`. A context has its own certificates. A socket never uses TLS.
"""

from __future__ import annotations

import hashlib
import json
import os
import pwd
import re
import ssl
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

VARIABLES = (
    "DOCKER_HOST", "DOCKER_CONTEXT", "CONTAINER_HOST", "DOCKER_CONFIG", "DOCKER_TLS_VERIFY", "DOCKER_TLS",
    "DOCKER_CERT_PATH", "HOME",
)  # fmt: skip
DEFAULT_SOCKET = "unix:///var/run/docker.sock"
_PORT, _TLS_PORT = 2375, 2376
_TCP = re.compile(r"(?P<host>\[[0-9A-Fa-f:.%]+\]|[^\s/:@\[\]]*)(?::(?P<port>\d{1,5}))?/?")
_CERTIFICATES = ("ca.pem", "cert.pem", "key.pem")
_LARGEST_PORT = 65535


@dataclass(frozen=True, slots=True, kw_only=True)
class Tls:
    """Paths of certificates, "" for a missing one. `verify`: check the engine's certificate."""

    folder: str
    ca: str = ""
    cert: str = ""
    key: str = ""
    verify: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """The address of an engine that the user named. `by` is the setting, `mend` the command that changes it."""

    url: str
    by: str
    mend: str
    tls: Tls | None = None


def as_settings(url: str, tls: Tls | None) -> dict[str, str]:
    """An engine's address as variables of a deployment's `.env` and of a run's journal."""
    if tls is None:
        return {"XAVOS_ENGINE_URL": url}
    return {
        "XAVOS_ENGINE_URL": url,
        "XAVOS_ENGINE_TLS": "DOCKER_TLS_VERIFY" if tls.verify else "DOCKER_TLS",
        "XAVOS_ENGINE_CERTIFICATES": tls.folder,
    }


def of_settings(settings: Mapping[str, str]) -> Address:
    """The address that `as_settings` has written. Raises BadAddress if its certificates are gone."""
    url, tls = settings["XAVOS_ENGINE_URL"], None
    by = f"the engine of that run, {url}"
    try:
        if "XAVOS_ENGINE_CERTIFICATES" in settings:
            verify = settings.get("XAVOS_ENGINE_TLS") != "DOCKER_TLS"
            tls = _tls(Path(settings["XAVOS_ENGINE_CERTIFICATES"]), verify=verify, needs_ca=False)
    except ValueError as error:
        raise BadAddress(f"{by}: {error}", mend="put the certificates back") from None
    return Address(url=url, by=by, mend="start that engine", tls=tls)


class BadAddress(Exception):
    """The setting that names the engine is unusable. The text is a clause, `mend` a command."""

    def __init__(self, reason: str, *, mend: str) -> None:
        super().__init__(reason)
        self.mend = mend


def named_address(env: Mapping[str, str]) -> Address | None:
    """The address of the engine that the user named; None if no engine is named. Raises BadAddress."""
    if host := env.get("DOCKER_HOST"):
        return _from_variable("DOCKER_HOST", host, env)
    if name := env.get("DOCKER_CONTEXT"):
        mend = "unset DOCKER_CONTEXT   # or name one that `docker context ls` shows"
        return _from_tls(env) if name == "default" else _from_context(name, f"DOCKER_CONTEXT={name}", env, mend)
    if host := env.get("CONTAINER_HOST"):
        return _from_variable("CONTAINER_HOST", host, env)
    name = str(_configuration(env)[0].get("currentContext") or "default")
    if name != "default":
        by = f"the Docker context {name} ({_folder(env) / 'config.json'})"
        return _from_context(name, by, env, "docker context use default   # or start the engine of that context")
    return _from_tls(env)


def _from_variable(variable: str, value: str, env: Mapping[str, str]) -> Address:
    by, mend = f"{variable}={value}", f"unset {variable}   # or start what it names"
    tls = _tls_of_variables(env) if variable == "DOCKER_HOST" else None
    try:
        return _address(value, by=by, mend=mend, tls=tls)
    except ValueError as error:
        raise BadAddress(f"{by}: {error}", mend=mend) from None


def _from_tls(env: Mapping[str, str]) -> Address | None:
    variable = next((name for name in ("DOCKER_TLS_VERIFY", "DOCKER_TLS") if env.get(name)), None)
    if variable is None:
        return None
    url = f"tcp://localhost:{_TLS_PORT}"
    by, mend = f"{variable} without DOCKER_HOST, which means {url}", f"unset {variable}   # or set DOCKER_HOST"
    return Address(url=url, by=by, mend=mend, tls=_tls_of_variables(env))


def _from_context(name: str, by: str, env: Mapping[str, str], mend: str) -> Address:
    """Read the files of `docker context create`. Their folder is the SHA-256 of the context's name."""
    contexts, identity = _folder(env) / "contexts", hashlib.sha256(name.encode()).hexdigest()
    file = contexts / "meta" / identity / "meta.json"
    try:
        endpoint = _endpoint(file)
        certificates = contexts / "tls" / identity / "docker"
        tls = None
        if certificates.is_dir() or endpoint.get("SkipTLSVerify"):
            tls = _tls(certificates, verify=not endpoint.get("SkipTLSVerify"), needs_ca=False)
        return _address(str(endpoint["Host"]), by=by, mend=mend, tls=tls)
    except ValueError as error:
        raise BadAddress(f"{by}: {error}", mend=mend) from None


def _endpoint(file: Path) -> Mapping[str, Any]:
    """Raises ValueError."""
    try:
        meta = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ValueError(f"there is no such context ({file} is missing)") from None
    except OSError as error:
        raise ValueError(f"{file} cannot be read ({error.strerror})") from None
    except (ValueError, RecursionError):
        raise ValueError(f"{file} is not valid JSON") from None
    endpoints = meta.get("Endpoints") if isinstance(meta, dict) else None
    endpoint = endpoints.get("docker") if isinstance(endpoints, dict) else None
    if not isinstance(endpoint, dict) or not isinstance(endpoint.get("Host"), str) or not endpoint["Host"]:
        raise ValueError(f"it has no Docker endpoint ({file})")
    return endpoint


def _address(value: str, *, by: str, mend: str, tls: Tls | None) -> Address:
    """Raises ValueError with a clause."""
    url = normalized(value, is_tls=tls is not None)
    return Address(url=url, by=by, mend=mend, tls=None if url.startswith(("unix://", "http://")) else tls)


def normalized(value: str, *, is_tls: bool) -> str:
    """An engine's address in full, as Docker's command line completes it. Raises ValueError with a clause."""
    scheme, separator, rest = value.strip().partition("://")
    if not separator:
        scheme, rest = "tcp", value.strip()
    if scheme == "unix":
        return f"unix://{rest}" if rest else DEFAULT_SOCKET
    if scheme == "ssh":
        raise ValueError(
            "an engine behind ssh:// uses the files and ports of another machine; run this suite on that machine"
        )
    if scheme == "npipe":
        raise ValueError("a named pipe of Windows cannot be reached from here")
    match = _TCP.fullmatch(rest) if scheme in {"tcp", "http", "https"} else None
    port = int((match and match["port"]) or (_TLS_PORT if is_tls or scheme == "https" else _PORT))
    if match is None or (not rest.strip("/") and separator == "") or not 0 < port <= _LARGEST_PORT:
        raise ValueError("that is not an engine's address (unix:///path or tcp://host:port)")
    return f"{scheme}://{match['host'] or 'localhost'}:{port}"


def _tls_of_variables(env: Mapping[str, str]) -> Tls | None:
    """Raises BadAddress."""
    verify = bool(env.get("DOCKER_TLS_VERIFY"))
    if not verify and not env.get("DOCKER_TLS"):
        return None
    named = env.get("DOCKER_CERT_PATH")
    folder = Path(named) if named else _folder(env)
    try:
        return _tls(folder, verify=verify, needs_ca=verify)
    except ValueError as error:
        what = f"DOCKER_CERT_PATH={named}" if named else f"the certificates in {folder}"
        raise BadAddress(
            f"{what}: {error}", mend="unset DOCKER_TLS_VERIFY DOCKER_TLS   # or set DOCKER_CERT_PATH to their folder"
        ) from None


def _tls(folder: Path, *, verify: bool, needs_ca: bool) -> Tls:
    """The certificates of a folder. Raises ValueError."""
    ca, cert, key = (str(folder / name) if _is_file(folder / name) else "" for name in _CERTIFICATES)
    if needs_ca and not ca:
        raise ValueError("ca.pem, which identifies the engine, is missing or unreadable")
    if bool(cert) != bool(key):
        raise ValueError("cert.pem and key.pem are both needed, and one of them is missing or unreadable")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        if ca:
            context.load_verify_locations(ca)
    except (ssl.SSLError, OSError):
        raise ValueError("ca.pem holds no certificate") from None
    try:
        if cert:
            context.load_cert_chain(cert, key, password="")  # otherwise OpenSSL asks for it on the terminal
    except (ssl.SSLError, OSError):
        raise ValueError("cert.pem and key.pem do not match, or the key has a password") from None
    return Tls(folder=str(folder.absolute()), ca=ca, cert=cert, key=key, verify=verify)


def _is_file(path: Path) -> bool:
    try:
        return stat.S_ISREG(path.stat().st_mode) and os.access(path, os.R_OK)
    except (OSError, ValueError):
        return False


def broken_configuration(env: Mapping[str, str]) -> str:
    """Why config.json cannot be read, or "". A broken file names no context, as in Docker."""
    return _configuration(env)[1]


def _configuration(env: Mapping[str, str]) -> tuple[Mapping[str, Any], str]:
    """The content of config.json, and why it is unusable ("" if it is usable)."""
    file = _folder(env) / "config.json"
    try:
        read = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}, ""
    except OSError as error:
        return {}, f"{file} cannot be read ({error.strerror})"
    except (ValueError, RecursionError):
        return {}, f"{file} is not valid JSON"
    return (read, "") if isinstance(read, dict) else ({}, f"{file} holds no JSON object")


def _folder(env: Mapping[str, str]) -> Path:
    """The folder of Docker's configuration."""
    if named := env.get("DOCKER_CONFIG"):
        return Path(named)
    home = env.get("HOME")
    if not home:
        try:
            home = pwd.getpwuid(os.getuid()).pw_dir
        except KeyError:
            home = "/nonexistent"
    return Path(home) / ".docker"
