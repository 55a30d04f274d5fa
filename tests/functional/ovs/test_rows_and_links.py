"""What each kind of VIF puts into the database and the kernel, exactly, and that an unplug takes all of it away."""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import Any

import pytest
from tests.netns import ip, ip_json
from tests.ovs import OpenVSwitch
from tests.ovsvifs import (
    BRIDGE,
    INSTANCE,
    MTU,
    Row,
    check,
    database,
    host,
    hybrid,
    identity,
    ids,
    job,
    links,
    mac,
    mark,
    native,
    plug_unopened,
    plugin,
    short,
    vhost_user,
)

from os_vif import exception
from os_vif.host import engine

TAP, QBR, QVB, QVO, VHU = (short(prefix, 1) for prefix in ("tap", "qbr", "qvb", "qvo", "vhu"))
OURS = {"os-vif": identity(1)}
DEAD = {"tag": 4095, "vlan_mode": "trunk", "trunks": 4095}


def port(name: str, **columns: Any) -> Row:
    return {"name": name, "interfaces": name, "external_ids": OURS, **columns}


def qos(name: str, kind: str = "linux-noop") -> dict[str, Row]:
    ident = str(uuid.uuid5(uuid.UUID("68da264a-847f-42a8-8ab0-5e774aee3d95"), name))
    return {ident: {"type": kind, "external_ids": {"id": ident, "_type": kind}}}


def sysctl(link: str, what: str) -> str:
    return Path(f"/proc/sys/net/{what.replace('LINK', link)}").read_text().strip()


def new(ovs: OpenVSwitch, before: dict[str, dict[str, Row]]) -> dict[str, dict[str, Row]]:
    """The rows that were not there, table by table; the tables without any left out."""
    now = database(ovs)
    found = {t: {n: r for n, r in rows.items() if n not in before[t]} for t, rows in now.items()}
    return {table: rows for table, rows in found.items() if rows}


def test_native_with_tap(switch: OpenVSwitch) -> None:
    before = host(switch)
    it = plugin(switch)
    it.plug(native(), INSTANCE)
    assert new(switch, before[0]) == {
        "Port": {TAP: port(TAP)},
        "Interface": {TAP: {"name": TAP, "external_ids": ids(1)}},
    }
    assert TAP in switch.vsctl("list-ports", BRIDGE).split()
    link = links()[TAP]
    assert (link["mtu"], link["address"], link["ifalias"]) == (MTU, mac(1), mark(1))
    assert "UP" in link["flags"]
    assert link["linkinfo"]["info_data"]["type"] == "tap"
    assert link["linkinfo"]["info_data"]["multi_queue"] is False
    assert sysctl(TAP, "ipv6/conf/LINK/disable_ipv6") == "1"
    assert [e["addr_info"] for e in ip_json("addr", "show", "dev", TAP)] == [[]]
    assert check(it, native()) == []
    it.unplug(native(), INSTANCE)
    assert host(switch) == before


def test_multiqueue(switch: OpenVSwitch) -> None:
    it = plugin(switch)
    it.plug(native(multiqueue=True), INSTANCE)
    assert links()[TAP]["linkinfo"]["info_data"]["multi_queue"] is True
    assert check(it, native(multiqueue=True)) == []
    it.unplug(native(multiqueue=True), INSTANCE)
    assert TAP not in links()


@pytest.mark.parametrize("kind", ["linux-noop", "linux-htb", "linux-fq_codel"])
def test_system_datapath_has_qos(kind: str, switch: OpenVSwitch) -> None:
    """The profile that says nothing of the datapath means the kernel's."""
    before = host(switch)
    it = plugin(switch, default_qos_type=kind)
    vif = native(datapath_type=None)
    it.plug(vif, INSTANCE)
    (row,) = qos(TAP, kind)
    assert new(switch, before[0])["QoS"] == qos(TAP, kind)
    assert database(switch)["Port"][TAP] == port(TAP, qos=row)
    plugin(switch).unplug(vif, INSTANCE)  # its type is another one now: the row goes all the same
    assert host(switch) == before


def test_isolated(switch: OpenVSwitch) -> None:
    it = plugin(switch, isolate_vif=True)
    it.plug(native(), INSTANCE)
    assert database(switch)["Port"][TAP] == port(TAP, **DEAD)
    assert check(it, native()) == [
        f"{TAP}: is in the dead VLAN 4095: the network's agent has not wired it yet"
    ]
    # what the agent has set stays: the port is not new any more
    switch.vsctl("set", "Port", TAP, "tag=7", "--", "clear", "Port", TAP, "vlan_mode", "trunks")
    it.plug(native(), INSTANCE)
    assert database(switch)["Port"][TAP] == port(TAP, tag=7)


