"""Test servers on 127.0.0.1: a CONNECT proxy, and an HTTPS registry with a CA of its own."""

from __future__ import annotations

import asyncio
import contextlib
import datetime
import ssl
import threading
from collections.abc import AsyncIterator, Coroutine, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

HOST = "mirror.test"  # known to nobody but the proxy
_DAY = datetime.timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Authority:
    """A private certificate authority: `file` is the certificate that a company installs on its machines."""

    file: Path
    context: ssl.SSLContext


@dataclass(slots=True, kw_only=True)
class Outside:
    """The network behind the proxy. `asked`: paths requested from the registry; `tunnels`: requests to the proxy."""

    proxy: int
    registry: int
    plain: int
    asked: list[str] = field(default_factory=list)
    tunnels: list[str] = field(default_factory=list)


def authority(folder: Path) -> Authority:
    """Make one, and a server certificate of it for HOST."""
    now = datetime.datetime.now(datetime.UTC)
    keys = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    names = [x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]) for name in ("Company CA", HOST)]

    def signed(subject: int, *, is_authority: bool) -> x509.Certificate:
        made = x509.CertificateBuilder().issuer_name(names[0]).subject_name(names[subject])
        made = made.public_key(keys[subject].public_key()).serial_number(x509.random_serial_number())
        made = made.not_valid_before(now - _DAY).not_valid_after(now + _DAY)
        made = made.add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
        made = made.add_extension(x509.SubjectAlternativeName([x509.DNSName(HOST)]), critical=False)
        return made.sign(keys[0], hashes.SHA256())

    pem = serialization.Encoding.PEM
    (folder / "ca.pem").write_bytes(signed(0, is_authority=True).public_bytes(pem))
    (folder / "server.pem").write_bytes(
        keys[1].private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        + signed(1, is_authority=False).public_bytes(pem)
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "server.pem")
    return Authority(file=folder / "ca.pem", context=context)


@contextlib.contextmanager
def outside(context: ssl.SSLContext, *, credentials: str = "") -> Iterator[Outside]:
    """Serve until the context ends. With `credentials` (base64 of user:password) the proxy requires them."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()

    def wait(work: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(work, loop).result(10)

    there = Outside(proxy=0, registry=0, plain=0)
    stack = contextlib.AsyncExitStack()
    try:
        wait(stack.enter_async_context(_served(there, context, credentials)))
        yield there
    finally:
        wait(stack.aclose())
        wait(_finished())
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()


@contextlib.asynccontextmanager
async def _served(there: Outside, context: ssl.SSLContext, credentials: str) -> AsyncIterator[None]:
    async def registry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            head = await reader.readuntil(b"\r\n\r\n")
            there.asked.append(head.split()[1].decode())
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\nconnection: close\r\n\r\nnames")
            await writer.drain()
        writer.close()

    async def proxy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            head = await reader.readuntil(b"\r\n\r\n")
            method, target = head.split()[:2]
            there.tunnels.append(f"{method.decode()} {target.decode()}")
            if credentials and f"Basic {credentials}".encode() not in head:
                writer.write(b"HTTP/1.1 407 Proxy Authentication Required\r\ncontent-length: 0\r\n\r\n")
                await writer.drain()
            elif method == b"CONNECT":
                far = await asyncio.open_connection("127.0.0.1", there.registry)
                writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
                await asyncio.gather(_copied(reader, far[1]), _copied(far[0], writer))
            else:
                far = await asyncio.open_connection("127.0.0.1", there.plain)
                far[1].write(head)
                await _copied(far[0], writer)
                far[1].close()
        writer.close()

    async with contextlib.AsyncExitStack() as stack:
        for name, handler, tls in (("registry", registry, context), ("plain", registry, None), ("proxy", proxy, None)):
            server = await stack.enter_async_context(await asyncio.start_server(handler, "127.0.0.1", 0, ssl=tls))
            setattr(there, name, server.sockets[0].getsockname()[1])
        yield


async def _copied(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while chunk := await reader.read(65536):
            writer.write(chunk)
            await writer.drain()
    writer.close()


async def _finished() -> None:
    others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)
