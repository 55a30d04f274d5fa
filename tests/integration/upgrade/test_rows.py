"""Upgrade and back where no packet can pass here: the kernel's datapath (QoS, representors) and vhost-user.

Rows and links are the real ones. The kernel's datapath is played by ovs-vswitchd (fixture `system_switch`); of NICs
with virtual functions only sysfs is made up, their representors are ends of veth pairs. A vhost-user port needs an
Open vSwitch with DPDK: this one says of each that it cannot open it.
"""

from __future__ import annotations

import subprocess
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.guests import Card
from tests.integration.upgrade.host import Everything
from tests.integration.upgrade.peer import Peer
from tests.netns import ip
from tests.ovs import OpenVSwitch
from tests.ovsvifs import (
    BRIDGE,
    INSTANCE,
    MTU,
    Row,
    check,
    database,
    host_device,
    hybrid,
    identity,
    links,
    mac,
    native,
    plug_unopened,
    plugin,
    short,
    vhost_user,
)
from tests.traffic import traffic
from tests.unit.host_sysfs import trees

from os_vif import exception

pytestmark = pytest.mark.integration

TAP, VHU = short("tap", 1), short("vhu", 1)
VF = trees.vf_address("0000:03:00.0", 1)
REPRESENTOR = "eth1"  # of that function, in the tree


def qos(port: str, kind: str = "linux-noop") -> dict[str, dict[str, Row]]:
    """The QoS row of a port, as every os-vif makes it, in its table."""
    ident = str(uuid.uuid5(uuid.UUID("68da264a-847f-42a8-8ab0-5e774aee3d95"), port))
    return {"QoS": {ident: {"type": kind, "external_ids": {"id": ident, "_type": kind}}}}


# --- QoS ---------------------------------------------------------------------------------------------------------

QOS = pytest.mark.parametrize(
    ("make", "prefix", "kind"),
    [
        pytest.param(native, "tap", "linux-noop", id="native"),
        pytest.param(native, "tap", "linux-htb", id="native, htb"),
        pytest.param(hybrid, "qvo", "linux-htb", id="hybrid, htb"),
    ],
)


@QOS
def test_qos(
    make: Callable[..., Any], prefix: str, kind: str, system_switch: OpenVSwitch, os_vif_5_3: Peer
) -> None:
    """The row is taken over as it is, and goes with the VIF, plugged again or not."""
    before = Everything.of(system_switch)
    it = plugin(system_switch, default_qos_type=kind)
    was = os_vif_5_3.on(system_switch, default_qos_type=kind)
    one, other = make(1, datapath_type=None), make(2, datapath_type="system")
    was.plug(one, other, instance=INSTANCE)
    it.plug(one, INSTANCE)
    assert check(it, one) == []
    rows = database(system_switch)
    assert rows["QoS"] == qos(short(prefix, 1), kind)["QoS"] | qos(short(prefix, 2), kind)["QoS"]
    assert rows["Port"][short(prefix, 1)]["qos"] in qos(short(prefix, 1), kind)["QoS"]
    for vif in (one, other):
        it.unplug(vif, INSTANCE)
    before.assert_unchanged()


@QOS
def test_qos_and_back(
    make: Callable[..., Any], prefix: str, kind: str, system_switch: OpenVSwitch, os_vif_5_3: Peer
) -> None:
    before = Everything.of(system_switch)
    it = plugin(system_switch, default_qos_type=kind)
    was = os_vif_5_3.on(system_switch, default_qos_type=kind)
    one, other = make(1, datapath_type=None), make(2, datapath_type="system")
    was.plug(other, instance=INSTANCE)
    for vif in (one, other):
        it.plug(vif, INSTANCE)
    was.plug(one, other, instance=INSTANCE)
    assert (
        database(system_switch)["QoS"]
        == qos(short(prefix, 1), kind)["QoS"] | qos(short(prefix, 2), kind)["QoS"]
    )
    was.unplug(one, other, instance=INSTANCE)
    before.assert_unchanged()


