"""A bridge that takes over a NIC: its addresses and routes go to the bridge, whole and at once, and come back."""

from __future__ import annotations

import socket
import subprocess
import threading
import time
from collections.abc import Iterator

import pytest
from tests.netns import ip, ip_json
from tests.snapshot import Snapshot, differences, snapshot
from tests.vifs import INSTANCE, bridge_vif

import os_vif
from os_vif import exception
from os_vif.host import changes, diff, engine, steps
from os_vif.host.netlink import requests, route_socket
from os_vif.host.observe import Host, observe
from os_vif.host.plan import Plan
from os_vif.objects.vif import VIFBridge

FLAT = bridge_vif(nic="nic0", mtu=1500, tap=False)


@pytest.fixture
def nic(host: None) -> None:
    """nic0, up, with every sort of address and route; nic1 beside it."""
    for name in ("nic0", "nic1"):
        ip("link", "add", name, "up", "type", "veth", "peer", "name", f"{name}-peer")
        ip("link", "set", f"{name}-peer", "up")
    ip("addr", "add", "192.0.2.2/24", "brd", "+", "dev", "nic0")
    ip("addr", "add", "192.0.2.3/24", "dev", "nic0", "label", "nic0:1")
    ip("addr", "add", "192.0.2.4/24", "dev", "nic0")
    ip("addr", "add", "198.51.100.1/25", "dev", "nic0", "metric", 77)
    ip("addr", "add", "10.9.9.9", "peer", "10.9.9.10", "dev", "nic0")
    for number in (2, 3, 4):
        ip("addr", "add", f"2001:db8::{number}/64", "dev", "nic0", "nodad")
    ip("addr", "add", "2001:db8:1::1/128", "dev", "nic0")
    ip("addr", "add", "203.0.113.1/24", "dev", "nic1")
    ip("route", "add", "default", "via", "192.0.2.1")
    ip("route", "add", "default", "via", "192.0.2.254", "metric", 500)
    ip("route", "add", "10.1.0.0/16", "via", "192.0.2.1", "src", "192.0.2.3", "metric", 50, "mtu", 1400)
    ip("route", "add", "10.2.0.0/16", "dev", "nic0", "scope", "link", "advmss", 1000, "proto", "static")
    ip("route", "add", "10.3.0.0/16", "via", "10.2.0.1", "onlink", "dev", "nic0")
    ip("route", "add", "default", "via", "192.0.2.1", "table", 100)
    ip("route", "add", "10.5.0.0/16", "dev", "nic0", "table", 1000, "tos", "0x10")
    ip("route", "add", "blackhole", "10.6.0.0/16")
    ip("route", "add", "10.7.0.0/16", "dev", "nic1")
    hops = ("nexthop", "via", "192.0.2.1", "weight", 3, "nexthop", "via", "203.0.113.2", "dev", "nic1")
    ip("route", "add", "10.8.0.0/16", *hops)
    ip("-6", "route", "add", "default", "via", "2001:db8::1", "metric", 100)
    ip("-6", "route", "add", "2001:db8:2::/64", "via", "2001:db8::1", "table", 100)
    while "tentative" in ip("-6", "addr"):
        time.sleep(0.05)


def plug(vif: VIFBridge) -> None:
    os_vif.plug(vif, INSTANCE)


def give_back(vif: VIFBridge) -> None:
    assert engine.remove([os_vif._planned(vif).job(vif, INSTANCE)], shared=True) == [None]


def on_bridge(taken: Snapshot) -> Snapshot:
    """What addresses and routes are to be like when br0 has those of nic0."""
    bridge = snapshot()["address"]
    addresses = dict(taken["address"])
    addresses["br0"] = [
        entry | ({"label": "br0"} if entry.get("label") == "nic0" else {})
        for entry in addresses["nic0"]  # type: ignore[attr-defined]
    ]
    addresses["nic0"] = []
    assert bridge.keys() == addresses.keys()
    return {
        "address": addresses,
        "route": {line.replace('"nic0"', '"br0"'): True for line in taken["route"]},
    }


def layer3(taken: Snapshot) -> Snapshot:
    return {part: taken[part] for part in ("address", "route")}


