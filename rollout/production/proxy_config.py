"""Writes the configuration of HAProxy, and reads the statistics that it prints."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from string import Template

from rollout.load.profile import INSTANCE_HEADER

BACKEND = "app"
CHECK_SECONDS = 0.5  # between two readiness checks of an instance

_CONFIGURATION = Template("""\
# Written by XAVOS Rollout. Nothing is retried or sent to a second instance, so a lost request stays visible.
global
    log stdout format raw local0
    stats socket $socket mode 600 level admin
    maxconn 4000
    hard-stop-after 30s

defaults
    mode http
    log global
    log-format "%ms %ci %ST %TR/%Tw/%Tc/%Tr/%Ta %s %tsc %rc %HM %HPO"
    timeout connect 2s
    timeout client 75s
    timeout server 75s
    timeout tunnel 1h
    timeout queue 2s
    timeout http-request 30s
    timeout http-keep-alive 30s
    timeout check 2s
    retries 0
    no option redispatch
    # A connection to an instance is used once. So none is lost because the instance closes an idle one.
    option http-server-close

frontend public
    bind $address:$port
    # The client cannot choose its own address or scheme.
    http-request set-header x-forwarded-for %[src]
    http-request set-header x-forwarded-proto https
    http-request set-header x-forwarded-port 443
    http-response set-header $header %s
    default_backend $backend

backend $backend
    balance roundrobin
    option httpchk
    http-check send meth GET uri $ready ver HTTP/1.1 hdr Host $host hdr x-forwarded-proto https
    http-check expect status 200
$servers""")
# A refused connection takes an instance down at once. Its next good check brings it back.
_SERVER = f"check inter {int(CHECK_SECONDS * 1000)}ms fall 2 rise 1 observe layer4 error-limit 1 on-error mark-down"


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerStatus:
    """An instance as the proxy sees it. `status` is UP, DOWN, DRAIN or MAINT; `check` is such as `L7OK`.

    `sessions` is the number of open requests and websockets. `answers_5xx` counts since the proxy has started.
    """

    status: str
    check: str
    sessions: int
    requests: int
    answers_5xx: int
    connection_errors: int
    response_errors: int

    @property
    def is_up(self) -> bool:
        return self.status.startswith("UP") and self.check.startswith(("L7OK", "* L7OK"))

    @property
    def is_down(self) -> bool:
        """Whether it gets no requests because its checks have failed. One failed check alone does not do that."""
        return self.status.startswith(("DOWN", "MAINT"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """An instance in the configuration. `address` is `host:port`. A drained one gets no new request."""

    name: str
    address: str
    is_drained: bool = False

    @property
    def added(self) -> str:
        """The arguments of `add server` after its name."""
        return f"{self.address} {_SERVER}"

    @property
    def line(self) -> str:
        """Its line in the configuration, for a proxy that starts. A weight of zero is what `drain` means there."""
        return f"    server {self.name} {self.added}{' weight 0' if self.is_drained else ''}\n"


def configuration(
    *, address: str, port: int, host: str, ready: str, socket: str, servers: Iterable[Server] = ()
) -> str:
    """The file haproxy.cfg. `host` is the public name of the application, `ready` the path of its readiness.

    `socket` is the path of the runtime API's socket, as the proxy sees it. `servers` are those that a proxy which
    starts has at once.
    """
    return _CONFIGURATION.substitute(
        address=address, port=port, host=host, ready=ready, socket=socket, header=INSTANCE_HEADER, backend=BACKEND,
        servers="".join(server.line for server in servers),
    )  # fmt: skip


def statuses(printed: str) -> Mapping[str, ServerStatus]:
    """Name of an instance → its status, from the answer to `show stat`."""
    rows = csv.DictReader(io.StringIO(printed.lstrip("# ")))
    return {
        row["svname"]: ServerStatus(
            status=row["status"],
            check=row["check_status"],
            sessions=_number(row["scur"]),
            requests=_number(row["stot"]),
            answers_5xx=_number(row["hrsp_5xx"]),
            connection_errors=_number(row["econ"]),
            response_errors=_number(row["eresp"]),
        )
        for row in rows
        if row["pxname"] == BACKEND and row["svname"] != "BACKEND"
    }


def _number(text: str | None) -> int:
    return int(text) if text and text.isdigit() else 0
