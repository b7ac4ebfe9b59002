"""The TCP relay between a real client and a real server: what it does to connections, and what it counts."""

from __future__ import annotations

import contextlib
import hashlib
import random
import socket
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from rollout.faults.relay import Relay

PATIENCE = 20.0


class Echo:
    """A server that sends everything back in upper case, and `bye` after the end of the client's data."""

    def __init__(self) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.address: tuple[str, int] = self.listener.getsockname()
        self.ends: list[str] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self.listener.accept()
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with connection:
            try:
                while data := connection.recv(65536):
                    connection.sendall(data.upper())
                self.ends.append("end")
                connection.sendall(b"bye")
            except OSError:
                self.ends.append("reset")


@pytest.fixture
def echo() -> Iterator[Echo]:
    made = Echo()
    yield made
    made.listener.close()


@pytest.fixture
def relay(echo: Echo) -> Iterator[Relay]:
    with Relay(echo.address) as made:
        yield made


@contextlib.contextmanager
def client(relay: Relay) -> Iterator[socket.socket]:
    with socket.create_connection((relay.host, relay.port), timeout=PATIENCE) as made:
        yield made


def ask(connection: socket.socket, data: bytes) -> bytes:
    """Send data, and read as much."""
    connection.sendall(data)
    return read(connection, len(data))


