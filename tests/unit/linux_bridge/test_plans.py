"""What the linux_bridge plugin plans for a VIF: each row of its decision table, as data."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from oslo_config import cfg
from tests.vifs import bridge_vif, vif_id

from os_vif import exception, objects
from os_vif.host.plan import (
    EXTERNAL,
    OWNED,
    SHARED,
    AddressMove,
    Bridge,
    BridgePort,
    FilterRules,
    Link,
    Plan,
    Resource,
    Tap,
    Vlan,
)
from os_vif.objects.vif import VIFBridge
from vif_plug_linux_bridge import constants
from vif_plug_linux_bridge.linux_bridge import LinuxBridgePlugin

GROUP = "os_vif_linux_bridge"
PROVIDED = Link(name="br0", kind="bridge", up=True, ownership=EXTERNAL)
TAP = Tap(name="tap1", mtu=1500, address="fe:00:00:00:00:01", ownership=OWNED)
IN_BRIDGE = BridgePort(port="tap1", bridge="br0", ownership=OWNED)


def new_bridge(mtu: int | None = 1500) -> Bridge:
    """As the contract has it: no forward delay, STP or snooping, the kernel's ageing; IPv6 off, ARP strict, up."""
    return Bridge(
        name="br0",
        ownership=SHARED,
        mtu=mtu,
        forward_delay=0,
        stp=False,
        multicast_snooping=False,
        ageing_time=None,
        disable_ipv6=True,
        arp_ignore=1,
        arp_announce=2,
        up=True,
    )


def flat(nic: str, mtu: int = 1500) -> list[Resource]:
    return [
        Link(name=nic, mtu=mtu, up=True),
        BridgePort(port=nic, bridge="br0", ownership=SHARED),
        AddressMove(source=nic, target="br0"),
        Link(name="br0", kind="bridge", mtu=mtu),
    ]


def vlan(nic: str, mtu: int = 1500) -> list[Resource]:
    return [
        Link(name=nic, up=True),
        Vlan(name="vlan5", link=nic, vlan_id=5, mtu=mtu, ownership=SHARED),
        new_bridge(mtu),
        BridgePort(port="vlan5", bridge="br0", ownership=SHARED),
        AddressMove(source="vlan5", target="br0"),
        Link(name="br0", kind="bridge", mtu=mtu),
    ]


@pytest.fixture
def plugin() -> Iterator[LinuxBridgePlugin]:
    """Configured by default, after a test as well."""
    yield LinuxBridgePlugin.load("linux_bridge")
    for option in LinuxBridgePlugin.CONFIG_OPTS:
        cfg.CONF.clear_override(option.dest, GROUP)


@pytest.mark.parametrize(
    ("vif", "expected"),
    [
        pytest.param(bridge_vif(tap=False), [new_bridge()], id="bridge"),
        pytest.param(bridge_vif(tap=False, mtu=9000), [new_bridge(9000)], id="bridge, MTU of the network"),
        pytest.param(bridge_vif(tap=False, provide=False), [PROVIDED], id="bridge of others"),
        pytest.param(bridge_vif(tap=False, multi_host=True), [PROVIDED], id="multi_host"),
        pytest.param(bridge_vif(tap=False, provide=False, vlan=5, nic="eth0"), [PROVIDED], id="VLAN of others"),
        pytest.param(bridge_vif(tap=False, nic="eth0"), [new_bridge(), *flat("eth0")], id="bridge and NIC"),
        pytest.param(bridge_vif(tap=False, nic="eth0", vlan=5), vlan("eth0"), id="VLAN"),
        pytest.param(
            bridge_vif(tap=False, nic="eth0", vlan=5, mtu=1400), vlan("eth0", 1400), id="VLAN, MTU of the network"
        ),
        pytest.param(bridge_vif(), [new_bridge(), TAP, IN_BRIDGE], id="tap"),
        pytest.param(bridge_vif(provide=False), [PROVIDED, TAP, IN_BRIDGE], id="tap in a bridge of others"),
        pytest.param(
            bridge_vif(multiqueue=True),
            [new_bridge(), Tap(name="tap1", mtu=1500, address=TAP.address, multiqueue=True), IN_BRIDGE],
            id="tap with many queues",
        ),
    ],
)  # fmt: skip
def test_plan(vif: VIFBridge, expected: list[Resource], plugin: LinuxBridgePlugin) -> None:
    assert plugin.plan(vif, None) == Plan(vif_id(1), tuple(expected))


