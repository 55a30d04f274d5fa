"""SR-IOV as far as a kernel without it goes: sysfs, of files, says that a veth is a NIC with virtual functions."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest
from tests.directvifs import direct_vif, host_device_vif, hw_veb
from tests.netns import ip
from tests.snapshot import differences, snapshot
from tests.unit.host_sysfs.trees import Tree, vf_address
from tests.vifs import INSTANCE

from os_vif import exception
from os_vif.host.netlink import NetlinkError, route_socket
from os_vif.host.netlink.vf import set_vf, vfs
from vif_plug_direct.direct import DirectPlugin

PF = "0000:04:00.0"


@pytest.fixture
def plugin(host: None, tmp_path: Path) -> DirectPlugin:
    """nic0 is the netdev of the physical function, nic0v0 that of its virtual function 0."""
    ip("link", "add", "nic0", "up", "type", "veth", "peer", "name", "nic0v0")
    tree = Tree(tmp_path)
    tree.physical(PF, vfs=1)
    tree.link("nic0", function=PF)
    tree.link("nic0v0", function=vf_address(PF, 0))
    plugin = DirectPlugin.load("direct")
    plugin.sysfs = tree.sysfs
    return plugin


@pytest.mark.parametrize("settings", [{"address": "02:00:00:00:00:0a"}, {"vlan": 7}, {"trusted": True}])
def test_the_kernel_understands_and_says_that_a_veth_has_no_functions(
    settings: dict[str, object], plugin: DirectPlugin
) -> None:
    """Not EINVAL, which it has for messages that it does not understand."""
    with pytest.raises(NetlinkError) as caught:
        route_socket().request(set_vf("nic0", 0, **settings))  # type: ignore[arg-type]
    assert caught.value.errno == errno.EOPNOTSUPP
    assert vfs(route_socket(), "nic0") == {}
    assert vfs(route_socket(), "missing0") == {}


@pytest.mark.parametrize("macvtap", [False, True], ids=["hostdev", "macvtap"])
def test_a_function_that_the_driver_does_not_have_is_told_before_anything_is_done(
    macvtap: bool, plugin: DirectPlugin
) -> None:
    where = {"dev_address": vf_address(PF, 0), "port_profile": hw_veb(7)}
    vif = direct_vif(vif_name="nic0v0", mode="passthrough", **where) if macvtap else host_device_vif(**where)
    before = snapshot()
    with pytest.raises(exception.ResourceMissing, match="nic0 vf 0: nic0 has no such virtual function"):
        plugin.plug(vif, INSTANCE)
    assert differences(before, snapshot()) == []
    plugin.unplug(vif, INSTANCE)
    assert differences(before, snapshot()) == []
