"""Real guests of libvirt reach each other, each on a VIF of another type, on one host."""

from __future__ import annotations

from contextlib import closing
from typing import Any

import pytest
from demo.libvirtd import Libvirtd
from tests import ovsvifs
from tests.directvifs import direct_vif
from tests.netns import ip, ip_json
from tests.ovs import OpenVSwitch
from tests.snapshot import differences, snapshot
from tests.vifs import bridge_vif, tap_vif

import os_vif
from demo import domains
from os_vif.objects.instance_info import InstanceInfo
from os_vif.virt import Card
from os_vif.virt.libvirt import Guest

pytestmark = [pytest.mark.integration, pytest.mark.timeout(300)]

BOOT_TIMEOUT = 120.0
ONE = InstanceInfo(uuid="0a0a0a0a-cafe-4000-8000-000000000001", name="one", project_id="")
TWO = InstanceInfo(uuid="0a0a0a0a-cafe-4000-8000-000000000002", name="two", project_id="")


def lan(host: OpenVSwitch) -> None:
    """One network of all switches: the Linux bridge br0 and the NIC eth0 have each a cable to br-int."""
    ip("link", "add", "br0", "mtu", "1450", "type", "bridge", "forward_delay", "0")
    ip("link", "set", "br0", "up")
    ip("link", "add", "eth0", "mtu", "1450", "type", "veth", "peer", "name", "wire0", "mtu", "1450")
    ip("link", "set", "wire0", "master", "br0", "up")
    ip("link", "set", "eth0", "up")
    ip("link", "add", "up0", "mtu", "1450", "type", "veth", "peer", "name", "up1", "mtu", "1450")
    ip("link", "set", "up0", "master", "br0", "up")
    ip("link", "set", "up1", "up")
    host.vsctl("add-port", "br-int", "up1")


def test_guests_on_every_type_reach_each_other(host: OpenVSwitch, daemon: Libvirtd, connection: Any) -> None:
    """Two guests with four cards each; the n-th of one speaks with the n-th of the other."""
    lan(host)
    before = snapshot()
    tap = tap_vif(1)
    virtualport = ovsvifs.native(2, create_port=False, create_tap=False)
    hybrid = ovsvifs.hybrid(3)
    macvtap = direct_vif(4)
    bridge = bridge_vif(5, bridge="br0", tap=False)
    created = ovsvifs.native(6)
    also_created = ovsvifs.native(7)
    bridged_tap = bridge_vif(8, bridge="br0", tap=True)

    def network_side(vif: Any) -> None:
        """A tap of plugin tap is the network's to connect."""
        ip("link", "set", vif.vif_name, "master", "br0")

    one = Guest(os_vif, ONE, [(vif, Card()) for vif in (tap, virtualport, hybrid, macvtap)])
    two = Guest(os_vif, TWO, [(vif, Card()) for vif in (bridge, created, also_created, bridged_tap)])
    networks = ("192.0.2", "198.51.100", "203.0.113", "10.9.9")
    running = []
    for number, guest in ((1, one), (2, two)):
        addresses = {f"eth{n}": f"{network}.{number}/24" for n, network in enumerate(networks)}
        name = f"guest{number}"
        running.append(
            (guest, guest.start(connection, domains.description(name, daemon.directory, addresses)))
        )
    network_side(tap)
    types = [line.split()[2] for line in _interfaces(running[0][1].XMLDesc())]
    assert types == ["ethernet", "bridge", "bridge", "direct"]
    with (
        closing(domains.shell("guest1", daemon.directory)) as first,
        closing(domains.shell("guest2", daemon.directory)) as second,
    ):
        first.wait_booted(BOOT_TIMEOUT)
        second.wait_booted(BOOT_TIMEOUT)
        for network in networks:
            there, back = first.ping(f"{network}.2", size=1422), second.ping(f"{network}.1")
            assert (there.received, back.received) == (3, 3), f"{network}: {there}, {back}"
    for guest, _ in running:
        for vif in guest.vifs:
            assert os_vif.check(vif) == []
    port = host.vsctl("get", "Interface", virtualport.vif_name, "external_ids:iface-id").strip().strip('"')
    assert port == virtualport.port_profile.interface_id
    for guest, domain in running:
        guest.stop(domain)
    assert connection.listAllDomains() == []
    assert differences(before, snapshot()) == []
    assert host.vsctl("list-ports", "br-int").split() == ["up1"]


def test_a_card_is_put_into_a_running_guest_and_taken_out(
    host: OpenVSwitch, daemon: Libvirtd, connection: Any
) -> None:
    ip("link", "add", "br0", "type", "bridge", "forward_delay", "0")
    ip("address", "add", "192.0.2.254/24", "dev", "br0")
    ip("link", "set", "br0", "up")
    ip("address", "add", "198.51.100.254/24", "dev", "br-int")
    ip("link", "set", "br-int", "up")
    first, second = bridge_vif(1, bridge="br0", tap=True), ovsvifs.native(2)
    guest = Guest(os_vif, ONE, [(first, Card())], timeout=30)
    domain = guest.start(connection, domains.description("guest", daemon.directory, {"eth0": "192.0.2.1/24"}))
    with closing(domains.shell("guest", daemon.directory)) as shell:
        shell.wait_booted(BOOT_TIMEOUT)
        assert shell.ping("192.0.2.254").received == 3

        for _ in range(2):  # what is taken out can be put in again
            guest.attach(domain, second, Card(alias="ua-second"))
            assert guest.vifs == (first, second)
            assert os_vif.check(second) == []
            shell.run(
                "until [ -e /sys/class/net/eth1 ]; do sleep 0.02; done;"
                " ip address add 198.51.100.1/24 dev eth1 && ip link set eth1 up"
            )
            assert shell.ping("198.51.100.254").received == 3

            guest.detach(domain, second)
            assert guest.vifs == (first,)
            assert "eth1" not in shell.run("ls /sys/class/net")
            assert second.vif_name not in [link["ifname"] for link in ip_json("link", "show")]
            assert host.vsctl("list-ports", "br-int") == ""
        assert shell.ping("192.0.2.254").received == 3
    assert len(_interfaces(domain.XMLDesc(2))) == 1  # nor is it in the guest's definition
    guest.stop(domain)


def _interfaces(xml: str) -> list[str]:
    return [line.strip().replace("'", " ") for line in xml.splitlines() if "<interface " in line]
