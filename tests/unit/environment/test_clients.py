"""libpq, docker-py and websockets use the given address and login, whatever the environment says."""

from __future__ import annotations

import http.server
import io
import json
import os
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict
from websockets.sync.server import ServerConnection, serve

from deploy_tests.support import liveview
from deploy_tests.support.chromium import chromium
from rollout.site.engine.client import Client
from rollout.site.engine.discovery import ask
from rollout.site.postgres import DatabaseDenied, DatabaseUnreachable
from rollout.site.postgres.login import Login, open_connection

PG = {
    "PGSSLMODE": "require", "PGHOSTADDR": "192.0.2.1", "PGHOST": "192.0.2.1", "PGPORT": "1", "PGSERVICE": "other",
    "PGSERVICEFILE": "/no/such/file", "PGOPTIONS": "-c nonsense=1", "PGPASSFILE": "/no/such/file", "PGUSER": "other",
    "PGPASSWORD": "other", "PGDATABASE": "other", "PGREQUIREAUTH": "none", "PGCHANNELBINDING": "require", "PGTZ": "x",
    "PGTARGETSESSIONATTRS": "read-only", "PGCONNECT_TIMEOUT": "x", "PGMINPROTOCOLVERSION": "99",
    "PGCLIENTENCODING": "x", "PGAPPNAME": "other", "PGSSLROOTCERT": "/no/such/file", "PGDATESTYLE": "x",
    "PGGSSENCMODE": "require",
}  # fmt: skip


@pytest.fixture
def first_packets() -> Iterator[tuple[int, list[bytes]]]:
    """A server on 127.0.0.1 that records the first message of each connection and rejects it."""
    said: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def answer() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                with connection:
                    packet = connection.recv(4096)
                    if len(packet) == 8:  # may this be encrypted? No.
                        connection.sendall(b"N")
                        packet = connection.recv(4096)
                    said.append(packet)
                    text = b"SFATAL\0VFATAL\0C28P01\0Mpassword authentication failed\0\0"
                    connection.sendall(b"E" + (len(text) + 4).to_bytes(4, "big") + text)

        thread = threading.Thread(target=answer, daemon=True)
        thread.start()
        yield listener.getsockname()[1], said
        listener.shutdown(socket.SHUT_RDWR)
    thread.join(10)


def test_libpq_connects_to_the_given_address(
    monkeypatch: pytest.MonkeyPatch, first_packets: tuple[int, list[bytes]]
) -> None:
    port, said = first_packets
    for name, value in PG.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(DatabaseDenied):
        Login(host="127.0.0.1", port=port, user="me", password="mine").connect()
    (packet,) = said
    words = packet[8:].split(b"\0")
    told = dict(zip(words[0::2], words[1::2], strict=False))
    assert told[b"user"] == b"me"
    assert told[b"database"] == b"postgres"
    assert told[b"application_name"] == b"xavos-rollout"
    assert {b"options", b"TimeZone", b"datestyle"}.isdisjoint(told)


def test_libpq_reads_no_files_of_the_home_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[str] = []
    monkeypatch.setattr(psycopg, "connect", lambda conninfo, autocommit: given.append(conninfo))
    open_connection(host="h", sslrootcert="/my/root.crt")
    settings = conninfo_to_dict(given[0])
    assert settings["sslrootcert"] == "/my/root.crt", "what is named is passed on"
    files = {"passfile", "sslcert", "sslkey", "sslcrl"}
    assert not any(Path(str(settings[name])).parent.exists() for name in files)


def test_programs_of_postgresql_read_no_files_of_the_home_folder() -> None:
    plain = Login(host="h", port=1, user="u", password="p").environment()
    files = {"PGPASSFILE", "PGSERVICEFILE", "PGSYSCONFDIR", "PGSSLROOTCERT", "PGSSLCERT", "PGSSLKEY", "PGSSLCRL"}
    assert not any(Path(plain[name]).exists() for name in files)
    named = Login(host="h", port=1, user="u", password="p", parameters={"sslrootcert": "/my/root.crt"}).environment()
    assert named["PGSSLROOTCERT"] == "/my/root.crt"


# -- docker-py --------------------------------------------------------------------------------------------------------

