"""What the direct plugin plans for a VIF, as data, and what it refuses, by the field's name.

sysfs is files in a directory.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from tests.directvifs import direct_vif, host_device_vif, hw_veb, qbg, qbh
from tests.unit.host_sysfs.trees import legacy, vf_address
from tests.vifs import tap_vif, vif_id

from os_vif import exception
from os_vif.host.plan import OWNED, SHARED, Link, Plan, Resource, SriovVf, Vlan
from os_vif.objects.vif import VIFBase, VIFPortProfileTap
from vif_plug_direct.direct import DirectPlugin

VF = vf_address("0000:04:00.0", 0)
NO_NETDEV = vf_address("0000:04:00.0", 1)
FUNCTION = SriovVf(name="enp4s0f0", number=0, address="02:00:00:00:00:01")
UP = Link(name="eth0", up=True)


def without_address(vif: VIFBase) -> VIFBase:
    vif.address = None
    return vif


@pytest.fixture
def plugin(tmp_path: Path) -> DirectPlugin:
    plugin = DirectPlugin.load("direct")
    plugin.sysfs = legacy(tmp_path).sysfs
    return plugin


@pytest.mark.parametrize(
    ("vif", "expected"),
    [
        pytest.param(direct_vif(), [UP], id="macvtap"),
        pytest.param(direct_vif(network={"vlan": 7}), [UP], id="a VLAN that others make"),
        pytest.param(direct_vif(network={"vlan": 0, "bridge_interface": "eth0"}), [UP], id="no VLAN"),
        pytest.param(
            direct_vif(vif_name="eth0.7", network={"vlan": 7, "bridge_interface": "eth0", "mtu": 1450}),
            [UP, Vlan(name="eth0.7", link="eth0", vlan_id=7, mtu=1450, ownership=SHARED)],
            id="macvtap on a VLAN",
        ),
        pytest.param(direct_vif(mode="vepa", port_profile=qbg()), [UP], id="802.1qbg"),
        pytest.param(direct_vif(mode="passthrough", port_profile=qbh()), [UP], id="802.1qbh by name"),
        pytest.param(
            direct_vif(vif_name=None, mode="passthrough", dev_address=VF, port_profile=qbh()),
            [Link(name="enp4s0f0v0", up=True)],
            id="802.1qbh by PCI address",
        ),
        pytest.param(
            direct_vif(vif_name="enp4s0f0v0", mode="passthrough", dev_address=VF),
            [Link(name="enp4s0f0v0", up=True)],
            id="macvtap on a virtual function",
        ),
        pytest.param(host_device_vif(), [], id="hostdev_physical"),
        pytest.param(host_device_vif(dev_type="ethernet", port_profile=qbh()), [], id="802.1qbh hostdev"),
        pytest.param(
            host_device_vif(dev_type="ethernet", dev_address=VF, port_profile=hw_veb()),
            [FUNCTION],
            id="hw_veb",
        ),
        pytest.param(
            host_device_vif(dev_type="ethernet", dev_address=VF, port_profile=hw_veb(7, trusted=True)),
            [replace(FUNCTION, vlan=7, trusted=True)],
            id="hw_veb with VLAN, trusted",
        ),
        pytest.param(
            host_device_vif(dev_address=NO_NETDEV, port_profile=hw_veb()),
            [replace(FUNCTION, number=1)],
            id="hw_veb of a function that a guest has",
        ),
        pytest.param(
            direct_vif(vif_name=None, mode="passthrough", dev_address=VF, port_profile=hw_veb(7)),
            [
                replace(FUNCTION, vlan=7),
                Link(name="enp4s0f0v0", address=FUNCTION.address, up=True, ownership=OWNED),
            ],
            id="hw_veb, macvtap",
        ),
    ],
)
def test_plan(vif: VIFBase, expected: list[Resource], plugin: DirectPlugin) -> None:
    assert plugin.plan(vif, None) == Plan(vif_id(1), tuple(expected))


@pytest.mark.parametrize(
    ("vif", "field", "words"),
    [
        (tap_vif(), "type", "plugs VIFDirect and VIFHostDevice, not VIFGeneric"),
        (direct_vif(vif_name=None), "vif_name", "is not set"),
        (direct_vif(vif_name="a/b"), "vif_name", "contains '/'"),
        (direct_vif(port_profile=VIFPortProfileTap()), "port_profile", "not VIFPortProfileTap"),
        (direct_vif(network={"vlan": 7, "bridge_interface": "eth0"}), "vif_name", "the NIC that the VLAN is on"),
        (direct_vif(network={"vlan": 4095, "bridge_interface": "nic0"}), "network.vlan", "4095 is not a VLAN id"),
        (direct_vif(network={"vlan": 7, "bridge_interface": "a b"}), "network.bridge_interface", "white space"),
        (direct_vif(network={"vlan": 7, "bridge_interface": "nic0", "mtu": 9}), "network.mtu", "9 is not a size"),
        (host_device_vif(dev_address=None), "dev_address", "is not set"),
        (host_device_vif(dev_address=VF, port_profile=hw_veb(4095)), "port_profile.vlan", "4095 is not a VLAN id"),
        (direct_vif(port_profile=hw_veb()), "dev_address", "is not set"),
        (without_address(host_device_vif(dev_address=VF, port_profile=hw_veb())), "address", "is not set"),
        (host_device_vif(port_profile=qbg()), "port_profile", "not VIFPortProfile8021Qbg"),
    ],
)  # fmt: skip
def test_refusal_names_the_field(vif: VIFBase, field: str, words: str, plugin: DirectPlugin) -> None:
    with pytest.raises(exception.InvalidVIF, match=words) as caught:
        plugin.plan(vif, None)
    assert caught.value.kwargs["field"] == field


@pytest.mark.parametrize(
    ("vif", "words"),
    [
        (direct_vif(mode=None), "mode: is not set"),
        (direct_vif(network={"should_provide_vlan": True}), "network.vlan: is not set"),
        (
            direct_vif(network={"should_provide_vlan": True, "vlan": 7}),
            "network.bridge_interface: is not set",
        ),
        (direct_vif(port_profile=qbg(manager_id=None)), "port_profile.manager_id: is not set"),
        (direct_vif(port_profile=qbg(type_id=None)), "port_profile.type_id: is not set"),
        (direct_vif(port_profile=qbg(type_id_version=None)), "port_profile.type_id_version: is not set"),
        (direct_vif(port_profile=qbg(instance_id=None)), "port_profile.instance_id: is not set"),
        (direct_vif(port_profile=qbh(None)), "port_profile.profile_id: is not set"),
        (direct_vif(dev_address=NO_NETDEV), f"no network device of PCI function {NO_NETDEV}"),
        (direct_vif(dev_address=VF), f"'eth0' is not the device of {VF}, which is enp4s0f0v0"),
        (host_device_vif(dev_address="0000:ff:00.0"), "no PCI device 0000:ff:00.0 is on this host"),
        (host_device_vif(port_profile=hw_veb()), "no virtual function of a NIC with address 0000:04:00.0"),
        (
            direct_vif(dev_address=NO_NETDEV, port_profile=hw_veb()),
            f"no network device of PCI function {NO_NETDEV}",
        ),
        (host_device_vif(dev_type=None), "dev_type: is not set"),
        (host_device_vif(port_profile=qbh(None)), "port_profile.profile_id: is not set"),
    ],
)
def test_obstacle_keeps_from_plugging_and_not_from_unplugging(
    vif: VIFBase, words: str, plugin: DirectPlugin
) -> None:
    plan = plugin.plan(vif, None)
    assert words in str(plan.obstacle)


def test_describes_what_it_takes(plugin: DirectPlugin) -> None:
    taken = {
        info.vif_object_name: [p.profile_object_name for p in info.supported_port_profiles]
        for info in plugin.describe().vif_info
    }
    assert taken == {
        "VIFDirect": ["VIFPortProfile8021Qbg", "VIFPortProfile8021Qbh", "VIFPortProfileHWVEB"],
        "VIFHostDevice": ["VIFPortProfile8021Qbh", "VIFPortProfileHWVEB"],
    }
