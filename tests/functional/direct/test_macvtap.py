"""What a macvtap needs of its source device, with macvtaps as libvirt makes them; the NIC is a veth."""

from __future__ import annotations

import socket
import subprocess
from collections.abc import Iterator

import pytest
from tests.directvifs import direct_vif, host_device_vif, qbg
from tests.netns import ip, ip_json
from tests.snapshot import differences, snapshot
from tests.vifs import INSTANCE

import os_vif
from os_vif import exception


@pytest.fixture
def nic(host: None) -> None:
    """eth0, down, and wire0 on its other end, up."""
    ip("link", "add", "eth0", "type", "veth", "peer", "name", "wire0")
    ip("link", "set", "wire0", "up")


@pytest.fixture
def wire(nic: None) -> Iterator[socket.socket]:
    """All frames that come out of the NIC."""
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3)) as listening:
        listening.bind(("wire0", 0))
        listening.settimeout(5)
        yield listening


def make_macvtap(mode: str, address: str) -> None:
    """As libvirt does when the guest starts: named macvtap0, with the guest's address, up."""
    kernels = {"passthrough": "passthru"}.get(mode, mode)
    new = ("link", "eth0", "name", "macvtap0", "address", address)
    ip("link", "add", *new, "type", "macvtap", "mode", kernels)
    ip("link", "set", "macvtap0", "up")


@pytest.mark.parametrize(
    ("mode", "profile"), [("bridge", None), ("vepa", None), ("passthrough", None), ("vepa", qbg())],
    ids=["bridge", "vepa", "passthrough", "802.1qbg"],
)  # fmt: skip
def test_life_with_a_real_macvtap(mode: str, profile: object, wire: socket.socket) -> None:
    vif = direct_vif(mode=mode, port_profile=profile)
    assert [str(d) for d in os_vif.check(vif)] == ["eth0: is down, should be up"]
    os_vif.plug(vif, INSTANCE)
    assert os_vif.check(vif) == []
    os_vif.wait_ready(vif, timeout=1)
    make_macvtap(mode, "02:00:00:00:00:01")
    before = snapshot()
    os_vif.plug(vif, INSTANCE)  # a service restarts under the guest
    assert differences(before, snapshot()) == []

    frame = bytes.fromhex("ffffffffffff02000000000188b5") + b"out of the guest".ljust(46, b"\0")
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as guest:
        guest.bind(("macvtap0", 0))
        guest.send(frame)
    while wire.recv(2048)[:60] != frame:
        pass  # the kernel's own frames; the time is bounded

    ip("link", "set", "eth0", "down")
    assert [str(d) for d in os_vif.check(vif)] == ["eth0: is down, should be up"]
    os_vif.repair(vif)
    assert os_vif.check(vif) == []
    assert "LOWER_UP" in ip_json("link", "show", "macvtap0")[0]["flags"]  # type: ignore[operator]

    before = snapshot()
    os_vif.unplug(vif, INSTANCE)  # the source is not the VIF's, the macvtap is the hypervisor's
    assert differences(before, snapshot()) == []


def test_two_guests_on_one_nic(nic: None) -> None:
    os_vif.plug_many([(direct_vif(1), INSTANCE), (direct_vif(2), INSTANCE)])
    assert os_vif.check(direct_vif(1)) == os_vif.check(direct_vif(2)) == []


def test_a_nic_that_is_not_there_is_named(host: None) -> None:
    with pytest.raises(exception.PlugException, match="eth0: no such network device on this host"):
        os_vif.plug(direct_vif(), INSTANCE)
    os_vif.unplug(direct_vif(), INSTANCE)


def test_vlan_device_is_made_where_the_kernel_can(nic: None) -> None:
    """A kernel without 8021q refuses, which is told, and the host is as before."""
    vif = direct_vif(vif_name="vlan7", network={"vlan": 7, "bridge_interface": "eth0", "mtu": 1450})
    before = snapshot()
    if not _kernel_has_vlans():
        with pytest.raises(exception.PlugException, match="create VLAN device vlan7, id 7 on eth0"):
            os_vif.plug(vif, INSTANCE)
        assert differences(before, snapshot()) == []
        return
    os_vif.plug(vif, INSTANCE)
    device = ip_json("link", "show", "vlan7")[0]
    assert (device["link"], device["mtu"], device["ifalias"]) == ("eth0", 1450, "os-vif:shared")
    assert os_vif.check(vif) == []
    os_vif.unplug(vif, INSTANCE)
    assert ip_json("link", "show", "vlan7")


def _kernel_has_vlans() -> bool:
    command = ["ip", "link", "add", "link", "wire0", "name", "probe", "type", "vlan", "id", "9"]
    done = subprocess.run(command, capture_output=True, check=False)
    if done.returncode == 0:
        ip("link", "del", "probe")
    return done.returncode == 0


def test_a_pci_device_that_is_not_there(host: None) -> None:
    """Told by plug, check and wait_ready; there is nothing to unplug."""
    vif = host_device_vif(dev_address="ffff:ff:1f.7")
    with pytest.raises(exception.PlugException, match=r"no PCI device ffff:ff:1f\.7 is on this host"):
        os_vif.plug(vif, INSTANCE)
    (difference,) = os_vif.check(vif)
    assert "no PCI device ffff:ff:1f.7" in str(difference)
    with pytest.raises(exception.NotReady, match="no PCI device"):
        os_vif.wait_ready(vif, timeout=0)
    os_vif.unplug(vif, INSTANCE)
