"""What is on the host for each VIF: every row of the contract's table of plugs, as a list that can be read."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from tests.unit.host_sysfs import trees
from tests.unit.ovs import vifs
from tests.unit.ovs.vifs import host_device, hybrid, network, open_vswitch, profile, vdpa, vhost_user

from os_vif import objects

VF = trees.vf_address("0000:03:00.0", 1)

IDS = (
    "external_ids=iface-id:2f5f6a3e-1c1f-4d2e-9a44-77e0a5e8a001,iface-status:active,"
    "attached-mac:fa:16:3e:11:22:33,vm-uuid:3c9ff9f5-bb5c-4bb5-8c8a-f7b7bb4e0b24"
)
IDS_OF_VIF = IDS.replace("2f5f6a3e-1c1f-4d2e-9a44-77e0a5e8a001", "b679325f-ca89-4ee0-a8be-6db1409b69ea")
DEAD = "tag=4095 vlan_mode=trunk trunks=4095"
QOS = "qos_type=linux-noop"

TAP_LEFT = """
    - Tap tapb679325f-ca
    - OvsPort tapb679325f-ca bridge=br-int
"""
HYBRID_LEFT = """
    - Bridge qbrb679325f-ca
    - Veth qvbb679325f-ca peer=qvob679325f-ca
    - OvsPort qvob679325f-ca bridge=br-int
"""
OWN_BRIDGE_LEFT = """
    - OvsBridge pbb679325f-ca8 ownership=owned
    - OvsPort ibpb679325f-ca89-4ee0-a8be-6db1409b69ea bridge=br-int
    - OvsPort pbpb679325f-ca89-4ee0-a8be-6db1409b69ea bridge=pbb679325f-ca8