def test_qos_of_what_was_the_default_then(system_switch: OpenVSwitch, os_vif_5_3: Peer) -> None:
    """5.3.0 looks for rows of the type that is the default now, and leaks all others; here it is the port's rows."""
    before = Everything.of(system_switch)
    vifs = [native(n, datapath_type=None) for n in (1, 2)]
    os_vif_5_3.on(system_switch, default_qos_type="linux-htb").plug(*vifs, instance=INSTANCE)
    plugin(system_switch, default_qos_type="linux-sfq").unplug(vifs[1], INSTANCE)
    os_vif_5_3.on(system_switch, default_qos_type="linux-sfq").unplug(vifs[0], instance=INSTANCE)
    before.assert_unchanged(but=qos(TAP, "linux-htb"))
    plugin(system_switch).plug(vifs[0], INSTANCE)  # and with the next plug the leaked one goes
    assert database(system_switch)["QoS"] == qos(TAP)["QoS"]
    plugin(system_switch).unplug(vifs[0], INSTANCE)
    before.assert_unchanged()


def test_qos_of_a_port_on_another_bridge(system_switch: OpenVSwitch, os_vif_5_3: Peer) -> None:
    """Quirk 7: when 5.3.0 plugs such a port again, it leaves it where it is, and leaks a row besides."""
    before = Everything.of(system_switch)
    vif = native(1, datapath_type=None)
    was, it = os_vif_5_3.on(system_switch), plugin(system_switch)
    was.plug(native(1, bridge="br-old", datapath_type=None), instance=INSTANCE)
    was.plug(vif, instance=INSTANCE)
    assert system_switch.vsctl("iface-to-br", TAP).strip() == "br-old"
    it.plug(vif, INSTANCE)
    assert system_switch.vsctl("iface-to-br", TAP).strip() == BRIDGE
    assert check(it, vif) == []
    it.unplug(vif, INSTANCE)
    system_switch.vsctl("del-br", "br-old")
    before.assert_unchanged()


def test_qos_that_shapes_a_guests_traffic(system_switch: OpenVSwitch, os_vif_5_3: Peer) -> None:
    """5.3.0 has plugged for the kernel's datapath; then the bridge is in user space, where htb shapes taps too."""
    switch, htb = system_switch, {"default_qos_type": "linux-htb"}
    vifs = [native(n, datapath_type=None) for n in (1, 2)]
    os_vif_5_3.on(switch, **htb).plug(*vifs, instance=INSTANCE)
    switch.vsctl("--no-wait", "set", "Bridge", BRIDGE, "datapath_type=netdev")
    switch.restart_vswitchd()
    it = plugin(switch, **htb)
    cards = [Card(short("tap", n), mac(n)) for n in (1, 2)]
    with traffic(*cards) as flow:
        shaped = shaping(TAP)
        assert "htb" in shaped
        it.plug(vifs[0], INSTANCE)
        assert check(it, vifs[0]) == []
        assert shaping(TAP) == shaped
    assert flow.lost == []
    for card, vif in zip(cards, vifs, strict=True):
        card.close()
        it.unplug(vif, INSTANCE)
    assert database(switch)["QoS"] == {}
    assert sorted(links()) == [BRIDGE, "lo"]


def shaping(device: str) -> str:
    """The device's queueing disciplines."""
    done = subprocess.run(["tc", "qdisc", "show", "dev", device], capture_output=True, text=True, check=True)
    return done.stdout


# --- vhost-user --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("mode", "datapath"), [("client", "netdev"), ("server", None)])
def test_vhost_user(mode: str, datapath: str | None, switch: OpenVSwitch, os_vif_5_3: Peer) -> None:
    """A plug that must fail leaves the rows alone; an unplug takes them, with the QoS that 5.3.0 leaks (quirk 6)."""
    before = Everything.of(switch)
    vif = vhost_user(mode=mode, datapath_type=datapath)
    it, was = plugin(switch), os_vif_5_3.on(switch)
    was.plug(vif, instance=INSTANCE)
    taken = Everything.of(switch)
    unmarked, unopened = check(it, vif)
    assert unmarked == f"{VHU}: does not carry the mark of VIF {identity(1)} (external_ids:os-vif)"
    assert unopened.startswith(f"{VHU}: ofport -1: could not open network device")
    with pytest.raises(exception.EngineError, match="ofport -1"):
        it.plug(vif, INSTANCE)
    taken.assert_unchanged()
    plug_unopened(it, vif)
    assert check(it, vif) == [unopened]
    it.unplug(vif, INSTANCE)
    before.assert_unchanged()


