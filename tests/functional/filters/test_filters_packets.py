"""What the rules do to packets, in each backend.

a, b --- br0 ---+            +--- eth0 --- c
    10.0.0.0/24 |            |        10.1.0.0/24
                +--- host ---+
                             +--- eth1 --- d       the host routes between the three,
                                      10.2.0.0/24  and has br_netfilter on
"""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.netns import ip

from os_vif.host import filters
from os_vif.host.filters import BridgeRules

pytestmark = pytest.mark.usefixtures("netns")

GUESTS = {
    "a": ("br0", "10.0.0.1"),
    "b": ("br0", "10.0.0.2"),
    "c": ("eth0", "10.1.0.1"),
    "d": ("eth1", "10.2.0.1"),
}


def rules(**fields: object) -> BridgeRules:
    return BridgeRules(**{"bridge": "br0", "gateway": True, "prefix": "nova-compute"} | fields)  # type: ignore[arg-type]


class Network:
    """The picture above; every guest is a network namespace held by a process of its own."""

    def __init__(self) -> None:
        self._guests: dict[str, subprocess.Popen[bytes]] = {}

    def start(self) -> None:
        ip("link", "add", "br0", "type", "bridge", "forward_delay", 0)
        ip("link", "set", "br0", "up")
        for guest, (link, address) in GUESTS.items():
            self._start_guest(guest, link, address)
        for link, subnet in (("br0", "10.0.0"), ("eth0", "10.1.0"), ("eth1", "10.2.0")):
            ip("addr", "add", f"{subnet}.254/24", "dev", link)
        Path("/proc/sys/net/ipv4/ip_forward").write_text("1")
        self.br_netfilter(True)

    def _start_guest(self, guest: str, link: str, address: str) -> None:
        held = subprocess.Popen(["unshare", "-n", "sh", "-c", "echo; exec sleep 600"], stdout=subprocess.PIPE)
        self._guests[guest] = held
        assert held.stdout is not None
        held.stdout.read(1)  # it is in its namespace now
        name = f"to-{guest}" if link == "br0" else link
        ip("link", "add", name, "type", "veth", "peer", "name", "eth", "netns", held.pid)
        ip("link", "set", name, "up")
        if link == "br0":
            ip("link", "set", name, "master", "br0")
            self.inside(guest, "ip", "addr", "add", f"fd00::{address[-1]}/64", "dev", "eth", "nodad")
        self.inside(guest, "ip", "link", "set", "eth", "up")
        self.inside(guest, "ip", "addr", "add", f"{address}/24", "dev", "eth")
        self.inside(guest, "ip", "route", "add", "default", "via", address[:-1] + "254")

    def inside(self, guest: str, *command: str) -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(
            [*self._enter(guest), *command], capture_output=True, check=command[0] != "ping"
        )

    def _enter(self, guest: str) -> list[str]:
        return ["nsenter", "--net", "--target", str(self._guests[guest].pid)]

    def br_netfilter(self, on: bool) -> None:
        for family in ("ip", "ip6"):
            Path(f"/proc/sys/net/bridge/bridge-nf-call-{family}tables").write_text(str(int(on)))

    def passes(self, *ways: str) -> dict[str, bool]:
        """Whether a ping arrives, for each way, such as "ab"."""
        return {way: self._ping(way[0], GUESTS[way[1]][1]) for way in ways}

    def passes_ipv6(self) -> bool:
        # a lost neighbour solicitation, which the rules see too, is repeated after a second
        return self._ping("a", "fd00::2", seconds=1.5)

    def _ping(self, guest: str, address: str, seconds: float = 0.4) -> bool:
        return self.inside(guest, "ping", "-c", "1", "-W", str(seconds), address).returncode == 0

    def start_pings(self, guest: str, address: str, *, count: int) -> subprocess.Popen[bytes]:
        pings = ["ping", "-q", "-i", "0.002", "-c", str(count), "-W", "0.2", address]
        return subprocess.Popen([*self._enter(guest), *pings], stdout=subprocess.PIPE)

    def stop(self) -> None:
        for held in self._guests.values():
            held.kill()
            held.communicate()


@pytest.fixture
def network(netns: None) -> Iterator[Network]:
    network = Network()
    try:
        network.start()
        yield network
    finally:
        network.stop()


@pytest.fixture(params=["nftables", "iptables-nft", "iptables-legacy"])
def backend(request: pytest.FixtureRequest, network: Network) -> str:
    """With iptables the host's own policy is to forward nothing: there the accepts must show."""
    if request.param != "nftables":
        for tool in (request.param, request.param.replace("ip", "ip6", 1)):
            subprocess.run([tool, "-P", "FORWARD", "DROP"], check=True)
        assert network.passes("ab", "ac") == {"ab": False, "ac": False}
    assert isinstance(request.param, str)
    return request.param


def test_a_gateway_to_all_forwards_everything(network: Network, backend: str) -> None:
    filters.apply([rules()])
    assert network.passes("ab", "ac", "ca", "ad") == {"ab": True, "ac": True, "ca": True, "ad": True}


def test_a_gateway_to_one_interface_forwards_to_that_one(network: Network, backend: str) -> None:
    filters.apply([rules(forward_interfaces=("eth0",))])
    assert network.passes("ab", "ac", "ca", "ad", "da") == {
        "ab": True,
        "ac": True,
        "ca": True,
        "ad": False,
        "da": False,
    }
    filters.apply([rules(forward_interfaces=("eth1",))])
    assert network.passes("ab", "ac", "ad") == {"ab": True, "ac": False, "ad": True}


def test_without_gateway_nothing_leaves_or_crosses_the_bridge(network: Network, backend: str) -> None:
    filters.apply([rules(gateway=False)])
    assert network.passes("ab", "ac", "ca") == {"ab": False, "ac": False, "ca": False}
    assert network.passes("cd") == {"cd": backend == "nftables"}  # none of the bridge's business
    network.br_netfilter(False)
    assert network.passes("ab", "ac") == {"ab": True, "ac": False}


def test_ipv6_is_filtered_only_when_asked_for(network: Network) -> None:
    assert network.passes_ipv6()
    filters.apply([rules(gateway=False)])
    assert network.passes("ab") == {"ab": False}
    assert network.passes_ipv6()
    filters.apply([rules(gateway=False, ipv6=True)])
    assert not network.passes_ipv6()


def test_ipv6_in_iptables(network: Network) -> None:
    subprocess.run(["iptables", "-P", "FORWARD", "DROP"], check=True)
    subprocess.run(["ip6tables", "-P", "FORWARD", "DROP"], check=True)
    filters.apply([rules()])
    assert not network.passes_ipv6()
    filters.apply([rules(ipv6=True)])
    assert network.passes_ipv6()
    filters.apply([rules(ipv6=True, gateway=False)])
    assert not network.passes_ipv6()


def test_a_move_to_iptables_is_never_open(network: Network) -> None:
    filters.apply([rules(gateway=False)])
    subprocess.run(["iptables", "-N", "DOCKER-USER"], check=True)
    crossing = network.start_pings("a", GUESTS["b"][1], count=300)
    moves = 0
    while crossing.poll() is None:
        undo = filters.apply([rules(gateway=False)])
        undo()
        moves += 1
    assert moves > 2
    assert " 0 received" in crossing.communicate()[0].decode()


def test_an_accept_of_ours_does_not_overrule_another_table_of_nftables(network: Network) -> None:
    filters.apply([rules()])
    firewall = "table inet firewall { chain forward { type filter hook forward priority 10; policy drop; }; }"
    subprocess.run(["nft", firewall], check=True)
    assert network.passes("ac") == {"ac": False}
