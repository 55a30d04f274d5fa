"""The ovs plugin's face to os_vif, and the names other projects import from it."""

from __future__ import annotations

from typing import Any

import pytest
from tests.unit.ovs import vifs

from os_vif import exception
from vif_plug_ovs import constants, ovs, privsep


def test_constants() -> None:
    assert {name: value for name, value in vars(constants).items() if name.isupper()} == {
        "PLUGIN_NAME": "ovs",
        "OVS_VHOSTUSER_INTERFACE_TYPE": "dpdkvhostuser",
        "OVS_VHOSTUSER_CLIENT_INTERFACE_TYPE": "dpdkvhostuserclient",
        "OVS_VHOSTUSER_PREFIX": "vhu",
        "OVS_DATAPATH_SYSTEM": "system",
        "OVS_DATAPATH_NETDEV": "netdev",
        "OVS_DPDK_INTERFACE_TYPE": "dpdk",
        "DEAD_VLAN": 4095,
        "TRUNK_BR_PREFIX": "tbr-",
    }


def test_describe() -> None:
    info = vifs.plugin().describe()
    assert info.plugin_name == "ovs"
    described = [
        (
            v.vif_object_name,
            v.min_version,
            v.max_version,
            [(p.profile_object_name, p.min_version, p.max_version) for p in v.supported_port_profiles],
        )
        for v in info.vif_info
    ]
    plain = ("VIFPortProfileOpenVSwitch", "1.0", "1.4")
    offloaded = ("VIFPortProfileOVSRepresentor", "1.0", "1.4")
    assert described == [
        ("VIFBridge", "1.0", "1.0", [plain]),
        ("VIFOpenVSwitch", "1.0", "1.0", [plain]),
        ("VIFVHostUser", "1.0", "1.1", [plain, offloaded]),
        ("VIFHostDevice", "1.0", "1.0", [plain, offloaded]),
        ("VIFVDPA", "1.0", "1.0", [plain]),
    ]


def test_what_it_describes_can_be_negotiated() -> None:
    # quirk 2: os-vif 5.3.0 advertised 1.0 to 1.0, which no peer with these classes could take
    for described in vifs.plugin().describe().vif_info:
        described.get_common_version()
        for profile in described.supported_port_profiles:
            assert profile.get_common_version() == "1.4"


def test_options() -> None:
    assert {option.name: option.default for option in ovs.OvsPlugin.CONFIG_OPTS} == {
        "network_device_mtu": 1500,
        "ovs_vsctl_timeout": 120,
        "ovsdb_connection": "tcp:127.0.0.1:6640",
        "ovsdb_interface": "native",
        "ssl_key_file": None,
        "ssl_cert_file": None,
        "ssl_ca_cert_file": None,
        "isolate_vif": False,
        "per_port_bridge": False,
        "default_qos_type": "linux-noop",
    }


def test_load_registers_the_options_in_its_section() -> None:
    assert ovs.OvsPlugin.load("ovs").config.default_qos_type == "linux-noop"
    ovs.OvsPlugin.load("ovs")


def test_names() -> None:
    plugin = ovs.OvsPlugin
    assert plugin.NIC_NAME_LEN == 14
    assert plugin.gen_port_name("pb", vifs.ID) == "pbb679325f-ca8"
    assert plugin.gen_port_name("ibp", vifs.ID, 64) == "ibp" + vifs.ID
    assert plugin.get_veth_pair_names(vifs.hybrid()) == ("qvbb679325f-ca", "qvob679325f-ca")


@pytest.mark.parametrize(("name", "expected"), [("tbr-1", True), ("br-int", False), ("xtbr-", False)])
def test_is_trunk_bridge(name: str, expected: bool) -> None:
    assert ovs.is_trunk_bridge(name) is expected


def test_privileges_are_those_that_operators_have_configured() -> None:
    context = privsep.vif_plug
    assert context.prefix == "vif_plug_ovs"
    assert context.cfg_section == "vif_plug_ovs_privileged"
    assert context.pypath == "vif_plug_ovs.privsep.vif_plug"
    assert vifs.plugin().runner() is privsep.run


@pytest.mark.parametrize(
    ("verb", "kind"), [("plug", exception.PlugException), ("unplug", exception.UnplugException)]
)
def test_a_type_it_does_not_know(verb: str, kind: Any) -> None:
    vif = vifs.direct()
    with pytest.raises(kind) as caught:
        getattr(vifs.plugin(), verb)(vif, vifs.INSTANCE)
    assert caught.value.kwargs["vif"] is vif
    assert "VIFDirect" in str(caught.value.kwargs["err"])
