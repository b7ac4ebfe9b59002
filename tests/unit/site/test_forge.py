"""Host names that a forge in a container resolves without a name server."""

from __future__ import annotations

import ipaddress
import socket

from rollout.site.forge import known_hosts


def test_the_machines_own_name_needs_no_name_server() -> None:
    """Erlang resolves it at every start, and a container does not have the machine's /etc/hosts."""
    assert (f"{socket.gethostname()}:127.0.0.1",) == known_hosts(isolated=False)


def test_on_an_isolated_network_the_update_check_of_hex_fails_at_once() -> None:
    """In both families: an address to which every connection fails at once."""
    known = [entry.partition(":") for entry in known_hosts(isolated=True)]
    assert {"repo.hex.pm"} == {name for name, _, _ in known}
    addresses = {ipaddress.ip_address(address) for _, _, address in known}
    assert {4, 6} == {address.version for address in addresses}
    for address in addresses:
        family = socket.AF_INET if address.version == 4 else socket.AF_INET6
        try:
            with socket.socket(family) as probe:
                probe.settimeout(5)
                probe.connect((str(address), 443))
        except TimeoutError:
            raise AssertionError(f"{address} was waited for") from None
        except OSError:
            continue
        raise AssertionError(f"somebody answered at {address}")
