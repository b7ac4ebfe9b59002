"""Faults of the link between a new instance and the database: a client takes the address that an instance would get."""

from __future__ import annotations

import contextlib
import socket
import types
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest

from rollout.faults import production_network
from rollout.journal import Journal
from tests.unit.faults.test_production import ROLL, Bed
from tests.unit.faults.test_relay import PATIENCE, Echo, ask, until

BEFORE = ROLL[: ROLL.index("b1 started")]


@pytest.fixture
def echo() -> Iterator[Echo]:
    made = Echo()
    yield made
    made.listener.close()


class Link:
    """A fault whose relay leads to an echo, and the connection of the instance b1 through it."""

    def __init__(self, journal: Journal, echo: Echo, name: str) -> None:
        self.bed = Bed(journal, name, "transient")
        host, port = echo.address
        self.bed.site = types.SimpleNamespace(
            database=types.SimpleNamespace(host=host, port=port), network_gateway=None
        )
        self.bed.roll(*BEFORE)
        (changes,) = self.bed.fleet.changes
        self.address = urlsplit(changes["DATABASE_URL"])
        self.connection = self.connect()
        until(lambda: self.bed.fault._relay.passed.connections == 1)

    def connect(self) -> socket.socket:
        return socket.create_connection((str(self.address.hostname), self.address.port or 0), PATIENCE)

    @property
    def evidence(self) -> list[str]:
        return list(self.bed.fault.witness.evidence)

    def end(self) -> None:
        self.bed.fault.over(self.bed.site)
        self.connection.close()


Opening = Callable[[str], Link]


@pytest.fixture
def open_link(journal: Journal, echo: Echo) -> Iterator[Opening]:
    with contextlib.ExitStack() as ends:

        def make(name: str) -> Link:
            link = Link(journal, echo, name)
            ends.callback(link.end)
            return link

        yield make


def test_only_the_first_instance_gets_the_relays_address(open_link: Opening) -> None:
    link = open_link("database_link_gone")
    assert (link.address.username, link.address.password, link.address.path) == ("me", "secret", "/shop")
    assert link.bed.roll("b1 started") == ["change DATABASE_URL", "restore the settings"]
    assert link.bed.roll("b1 ready", "b2 started")[2:] == []
    assert ask(link.connection, b"before") == b"BEFORE"
    assert link.evidence == []


def test_nothing_passes_while_the_link_is_gone_and_all_of_it_afterwards(
    open_link: Opening, monkeypatch: pytest.MonkeyPatch
) -> None:
    link = open_link("database_link_gone")
    later: list[Any] = []
    monkeypatch.setattr(link.bed.fault, "after", lambda seconds, do: later.append((seconds, do)))
    link.bed.roll("b1 started", "b1 ready", "b1 gets requests")
    link.connection.sendall(b"waits")
    until(lambda: bool(link.bed.fault._relay.passed.stalled))
    link.bed.roll("a1 drained")
    assert link.evidence == ["b1 and the database: 1 piece of data had to wait on 1 connection"]
    ((seconds, come_back),) = later
    come_back()
    assert link.connection.recv(16) == b"WAITS"
    assert seconds == production_network.GONE_SECONDS


def test_a_slow_link_is_late_from_the_start_of_the_instance_on(open_link: Opening) -> None:
    link = open_link("database_link_slow")
    link.bed.roll("b1 started")
    assert ask(link.connection, b"late") == b"LATE"
    link.bed.roll("b1 ready")
    assert len(link.evidence) == 1
    assert "ms on 1 connection" in link.evidence[0]


def test_a_link_that_nothing_used_is_no_bite(open_link: Opening) -> None:
    link = open_link("database_link_slow")
    link.bed.roll("b1 started", "b1 ready", "b1 gets requests")
    link.end()
    assert link.bed.bites == 0


def test_the_end_of_the_fault_ends_the_relay(open_link: Opening) -> None:
    link = open_link("database_link_gone")
    link.bed.fault.over(link.bed.site)
    with pytest.raises(OSError, match="refused"):
        link.connect().close()