SECRET = "http://me:s3cret@proxy.test:3128"
CONFIGURATIONS: tuple[Any, ...] = (
    {"proxies": {"default": {"httpProxy": SECRET, "httpsProxy": SECRET, "noProxy": "x"}}},
    {"proxies": None, "auths": []},
    {"credsStore": "not-there", "HttpHeaders": {"X-Meta": "other"}, "currentContext": "other"},
    ["not", "a", "mapping"],
)


class _Engine(http.server.BaseHTTPRequestHandler):
    asked: list[tuple[str, bytes]]

    def _answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        self.asked.append((self.path, body + b"\0" + str(self.headers).encode()))
        told: Any = {"ApiVersion": "1.41", "Version": "1", "Id": "c0ffee"}
        answer = json.dumps({"stream": "built"} if "/build" in self.path else told).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def do_GET(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()

    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002 - its name there
        """Nothing is printed."""


@pytest.fixture
def engine() -> Iterator[tuple[str, list[tuple[str, bytes]]]]:
    """The address of a fake engine, and all requests to it."""
    asked: list[tuple[str, bytes]] = []
    handler = type("Handler", (_Engine,), {"asked": asked})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"tcp://127.0.0.1:{server.server_port}", asked
        server.shutdown()
        thread.join()


@pytest.mark.parametrize("configuration", CONFIGURATIONS, ids=["proxies", "nulls", "helpers", "list"])
def test_a_container_gets_nothing_of_the_user_s_docker_configuration(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, engine: tuple[str, list[tuple[str, bytes]]], configuration: Any
) -> None:
    url, asked = engine
    (tmp_path / "config.json").write_text(json.dumps(configuration))
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):  # requests would ask these for the engine
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    client = Client(base_url=url, timeout=10)
    try:
        client.api.create_container("image", environment={"XAVOS_RUN": "run-1"})
        list(client.api.build(fileobj=io.BytesIO(), custom_context=True, decode=True))
    finally:
        client.close()
    created = next(body for path, body in asked if path.endswith("/containers/create"))
    assert json.loads(created.partition(b"\0")[0])["Env"] == ["XAVOS_RUN=run-1"]
    everything = b"".join(path.encode() + body for path, body in asked)
    assert b"s3cret" not in everything
    assert b"X-Meta" not in everything
    assert b"proxy.test" not in everything


def test_an_engine_at_an_address_is_asked_directly(
    monkeypatch: pytest.MonkeyPatch, engine: tuple[str, list[tuple[str, bytes]]]
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    found = ask(engine[0])
    assert not isinstance(found, str), found


# -- websockets -------------------------------------------------------------------------------------------------------

PAGE = """<meta name="csrf-token" content="token">
<div id="phx-1" data-phx-main data-phx-session="session" data-phx-static="static"></div>"""


@pytest.mark.parametrize("variable", ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy", "ws_proxy"])
def test_a_live_view_connects_without_a_proxy(monkeypatch: pytest.MonkeyPatch, variable: str) -> None:
    monkeypatch.setenv(variable, "socks5://127.0.0.1:1" if variable.lower() == "all_proxy" else "http://127.0.0.1:1")
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)

    def joined(connection: ServerConnection) -> None:
        connection.recv()
        connection.send(json.dumps(["4", "4", "lv:phx-1", "phx_reply", {"status": "ok", "response": {}}]))

    with serve(joined, "127.0.0.1", 0) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        port = server.socket.getsockname()[1]
        pages = httpx.MockTransport(lambda request: httpx.Response(200, text=PAGE))
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", transport=pages) as browser:
            assert liveview.join(browser, "/", seconds=10)["status"] == "ok"


def test_a_browser_starts_without_the_user_s_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    program = tmp_path / "browser"
    program.write_text('#!/bin/sh\nenv >"$HOME/env"\nprintf "%s\\n" "$@" >"$HOME/arguments"\n')
    program.chmod(0o755)
    for name in ("http_proxy", "all_proxy", "CHROMIUM_FLAGS", "LANGUAGE", "BASH_ENV"):
        monkeypatch.setenv(name, "other")
    with pytest.raises(RuntimeError, match="did not report its port"), chromium(str(program), tmp_path):
        pass
    assert "other" not in (tmp_path / "env").read_text()
    assert "--no-proxy-server" in (tmp_path / "arguments").read_text().splitlines()


def test_a_process_keeps_none_of_libpq_s_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGSERVICE", "other")
    with pytest.raises(DatabaseUnreachable):
        Login(host="127.0.0.1", port=1, user="u", password="p").connect()
    assert "PGSERVICE" not in os.environ
