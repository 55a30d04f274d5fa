"""vhost-user ports of an Open vSwitch that has DPDK: plugged when they are open, and packets pass through them."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest
from tests import dpdk as dpdk_host
from tests.guests import Card, Guest
from tests.ovs import OpenVSwitch
from tests.ovsvifs import BRIDGE, INSTANCE, MTU, check, host, job, mac, native, plugin, row, short, vhost_user

from os_vif.host import engine

pytestmark = pytest.mark.integration

VHU = short("vhu", 1)


@pytest.mark.parametrize(
    ("mode", "interface_type"), [("server", "dpdkvhostuserclient"), ("client", "dpdkvhostuser")]
)
def test_packets_pass(mode: str, interface_type: str, dpdk: OpenVSwitch) -> None:
    """mode is the guest's: as a server it makes the socket of the VIF, as a client it finds Open vSwitch's."""
    dpdk.bridge(BRIDGE)
    before = host(dpdk)
    it = plugin(dpdk, ovs_vsctl_timeout=20)
    path = dpdk.directory / (VHU if mode == "client" else "guest.sock")
    vif, other = vhost_user(1, mode=mode), native(2)
    vif.path = str(path)
    it.plug(vif, INSTANCE)
    assert check(it, vif) == []
    engine.wait_ready(job(it, vif), 5)
    seen = row(dpdk, "Interface", VHU, "type", "ofport", "mtu_request")
    assert seen["ofport"] > 0
    assert (seen["type"], seen["mtu_request"]) == (interface_type, MTU)
    it.plug(other, INSTANCE)
    with (
        closing(Card(short("tap", 2), mac(2))) as card,
        closing(Guest(card, "10.0.0.2/24", MTU)) as neighbour,
        dpdk_host.guest(path, serves=mode == "server", address="10.0.0.1/24", mtu=MTU),
    ):
        assert neighbour.ping("10.0.0.1", size=MTU - 28, patience=15) == 3
        assert row(dpdk, "Interface", VHU, "mtu")["mtu"] == MTU  # which it has once a guest is there
        assert check(it, vif) == []
    it.unplug(vif, INSTANCE)
    it.unplug(other, INSTANCE)
    assert host(dpdk) == before
    assert mode == "server" or not Path(path).exists()  # Open vSwitch takes its own socket along