@pytest.mark.parametrize(("vif", "gateway"), [
    pytest.param(bridge_vif(tap=False, filtered=False), True, id="flat"),
    pytest.param(bridge_vif(tap=False, filtered=False, nic="eth0", vlan=5), False, id="VLAN"),
])  # fmt: skip
def test_rules_unless_something_else_filters(
    vif: VIFBridge, gateway: bool, plugin: LinuxBridgePlugin
) -> None:
    (rules,) = (r for r in plugin.plan(vif, None) if isinstance(r, FilterRules))
    expected = FilterRules(bridge="br0", gateway=gateway, prefix=rules.prefix, forward_interfaces=("all",))
    assert rules == expected
    assert 0 < len(rules.prefix) <= 16


def test_options_of_the_rules(plugin: LinuxBridgePlugin) -> None:
    for option, value in (
        ("use_ipv6", True),
        ("iptables_top_regex", "top"),
        ("iptables_bottom_regex", "bottom"),
        ("iptables_drop_action", "REJECT"),
        ("forward_bridge_interface", ["eth1", "eth2"]),
    ):
        cfg.CONF.set_override(option, value, GROUP)
    (rules,) = (r for r in plugin.plan(bridge_vif(filtered=False), None) if isinstance(r, FilterRules))
    assert rules == FilterRules(
        bridge="br0",
        gateway=True,
        prefix=rules.prefix,
        forward_interfaces=("eth1", "eth2"),
        drop_action="REJECT",
        ipv6=True,
        top_regex="top",
        bottom_regex="bottom",
    )


def test_options_of_the_nics(plugin: LinuxBridgePlugin) -> None:
    cfg.CONF.set_override("flat_interface", "eth1", GROUP)
    cfg.CONF.set_override("vlan_interface", "eth2", GROUP)
    cfg.CONF.set_override("network_device_mtu", 1400, GROUP)
    assert list(plugin.plan(bridge_vif(tap=False, nic="eth0"), None)) == [
        new_bridge(1400),
        *flat("eth1", 1400),
    ]
    assert list(plugin.plan(bridge_vif(tap=False, nic="eth0", vlan=5), None)) == vlan("eth2", 1400)


def test_no_mtu_at_all(plugin: LinuxBridgePlugin) -> None:
    cfg.CONF.set_override("network_device_mtu", 0, GROUP)
    assert list(plugin.plan(bridge_vif(tap=False), None)) == [new_bridge(None)]


def test_vif_of_current_nova(plugin: LinuxBridgePlugin) -> None:
    """Nova sends no port profile; the hypervisor makes the tap."""
    vif = VIFBridge(id=vif_id(1), plugin="linux_bridge", vif_name="tap1", bridge_name="br0")
    assert list(plugin.plan(vif, None)) == [PROVIDED]
    vif.port_profile = objects.vif.VIFPortProfileOpenVSwitch(interface_id=vif_id(1))
    assert list(plugin.plan(vif, None)) == [PROVIDED]


def test_vif_without_an_address(plugin: LinuxBridgePlugin) -> None:
    vif = bridge_vif()
    vif.address = None
    (tap,) = (r for r in plugin.plan(vif, None) if isinstance(r, Tap))
    assert tap.address is None


def test_unset_fields_are_told(plugin: LinuxBridgePlugin) -> None:
    vif = VIFBridge(id=vif_id(1), plugin="linux_bridge", bridge_name="br0")
    vif.port_profile = objects.vif.VIFPortProfileLinuxBridge(create_tap=True)
    with pytest.raises(exception.InvalidVIF, match="vif_name: is not set"):
        plugin.plan(vif, None)


def test_describe(plugin: LinuxBridgePlugin) -> None:
    described = plugin.describe()
    assert described.plugin_name == constants.PLUGIN_NAME == "linux_bridge"
    (info,) = described.vif_info
    assert (info.vif_object_name, info.min_version, info.max_version) == ("VIFBridge", "1.0", "1.0")
    (profile,) = info.supported_port_profiles
    assert profile.profile_object_name == "VIFPortProfileLinuxBridge"


def test_privsep_context_is_the_one_operators_have_configured() -> None:
    from vif_plug_linux_bridge import privsep

    assert privsep.vif_plug.cfg_section == "vif_plug_linux_bridge_privileged"
    assert privsep.vif_plug.pypath == "vif_plug_linux_bridge.privsep.vif_plug"
    assert privsep.vif_plug.prefix == "vif_plug_linux_bridge"


def test_options_are_those_of_the_contract() -> None:
    defaults = {option.name: option.default for option in LinuxBridgePlugin.CONFIG_OPTS}
    assert defaults == {
        "use_ipv6": False,
        "iptables_top_regex": "",
        "iptables_bottom_regex": "",
        "iptables_drop_action": "DROP",
        "forward_bridge_interface": ["all"],
        "vlan_interface": None,
        "flat_interface": None,
        "network_device_mtu": 1500,
    }
    assert all(option.deprecated_opts[0].group == "DEFAULT" for option in LinuxBridgePlugin.CONFIG_OPTS)
