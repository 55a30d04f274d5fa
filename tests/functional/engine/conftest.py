import pytest
from tests.netns import ip

import os_vif


@pytest.fixture
def host(netns: None) -> None:
    """A fresh host with os-vif ready, and a NIC nic0 that has IPv4 and IPv6 addresses and routes."""
    os_vif.initialize()
    ip("link", "add", "nic0", "mtu", 1500, "type", "veth", "peer", "name", "wire0")
    for name in ("wire0", "nic0"):
        ip("link", "set", name, "up")
    for address in ("192.0.2.2/24", "192.0.2.3/24", "192.0.2.4/24", "198.51.100.2/25"):
        ip("addr", "add", address, "dev", "nic0")
    for address in ("2001:db8::2/64", "2001:db8::3/64"):
        ip("addr", "add", address, "dev", "nic0", "nodad")
    ip("route", "add", "default", "via", "192.0.2.1")
    ip("route", "add", "203.0.113.0/24", "via", "192.0.2.1", "src", "192.0.2.3", "metric", 50, "mtu", 1400)
    ip("route", "add", "192.0.2.128/25", "dev", "nic0", "table", 100)
    ip("-6", "route", "add", "default", "via", "2001:db8::1", "metric", 100)
