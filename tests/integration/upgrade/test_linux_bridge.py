"""A host of os-vif 4.3.0, the last with the linux_bridge plugin, is upgraded under running guests, and taken back.

That plugin's unplug is empty, there as here: bridges and rules stay. So what is compared is what each of the two
made of the host that the other had left.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from oslo_config import cfg
from tests.guests import Card
from tests.integration.upgrade.peer import Peer
from tests.netns import ip, ip_json
from tests.snapshot import Snapshot, differences, snapshot
from tests.traffic import traffic
from tests.vifs import INSTANCE, bridge_vif

from os_vif import objects
from os_vif.host import engine
from vif_plug_linux_bridge.linux_bridge import LinuxBridgePlugin

pytestmark = pytest.mark.integration

BRIDGE, NIC, MTU = "br0", "nic0", 1450
# what 4.3.0 lays out for nova-network, and nobody has used since; this project neither makes it nor takes it away
SKELETON = [
    ("filter", ["FORWARD", "INPUT", "OUTPUT"]),
    ("mangle", ["POSTROUTING", "nova-compute-POSTROUTING"]),
    (
        "nat",
        [
            *("OUTPUT", "POSTROUTING", "PREROUTING", "nova-compute-OUTPUT", "nova-compute-POSTROUTING"),
            *("nova-compute-PREROUTING", "nova-compute-float-snat", "nova-compute-snat"),
            "nova-postrouting-bottom",
        ],
    ),
]


@dataclass(frozen=True)
class Network:
    """provide: os-vif makes the bridge; nic: with this NIC in it; rules: with filter rules, iptables: on a host that
    has others there already, and forwards nothing but what they let through.
    """

    provide: bool = True
    nic: bool = False
    rules: bool = False
    iptables: bool = False

    @property
    def has_uplink(self) -> bool:
        """Whether the NIC is in the bridge."""
        return self.nic or not self.provide

    def vif(self, number: int) -> Any:
        """As Nova has sent it: without a port profile."""
        nic = NIC if self.nic else None
        made = bridge_vif(
            number, bridge=BRIDGE, nic=nic, provide=self.provide, filtered=not self.rules, mtu=MTU
        )
        fields = [name for name in made.obj_fields if name in made and name != "port_profile"]
        return objects.vif.VIFBridge(**{name: getattr(made, name) for name in fields})


NETWORKS = {
    "others' bridge": Network(provide=False),
    "bridge": Network(),
    "bridge and NIC": Network(nic=True),
    "rules in nftables": Network(nic=True, rules=True),
    "rules in iptables": Network(nic=True, rules=True, iptables=True),
}
EACH = pytest.mark.parametrize("network", NETWORKS.values(), ids=NETWORKS)


@pytest.fixture
def host(netns: None, network: Network) -> Iterator[Card]:
    """The host, and the card of a machine at the other end of its NIC's cable."""
    wire = Card(NIC, "02:00:00:00:00:aa")
    ip("link", "set", NIC, "mtu", MTU, "up")
    ip("addr", "add", "192.0.2.2/24", "dev", NIC)
    ip("addr", "add", "2001:db8::2/64", "dev", NIC, "nodad")
    ip("route", "add", "default", "via", "192.0.2.1")
    if not network.provide:
        ip("link", "add", BRIDGE, "address", "02:00:00:00:00:bb", "up", "type", "bridge", "forward_delay", 0)
        ip("link", "set", NIC, "master", BRIDGE)
    if network.rules:
        if shutil.which("iptables") is None:
            pytest.skip("4.3.0 filters with iptables, which is not installed")
        for family in ("ip", "ip6"):
            Path(f"/proc/sys/net/bridge/bridge-nf-call-{family}tables").write_text("1")
    if network.iptables:
        for chain, policy in (("INPUT", "ACCEPT"), ("FORWARD", "DROP"), ("OUTPUT", "ACCEPT")):
            subprocess.run(["iptables", "-P", chain, policy], check=True)
    yield wire
    wire.close()


def start(stack: ExitStack, number: int) -> Card:
    """The hypervisor makes the guest's tap, and puts it into the bridge."""
    name = f"tap{number}"
    card = stack.enter_context(closing(Card(name, f"02:00:00:00:00:{number:02x}")))
    ip("link", "set", name, "mtu", MTU, "master", BRIDGE, "up")
    return card


