"""What the ovs plugin refuses: a plug before anything is done, an unplug only if it cannot be said what to take.

The order of the checks and the kinds of the errors are those that callers of os-vif have had.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.unit.host_sysfs import trees
from tests.unit.ovs import vifs
from tests.unit.ovs.vifs import UNSET, host_device, hybrid, network, open_vswitch, profile, vhost_user

from os_vif import exception, objects
from os_vif.host.plan import Plan
from vif_plug_ovs import exception as ovs_exception

FUNCTION = trees.vf_address("0000:03:00.0", 1)


def plan(vif: objects.vif.VIFBase, **options: Any) -> Plan:
    return vifs.plugin(**options).plan(vif, vifs.INSTANCE)


REFUSED: list[tuple[str, Any, dict[str, Any], type[Exception], str]] = [
    ("no profile", open_vswitch(port_profile=UNSET), {}, ovs_exception.MissingPortProfile, "no port profile"),
    (
        "another profile",
        open_vswitch(port_profile=objects.vif.VIFPortProfile8021Qbh(profile_id="x")),
        {},
        ovs_exception.WrongPortProfile,
        "VIFPortProfile8021Qbh",
    ),
    (
        "no profile comes before the wrong type, and that before no network",
        objects.vif.VIFDirect(id=vifs.ID),
        {},
        ovs_exception.MissingPortProfile,
        "no port profile",
    ),
    ("another type", vifs.direct(), {}, ovs_exception.UnknownVIFType, "no VIFDirect"),
    ("no network", open_vswitch(network=UNSET), {}, ValueError, "network"),
    ("network None", open_vswitch(network=None), {}, ValueError, "network"),
    ("no bridge", open_vswitch(network=network(None)), {}, exception.InvalidVIF, "network.bridge"),
    ("bridge of 16 letters", open_vswitch(network=network("b" * 16)), {}, exception.InvalidVIF, "16 bytes"),
    ("bridge with /", open_vswitch(network=network("a/b")), {}, exception.InvalidVIF, "network.bridge"),
    ("MTU of 67", open_vswitch(network=network(mtu=67)), {}, exception.InvalidVIF, "network.mtu"),
    ("no id, hybrid", hybrid(id=UNSET), {}, ValueError, "no id"),
    ("no id, vhost-user", vhost_user(id=UNSET), {}, ValueError, "no id"),
    ("no id, a bridge per port", open_vswitch(id=UNSET), {"per_port_bridge": True}, ValueError, "no id"),
    (
        "no id at all",
        open_vswitch(id=UNSET, port_profile=profile(interface_id=UNSET)),
        {},
        ValueError,
        "no id",
    ),
    (
        "no vif_name",
        open_vswitch(vif_name=UNSET, port_profile=profile(create_port=True)),
        {},
        ValueError,
        "vif_name",
    ),
    (
        "vif_name of 16 letters",
        open_vswitch(vif_name="t" * 16, port_profile=profile(create_port=True)),
        {},
        exception.InvalidVIF,
        "vif_name",
    ),
    ("vif_name is the bridge's", open_vswitch(vif_name="br-int"), {}, exception.InvalidVIF, "another link"),
    (
        "bridge_name is the veth's",
        hybrid(bridge_name="qvob679325f-ca"),
        {},
        exception.InvalidVIF,
        "another link",
    ),
    ("no bridge_name", hybrid(bridge_name=UNSET), {}, ValueError, "bridge_name"),
    ("no dev_address", host_device(dev_address=UNSET), {}, ValueError, "dev_address"),
    ("no such function", host_device(), {}, ovs_exception.PciDeviceNotFoundById, "0000:03:02.1"),
]


@pytest.mark.parametrize(
    ("vif", "options", "kind", "word"), [row[1:] for row in REFUSED], ids=[row[0] for row in REFUSED]
)
def test_refused(vif: Any, options: dict[str, Any], kind: type[Exception], word: str) -> None:
    with pytest.raises(kind, match=word) as caught:
        plan(vif, **options)
    assert isinstance(caught.value, exception.ExceptionBase)


@pytest.mark.filterwarnings("ignore:.*is an invalid UUID:FutureWarning")
@pytest.mark.parametrize("not_an_id", ["../../etc/passwd", "a b", "x" * 65])
def test_an_id_of_which_no_name_can_be_made(not_an_id: str) -> None:
    with pytest.raises(exception.InvalidVIF, match="not a UUID"):
        plan(hybrid(id=not_an_id))


def created(**fields: Any) -> objects.vif.VIFPortProfileOpenVSwitch:
    return profile(create_port=True, **fields)


# VIFs that cannot be plugged, though what there is of them can be taken away
OBSTACLES: list[tuple[str, Any, type[Exception], str, str]] = [
    (
        "no address",
        open_vswitch(address=UNSET, port_profile=created()),
        ValueError,
        "address",
        "tapb679325f-ca",
    ),
    ("address None", hybrid(address=None), ValueError, "address", "qvob679325f-ca"),
    (
        "no interface_id",
        vhost_user(port_profile=profile(interface_id=UNSET)),
        ValueError,
        "interface_id",
        "vhub679325f-ca",
    ),
    ("no path", vhost_user(path=UNSET), ValueError, "path", "vhub679325f-ca"),
    (
        "quirk 8: a tap for a hybrid VIF",
        hybrid(port_profile=profile(create_tap=True)),
        ovs_exception.TapCreationNotSupported,
        "VIFBridge",
        "qvob679325f-ca",
    ),
    (
        "quirk 8: a tap for vhost-user",
        vhost_user(port_profile=profile(create_tap=True)),
        ovs_exception.TapCreationNotSupported,
        "VIFVHostUser",
        "vhub679325f-ca",
    ),
    (
        "a representor of DPDK whose device is gone",
        host_device(port_profile=profile(datapath_type="netdev")),
        ovs_exception.PciDeviceNotFoundById,
        "0000:03:02.1",
        "vfrb679325f-ca",
    ),
    (
        "a representor whose device is gone, and whose name the VIF says",
        host_device(port_profile=vifs.representor_profile(representor_name="nicb679325f-ca")),
        ovs_exception.PciDeviceNotFoundById,
        "0000:03:02.1",
        "nicb679325f-ca",
    ),
]


@pytest.mark.parametrize(
    ("vif", "kind", "word", "port"), [row[1:] for row in OBSTACLES], ids=[row[0] for row in OBSTACLES]
)
def test_obstacle(vif: Any, kind: type[Exception], word: str, port: str) -> None:
    found = plan(vif)
    assert isinstance(found.obstacle, kind)
    assert word in str(found.obstacle)
    # what an unplug takes away all the same
    assert port in [resource.key[1] for resource in found]


def test_a_plug_without_a_port_needs_no_address() -> None:
    assert plan(open_vswitch(address=UNSET)).obstacle is None


def test_no_switchdev_mode(tmp_path: Path) -> None:
    plugin = vifs.plugin()
    plugin.sysfs = trees.legacy(tmp_path).sysfs
    vif = host_device(dev_address=trees.vf_address("0000:04:00.0", 1))
    with pytest.raises(ovs_exception.PciDeviceNotFoundById, match="switchdev"):
        plugin.plan(vif, vifs.INSTANCE)


def test_no_representor(tmp_path: Path) -> None:
    tree = trees.Tree(tmp_path)
    tree.physical("0000:03:00.0", vfs=2)
    tree.link("up", function="0000:03:00.0", switch="aa", port="p0")
    plugin = vifs.plugin()
    plugin.sysfs = tree.sysfs
    with pytest.raises(ovs_exception.RepresentorNotFound, match="virtual function 1 of up"):
        plugin.plan(host_device(dev_address=FUNCTION), vifs.INSTANCE)


class TestRepresentorNames:
    """Whose name a representor has: it is looked up by address, so any name will do to find it again."""

    def lines(self, tree: trees.Tree, wanted: str | None) -> list[str]:
        plugin = vifs.plugin()
        plugin.sysfs = tree.sysfs
        vif = host_device(
            dev_address=FUNCTION, port_profile=vifs.representor_profile(representor_name=wanted)
        )
        return [
            line.partition(" mtu")[0].partition(" external")[0] for line in vifs.lines(plugin.plan(vif, None))
        ]

    def tree(self, tmp_path: Path, name: str, master: str | None = None) -> trees.Tree:
        tree = trees.Tree(tmp_path)
        tree.physical("0000:03:00.0", vfs=2)
        tree.link("up", function="0000:03:00.0", switch="aa", port="p0")
        tree.link(name, function="0000:03:00.0", switch="aa", port="pf0vf1", master=master)
        return tree

    def test_renamed(self, tmp_path: Path) -> None:
        assert self.lines(self.tree(tmp_path, "eth1"), "nic1") == [
            "Rename nic1 found=eth1",
            "Link nic1 ownership=owned",
            "OvsBridge br-int",
            "OvsPort nic1 bridge=br-int",
        ]

    def test_renamed_already(self, tmp_path: Path) -> None:
        # an unplug still has to give the old name back
        assert self.lines(self.tree(tmp_path, "nic1", master="ovs-system"), "nic1") == [
            "Rename nic1 found=nic1",
            "Link nic1 ownership=owned",
            "OvsBridge br-int",
            "OvsPort nic1 bridge=br-int",
        ]

    def test_in_use_under_its_old_name(self, tmp_path: Path) -> None:
        # plugged by an os-vif that did not rename: a running guest must not notice the upgrade
        assert self.lines(self.tree(tmp_path, "eth1", master="ovs-system"), "nic1") == [
            "Link eth1 ownership=owned",
            "OvsBridge br-int",
            "OvsPort eth1 bridge=br-int",
            "- OvsPort nic1 bridge=br-int",
        ]

    @pytest.mark.parametrize("wanted", [None, ""])
    def test_no_name_said(self, tmp_path: Path, wanted: str | None) -> None:
        assert self.lines(self.tree(tmp_path, "eth1"), wanted)[0] == "Link eth1 ownership=owned"

    def test_a_name_that_is_none(self, tmp_path: Path) -> None:
        with pytest.raises(exception.InvalidVIF, match="representor_name"):
            self.lines(self.tree(tmp_path, "eth1"), "x" * 16)