def read(connection: socket.socket, size: int) -> bytes:
    found = b""
    while len(found) < size and (part := connection.recv(65536)):
        found += part
    return found


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_data_passes_unchanged_and_is_counted(relay: Relay) -> None:
    """Many connections at a time, each with data of its own."""
    wrong: list[int] = []

    def talk(number: int) -> None:
        data = random.Random(number).randbytes(200_000).hex().encode()
        with client(relay) as connection:
            sender = threading.Thread(target=connection.sendall, args=(data,))
            sender.start()
            found = read(connection, len(data))
            sender.join()
        if hashlib.sha256(found).digest() != hashlib.sha256(data.upper()).digest():
            wrong.append(number)

    threads = [threading.Thread(target=talk, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert [] == wrong
    assert (8, 3_200_000) == (relay.passed.connections, relay.passed.to_server)
    until(lambda: relay.passed.to_client >= 3_200_000)  # what has just been sent is counted a moment later


def test_ends_are_passed_on_in_each_direction_by_itself(relay: Relay, echo: Echo) -> None:
    with client(relay) as connection:
        ask(connection, b"hello")
        connection.shutdown(socket.SHUT_WR)
        assert b"bye" == read(connection, 4)
    assert ["end"] == echo.ends


def test_a_delay_holds_back_both_directions_and_keeps_the_order(relay: Relay) -> None:
    with client(relay) as connection:
        relay.delay(0.2)
        began = time.monotonic()
        for word in (b"a", b"b", b"c"):
            connection.sendall(word)
            time.sleep(0.05)  # so that they are pieces of their own
        assert b"ABC" == read(connection, 3)
        assert time.monotonic() - began >= 0.4
        assert relay.passed.delayed >= 2
        relay.restore()
        assert b"D" == ask(connection, b"d")


def test_a_throttle_bounds_the_rate(relay: Relay) -> None:
    """40 kB at 50 kB/s upwards, and back, take 0.7 s at least: the last tenth need not be waited for."""
    with client(relay) as connection:
        relay.throttle(50_000)
        began = time.monotonic()
        assert 40_000 == len(ask(connection, b"x" * 40_000))
        assert time.monotonic() - began >= 0.7


def test_nothing_passes_a_stall_until_it_is_restored(relay: Relay, echo: Echo) -> None:
    """Neither data nor the end. Both sides keep their connections."""
    with client(relay) as connection:
        assert b"A" == ask(connection, b"a")
        relay.stall()
        connection.sendall(b"b")
        connection.shutdown(socket.SHUT_WR)
        until(lambda: relay.passed.stalled == 1)
        connection.settimeout(0.2)
        with pytest.raises(TimeoutError):
            connection.recv(1)
        assert (1, []) == (relay.passed.to_server, echo.ends)
        connection.settimeout(PATIENCE)
        relay.restore()
        assert b"Bbye" == read(connection, 5)


def test_a_cut_resets_both_sides_and_new_connections_pass(relay: Relay, echo: Echo) -> None:
    with client(relay) as first, client(relay) as second:
        ask(first, b"a"), ask(second, b"a")
        assert 2 == relay.cut()
        for connection in (first, second):
            with pytest.raises(ConnectionResetError):
                connection.recv(1)
        until(lambda: echo.ends == ["reset", "reset"])
        with client(relay) as third:
            assert b"A" == ask(third, b"a")
    assert (3, 2) == (relay.passed.connections, relay.passed.cut)


def test_a_cut_ends_a_stalled_connection(relay: Relay) -> None:
    with client(relay) as connection:
        ask(connection, b"a")
        relay.stall()
        connection.sendall(b"b")
        until(lambda: relay.passed.stalled == 1)
        assert 1 == relay.cut()
        with pytest.raises(ConnectionResetError):
            connection.recv(1)
        until(lambda: relay.cut() == 0)


def test_refused_connections_do_not_end_existing_ones(relay: Relay) -> None:
    """The port is the same afterwards."""
    with client(relay) as connection:
        ask(connection, b"a")
        port = relay.port
        relay.refuse()
        with pytest.raises(ConnectionRefusedError), client(relay):
            pass
        assert b"B" == ask(connection, b"b")
        relay.restore()
        with client(relay) as again:
            assert b"C" == ask(again, b"c")
    assert (port, 2) == (relay.port, relay.passed.connections)


def test_connections_that_are_turned_away_are_reset_and_counted(relay: Relay) -> None:
    relay.turn_away()
    for _ in range(3):
        with pytest.raises(ConnectionResetError), client(relay) as connection:
            connection.recv(1)
    assert 3 == relay.passed.turned_away
    relay.restore()
    with client(relay) as connection:
        assert b"A" == ask(connection, b"a")


def test_a_server_that_is_away_is_counted(echo: Echo) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        address = free.getsockname()
    with Relay(address) as relay:
        with pytest.raises(ConnectionResetError), client(relay) as connection:
            connection.recv(1)
        assert 1 == relay.passed.unreachable


@pytest.mark.parametrize("to_server", [True, False])
def test_a_half_closed_connection_ends_in_one_direction(relay: Relay, echo: Echo, to_server: bool) -> None:
    """The other direction goes on: the server still answers, or the client can still send."""
    with client(relay) as connection:
        ask(connection, b"a")
        assert 1 == relay.half_close(to_server=to_server)
        if to_server:
            assert b"bye" == read(connection, 4)
            assert ["end"] == echo.ends
        else:
            assert b"" == connection.recv(1)
            connection.sendall(b"b")
            until(lambda: relay.passed.to_server == 2)


def test_a_reset_of_the_client_reaches_the_server(relay: Relay, echo: Echo) -> None:
    connection = socket.create_connection((relay.host, relay.port), timeout=PATIENCE)
    ask(connection, b"a")
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    connection.close()
    until(lambda: echo.ends == ["reset"])


def test_the_end_of_the_relay_resets_what_is_open(echo: Echo) -> None:
    with Relay(echo.address) as relay:
        connection = socket.create_connection((relay.host, relay.port), timeout=PATIENCE)
        ask(connection, b"a")
        relay.stall()
    with connection, pytest.raises(ConnectionResetError):
        connection.recv(1)
    with pytest.raises(ConnectionRefusedError), client(relay):
        pass
    assert not [thread for thread in threading.enumerate() if thread.name == "relay"]


def test_a_port_that_is_taken_is_an_error(echo: Echo) -> None:
    with pytest.raises(OSError, match="in use"), Relay(echo.address, port=echo.address[1]):
        pass
    assert not [thread for thread in threading.enumerate() if thread.name == "relay"]