def changed(before: Snapshot) -> list[str]:
    """What is otherwise, but for routes: those follow the addresses."""
    return [line for line in differences(before, snapshot()) if not line.startswith("route")]


@EACH
def test_upgrade(network: Network, host: Card, os_vif_4_3: Peer, this_one: Peer) -> None:
    """Nothing is to do but for the NIC's IPv6 addresses, which 4.3.0 has left where nobody hears of them."""
    os_vif_4_3.configure()
    this_one.configure()
    one, other = network.vif(1), network.vif(2)
    os_vif_4_3.plug(one, other, instance=INSTANCE)
    with ExitStack() as guests:
        cards = [start(guests, n) for n in (1, 2)]
        taken = snapshot()
        with traffic(cards[0], host if network.has_uplink else cards[1]) as flow:
            misplaced = [f"{NIC}: has addresses or routes, they should be on {BRIDGE}"] if network.nic else []
            assert this_one.check(one, instance=INSTANCE) == misplaced
            this_one.plug(one, instance=INSTANCE)
            assert this_one.check(one, instance=INSTANCE) == []
        assert flow.lost == []
        this_one.unplug(one, other, instance=INSTANCE)
        moved = [line.partition(":")[0] for line in changed(taken)]
    if network.nic:
        assert moved == [
            f"sysctl /proc/sys/net/ipv6/conf/{BRIDGE}/disable_ipv6",
            f"address {BRIDGE}",
            f"address {NIC}",
        ]
        assert addresses(BRIDGE) == ["192.0.2.2", "2001:db8::2"]
    else:
        assert moved == []


@EACH
def test_and_back(network: Network, host: Card, os_vif_4_3: Peer, this_one: Peer) -> None:
    """4.3.0 disturbs nothing; it adds rules in its own way, of which all but a skeleton goes with the bridge."""
    os_vif_4_3.configure()
    this_one.configure()
    before = snapshot()
    one, other = network.vif(1), network.vif(2)
    this_one.plug(one, other, instance=INSTANCE)
    with ExitStack() as guests:
        cards = [start(guests, n) for n in (1, 2)]
        taken = snapshot()
        with traffic(cards[0], host if network.has_uplink else cards[1]) as flow:
            os_vif_4_3.plug(one, other, instance=INSTANCE)
            assert this_one.check(one, instance=INSTANCE) == []
        assert flow.lost == []
        os_vif_4_3.unplug(one, other, instance=INSTANCE)
        assert [line for line in changed(taken) if not line.startswith("filter")] == []
    give_back(one)
    if network.rules:
        assert chains() == SKELETON
        for table, _ in SKELETON:
            if not (network.iptables and table == "filter"):
                subprocess.run(["nft", "delete", "table", "ip", table], check=True)
    assert changed(before) == []


def give_back(vif: Any) -> None:
    """As `os-vif unplug --shared` does."""
    conf = cfg.ConfigOpts()
    conf.register_opts(LinuxBridgePlugin.CONFIG_OPTS, group="os_vif_linux_bridge")
    conf([])
    job = LinuxBridgePlugin(conf.os_vif_linux_bridge).job(vif, INSTANCE)
    assert engine.remove([job], shared=True) == [None]


def addresses(link: str) -> list[object]:
    """Those of global scope."""
    (shown,) = ip_json("addr", "show", "dev", link, "scope", "global")
    infos = shown["addr_info"]
    assert isinstance(infos, list)
    return [info["local"] for info in infos if info]


def chains() -> list[tuple[str, list[str]]]:
    """The chains of iptables, by table, and that there is no table of this project's."""
    found: dict[str, list[str]] = {}
    listed = subprocess.run(["nft", "list", "ruleset"], capture_output=True, text=True, check=True).stdout
    for line in listed.splitlines():
        words = line.split()
        if words[:2] == ["table", "ip"]:
            table = found.setdefault(words[2], [])
        elif words[:1] == ["table"]:
            found[" ".join(words[1:3])] = table = []
        elif words[:1] == ["chain"]:
            table.append(words[1])
    return sorted((table, sorted(names)) for table, names in found.items())