"""

TABLE: list[tuple[str, Any, dict[str, Any], str]] = [
    (
        "ovs: the hypervisor makes the port",
        open_vswitch(),
        {},
        f"""
        OvsBridge br-int
        - Tap tapb679325f-ca
        - OvsPort tapb679325f-ca bridge=br-int
        {HYBRID_LEFT}
        {OWN_BRIDGE_LEFT}
        """,
    ),
    (
        "ovs: create_port, the device is made by others",
        open_vswitch(port_profile=profile(create_port=True)),
        {},
        f"""
        Link tapb679325f-ca mtu=1450 optional=True
        OvsBridge br-int
        OvsPort tapb679325f-ca bridge=br-int {IDS} {QOS} must_be_ready=False
        - Tap tapb679325f-ca
        {HYBRID_LEFT}
        {OWN_BRIDGE_LEFT}
        """,
    ),
    (
        "ovs: create_port and create_tap, tap first",
        open_vswitch(port_profile=profile(create_port=True, create_tap=True, multiqueue=True)),
        {},
        f"""
        Tap tapb679325f-ca mtu=1450 address=fa:16:3e:11:22:33 multiqueue=True
        OvsBridge br-int
        OvsPort tapb679325f-ca bridge=br-int {IDS} {QOS}
        {HYBRID_LEFT}
        {OWN_BRIDGE_LEFT}
        """,
    ),
    (
        "ovs: create_tap alone implies the port (quirk 9)",
        open_vswitch(port_profile=profile(create_tap=True)),
        {},
        f"""
        Tap tapb679325f-ca mtu=1450 address=fa:16:3e:11:22:33
        OvsBridge br-int
        OvsPort tapb679325f-ca bridge=br-int {IDS} {QOS}
        {HYBRID_LEFT}
        {OWN_BRIDGE_LEFT}
        """,
    ),
    (
        "ovs: isolated until wired",
        open_vswitch(port_profile=profile(create_port=True)),
        {"isolate_vif": True, "default_qos_type": "linux-htb"},
        f"""
        Link tapb679325f-ca mtu=1450 optional=True
        OvsBridge br-int
        OvsPort tapb679325f-ca bridge=br-int {IDS} {DEAD} qos_type=linux-htb must_be_ready=False
        - Tap tapb679325f-ca
        {HYBRID_LEFT}
        {OWN_BRIDGE_LEFT}
        """,
    ),
    (
        "ovs: the netdev datapath has no QoS",
        open_vswitch(port_profile=profile(create_port=True, datapath_type="netdev")),
        {},
        f"""
        Link tapb679325f-ca mtu=1450 optional=True
        OvsBridge br-int datapath_type=netdev
        OvsPort tapb679325f-ca bridge=br-int {IDS} must_be_ready=False
        - Tap tapb679325f-ca
        {HYBRID_LEFT}
        {OWN_BRIDGE_LEFT}
        """,
    ),
    (
        "ovs: a trunk's bridge is the VIF's, its ports are never isolated",
        open_vswitch(network=network("tbr-0123abcd-e"), port_profile=profile(create_port=True)),
        {"isolate_vif": True},
        f"""
        Link tapb679325f-ca mtu=1450 optional=True
        OvsBridge tbr-0123abcd-e ownership=owned
        OvsPort tapb679325f-ca bridge=tbr-0123abcd-e {IDS},bridge_name:tbr-0123abcd-e {QOS} must_be_ready=False
        - Tap tapb679325f-ca
        {HYBRID_LEFT.replace("br-int", "tbr-0123abcd-e")}
        {OWN_BRIDGE_LEFT.replace("br-int", "tbr-0123abcd-e")}
        """,
    ),
    (
        "ovs: a bridge per port; isolated in the integration bridge, not in its own (quirk 13)",
        open_vswitch(port_profile=profile(create_tap=True)),
        {"per_port_bridge": True, "isolate_vif": True},
        f"""
        Tap tapb679325f-ca mtu=1450 address=fa:16:3e:11:22:33
        OvsBridge br-int
        OvsBridge pbb679325f-ca8 ownership=owned
        OvsPort tapb679325f-ca bridge=pbb679325f-ca8 own_vlans=True {QOS}
        OvsPort ibpb679325f-ca89-4ee0-a8be-6db1409b69ea bridge=br-int interface_type=patch {IDS_OF_VIF}
            options=peer:pbpb679325f-ca89-4ee0-a8be-6db1409b69ea {DEAD}
        OvsPort pbpb679325f-ca89-4ee0-a8be-6db1409b69ea bridge=pbb679325f-ca8 interface_type=patch
            options=peer:ibpb679325f-ca89-4ee0-a8be-6db1409b69ea own_vlans=True
        {HYBRID_LEFT}
        """,
    ),
    (
        "ovs: a bridge per port, create_port or not",
        open_vswitch(port_profile=profile(datapath_type="netdev")),
        {"per_port_bridge": True},
        f"""
        Link tapb679325f-ca mtu=1450 optional=True
        OvsBridge br-int datapath_type=netdev
        OvsBridge pbb679325f-ca8 ownership=owned datapath_type=netdev
        OvsPort tapb679325f-ca bridge=pbb679325f-ca8 own_vlans=True must_be_ready=False
        OvsPort ibpb679325f-ca89-4ee0-a8be-6db1409b69ea bridge=br-int interface_type=patch {IDS_OF_VIF}
            options=peer:pbpb679325f-ca89-4ee0-a8be-6db1409b69ea
        OvsPort pbpb679325f-ca89-4ee0-a8be-6db1409b69ea bridge=pbb679325f-ca8 interface_type=patch
            options=peer:ibpb679325f-ca89-4ee0-a8be-6db1409b69ea own_vlans=True
        - Tap tapb679325f-ca
        {HYBRID_LEFT}
        """,
    ),
    (
        "ovs: Neutron's agent for a SmartNIC says no id (quirk 5)",
        open_vswitch(
            id=vifs.UNSET, bridge_name=vifs.UNSET, vif_name="rep0-3", port_profile=profile(create_port=True)
        ),
        {},
        f"""
        Link rep0-3 mtu=1450 optional=True
        OvsBridge br-int
        OvsPort rep0-3 bridge=br-int {IDS} {QOS} must_be_ready=False
        - Tap rep0-3
        """,
    ),
    (
        "hybrid",
        hybrid(),
        {},
        f"""
        Bridge qbrb679325f-ca ageing_time=0 disable_ipv6=True arp_ignore=1 arp_announce=2
        Veth qvbb679325f-ca peer=qvob679325f-ca mtu=1450 promisc=True
        BridgePort qvbb679325f-ca bridge=qbrb679325f-ca
        OvsBridge br-int
        OvsPort qvob679325f-ca bridge=br-int {IDS} {QOS}
        {TAP_LEFT}
        {OWN_BRIDGE_LEFT}
        """,
    ),
    (
        "hybrid, isolated",
        hybrid(),
        {"isolate_vif": True, "per_port_bridge": True},
        f"""
        Bridge qbrb679325f-ca ageing_time=0 disable_ipv6=True arp_ignore=1 arp_announce=2
        Veth qvbb679325f-ca peer=qvob679325f-ca mtu=1450 promisc=True
        BridgePort qvbb679325f-ca bridge=qbrb679325f-ca
        OvsBridge br-int
        OvsPort qvob679325f-ca bridge=br-int {IDS} {DEAD} {QOS}
        {TAP_LEFT}
        {OWN_BRIDGE_LEFT}
        """,
    ),
    (
        "vhost-user, QEMU makes the socket",
        vhost_user(port_profile=profile(datapath_type="netdev")),
        {},
        f"""
        OvsBridge br-int datapath_type=netdev default_datapath_type=netdev
        OvsPort vhub679325f-ca bridge=br-int interface_type=dpdkvhostuserclient {IDS}
            options=vhost-server-path:/run/vhu.sock mtu_request=1450
        """,
    ),
    (
        "vhost-user, QEMU opens the socket; no datapath said, and no QoS (quirk 6)",
        vhost_user(mode="client"),
        {"isolate_vif": True},
        f"""
        OvsBridge br-int default_datapath_type=netdev
        OvsPort vhub679325f-ca bridge=br-int interface_type=dpdkvhostuser {IDS} mtu_request=1450 {DEAD}
        """,
    ),
    (
        "representor",
        host_device(dev_address=VF),
        {},
        f"""
        Link eth1 ownership=owned mtu=1450 up=True
        OvsBridge br-int
        OvsPort eth1 bridge=br-int {IDS} {QOS}
        """,
    ),
    (
        "representor with a name, as Nova says it",
        host_device(
            dev_address=VF,
            port_profile=vifs.representor_profile(
                representor_name="nicb679325f-ca",
                representor_address=VF,
                datapath_offload=objects.vif.DatapathOffloadRepresentor(
                    representor_name="nicb679325f-ca", representor_address=VF
                ),
            ),
        ),
        {},
        f"""
        Rename nicb679325f-ca found=eth1
        Link nicb679325f-ca ownership=owned mtu=1450 up=True
        OvsBridge br-int
        OvsPort nicb679325f-ca bridge=br-int {IDS} {QOS}
        """,
    ),
    (
        "vDPA: the representor all the same",
        vdpa(
            dev_address=VF,
            port_profile=profile(
                datapath_offload=objects.vif.DatapathOffloadRepresentor(
                    representor_name="tapb679325f-ca", representor_address=VF
                )
            ),
        ),
        {},
        f"""
        Rename tapb679325f-ca found=eth1
        Link tapb679325f-ca ownership=owned mtu=1450 up=True
        OvsBridge br-int
        OvsPort tapb679325f-ca bridge=br-int {IDS} {QOS}
        """,
    ),
    (
        "representor of DPDK",
        host_device(dev_address=VF, port_profile=profile(datapath_type="netdev")),
        {},
        f"""
        OvsBridge br-int datapath_type=netdev default_datapath_type=netdev
        OvsPort vfrb679325f-ca bridge=br-int interface_type=dpdk {IDS}
            options=dpdk-devargs:0000:03:00.0,representor=[1] mtu_request=1450
        """,
    ),
]


@pytest.mark.parametrize(
    ("vif", "options", "expected"), [row[1:] for row in TABLE], ids=[row[0] for row in TABLE]
)
def test_plan(tmp_path: Path, vif: Any, options: dict[str, Any], expected: str) -> None:
    plugin = vifs.plugin(**options)
    plugin.sysfs = trees.connectx5(tmp_path).sysfs
    plan = plugin.plan(vif, vifs.INSTANCE)
    assert plan.obstacle is None
    assert vifs.lines(plan) == _joined(expected)


def test_a_plan_says_where_the_database_is() -> None:
    plugin = vifs.plugin(
        ovsdb_connection="ssl:[::1]:6640",
        ovs_vsctl_timeout=7,
        ssl_key_file="/k",
        ssl_cert_file="/c",
        ssl_ca_cert_file="/ca",
    )
    (bridge,) = plugin.plan(open_vswitch(), None)
    assert (bridge.database.remote, bridge.database.timeout) == ("ssl:[::1]:6640", 7.0)
    files = (bridge.database.private_key, bridge.database.certificate, bridge.database.ca_certificate)
    assert files == ("/k", "/c", "/ca")


def test_a_timeout_of_0_is_none() -> None:
    (bridge,) = vifs.plugin(ovs_vsctl_timeout=0).plan(open_vswitch(), None)
    assert bridge.database.timeout > 3600


@pytest.mark.parametrize(
    ("mtu", "option", "expected"),
    [(9000, 1500, 9000), (None, 1400, 1400), (0, 1400, 1400), (None, 0, None), (0, 0, None)],
)
def test_mtu(mtu: int | None, option: int, expected: int | None) -> None:
    vif = open_vswitch(network=network(mtu=mtu), port_profile=profile(create_tap=True))
    tap = vifs.plugin(network_device_mtu=option).plan(vif, vifs.INSTANCE).resources[0]
    assert tap.mtu == expected


@pytest.mark.parametrize("said", [None, "", vifs.UNSET])
def test_a_datapath_that_is_not_said_is_not_changed(said: Any) -> None:
    # quirk of old: br-int of the netdev datapath was set to "system" by every VIF that said nothing
    plan = vifs.plugin().plan(open_vswitch(port_profile=profile(datapath_type=said)), vifs.INSTANCE)
    assert plan.resources[0].datapath_type is None
    assert plan.resources[0].default_datapath_type == "system"


def test_vifs_that_say_no_datapath_can_share_a_new_bridge() -> None:
    tap = vifs.plugin().plan(open_vswitch(), None).resources[0]
    socket = vifs.plugin().plan(vhost_user(), None).resources[0]
    assert socket.default_datapath_type == "netdev"
    assert tap == socket


def test_without_the_instance_its_id_is_not_compared() -> None:
    plan = vifs.plugin().plan(open_vswitch(port_profile=profile(create_port=True)), None)
    assert "vm-uuid" not in dict(plan.resources[-1].external_ids)


def test_the_vif_is_the_owner() -> None:
    assert vifs.plugin().plan(open_vswitch(), None).vif_id == vifs.ID
    assert vifs.plugin().plan(open_vswitch(id=vifs.UNSET), None).vif_id == vifs.PORT


def _joined(text: str) -> list[str]:
    """The lines that are not empty; one that begins with an attribute belongs to the one before."""
    joined: list[str] = []
    for line in map(str.strip, text.splitlines()):
        if re.match(r"\w+=", line):
            joined[-1] += " " + line
        elif line:
            joined.append(line)
    return joined


@pytest.mark.parametrize("said", [None, "/dev/vhost-vdpa-9"])
def test_the_device_of_a_vdpa_card_is_filled_in_where_nobody_said_it(
    tmp_path: Path, said: str | None
) -> None:
    plugin = vifs.plugin()
    tree = trees.connectx5(tmp_path)
    plugin.sysfs = tree.sysfs
    vif = vdpa(dev_address=VF, path=said)
    plugin.plan(vif, vifs.INSTANCE)
    assert vif.path == said  # its driver has not made it yet
    (tree.root / "bus/pci/devices" / VF / "vdpa3" / "vhost-vdpa-3").mkdir(parents=True)
    plugin.plan(vif, vifs.INSTANCE)
    assert vif.path == (said or "/dev/vhost-vdpa-3")
