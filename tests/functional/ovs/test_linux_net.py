"""The functions on links that other projects import from vif_plug_ovs.linux_net, on the real kernel."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.netns import ip, ip_json

from os_vif import exception
from vif_plug_ovs import linux_net, privsep


@pytest.fixture(autouse=True)
def _here(netns: None) -> Iterator[None]:
    """In a fresh namespace, by this process itself: its daemon would be in another one."""
    privsep.vif_plug.set_client_mode(False)
    yield
    privsep.vif_plug.set_client_mode(True)


def link(name: str) -> dict[str, Any]:
    (found,) = ip_json("link", "show", name)
    return found


def exists(name: str) -> bool:
    return name in [entry["ifname"] for entry in ip_json("link", "show")]


def sysctl(family: str, name: str, key: str) -> str:
    return Path(f"/proc/sys/net/{family}/conf/{name}/{key}").read_text().strip()


def test_ensure_bridge() -> None:
    linux_net.ensure_bridge("qbr1")
    data = link("qbr1")["linkinfo"]["info_data"]
    assert data["ageing_time"] == data["forward_delay"] == data["stp_state"] == data["mcast_snooping"] == 0
    assert "UP" in link("qbr1")["flags"]
    assert sysctl("ipv6", "qbr1", "disable_ipv6") == "1"
    assert sysctl("ipv4", "qbr1", "arp_ignore") == "1"
    assert sysctl("ipv4", "qbr1", "arp_announce") == "2"


def test_ensure_bridge_again_mends_it() -> None:
    linux_net.ensure_bridge("qbr1")
    ip("link", "set", "qbr1", "down")
    index = link("qbr1")["ifindex"]
    linux_net.ensure_bridge("qbr1")
    assert "UP" in link("qbr1")["flags"]
    assert link("qbr1")["ifindex"] == index


def test_delete_bridge_sets_its_port_down() -> None:
    linux_net.ensure_bridge("qbr1")
    linux_net.create_veth_pair("qvb1", "qvo1", 1400)
    linux_net.add_bridge_port("qbr1", "qvb1")
    assert link("qvb1")["master"] == "qbr1"
    linux_net.delete_bridge("qbr1", "qvb1")
    assert not exists("qbr1")
    assert "UP" not in link("qvb1")["flags"]
    linux_net.delete_bridge("qbr1", "qvb1")


def test_veth_pair() -> None:
    linux_net.create_veth_pair("qvb1", "qvo1", 1400)
    first = link("qvb1")["ifindex"]
    linux_net.create_veth_pair("qvb1", "qvo1", None)
    assert link("qvb1")["ifindex"] != first  # another pair
    for name in ("qvb1", "qvo1"):
        assert {"UP", "PROMISC"} <= set(link(name)["flags"])
    linux_net.update_veth_pair("qvb1", "qvo1", 1300)
    assert (link("qvb1")["mtu"], link("qvo1")["mtu"]) == (1300, 1300)
    linux_net.update_veth_pair("qvb1", "qvo1", 0)
    assert link("qvb1")["mtu"] == 1300


@pytest.mark.parametrize("multiqueue", [False, True])
def test_tap(multiqueue: bool) -> None:
    for _ in range(2):
        linux_net.create_tap("tap1", 1400, "FA:16:3E:11:22:33", multiqueue=multiqueue)
        tap = link("tap1")
        assert tap["linkinfo"]["info_data"]["type"] == "tap"
        assert tap["linkinfo"]["info_data"]["multi_queue"] is multiqueue
        assert (tap["mtu"], tap["address"]) == (1400, "fa:16:3e:11:22:33")
        assert "UP" in tap["flags"]
        assert sysctl("ipv6", "tap1", "disable_ipv6") == "1"


def test_mtu_state_and_deletion() -> None:
    linux_net.create_tap("tap1", None, None)
    linux_net.set_device_mtu("tap1", 1300)
    assert link("tap1")["mtu"] == 1300
    linux_net.set_device_mtu("tap1", None)
    linux_net.set_device_mtu("nosuch", 1300)
    linux_net.set_interface_state("tap1", "down")
    assert "UP" not in link("tap1")["flags"]
    linux_net.delete_net_dev("tap1")
    assert not exists("tap1")
    linux_net.delete_net_dev("tap1")


def test_a_link_that_is_not_there() -> None:
    with pytest.raises(exception.NetworkInterfaceNotFound, match="nosuch"):
        linux_net.set_interface_state("nosuch", "up")
    with pytest.raises(exception.NetworkInterfaceNotFound, match="nosuch"):
        linux_net.add_bridge_port("nosuch", "lo")
    with pytest.raises(ValueError, match="state is"):
        linux_net.set_interface_state("lo", "sideways")