def test_everything_moves_and_comes_back(nic: None) -> None:
    before = snapshot()
    plug(FLAT)
    assert ip_json("link", "show", "nic0")[0]["master"] == "br0"
    expected = on_bridge(before)
    assert differences(expected, layer3(snapshot())) == []
    assert os_vif.check(FLAT) == []
    plug(FLAT)
    assert differences(expected, layer3(snapshot())) == []
    give_back(FLAT)
    assert differences(before, snapshot()) == []


def test_addresses_whose_routes_are_managed_by_hand(nic: None) -> None:
    """NetworkManager: noprefixroute, and a route to the subnet that looks like the kernel's."""
    ip("-4", "addr", "flush", "dev", "nic0")
    ip("addr", "add", "192.0.2.2/24", "dev", "nic0", "noprefixroute")
    by_hand = ("192.0.2.0/24", "dev", "nic0", "proto", "kernel", "scope", "link", "src", "192.0.2.2")
    ip("route", "add", *by_hand, "metric", 100)
    ip("route", "add", "default", "via", "192.0.2.1", "metric", 100)
    before = snapshot()
    plug(FLAT)
    assert differences(on_bridge(before), layer3(snapshot())) == []
    give_back(FLAT)
    assert differences(before, snapshot()) == []


@pytest.fixture
def missing_route() -> Iterator[list[str]]:
    """The moments at which the default route was found to be missing."""
    missing: list[str] = []
    stop = threading.Event()

    def watch() -> None:
        while not stop.is_set():
            done = subprocess.run(
                ["ip", "route", "get", "8.8.8.8"], capture_output=True, text=True, check=False
            )
            if done.returncode:
                missing.append(done.stderr)

    thread = threading.Thread(target=watch)  # of this namespace: threads inherit it
    thread.start()
    yield missing
    stop.set()
    thread.join()


def test_never_without_a_default_route(nic: None, missing_route: list[str]) -> None:
    """Neither while the configuration moves, nor while it comes back; also told by the kernel itself."""
    with subprocess.Popen(["ip", "monitor", "route"], stdout=subprocess.PIPE, text=True) as monitor:
        time.sleep(0.2)
        for _ in range(10):
            plug(FLAT)
            give_back(FLAT)
        time.sleep(0.1)
        monitor.terminate()
        assert monitor.stdout is not None
        told = monitor.stdout.read().splitlines()
    assert len([line for line in told if "default via 192.0.2.1 dev" in line]) >= 20
    assert not [line for line in told if line.startswith("Deleted default")]
    assert missing_route == []


@pytest.mark.parametrize("mtu", [1400, 9000])
def test_mtu_of_nic_and_bridge(mtu: int, nic: None) -> None:
    vif = bridge_vif(nic="nic0", mtu=mtu)
    plug(vif)
    assert {
        name: ip_json("link", "show", name)[0]["mtu"] for name in ("nic0", "br0", "tap1")
    } == dict.fromkeys(("nic0", "br0", "tap1"), mtu)
    assert os_vif.check(vif) == []


def test_nic_that_is_down_comes_up(host: None) -> None:
    ip("link", "add", "nic0", "type", "veth", "peer", "name", "peer0")
    plug(FLAT)
    assert "UP" in ip_json("link", "show", "nic0")[0]["flags"]  # type: ignore[operator]


def test_nic_in_another_bridge_is_moved_by_repair_only(nic: None) -> None:
    ip("link", "add", "other0", "up", "type", "bridge")
    ip("link", "set", "nic0", "master", "other0")
    before = snapshot()
    with pytest.raises(exception.PlugException) as caught:
        plug(FLAT)
    assert isinstance(caught.value.kwargs["err"], exception.HostConflict)
    assert "nic0: is in other0, should be in br0" in str(caught.value)
    assert differences(before, snapshot()) == []
    assert "nic0: is in other0, should be in br0" in " ".join(map(str, os_vif.repair(FLAT)))
    assert ip_json("link", "show", "nic0")[0]["master"] == "br0"
    assert os_vif.check(FLAT) == []


def test_address_that_came_to_the_nic_later(nic: None) -> None:
    plug(FLAT)
    ip("addr", "add", "192.0.2.99/24", "dev", "nic0")
    assert [str(d) for d in os_vif.check(FLAT)] == ["nic0: has addresses or routes, they should be on br0"]
    plug(FLAT)
    assert "192.0.2.99" in ip("addr", "show", "br0")
    assert "192.0.2.99" not in ip("addr", "show", "nic0")


