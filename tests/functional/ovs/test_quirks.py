"""What os-vif 5.3.0 gets wrong, by the numbers of the interface contract's appendix A, and is right here."""

from __future__ import annotations

import errno
from typing import Any

import pytest
from tests.faults import failing
from tests.netns import ip
from tests.ovs import OpenVSwitch
from tests.ovsvifs import (
    BRIDGE,
    INSTANCE,
    MTU,
    check,
    database,
    host,
    hybrid,
    identity,
    job,
    links,
    mac,
    native,
    plugin,
    short,
    vhost_user,
)
from tests.unit.ovs import vifs

from os_vif import exception
from os_vif.host import engine
from vif_plug_ovs.exception import TapCreationNotSupported

TAP, QVO, VHU = short("tap", 1), short("qvo", 1), short("vhu", 1)
DEAD = {"tag": 4095, "vlan_mode": "trunk", "trunks": 4095}


def vlan(ovs: OpenVSwitch, port: str) -> dict[str, Any]:
    row = database(ovs)["Port"][port]
    return {column: row[column] for column in ("tag", "vlan_mode", "trunks") if column in row}


def test_quirk_5_unplug_without_an_id(switch: OpenVSwitch) -> None:
    """Neutron's agent plugs a SmartNIC's representor with a VIF that has none, and a guest with a uuid alone."""
    ip("link", "add", "rep0-0", "type", "veth", "peer", "name", "wire0")
    before = host(switch)
    vif = vifs.open_vswitch(
        id=vifs.UNSET,
        vif_name="rep0-0",
        address=mac(1),
        network=vifs.objects.network.Network(bridge=BRIDGE, mtu=MTU),
        port_profile=vifs.profile(create_port=True, datapath_type="netdev"),
    )
    it = plugin(switch)
    it.plug(vif, INSTANCE)
    engine.wait_ready(job(it, vif), 5)
    assert links()["rep0-0"]["mtu"] == MTU
    assert database(switch)["Port"]["rep0-0"]["external_ids"] == {"os-vif": vifs.PORT}
    it.unplug(vif, INSTANCE)
    assert host(switch) == before


def test_quirk_6_no_qos_row_of_a_vhost_user_port(switch: OpenVSwitch) -> None:
    """A profile without a datapath_type means OVS' own for this VIF type: nothing to shape, nothing to leak."""
    switch.vsctl("add-port", BRIDGE, VHU)
    vif = vhost_user(datapath_type=None)
    with pytest.raises(exception.EngineError, match="ofport -1"):  # this Open vSwitch has no DPDK
        plugin(switch).plug(vif, INSTANCE)
    assert database(switch)["QoS"] == {}
    plugin(switch).unplug(vif, INSTANCE)
    assert set(database(switch)["Port"]) == {BRIDGE}


@pytest.mark.parametrize("datapath", ["netdev", None])
def test_quirk_7_a_port_on_another_bridge_is_moved(datapath: str | None, switch: OpenVSwitch) -> None:
    switch.bridge("br-old")
    empty = host(switch)
    it = plugin(switch)
    it.plug(native(bridge="br-old", datapath_type=datapath), INSTANCE)
    vif = native(datapath_type=datapath)
    it.plug(vif, INSTANCE)
    assert switch.vsctl("iface-to-br", TAP).strip() == BRIDGE
    assert check(it, vif) == []
    assert len(database(switch)["QoS"]) == (datapath is None)
    it.unplug(vif, INSTANCE)
    assert host(switch) == empty


def test_quirk_7_a_port_that_is_moved_is_isolated(switch: OpenVSwitch) -> None:
    """It is new on this bridge, where its VLAN tag is that of somebody else's network."""
    switch.bridge("br-old")
    it = plugin(switch, isolate_vif=True)
    it.plug(native(bridge="br-old"), INSTANCE)
    switch.vsctl("set", "Port", TAP, "tag=5", "--", "clear", "Port", TAP, "vlan_mode", "trunks")
    it.plug(native(), INSTANCE)
    assert switch.vsctl("iface-to-br", TAP).strip() == BRIDGE
    assert vlan(switch, TAP) == DEAD


@pytest.mark.parametrize(
    "vif", [hybrid(create_tap=True), vhost_user(create_tap=True)], ids=["hybrid", "vhost"]
)
def test_quirk_8_create_tap_where_there_is_none(vif: Any, switch: OpenVSwitch) -> None:
    """Refused before anything is made; an unplug takes the VIF as it is."""
    before = host(switch)
    it = plugin(switch)
    with pytest.raises(TapCreationNotSupported):
        it.plug(vif, INSTANCE)
    assert host(switch) == before
    it.unplug(vif, INSTANCE)


def test_quirk_9_create_tap_without_create_port(switch: OpenVSwitch) -> None:
    before = host(switch)
    it = plugin(switch)
    vif = native(create_port=False)
    it.plug(vif, INSTANCE)
    assert TAP in links()
    assert check(it, vif) == []
    it.unplug(vif, INSTANCE)
    assert host(switch) == before


@pytest.mark.parametrize("vif", [native(), hybrid(), vhost_user()], ids=["native", "hybrid", "vhost"])
def test_quirk_10_unplug_fails_where_the_database_does_not_answer(vif: Any, switch: OpenVSwitch) -> None:
    it = plugin(switch, ovs_vsctl_timeout=1)
    if vif.obj_name() != "VIFVHostUser":
        it.plug(vif, INSTANCE)
    switch.kill_ovsdb()
    with pytest.raises(exception.ExceptionBase, match=r"(?i)is ovsdb-server running"):
        it.unplug(vif, INSTANCE)
    switch.start_ovsdb()
    it.unplug(vif, INSTANCE)
    assert set(database(switch)["Port"]) == {BRIDGE}
    assert sorted(links()) == [BRIDGE, "lo"]


