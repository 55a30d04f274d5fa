"""The generic driver: which VIF a network service's metadata mean, and who is asked to plug it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from os_vif import exception, objects
from os_vif.objects.instance_info import InstanceInfo
from os_vif.objects.vif import VIFBase
from os_vif.virt import Card, generic, legacy
from os_vif.virt.generic import GenericVIFDriver

PORT = "5e6f7a8b-cafe-4000-8000-00000000000b"
NETWORK = "9e9e9e9e-cafe-4000-8000-00000000000c"
INSTANCE = InstanceInfo(uuid="0a0a0a0a-cafe-4000-8000-00000000000d", name="instance-1")
QBG = {"managerid": 11, "typeid": 1193047, "typeidversion": 2, "instanceid": PORT}


class Recorder:
    """Who plugs, and remembers it."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, VIFBase, InstanceInfo]] = []

    def plug(self, vif: VIFBase, instance_info: InstanceInfo) -> None:
        self.calls.append(("plug", vif, instance_info))

    def unplug(self, vif: VIFBase, instance_info: InstanceInfo) -> None:
        self.calls.append(("unplug", vif, instance_info))


def pair(network: Mapping[str, Any] | None = None, **mapping: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """Metadata of an Open vSwitch port; a value of None takes its key away."""
    of_network = {"id": NETWORK, "bridge": "br-int", "mtu": 1450} | dict(network or {})
    of_mapping = {
        "vif_type": "ovs",
        "vif_uuid": PORT,
        "mac": "fa:16:3e:00:00:0a",
        "ovs_interfaceid": PORT,
    } | mapping
    return (
        {name: value for name, value in of_network.items() if value is not None},
        {name: value for name, value in of_mapping.items() if value is not None},
    )


def driver(**settings: Any) -> GenericVIFDriver:
    return GenericVIFDriver(Recorder(), **settings)


def set_up(made: VIFBase) -> str:
    """What a VIF of Open vSwitch is in the words of 2013."""
    if isinstance(made, objects.vif.VIFBridge):
        return "hybrid"
    return "ethernet" if made.port_profile.create_tap else "virtualport"


@pytest.mark.parametrize(
    ("settings", "mapping", "expected"),
    [
        ({}, {}, "virtualport"),
        ({"libvirt_version": (9, 0, 0)}, {}, "virtualport"),
        ({"libvirt_version": (0, 9, 11)}, {}, "virtualport"),
        ({"libvirt_version": (0, 9, 10)}, {}, "ethernet"),
        ({"firewall": True}, {}, "hybrid"),
        ({"firewall": True, "libvirt_version": (0, 9, 10)}, {}, "hybrid"),
        ({"firewall": True}, {"filtered": True}, "virtualport"),
        ({"firewall": True, "libvirt_version": (0, 9, 10)}, {"filtered": True}, "ethernet"),
        ({}, {"filtered": True}, "virtualport"),
    ],
)
def test_a_rule_chooses_the_set_up_of_open_vswitch(
    settings: dict[str, Any], mapping: dict[str, Any], expected: str
) -> None:
    made = driver(**settings).vif(pair(**mapping))
    assert set_up(made) == expected
    assert (made.plugin, made.id, made.network.bridge, made.network.mtu) == ("ovs", PORT, "br-int", 1450)
    assert made.port_profile.interface_id == PORT
    assert made.vif_name == "tap5e6f7a8b-ca"
    assert made.bridge_name == ("qbr5e6f7a8b-ca" if expected == "hybrid" else "br-int")
    if expected != "hybrid":
        assert made.port_profile.create_port == (expected == "ethernet")


def test_the_metadata_of_the_other_types() -> None:
    bridge = driver(firewall=True).vif(
        pair(
            {"bridge": "br100", "bridge_interface": "eth1", "vlan": 100},
            vif_type="bridge",
            should_create_bridge=True,
            should_create_vlan=True,
            vif_devname="vnet7",
        )
    )
    assert isinstance(bridge, objects.vif.VIFBridge)
    assert (bridge.plugin, bridge.bridge_name, bridge.vif_name) == ("linux_bridge", "br100", "vnet7")
    network = bridge.network
    assert (network.vlan, network.bridge_interface, network.should_provide_vlan) == (100, "eth1", True)
    assert network.should_provide_bridge

    beside = {"interface": "eth2"}
    qbg = driver().vif(pair(beside, vif_type="802.1qbg", qbg_params=QBG))
    assert (qbg.plugin, qbg.vif_name, qbg.mode) == ("direct", "eth2", "vepa")
    assert qbg.port_profile.type_id == 1193047
    qbh = driver().vif(pair(beside, vif_type="802.1qbh", qbh_params={"profileid": "finance"}))
    assert (qbh.plugin, qbh.vif_name, qbh.port_profile.profile_id) == ("direct", "eth2", "finance")


@pytest.mark.parametrize(
    ("network", "mapping", "field", "words"),
    [
        ({}, {"vif_type": None}, "mapping.vif_type", "is not set; for services that never set it"),
        ({}, {"vif_type": "nvp"}, "mapping.vif_type", "'nvp' is none of 802.1qbg, 802.1qbh, bridge, ovs"),
        ({}, {"vif_type": 7}, "mapping.vif_type", "7 is not a string"),
        ({"bridge": None}, {}, "network.bridge", "is not set"),
        ({"bridge": 7}, {}, "network.bridge", "7 is not a string"),
        ({"bridge": None}, {"vif_type": "bridge"}, "network.bridge", "is not set"),
        ({}, {"ovs_interfaceid": None}, "mapping.ovs_interfaceid", "is not set"),
        ({}, {"ovs_interfaceid": "x"}, "mapping.ovs_interfaceid", "'x' is not a UUID"),
        ({}, {"vif_uuid": None}, "mapping.vif_uuid", "is not set"),
        ({}, {"vif_uuid": "x"}, "mapping.vif_uuid", "'x' is not a UUID"),
        ({}, {"mac": None}, "mapping.mac", "is not set"),
        ({}, {"mac": "2"}, "network and mapping", "2"),
        ({"mtu": "big"}, {}, "network and mapping", "big"),
        ({}, {"filtered": "no"}, "mapping.filtered", "'no' is neither True nor False"),
        ({}, {"vif_type": "bridge", "should_create_vlan": True}, "network.vlan", "is not set"),
        (
            {"vlan": 7},
            {"vif_type": "bridge", "should_create_vlan": True},
            "network.bridge_interface",
            "is not set",
        ),
        ({"interface": "eth2"}, {"vif_type": "802.1qbh"}, "mapping.qbh_params.profileid", "is not set"),
        (
            {"interface": "eth2"},
            {"vif_type": "802.1qbh", "qbh_params": "finance"},
            "mapping.qbh_params",
            "is a str, not a dictionary",
        ),
        (
            {},
            {"vif_type": "802.1qbh", "qbh_params": {"profileid": "x"}},
            "network.interface",
            "is not set",
        ),
        *(
            (
                {"interface": "eth2"},
                {
                    "vif_type": "802.1qbg",
                    "qbg_params": {name: value for name, value in QBG.items() if name != missing},
                },
                f"mapping.qbg_params.{missing}",
                "is not set",
            )
            for missing in QBG
        ),
    ],
)
def test_what_is_missing_or_wrong_is_named(
    network: dict[str, Any], mapping: dict[str, Any], field: str, words: str
) -> None:
    with pytest.raises(exception.UnfitVIF) as told:
        driver(firewall=True).vif(pair(network, **mapping))
    assert told.value.kwargs["field"] == field
    assert words in str(told.value)


@pytest.mark.parametrize("wrong", [None, [], "network"])
def test_a_pair_that_is_none_of_dictionaries_says_so(wrong: Any) -> None:
    with pytest.raises(exception.UnfitVIF, match=r"network: is a \w+, not a dictionary"):
        driver().vif((wrong, pair()[1]))
    with pytest.raises(exception.UnfitVIF, match=r"mapping: is a \w+, not a dictionary"):
        driver().vif((pair()[0], wrong))


def test_objects_and_metadata_are_plugged_alike_several_backends_by_one_driver() -> None:
    recorder = Recorder()
    both = GenericVIFDriver(recorder)
    generic_vif = objects.vif.VIFGeneric(
        id=NETWORK, plugin="midonet", vif_name="tap1", address="02:00:00:00:00:01"
    )
    both.plug(generic_vif, INSTANCE)
    both.plug(pair(), INSTANCE)
    both.unplug(pair(vif_type="bridge"), INSTANCE)
    assert [(verb, vif.plugin, info) for verb, vif, info in recorder.calls] == [
        ("plug", "midonet", INSTANCE),
        ("plug", "ovs", INSTANCE),
        ("unplug", "linux_bridge", INSTANCE),
    ]
    assert '<target dev="tap1"' in both.get_config(generic_vif)
    assert '<virtualport type="openvswitch">' in both.get_config(pair())


def test_nothing_is_plugged_of_metadata_that_are_wrong() -> None:
    recorder = Recorder()
    with pytest.raises(exception.UnfitVIF):
        GenericVIFDriver(recorder).plug(pair(ovs_interfaceid=None), INSTANCE)
    assert recorder.calls == []


def test_a_filter_is_named_where_the_host_must_filter_and_only_there() -> None:
    filtering = driver(firewall=True)
    named = '<filterref filter="nova-instance-instance-1-fa163e00000a" />'
    assert named in filtering.get_config(pair(), instance_name="instance-1")
    assert named in filtering.get_config(pair(vif_type="bridge"), instance_name="instance-1")
    assert "filterref" not in filtering.get_config(pair(filtered=True), instance_name="instance-1")
    assert "filterref" not in driver().get_config(pair(vif_type="bridge"), instance_name="instance-1")
    assert "filterref" not in filtering.get_config(pair())
    own = filtering.get_config(
        pair(), Card(filterref=generic.FilterRef("mine"), queues=2), instance_name="instance-1"
    )
    assert '<filterref filter="mine" />' in own
    assert 'queues="2"' in own


@pytest.mark.parametrize(
    ("old", "expected"),
    [
        (legacy.LibvirtBridgeDriver, "bridge"),
        (legacy.QuantumLinuxBridgeVIFDriver, "bridge"),
        (legacy.LibvirtOpenVswitchDriver, "ethernet"),
        (legacy.LibvirtHybridOVSBridgeDriver, "hybrid"),
        (legacy.LibvirtOpenVswitchVirtualPortDriver, "virtualport"),
    ],
)
@pytest.mark.parametrize("settings", [{}, {"firewall": True}, {"libvirt_version": (0, 9, 10)}])
def test_each_driver_of_2012_has_one_set_up_whatever_the_rules_say(
    old: Callable[..., GenericVIFDriver], expected: str, settings: dict[str, Any]
) -> None:
    with pytest.warns(DeprecationWarning, match=f"{old.__name__} is deprecated"):  # type: ignore[attr-defined]
        fixed = old(Recorder(), **settings)
    made = fixed.vif(pair(vif_type=None, ovs_interfaceid=None))
    if expected == "bridge":
        assert (made.plugin, made.bridge_name) == ("linux_bridge", "br-int")
        return
    assert (made.plugin, set_up(made)) == ("ovs", expected)
    assert made.port_profile.interface_id == PORT  # the VIF's own: nobody says another


@pytest.mark.filterwarnings("ignore:.*is deprecated:DeprecationWarning")
def test_what_services_of_2012_left_out() -> None:
    quantum = legacy.QuantumLinuxBridgeVIFDriver(Recorder())
    made = quantum.vif(pair({"bridge": None}, vif_type=None))
    assert (made.bridge_name, made.network.should_provide_bridge) == ("brq9e9e9e9e-ca", True)
    switch = legacy.LibvirtOpenVswitchDriver(Recorder())
    assert switch.vif(pair({"bridge": None}, vif_type=None)).network.bridge == "br-int"
    with pytest.raises(exception.UnfitVIF, match=r"network\.bridge: is not set"):
        legacy.LibvirtBridgeDriver(Recorder()).vif(pair({"bridge": None}))