@pytest.mark.parametrize(("mode", "datapath"), [("client", "netdev"), ("server", None)])
def test_vhost_user_and_back(mode: str, datapath: str | None, switch: OpenVSwitch, os_vif_5_3: Peer) -> None:
    """What 5.3.0 leaks is the QoS row it makes where the profile says no datapath; none where it finds the port."""
    before = Everything.of(switch)
    one, other = (vhost_user(n, mode=mode, datapath_type=datapath) for n in (1, 2))
    it, was = plugin(switch), os_vif_5_3.on(switch)
    was.plug(other, instance=INSTANCE)
    for vif in (one, other):
        plug_unopened(it, vif)
    was.plug(one, other, instance=INSTANCE)
    assert [len(check(it, vif)) for vif in (one, other)] == [1, 1]
    was.unplug(one, other, instance=INSTANCE)
    before.assert_unchanged(but=qos(short("vhu", 2)) if datapath is None else None)


# --- virtual functions of a NIC ----------------------------------------------------------------------------------


@pytest.fixture
def nic(netns: None, tmp_path: Path) -> trees.Tree:
    """sysfs has a NIC in mode switchdev; the representor of VF is there as a link, and down."""
    ip("link", "add", REPRESENTOR, "type", "veth", "peer", "name", "vf1")
    for state in ("up", "down"):  # its queueing discipline, too, is then what it is when it is down again
        ip("link", "set", REPRESENTOR, state)
    return trees.connectx5(tmp_path)


def test_representor(nic: trees.Tree, system_switch: OpenVSwitch, os_vif_5_3: Peer) -> None:
    """It is a port already, so it keeps its name; unplugged, it is down, and nobody's."""
    before = Everything.of(system_switch)
    it = plugin(system_switch)
    it.sysfs = nic.sysfs
    vif = host_device(address=VF, representor="nic1")
    os_vif_5_3.on(system_switch, nic.root).plug(vif, instance=INSTANCE)
    assert links()[REPRESENTOR]["mtu"] == MTU
    # the kernel's datapath is the master of its ports
    (nic.root / "class/net" / REPRESENTOR / "master").symlink_to("../lo")
    assert check(it, vif) == [
        f"{REPRESENTOR}: does not carry the mark of VIF {identity(1)} (external_ids:os-vif)"
    ]
    it.plug(vif, INSTANCE)
    assert check(it, vif) == []
    it.unplug(vif, INSTANCE)
    ip("link", "set", REPRESENTOR, "mtu", 1500)
    before.assert_unchanged()


def test_representor_and_back(nic: trees.Tree, system_switch: OpenVSwitch, os_vif_5_3: Peer) -> None:
    """Plugged here first it has the name that Nova says, which 5.3.0 leaves it; so the next plug finds it."""
    before = Everything.of(system_switch)
    it, was = plugin(system_switch), os_vif_5_3.on(system_switch, nic.root)
    it.sysfs = nic.sysfs
    vif = host_device(address=VF, representor="nic1")
    it.plug(vif, INSTANCE)
    nic.rename(REPRESENTOR, "nic1", function="0000:03:00.0")
    was.plug(vif, instance=INSTANCE)
    assert check(it, vif) == []
    was.unplug(vif, instance=INSTANCE)
    assert "UP" not in links()["nic1"]["flags"]
    assert Everything.of(system_switch).rows == before.rows
    it.unplug(vif, INSTANCE)  # gives it back the name it had
    ip("link", "set", REPRESENTOR, "mtu", 1500)
    before.assert_unchanged()


def test_representor_of_dpdk(nic: trees.Tree, switch: OpenVSwitch, os_vif_5_3: Peer) -> None:
    """A row that is no netdev; 5.3.0 gives it no MTU, and this project does."""
    before = Everything.of(switch)
    it, was = plugin(switch), os_vif_5_3.on(switch, nic.root)
    it.sysfs = nic.sysfs
    vif = host_device(address=VF, representor="nic1", datapath_type="netdev")
    was.plug(vif, instance=INSTANCE)
    port = short("vfr", 1)
    assert f"{port}: mtu_request is not set, should be {MTU}" in check(it, vif)
    plug_unopened(it, vif)
    was.plug(vif, instance=INSTANCE)
    row = database(switch)["Interface"][port]
    assert row["options"] == {"dpdk-devargs": "0000:03:00.0,representor=[1]"}
    assert row["mtu_request"] == MTU
    was.unplug(vif, instance=INSTANCE)
    before.assert_unchanged()
    was.plug(vif, instance=INSTANCE)
    it.unplug(vif, INSTANCE)
    before.assert_unchanged()