def test_quirk_11_replug_of_a_hybrid_vif_mends_its_port(switch: OpenVSwitch) -> None:
    """The port is gone, its ids are wrong, it is in no Linux bridge: each is mended, the veth pair stays."""
    it = plugin(switch)
    it.plug(hybrid(), INSTANCE)
    good, index = host(switch), links()[QVO]["ifindex"]
    for damage in (
        ("del-port", QVO),
        ("set", "Interface", QVO, "external_ids:iface-id=other"),
        ("remove", "Interface", QVO, "external_ids", "attached-mac"),
        ("remove", "Port", QVO, "external_ids", "os-vif"),
    ):
        switch.vsctl(*damage)
        assert check(it, hybrid()) != [], damage
        it.plug(hybrid(), INSTANCE)
        assert host(switch) == good
    ip("link", "set", short("qvb", 1), "nomaster")
    it.plug(hybrid(), INSTANCE)
    assert check(it, hybrid()) == []
    assert links()[QVO]["ifindex"] == index


def test_quirk_13_the_patch_port_is_isolated_as_a_port_is(switch: OpenVSwitch) -> None:
    """All of tag, vlan_mode and trunks on the port in the integration bridge; the private bridge needs none."""
    it = plugin(switch, per_port_bridge=True, isolate_vif=True)
    it.plug(native(), INSTANCE)
    assert vlan(switch, "ibp" + identity(1)) == DEAD
    assert vlan(switch, TAP) == {}


def test_quirk_13_a_port_that_was_isolated_where_nobody_looks(switch: OpenVSwitch) -> None:
    """5.3.0 left it so; the guest has had no network since. The patch port's VLAN is the agent's as ever."""
    it = plugin(switch, per_port_bridge=True, isolate_vif=True)
    it.plug(native(), INSTANCE)
    patch = "ibp" + identity(1)
    switch.vsctl(
        *("set", "Port", TAP, "tag=4095", "vlan_mode=trunk", "trunks=4095", "--"),
        *("set", "Port", patch, "tag=7", "--", "clear", "Port", patch, "vlan_mode", "trunks"),
    )
    assert check(it, native()) == [
        f"{TAP}: tag is 4095, should be not set",
        f"{TAP}: vlan_mode is trunk, should be not set",
        f"{TAP}: trunks is 4095, should be not set",
    ]
    before = host(switch)
    ip("link", "set", TAP, "down")
    with failing(1, errno.EPERM) as seen, pytest.raises(exception.StepFailed):
        it.plug(native(), INSTANCE)
    assert seen.fired
    assert host(switch) == before
    it.plug(native(), INSTANCE)
    assert vlan(switch, TAP) == {}
    assert vlan(switch, patch) == {"tag": 7}
    assert check(it, native()) == []


# --- errors that 5.3.0 swallows (contract, 8.12) --------------------------------------------------------------


@pytest.mark.parametrize("vif", [native(), hybrid()], ids=["native", "hybrid"])
@pytest.mark.parametrize("options", [{}, {"per_port_bridge": True}], ids=["", "per_port_bridge"])
def test_swallowed_errors_refused_transactions(
    vif: Any, options: dict[str, Any], switch: OpenVSwitch
) -> None:
    """The database takes no writes: plug and unplug say so, and the plug leaves nothing in the kernel."""
    before = host(switch)
    it = plugin(switch, **options)
    read_only(switch)
    with pytest.raises(exception.ExceptionBase, match="read only"):
        it.plug(vif, INSTANCE)
    writable(switch)
    assert host(switch) == before
    it.plug(vif, INSTANCE)
    read_only(switch)
    with pytest.raises(exception.ExceptionBase, match="read only"):
        it.unplug(vif, INSTANCE)
    writable(switch)
    it.unplug(vif, INSTANCE)
    assert host(switch) == before


def test_swallowed_errors_of_making_the_bridge(ovs: OpenVSwitch) -> None:
    before = host(ovs)
    it = plugin(ovs)
    read_only(ovs)
    with pytest.raises(exception.ExceptionBase, match="read only"):
        it.plug(native(create_port=False, create_tap=False), INSTANCE)
    writable(ovs)
    assert host(ovs) == before


def test_swallowed_errors_of_ovs_vswitchd(switch: OpenVSwitch) -> None:
    """An interface that ovs-vswitchd cannot open is an error of the plug, in its words; 5.3.0 logs it."""
    before = host(switch)
    ip("tuntap", "add", TAP, "mode", "tun")  # not what a port can be made of
    taken = host(switch)
    with pytest.raises(exception.WrongKind, match="is a tun"):
        plugin(switch).plug(native(), INSTANCE)
    assert host(switch) == taken
    ip("link", "del", TAP)
    assert host(switch) == before


def read_only(ovs: OpenVSwitch) -> None:
    """Have ovsdb-server refuse all writes: it believes to be a copy of another."""
    ovs.appctl("ovsdb-server", "ovsdb-server/set-active-ovsdb-server", f"unix:{ovs.directory}/nobody")
    ovs.appctl("ovsdb-server", "ovsdb-server/connect-active-ovsdb-server")


def writable(ovs: OpenVSwitch) -> None:
    ovs.appctl("ovsdb-server", "ovsdb-server/disconnect-active-ovsdb-server")
