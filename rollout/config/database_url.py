"""Parses the URL of a PostgreSQL server by libpq's rules, and rejects URLs that Ecto cannot use."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, quote, urlencode

from rollout.text.masking import MASK

SCHEMES = ("postgresql", "postgres")
EXPECTED = "postgresql://user:password@host:port/database"
_PORT = 5432
_SSL_MODES = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")
# Passed on to libpq. Others are rejected: they lead to another server than Ecto's (hostaddr, service), or are secrets.
_PARAMETERS = (
    "application_name", "channel_binding", "connect_timeout", "gssencmode", "keepalives", "keepalives_count",
    "keepalives_idle", "keepalives_interval", "options", "require_auth", "ssl_max_protocol_version",
    "ssl_min_protocol_version", "sslcert", "sslcrl", "sslkey", "sslmode", "sslnegotiation", "sslrootcert", "sslsni",
    "target_session_attrs", "tcp_user_timeout",
)  # fmt: skip
_NUMBERS = ("connect_timeout", *(name for name in _PARAMETERS if name.startswith(("keepalives", "tcp_"))))
_HOST = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_.-]{0,251}[A-Za-z0-9_.])?")
_PARAMETER_NAME = re.compile(r"[a-z_]{1,40}")
_ENCODE = "percent-encode special characters of user and password (@ is %40, / is %2F, : is %3A, ? is %3F, # is %23)"


class InvalidAddress(ValueError):
    """The text is not a usable server URL. The message never repeats a part that could be a secret."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """Host and login of a server. `parameters` are other libpq keywords, such as sslmode."""

    host: str
    port: int
    user: str
    password: str = field(repr=False)
    database: str
    parameters: Mapping[str, str] = field(default_factory=dict)

    @property
    def without_password(self) -> str:
        """The address as a URL without the password."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        query = f"?{urlencode(self.parameters, quote_via=quote)}" if self.parameters else ""
        return f"postgresql://{quote(self.user, safe='')}@{host}:{self.port}/{quote(self.database, safe='')}{query}"


def parse_address(text: str) -> Address:
    """Parse a URL as libpq does. Raises InvalidAddress; its text says what is expected."""
    scheme = text.partition("://")[0]
    if scheme not in SCHEMES or scheme == text:
        raise InvalidAddress(EXPECTED)
    who, at, where = text.partition("://")[2].partition("@")
    if at and ("/" in who or "@" in where):  # libpq would read a part of the password as host or database
        raise InvalidAddress(f"one @, between the password and the host, and no / before it; {_ENCODE}")
    given = _read(text)
    host, port = given.pop("host", ""), given.pop("port", "")
    if "," in host or "," in port:
        raise InvalidAddress("one host: Ecto connects to one server")
    if not host or host.startswith(("/", "@")):
        raise InvalidAddress(f"a host name or address, since Ecto's URL cannot name a socket: {EXPECTED}")
    if not _is_host(host):
        raise InvalidAddress(f"a host name or address after the @; {_ENCODE}")
    if port and not (port.isascii() and port.isdigit() and len(port) <= 5 and 1 <= int(port) <= 65535):
        raise InvalidAddress(f"a port between 1 and 65535 after the host; {_ENCODE}")
    user, password = given.pop("user", "postgres"), given.pop("password", "")
    database = given.pop("dbname", "postgres")
    _check_parameters(given)
    return Address(
        host=host, port=int(port or _PORT), user=user, password=password, database=database, parameters=given
    )


def shown(text: str) -> str:
    """The value of --database, with every part masked that may be a password."""
    if re.fullmatch(r"[\w-]{1,40}", text):
        return text
    scheme, mark, rest = text.partition("://")
    if not mark or not re.fullmatch(r"[a-z][a-z0-9+.-]{0,20}", scheme):
        return MASK
    return text if re.fullmatch(r"[\w./-]{0,80}", rest) else f"{scheme}://{MASK}"


def _read(text: str) -> dict[str, str]:
    from psycopg import Error  # noqa: PLC0415 - libpq takes a tenth of a second to load, and most runs give no URL
    from psycopg.conninfo import conninfo_to_dict  # noqa: PLC0415
    from psycopg.pq import Conninfo  # noqa: PLC0415

    try:
        found = conninfo_to_dict(text)
    except (Error, ValueError):
        query = text.partition("?")[2]
        known = {option.keyword.decode() for option in Conninfo.get_defaults()}
        names = [] if "@" in query else [name for name, _ in parse_qsl(query, keep_blank_values=True)]
        unknown = next((name for name in names if name not in known and _PARAMETER_NAME.fullmatch(name)), None)
        hint = f"libpq knows no parameter {unknown}" if unknown else _ENCODE
        raise InvalidAddress(f"a URL that libpq can read, {EXPECTED}; {hint}") from None
    return {name: str(value) for name, value in found.items() if value is not None}


def _is_host(host: str) -> bool:
    if ":" in host:
        try:
            return ipaddress.ip_address(host).version == 6 and "%" not in host
        except ValueError:
            return False
    return _HOST.fullmatch(host) is not None


def _check_parameters(given: Mapping[str, str]) -> None:
    for name, value in given.items():
        if name not in _PARAMETERS:
            raise InvalidAddress(f"no parameter {name} in the URL; there can be {', '.join(_PARAMETERS)}")
        if name == "sslmode" and value not in _SSL_MODES:
            raise InvalidAddress(f"sslmode {' or '.join(_SSL_MODES)}")
        if name in _NUMBERS and not re.fullmatch(r"[0-9]{1,9}", value):
            raise InvalidAddress(f"a whole number for {name}")