def test_route_that_cannot_move_is_named(nic: None) -> None:
    """A gateway that is no longer reachable: the kernel keeps such a route, and does not take it again."""
    ip("-6", "addr", "flush", "dev", "nic0", "scope", "global")
    before = snapshot()
    with pytest.raises(exception.PlugException, match=r"move route .* via 2001:db8::1"):
        plug(FLAT)
    assert differences(before, snapshot()) == []


def test_options_name_the_nic(nic: None) -> None:
    from oslo_config import cfg

    cfg.CONF.set_override("flat_interface", "nic1", "os_vif_linux_bridge")
    try:
        plug(FLAT)
    finally:
        cfg.CONF.clear_override("flat_interface", "os_vif_linux_bridge")
    assert ip_json("link", "show", "nic1")[0]["master"] == "br0"


def test_filter_rules_come_and_go(nic: None) -> None:
    vif = bridge_vif(nic="nic0", mtu=1500, filtered=False)
    before = snapshot()
    plug(vif)
    rules = [line for line in snapshot()["filter"] if "br0" in line]
    assert len(rules) == 3
    subprocess.run(["nft", "flush", "chain", "inet", "os_vif", "forward"], check=True)
    assert [str(d) for d in os_vif.check(vif)] == [
        "br0: its filter rules are missing or not as they should be"
    ]
    plug(vif)
    assert [line for line in snapshot()["filter"] if "br0" in line] == rules
    os_vif.unplug(vif, INSTANCE)
    assert [line for line in snapshot()["filter"] if "br0" in line] == rules  # shared: an unplug leaves them
    give_back(vif)
    assert differences(before, snapshot()) == []


def test_vlan_bridge_by_its_messages_since_this_kernel_has_no_8021q(nic: None) -> None:
    """What would be sent for a VLAN network; that the kernel refuses it is told, and undone."""
    vif = bridge_vif(nic="nic0", vlan=5, mtu=1450)
    plan = os_vif.plan(vif)
    links = observe([plan], route_socket()).links
    host = Host(links=links, names={link.index: name for name, link in links.items()})
    assert {name for name in plan.links() if name in links} == {"nic0"}
    made: list[steps.Step] = []
    for resource in plan:
        found = diff.compare(Plan(plan.vif_id, (resource,)), host)
        made += changes.to_make(resource, found, plan, host, scope=0)
    assert [str(step) for step in changes.merge(made)] == [
        "create VLAN device vlan5, id 5 on nic0",
        "set alias os-vif:shared, master br0, up on vlan5",
        "create bridge br0",
        "turn IPv6 off on br0",
        "set alias os-vif:shared, arp_ignore 1, arp_announce 2, up on br0",
        "create tap tap1",
        "turn IPv6 off on tap1",
        "set mtu 1450, address fe:00:00:00:00:01, alias os-vif:00000000-0000-4000-8000-000000000001, "
        "master br0, up on tap1",
    ]
    assert isinstance(made[0], steps.AddVlan)
    message = requests.new_vlan("vlan5", links["nic0"].index, 5, mtu=1450)
    assert b"vlan5\0" in message.payload
    if _kernel_has_vlans():
        plug(vif)
        assert os_vif.check(vif) == []
        return
    before = snapshot()
    with pytest.raises(exception.PlugException, match="create VLAN device vlan5"):
        plug(vif)
    assert differences(before, snapshot()) == []


def _kernel_has_vlans() -> bool:
    command = ["ip", "link", "add", "link", "nic1", "name", "probe", "type", "vlan", "id", "9"]
    done = subprocess.run(command, capture_output=True, check=False)
    if done.returncode == 0:
        ip("link", "del", "probe")
    return done.returncode == 0


def test_packets_reach_the_host_over_the_bridge(nic: None) -> None:
    """A peer on the NIC's wire speaks to the address that moved."""
    plug(FLAT)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as here:
        here.bind(("192.0.2.2", 0))
        here.settimeout(2)
        here.sendto(b"x", here.getsockname())
        assert here.recv(1) == b"x"