def test_on_a_trunks_bridge(switch: OpenVSwitch) -> None:
    """Not isolated, and the interface says which bridge it is on; the bridge goes with the VIF."""
    before = host(switch)
    it = plugin(switch, isolate_vif=True)
    vif = native(bridge="tbr-12345678-9")
    it.plug(vif, INSTANCE)
    found = database(switch)
    assert found["Port"][TAP] == port(TAP)
    assert found["Interface"][TAP]["external_ids"] == ids(1, bridge_name="tbr-12345678-9")
    assert found["Bridge"]["tbr-12345678-9"]["datapath_type"] == "netdev"
    it.unplug(vif, INSTANCE)
    assert host(switch) == before


def test_the_hypervisor_makes_the_port(ovs: OpenVSwitch) -> None:
    """Nothing but the bridge, which stays when the VIF goes; a tap that is left of the guest goes."""
    it = plugin(ovs)
    vif = native(create_port=False, create_tap=False)
    it.plug(vif, INSTANCE)
    ovs.vsctl("--timeout=5", "wait-until", "Interface", BRIDGE, "ofport=65534")
    found = host(ovs)
    assert set(found[0]["Port"]) == {BRIDGE}
    assert found[0]["Bridge"][BRIDGE]["datapath_type"] == "netdev"
    assert TAP not in found[1]
    ip("tuntap", "add", TAP, "mode", "tap")
    ovs.vsctl("add-port", BRIDGE, TAP)
    it.plug(vif, INSTANCE)
    it.unplug(vif, INSTANCE)
    assert host(ovs) == found


def test_port_without_tap(switch: OpenVSwitch) -> None:
    """The MTU of a device that is there is set; one that is not is left to the hypervisor."""
    before = host(switch)
    it = plugin(switch)
    vif = native(create_tap=False)
    it.plug(vif, INSTANCE)
    assert TAP not in links()
    (reason,) = check(it, vif)
    assert reason.startswith(f"{TAP}: ofport -1: could not open network device")
    ip("tuntap", "add", TAP, "mode", "tap")
    it.plug(vif, INSTANCE)
    assert links()[TAP]["mtu"] == MTU
    it.unplug(vif, INSTANCE)
    assert host(switch) == before


def test_tap_of_an_earlier_guest_is_taken_over(switch: OpenVSwitch) -> None:
    ip("tuntap", "add", TAP, "mode", "tap")
    it = plugin(switch)
    it.plug(native(), INSTANCE)
    link = links()[TAP]
    assert (link["mtu"], link["address"], link["ifalias"]) == (MTU, mac(1), mark(1))
    assert check(it, native()) == []


def test_hybrid(switch: OpenVSwitch) -> None:
    before = host(switch)
    it = plugin(switch)
    it.plug(hybrid(), INSTANCE)
    assert new(switch, before[0]) == {
        "Port": {QVO: port(QVO)},
        "Interface": {QVO: {"name": QVO, "external_ids": ids(1)}},
    }
    bridge = links()[QBR]
    data = bridge["linkinfo"]["info_data"]
    assert (data["ageing_time"], data["forward_delay"]) == (0, 0)
    assert (data["stp_state"], data["mcast_snooping"]) == (0, 0)
    assert sysctl(QBR, "ipv6/conf/LINK/disable_ipv6") == "1"
    assert sysctl(QBR, "ipv4/conf/LINK/arp_ignore") == "1"
    assert sysctl(QBR, "ipv4/conf/LINK/arp_announce") == "2"
    assert links()[QVB]["master"] == QBR
    for name in (QBR, QVB, QVO):
        assert "UP" in links()[name]["flags"], name
        assert (links()[name]["mtu"], links()[name]["ifalias"]) == (MTU, mark(1))
        assert [e["addr_info"] for e in ip_json("addr", "show", "dev", name)] == [[]]
    for name in (QVB, QVO):
        assert "PROMISC" in links()[name]["flags"]
    assert check(it, hybrid()) == []
    it.unplug(hybrid(), INSTANCE)
    assert host(switch) == before


def test_hybrid_follows_a_changed_mtu(switch: OpenVSwitch) -> None:
    it = plugin(switch)
    it.plug(hybrid(), INSTANCE)
    it.plug(hybrid(mtu=1400), INSTANCE)
    assert {links()[name]["mtu"] for name in (QVB, QVO)} == {1400}
    assert check(it, hybrid(mtu=1400)) == []


def test_mtu_of_networks_that_do_not_say_theirs(switch: OpenVSwitch) -> None:
    it = plugin(switch, network_device_mtu=1300)
    it.plug(native(mtu=None), INSTANCE)
    assert links()[TAP]["mtu"] == 1300


