"""Sends requests to other machines, with proxies and certificates from the environment.

The variables are `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY`, `NO_PROXY` (lower case wins), `SSL_CERT_FILE`,
`SSL_CERT_DIR` and `HEX_CACERTS_PATH`. They are read at the first request, so an unused proxy cannot fail.
"""

from __future__ import annotations

import ipaddress
import os
import re
import ssl
import threading
from collections.abc import Mapping
from dataclasses import dataclass

import httpx

from rollout.environment.subprocesses import CERTIFICATES, HEX_CERTIFICATES

_PORTS = {"http": 80, "https": 443}
_UNTRUSTED = "CERTIFICATE_VERIFY_FAILED"


class Unusable(ValueError):
    """A variable names an unusable proxy or unusable certificates. The text names the variable and the reason."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProxyChoice:
    """A proxy, and the variable that names it. `url` may hold a password; `place` does not."""

    variable: str
    url: httpx.URL

    @property
    def place(self) -> str:
        return f"{self.url.scheme}://{self.url.netloc.decode('ascii', 'replace')}"


def proxy_for(url: httpx.URL, environment: Mapping[str, str]) -> ProxyChoice | None:
    """The proxy for `url`; None for a direct connection. Requests to this machine are always direct.

    Raises Unusable.
    """
    host = url.host.strip("[]").rstrip(".")
    if _is_loopback(host) or _is_exempt(host, url.port or _PORTS.get(url.scheme, 0), environment):
        return None
    for name in (f"{url.scheme}_proxy", "all_proxy"):
        for variable in (name, name.upper()):
            value = environment.get(variable, "").strip()
            if value:
                return _parsed(variable, value)
    return None


def _parsed(variable: str, value: str) -> ProxyChoice:
    try:
        url = httpx.URL(value if "://" in value else f"http://{value}")
        known = url.scheme in {"http", "https"} and bool(url.host)
    except (httpx.InvalidURL, ValueError):
        raise Unusable(f"{variable} is not the URL of a proxy, such as http://proxy.example.org:3128") from None
    if not known:
        what = "a SOCKS proxy" if url.scheme.startswith("socks") else f"a proxy of the kind {url.scheme}"
        raise Unusable(f"{variable} names {what}; only http:// and https:// proxies are supported (HTTPS_PROXY)")
    return ProxyChoice(variable=variable, url=url)


def _is_loopback(host: str) -> bool:
    address = _address(host)
    return host == "localhost" or host.endswith(".localhost") or (address is not None and address.is_loopback)


def _is_exempt(host: str, port: int, environment: Mapping[str, str]) -> bool:
    """Whether NO_PROXY has the host: its name, parent domain, address or network, with or without a port, or `*`."""
    text = environment.get("no_proxy") or environment.get("NO_PROXY") or ""
    return any(_covers(entry, host.lower(), port) for entry in re.split(r"[,\s]+", text.lower()) if entry)


def _covers(entry: str, host: str, port: int) -> bool:
    if entry == "*":
        return True
    address = _address(host)
    if "/" in entry:
        try:
            return address is not None and address in ipaddress.ip_network(entry, strict=False)
        except ValueError:
            return False
    name, wanted = _without_port(entry)
    if wanted is not None and wanted != port:
        return False
    literal = _address(name)
    if literal is not None or address is not None:
        return literal == address
    name = name.removeprefix("*").strip(".")
    return bool(name) and (host == name or host.endswith(f".{name}"))


def _without_port(entry: str) -> tuple[str, int | None]:
    found = re.fullmatch(r"\[(?P<six>[^\]]*)\](?::(?P<port>\d{1,5}))?|(?P<name>[^:]*):(?P<other>\d{1,5})", entry)
    if found is None:
        return entry, None
    port = found["port"] or found["other"]
    return found["six"] or found["name"] or "", int(port) if port else None


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def trust(environment: Mapping[str, str]) -> ssl.SSLContext:
    """A TLS context that trusts this machine's certificates and those of the environment. Raises Unusable."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_default_certs()
    for variable in (*CERTIFICATES, HEX_CERTIFICATES):
        value = environment.get(variable, "")
        if not value:
            continue
        try:
            if variable == "SSL_CERT_DIR":
                for folder in value.split(os.pathsep):
                    context.load_verify_locations(capath=folder)
            else:
                context.load_verify_locations(cafile=value)
        except (OSError, ValueError) as error:  # ssl.SSLError (a file without a certificate) is an OSError
            why = getattr(error, "reason", None) or getattr(error, "strerror", None) or error
            raise Unusable(f"{variable}={value} cannot be used: {why}") from None
    return context


class OutboundTransport(httpx.BaseTransport):
    """An httpx transport that sends each request directly or through its proxy. Errors name the proxy."""

    def __init__(self, *, environment: Mapping[str, str] | None = None, limits: httpx.Limits | None = None) -> None:
        self._environment = dict(os.environ if environment is None else environment)
        self._limits = limits or httpx.Limits()
        self._transports: dict[str, httpx.HTTPTransport] = {}
        self._context: ssl.SSLContext | None = None
        self._lock = threading.Lock()

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        try:
            choice = proxy_for(request.url, self._environment)
            transport = self._transport(choice, is_encrypted=request.url.scheme == "https")
        except Unusable as error:
            raise httpx.ConnectError(str(error), request=request) from None
        try:
            return transport.handle_request(request)
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.ProxyError) as error:
            text = str(error) or type(error).__name__
            if _UNTRUSTED in text:
                text += " (SSL_CERT_FILE can name your own certificate authority)"
            if choice is not None:
                text += f" (through the proxy {choice.place} of {choice.variable})"
            raise type(error)(text, request=request) from error

    def _transport(self, choice: ProxyChoice | None, *, is_encrypted: bool) -> httpx.HTTPTransport:
        """The transport for a proxy. Certificates are read for encrypted connections only: that takes 40 ms."""
        needs_trust = is_encrypted or (choice is not None and choice.url.scheme == "https")
        key = f"{needs_trust} {choice.url if choice else ''}"
        with self._lock:
            if key not in self._transports:
                self._transports[key] = self._made(choice, self._trusted() if needs_trust else _no_tls())
            return self._transports[key]

    def _made(self, choice: ProxyChoice | None, context: ssl.SSLContext) -> httpx.HTTPTransport:
        proxy = None
        if choice is not None:
            proxy = httpx.Proxy(choice.url, ssl_context=context if choice.url.scheme == "https" else None)
        return httpx.HTTPTransport(verify=context, trust_env=False, limits=self._limits, proxy=proxy)

    def _trusted(self) -> ssl.SSLContext:
        if self._context is None:
            self._context = trust(self._environment)
        return self._context

    def close(self) -> None:
        for transport in self._transports.values():
            transport.close()


def _no_tls() -> ssl.SSLContext:
    return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
