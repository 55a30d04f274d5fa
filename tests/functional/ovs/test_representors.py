"""Virtual functions of a NIC: their representors as ports of the switch.

There is no such NIC here: sysfs is made up (tests.unit.host_sysfs.trees), a representor is a tap, and what comes out
at the function in the guest is what the tap's other end reads. Rows, links, names and frames are real.
"""

from __future__ import annotations

from contextlib import ExitStack, closing
from pathlib import Path

import pytest
from tests.guests import Card
from tests.netns import ip
from tests.ovs import OpenVSwitch
from tests.ovsvifs import (
    BRIDGE,
    INSTANCE,
    MTU,
    check,
    database,
    host,
    host_device,
    identity,
    ids,
    job,
    links,
    mac,
    native,
    plug_unopened,
    plugin,
    short,
)
from tests.traffic import reaches, traffic
from tests.unit.host_sysfs import trees

from os_vif import exception
from os_vif.host import engine
from os_vif.host.plan import FORMER_NAME
from vif_plug_ovs.ovs import OvsPlugin

PF = "0000:03:00.0"
VF = trees.vf_address(PF, 1)
REPRESENTOR = "eth1"  # of that function, in the tree


@pytest.fixture
def nic(switch: OpenVSwitch, tmp_path: Path) -> trees.Tree:
    return trees.connectx5(tmp_path)


@pytest.fixture
def function(nic: trees.Tree, powered: ExitStack) -> Card:
    """The function as the guest has it; its representor is there, and down."""
    return powered.enter_context(closing(Card(REPRESENTOR, mac(1))))


@pytest.fixture
def it(switch: OpenVSwitch, nic: trees.Tree) -> OvsPlugin:
    made = plugin(switch)
    made.sysfs = nic.sysfs
    return made


@pytest.fixture
def guest(it: OvsPlugin, powered: ExitStack) -> Card:
    """Another guest on the same bridge."""
    it.plug(native(2), INSTANCE)
    return powered.enter_context(closing(Card(short("tap", 2), mac(2))))


@pytest.mark.parametrize("name", [None, "nic1"], ids=["", "with a name"])
def test_representor(
    name: str | None,
    switch: OpenVSwitch,
    nic: trees.Tree,
    it: OvsPlugin,
    function: Card,
    guest: Card,
) -> None:
    """Up, of the network's MTU, called what the profile says, with QoS; unplugged it is down, its name as before."""
    before = host(switch)
    vif, port = host_device(address=VF, representor=name), name or REPRESENTOR
    it.plug(vif, INSTANCE)
    if name is not None:
        nic.rename(REPRESENTOR, name, function=PF)
    engine.wait_ready(job(it, vif), 5)
    rows = database(switch)
    assert rows["Interface"][port] == {"name": port, "external_ids": ids(1)}
    assert rows["Port"][port]["external_ids"] == {"os-vif": identity(1)}
    assert rows["Port"][port]["qos"] in rows["QoS"]
    assert port in switch.vsctl("list-ports", BRIDGE).split()
    link = links()[port]
    assert link["mtu"] == MTU
    assert "UP" in link["flags"]
    assert link.get("altnames", []) == ([] if name is None else [FORMER_NAME + REPRESENTOR])
    assert reaches(function, guest)
    assert reaches(guest, function)
    with traffic(function, guest) as flow:
        it.plug(vif, INSTANCE)
    assert flow.lost == []
    it.unplug(vif, INSTANCE)
    if name is not None:
        nic.rename(name, REPRESENTOR, function=PF)
    assert host(switch) == before
    it.unplug(vif, INSTANCE)
    assert host(switch) == before
    # A switch in user space makes devices promiscuous. Closing one it sets it to the flags that it knew, UP among
    # them, perhaps after the unplug; the kernel's datapath, which is that of such NICs, does not.
    if name is None:
        assert "UP" not in links()[REPRESENTOR]["flags"]


def test_damage(switch: OpenVSwitch, nic: trees.Tree, it: OvsPlugin, function: Card, guest: Card) -> None:
    """Down, of another MTU, out of the switch: each is named, and mended by a plug."""
    vif = host_device(address=VF, representor="nic1")
    it.plug(vif, INSTANCE)
    nic.rename(REPRESENTOR, "nic1", function=PF)
    ip("link", "set", "nic1", "mtu", 1400, "down")
    switch.vsctl("del-port", "nic1")
    assert check(it, vif) == [
        "nic1: mtu is 1400, should be 1450",
        "nic1: is down, should be up",
        "nic1: Open vSwitch port is missing",
    ]
    it.plug(vif, INSTANCE)
    assert check(it, vif) == []
    assert reaches(function, guest)


def test_a_plug_that_fails_gives_the_name_back(
    switch: OpenVSwitch, nic: trees.Tree, it: OvsPlugin, function: Card
) -> None:
    """The port belongs to another VIF: nothing is renamed. The database refuses: what was renamed is named back."""
    before = host(switch)
    switch.vsctl("add-port", BRIDGE, "nic1", "--", "set", "Port", "nic1", "external_ids:os-vif=another")
    taken = host(switch)
    vif = host_device(address=VF, representor="nic1")
    with pytest.raises(exception.NameCollision, match="another"):
        it.plug(vif, INSTANCE)
    assert host(switch) == taken
    switch.vsctl("del-port", "nic1")
    switch.appctl("ovsdb-server", "ovsdb-server/set-active-ovsdb-server", f"unix:{switch.directory}/nobody")
    switch.appctl("ovsdb-server", "ovsdb-server/connect-active-ovsdb-server")
    with pytest.raises(exception.ExceptionBase, match="read only"):
        it.plug(vif, INSTANCE)
    switch.appctl("ovsdb-server", "ovsdb-server/disconnect-active-ovsdb-server")
    assert host(switch) == before
    assert "altnames" not in links()[REPRESENTOR]
    assert "UP" not in links()[REPRESENTOR]["flags"]


def test_another_vif_on_the_same_function_later(
    switch: OpenVSwitch, nic: trees.Tree, it: OvsPlugin, function: Card, guest: Card
) -> None:
    """The next guest's VIF calls it otherwise."""
    one = host_device(address=VF, representor="nic1")
    it.plug(one, INSTANCE)
    nic.rename(REPRESENTOR, "nic1", function=PF)
    it.unplug(one, INSTANCE)
    nic.rename("nic1", REPRESENTOR, function=PF)
    other = host_device(3, address=VF, representor="nic3")
    it.plug(other, INSTANCE)
    nic.rename(REPRESENTOR, "nic3", function=PF)
    assert check(it, other) == []
    assert reaches(function, guest)
    it.unplug(one, INSTANCE)  # once more: it has nothing here
    assert check(it, other) == []
    assert reaches(guest, function)


def test_representor_of_dpdk(switch: OpenVSwitch, it: OvsPlugin) -> None:
    """A row alone: this Open vSwitch has no DPDK that could open it, and says so."""
    before = host(switch)
    vif = host_device(address=VF, datapath_type="netdev")
    with pytest.raises(exception.EngineError, match="ofport -1"):
        it.plug(vif, INSTANCE)
    assert host(switch) == before
    plug_unopened(it, vif)
    port = short("vfr", 1)
    assert database(switch)["Interface"][port] == {
        "name": port,
        "type": "dpdk",
        "options": {"dpdk-devargs": f"{PF},representor=[1]"},
        "external_ids": ids(1),
        "mtu_request": MTU,
    }
    assert database(switch)["QoS"] == {}
    it.unplug(vif, INSTANCE)
    assert host(switch) == before