def test_a_bridge_per_port(switch: OpenVSwitch) -> None:
    before = host(switch)
    it = plugin(switch, per_port_bridge=True)
    it.plug(native(), INSTANCE)
    bridge, here, there = short("pb", 1), "ibp" + identity(1), "pbp" + identity(1)
    assert switch.vsctl("list-ports", bridge).split() == sorted([there, TAP])
    assert switch.vsctl("list-ports", BRIDGE).split() == [here]
    found = new(switch, before[0])
    assert found["Port"] == {
        bridge: {"name": bridge, "interfaces": bridge},
        TAP: port(TAP),
        here: port(here),
        there: port(there),
    }
    interfaces = found["Interface"]
    assert interfaces[TAP] == {"name": TAP}
    patch = {"name": here, "type": "patch", "options": {"peer": there}}
    assert interfaces[here] == {**patch, "external_ids": ids(1) | {"iface-id": identity(1)}}
    assert interfaces[there] == {"name": there, "type": "patch", "options": {"peer": here}}
    assert found["Bridge"][bridge]["external_ids"] == OURS
    assert check(it, native()) == []
    it.unplug(native(), INSTANCE)
    assert host(switch) == before


def test_vhost_user_says_what_ovs_says(ovs: OpenVSwitch) -> None:
    """This Open vSwitch has no DPDK: the plug fails in a second, with its word, and nothing is left."""
    ovs.bridge("br-dpdk")
    before = host(ovs)
    it = plugin(ovs, ovs_vsctl_timeout=20)
    vif = vhost_user(bridge="br-dpdk")
    with pytest.raises(
        exception.EngineError, match=rf"{VHU}: ofport -1: could not open network device {VHU}"
    ):
        it.plug(vif, INSTANCE)
    assert host(ovs) == before
    it.unplug(vif, INSTANCE)
    assert host(ovs) == before


@pytest.mark.parametrize(
    ("mode", "kind", "options"),
    [
        ("client", "dpdkvhostuser", {}),
        ("server", "dpdkvhostuserclient", {"vhost-server-path": "/tmp/nobody-opens-it-1"}),
    ],
)
def test_vhost_user_rows(mode: str, kind: str, options: dict[str, str], switch: OpenVSwitch) -> None:
    """What Open vSwitch with DPDK would be told; this one cannot open the port, and is not waited for."""
    before = host(switch)
    vif = vhost_user(mode=mode)
    it = plugin(switch)
    plug_unopened(it, vif)
    row: dict[str, Any] = {"name": VHU, "type": kind, "external_ids": ids(1), "mtu_request": MTU}
    assert database(switch)["Interface"][VHU] == (row | {"options": options} if options else row)
    assert database(switch)["Port"][VHU] == port(VHU)
    it.unplug(vif, INSTANCE)
    assert host(switch) == before


@pytest.mark.parametrize(
    "vif",
    [native(), native(create_tap=False), hybrid(), vhost_user()],
    ids=["tap", "port", "hybrid", "vhost"],
)
def test_unplug_of_what_was_never_plugged(vif: Any, ovs: OpenVSwitch) -> None:
    before = host(ovs)
    for options in ({}, {"per_port_bridge": True}):
        plugin(ovs, **options).unplug(vif, INSTANCE)
    assert host(ovs) == before


@pytest.mark.parametrize("number", [1, 40])  # looked for row by row, and in the whole table
def test_the_qos_goes_with_the_vif_though_somebody_removed_its_port(number: int, switch: OpenVSwitch) -> None:
    it = plugin(switch)
    made = [native(n, datapath_type=None) for n in range(1, number + 1)]
    (other, stays) = native(99, datapath_type=None), native(98, datapath_type=None)
    for vif in (*made, other, stays):
        it.plug(vif, INSTANCE)
    for vif in (*made, other):
        switch.vsctl("del-port", vif.vif_name)
    assert len(database(switch)["QoS"]) == number + 2  # they outlive their ports
    assert engine.remove([job(it, vif) for vif in made]) == [None] * number
    assert len(database(switch)["QoS"]) == 2
    it.unplug(other, INSTANCE)
    assert list(database(switch)["QoS"].values()) == list(qos(stays.vif_name).values())


def test_what_is_not_the_vifs_stays(switch: OpenVSwitch) -> None:
    """Other VIFs, the operator's ports and bridges, rows that the controller has added."""
    it = plugin(switch)
    switch.bridge("br-ex")
    switch.vsctl("add-port", BRIDGE, "patch-tun", "--", "set", "Interface", "patch-tun", "type=internal")
    it.plug(native(2), INSTANCE)
    it.plug(hybrid(3), INSTANCE)
    before = host(switch)
    for vif in (native(), hybrid()):
        it.plug(vif, INSTANCE)
        it.unplug(vif, INSTANCE)
        assert host(switch) == before
    assert check(it, native(2)) == check(it, hybrid(3)) == []


def test_words_of_the_controller_stay(switch: OpenVSwitch) -> None:
    it = plugin(switch)
    it.plug(native(), INSTANCE)
    switch.vsctl("set", "Interface", TAP, "external_ids:ovn-installed=true", "ingress_policing_rate=1000")
    switch.vsctl("set", "Port", TAP, "other_config:transient=true", "tag=9")
    before = host(switch)
    it.plug(native(), INSTANCE)
    assert host(switch) == before
