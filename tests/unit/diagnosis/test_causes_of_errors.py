"""Errors of Python, engines, libpq and TLS get the same causes as printed ones."""

from __future__ import annotations

import errno
import ssl
from pathlib import Path

import httpx
import psycopg
import pytest

from rollout.diagnosis import ADVICE
from rollout.errors import RolloutError
from rollout.hex.errors import SourceUnavailable
from rollout.hex.git_clones import GitFailed
from rollout.hex.http_client import UNTRUSTED, UpstreamFailure, kind_of
from rollout.phases.phase import describe
from rollout.site.postgres.login import Login

TLS = ssl.SSLCertVerificationError(
    1, "[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: self-signed certificate"
)


@pytest.mark.parametrize(
    ("error", "cause"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), "disk_full"),
        (OSError(errno.EDQUOT, "Disk quota exceeded"), "disk_full"),
        (OSError(errno.EMFILE, "Too many open files"), "limit_reached"),
        (OSError(errno.ENOMEM, "Cannot allocate memory"), "out_of_memory"),
        (OSError(errno.EROFS, "Read-only file system"), "permission_denied"),
        (OSError(errno.ENOTEMPTY, "Directory not empty"), "already_exists"),
        (FileNotFoundError(errno.ENOENT, "No such file or directory", "x"), "file_missing"),
        (MemoryError(), "out_of_memory"),
        (RuntimeError("can't start new thread"), "limit_reached"),
        (RuntimeError("500 Server Error: container-init binary not found on the host"), "engine_failed"),
        (RuntimeError("500 Server Error: Bind for 127.0.0.1:4001 failed: port is already allocated"), "port_taken"),
        (ValueError("nobody has seen this before"), "unknown"),
    ],
)
def test_an_error_of_python_or_of_an_engine_has_its_cause(error: BaseException, cause: str, tmp_path: Path) -> None:
    told = describe(error, tmp_path)
    assert told["cause"] == cause
    assert cause == "unknown" or told["advice"] == ADVICE[cause]


@pytest.mark.parametrize(
    ("said", "cause"),
    [
        ("connection failed: server does not support SSL, but SSL was required", "database_misconfigured"),
        ('connection failed: FATAL:  database "nope" does not exist', "database_misconfigured"),
        ('connection failed: server certificate for "a" does not match host name "b"', "database_misconfigured"),
        ("connection failed: SSL error: certificate verify failed", "database_misconfigured"),
        ('connection failed: FATAL:  password authentication failed for user "u"', "database_denied"),
        ("connection failed: Connection refused", "database_unreachable"),
        ("connection failed: FATAL:  the database system is starting up", "database_unreachable"),
    ],
)
def test_a_server_that_answers_us_is_not_called_unreachable(
    said: str, cause: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise psycopg.OperationalError(said)

    monkeypatch.setattr(psycopg, "connect", refuse)
    with pytest.raises(RolloutError) as raised:
        Login(host="db.example.org", port=5432, user="u", password="p").connect()
    assert raised.value.cause == cause


def test_an_untrusted_certificate_is_distinguished_from_a_network_outage() -> None:
    error = httpx.ConnectError("handshake failed")
    error.__cause__ = TLS
    assert kind_of(error) == UNTRUSTED
    assert kind_of(httpx.ConnectError(str(TLS))) == UNTRUSTED
    assert kind_of(httpx.ConnectError("[Errno 111] Connection refused")) == "unreachable"


@pytest.mark.parametrize(
    ("error", "cause"),
    [
        (UpstreamFailure(kind=UNTRUSTED, url="https://h/names", reason="x"), "certificate_untrusted"),
        (UpstreamFailure(kind="unreachable", url="https://h/names", reason="x"), "registry_unreachable"),
        (SourceUnavailable(source="mirror https://h", reason="x", is_untrusted=True), "certificate_untrusted"),
        (SourceUnavailable(source="mirror https://h", reason="x"), "registry_unreachable"),
        (
            GitFailed(
                name="a/b", kind="git_failed", where="https://h", detail="server certificate verification failed."
            ),
            "certificate_untrusted",
        ),
        (GitFailed(name="a/b", kind="unreachable", where="https://h", detail="timed out"), "registry_unreachable"),
    ],
)
def test_a_private_ca_has_its_own_cause_everywhere(error: RolloutError, cause: str) -> None:
    assert error.cause == cause
    assert "CA" in str(error) or cause != "certificate_untrusted" or isinstance(error, GitFailed)
