"""Each kind of VIF plugged, checked, plugged again, and unplugged, on a real kernel and Open vSwitch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from tests.netns import ip
from tests.ovs import OpenVSwitch, ovs
from tests.unit.ovs import vifs
from tests.unit.ovs.vifs import hybrid, network, open_vswitch, profile

from os_vif import exception
from os_vif.host import engine
from os_vif.host.differences import Remedy
from vif_plug_ovs.ovs import OvsPlugin

__all__ = ["ovs"]

TAP = {"create_port": True, "create_tap": True}
KINDS: dict[str, tuple[Callable[..., Any], dict[str, Any], dict[str, Any]]] = {
    "the hypervisor makes the port": (open_vswitch, {}, {}),
    "port": (open_vswitch, {"create_port": True}, {}),
    "port and tap": (open_vswitch, TAP, {}),
    "port and tap, with QoS": (open_vswitch, TAP | {"datapath_type": None}, {}),
    "isolated": (open_vswitch, TAP, {"isolate_vif": True}),
    "a bridge per port": (open_vswitch, TAP, {"per_port_bridge": True, "isolate_vif": True}),
    "hybrid": (hybrid, {}, {}),
    "hybrid, with QoS": (hybrid, {"datapath_type": None}, {}),
}


def plugin(ovs: OpenVSwitch, **options: Any) -> OvsPlugin:
    return vifs.plugin(ovsdb_connection=ovs.remote, ovs_vsctl_timeout=5, **options)


def rows(ovs: OpenVSwitch) -> tuple[str, ...]:
    names = [ovs.vsctl("--columns=name", "list", table) for table in ("Bridge", "Port", "Interface")]
    return (*names, ovs.vsctl("--columns=type", "list", "QoS"))


@pytest.mark.parametrize("kind", KINDS)
def test_plug_check_unplug(ovs: OpenVSwitch, kind: str) -> None:
    make, fields, options = KINDS[kind]
    ovs.bridge("br-int")
    before = rows(ovs), ip("-br", "link")
    card = make(port_profile=profile(**{"datapath_type": "netdev", **fields}))
    it = plugin(ovs, **options)
    for _ in range(2):
        it.plug(card, vifs.INSTANCE)
        (found,) = engine.check([it.job(card, vifs.INSTANCE)])
        # what others are to do: make the device of the port, take it out of the dead VLAN
        assert [str(d) for d in found if d.remedy is not Remedy.WAIT] == []
    it.unplug(card, vifs.INSTANCE)
    assert (rows(ovs), ip("-br", "link")) == before
    it.unplug(card, vifs.INSTANCE)


def test_a_trunks_bridge_goes_with_the_vif(ovs: OpenVSwitch) -> None:
    ovs.bridge("br-int")
    before = rows(ovs)
    card = open_vswitch(network=network("tbr-1"), port_profile=profile(datapath_type="netdev", **TAP))
    it = plugin(ovs, isolate_vif=True)
    it.plug(card, vifs.INSTANCE)
    assert ovs.vsctl("iface-to-br", "tapb679325f-ca").strip() == "tbr-1"
    assert ovs.vsctl("get", "Port", "tapb679325f-ca", "tag").strip() == "[]"
    it.unplug(card, vifs.INSTANCE)
    assert rows(ovs) == before


def test_a_rebound_port_leaves_nothing_of_its_hybrid_time(ovs: OpenVSwitch) -> None:
    ovs.bridge("br-int")
    before = rows(ovs), ip("-br", "link")
    it = plugin(ovs)
    it.plug(hybrid(), vifs.INSTANCE)
    it.unplug(open_vswitch(), vifs.INSTANCE)
    assert (rows(ovs), ip("-br", "link")) == before


def test_what_was_plugged_before_per_port_bridge_was_turned_off(ovs: OpenVSwitch) -> None:
    ovs.bridge("br-int")
    before = rows(ovs), ip("-br", "link")
    card = open_vswitch(port_profile=profile(datapath_type="netdev", **TAP))
    plugin(ovs, per_port_bridge=True).plug(card, vifs.INSTANCE)
    plugin(ovs).unplug(card, vifs.INSTANCE)
    assert (rows(ovs), ip("-br", "link")) == before


def test_what_was_plugged_before_per_port_bridge_was_turned_on(ovs: OpenVSwitch) -> None:
    ovs.bridge("br-int")
    before = rows(ovs), ip("-br", "link")
    card = open_vswitch(port_profile=profile(datapath_type="netdev", **TAP))
    plugin(ovs).plug(card, vifs.INSTANCE)
    plugin(ovs, per_port_bridge=True).unplug(card, vifs.INSTANCE)
    assert (rows(ovs), ip("-br", "link")) == before


def test_an_obstacle_leaves_the_host_alone(ovs: OpenVSwitch) -> None:
    # quirk 8: the rows, the bridge and the veth pair were there already when it was refused
    ovs.bridge("br-int")
    before = rows(ovs), ip("-br", "link")
    card = hybrid(port_profile=profile(create_tap=True))
    with pytest.raises(exception.InvalidVIF, match="create_tap"):
        plugin(ovs).plug(card, vifs.INSTANCE)
    assert (rows(ovs), ip("-br", "link")) == before
    plugin(ovs).unplug(card, vifs.INSTANCE)
