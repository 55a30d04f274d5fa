"""Which netdev stands for a virtual function: a wrong answer connects one guest to another's port."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from tests.unit.host_sysfs import trees
from tests.unit.host_sysfs.trees import vf_address

from os_vif.host.sysfs import Sysfs

OLD = {"kernel_before_5_8": True}
Builder = Callable[[Path], trees.Tree]

REPRESENTORS: list[tuple[str, Builder, str, int, str]] = [
    # what the NIC is, how sysfs shows it, physical function, virtual function, its representor
    ("ConnectX-5, first port", trees.connectx5, "0000:03:00.0", 1, "eth1"),
    ("ConnectX-5, second port", trees.connectx5, "0000:03:00.1", 0, "eth2"),
    ("ConnectX-5, old kernel", partial(trees.connectx5, **OLD), "0000:03:00.0", 1, "eth1"),
    ("ConnectX-5, old kernel, second", partial(trees.connectx5, **OLD), "0000:03:00.1", 1, "eth3"),
    ("ConnectX-6, bonded", trees.connectx6_bonded, "0000:3b:00.0", 2, "brep2"),
    ("ConnectX-6, bonded, second", trees.connectx6_bonded, "0000:3b:00.1", 2, "arep2"),
    ("ConnectX-6, bonded, old kernel", partial(trees.connectx6_bonded, **OLD), "0000:3b:00.0", 3, "brep3"),
    ("ConnectX-6, bonded, old, second", partial(trees.connectx6_bonded, **OLD), "0000:3b:00.1", 3, "arep3"),
    ("ConnectX-7, two slots, first", trees.connectx7_socket_direct, "0000:19:00.0", 1, "rep19v1"),
    ("ConnectX-7, two slots, second", trees.connectx7_socket_direct, "0000:99:00.0", 1, "rep99v1"),
    ("BlueField: its own, not the host's", trees.bluefield, "0000:03:00.0", 0, "e_vf0"),
    ("BlueField: no subfunction", trees.bluefield, "0000:03:00.0", 1, "f_vf1"),
    ("bnxt: no PCI function to go by", trees.no_device_links, "0000:5e:00.1", 1, "ens2f1v1rep"),
]


@pytest.mark.parametrize(
    ("tree", "pf", "vf", "expected"), [row[1:] for row in REPRESENTORS], ids=[r[0] for r in REPRESENTORS]
)
def test_representor(tmp_path: Path, tree: Builder, pf: str, vf: int, expected: str) -> None:
    sysfs = tree(tmp_path).sysfs
    # the way a VIF's address leads there
    address = vf_address(pf, vf)
    assert sysfs.vf_number(address) == vf
    assert sysfs.physical_function(address) == pf
    uplink = sysfs.uplink(pf)
    assert uplink is not None
    assert sysfs.representor(uplink, vf) == expected


@pytest.mark.parametrize(
    ("tree", "pf", "expected"),
    [
        (trees.connectx5, "0000:03:00.1", "enp3s0f1np1"),
        (trees.connectx6_bonded, "0000:3b:00.0", "ens1f0"),
        (trees.connectx7_socket_direct, "0000:99:00.0", "up99"),
        (
            trees.bluefield,
            "0000:03:00.0",
            "p0",
        ),  # pf0 is not it: the old rule took any name with p and a digit
        (trees.legacy, "0000:04:00.0", None),
    ],
)
def test_uplink(tmp_path: Path, tree: Builder, pf: str, expected: str | None) -> None:
    assert tree(tmp_path).sysfs.uplink(pf) == expected


def test_uplink_of_a_driver_that_names_no_ports(tmp_path: Path) -> None:
    tree = trees.Tree(tmp_path)
    tree.physical("0000:05:00.0", vfs=1)
    tree.link("enp5s0", function="0000:05:00.0", switch="aa")
    tree.link("eth9", function="0000:05:00.0")
    assert tree.sysfs.uplink("0000:05:00.0") == "enp5s0"


def test_a_representor_of_another_function_is_never_taken_for_want_of_the_right_one(tmp_path: Path) -> None:
    tree = trees.connectx6_bonded(tmp_path, kernel_before_5_8=True)
    (tmp_path / "class/net/brep3/phys_port_name").unlink()
    assert tree.sysfs.representor("ens1f0", 3) is None


def test_a_split_port_is_an_uplink(tmp_path: Path) -> None:
    tree = trees.Tree(tmp_path)
    tree.physical("0000:05:00.0", vfs=1)
    tree.link("a", function="0000:05:00.0", switch="aa", port="pf0vf0")
    tree.link("b", function="0000:05:00.0", switch="aa", port="p0s1")
    assert tree.sysfs.uplink("0000:05:00.0") == "b"


def test_no_representor(tmp_path: Path) -> None:
    sysfs = trees.connectx5(tmp_path).sysfs
    assert sysfs.representor("enp3s0f0np0", 7) is None  # no such virtual function
    assert sysfs.representor("eno1", 0) is None  # no switch
    assert sysfs.representor("nosuch", 0) is None


def test_mode_legacy(tmp_path: Path) -> None:
    sysfs = trees.legacy(tmp_path).sysfs
    assert sysfs.vf_number(vf_address("0000:04:00.0", 1)) == 1
    assert sysfs.netdevs("0000:04:00.0") == ["enp4s0f0"]
    assert sysfs.netdevs(vf_address("0000:04:00.0", 0)) == ["enp4s0f0v0"]
    assert sysfs.netdevs(vf_address("0000:04:00.0", 1)) == []  # in use by vfio-pci


def test_function_of(tmp_path: Path) -> None:
    tree = trees.legacy(tmp_path)
    tree.link("sf4", function="mlx5_core.sf.4")
    sysfs = tree.sysfs
    assert sysfs.function_of("enp4s0f0") == ("0000:04:00.0", True)
    assert sysfs.function_of("enp4s0f0v0") == (vf_address("0000:04:00.0", 0), False)
    assert sysfs.function_of("sf4") == (None, False)
    assert sysfs.function_of("nosuch") == (None, False)


def test_master_keeps_its_case(tmp_path: Path) -> None:
    tree = trees.Tree(tmp_path)
    tree.link("eth0", master="BR0")
    tree.link("eth1")
    assert tree.sysfs.master("eth0") == "BR0"
    assert tree.sysfs.master("eth1") is None


def test_addresses_in_capitals(tmp_path: Path) -> None:
    tree = trees.Tree(tmp_path)
    tree.physical("0000:af:00.0", vfs=2)
    assert tree.sysfs.vf_number(vf_address("0000:af:00.0", 1).upper()) == 1


@pytest.mark.parametrize("name", ["../../../etc", "", ".", "..", "a\0b", "a/b"])
def test_no_name_leads_out_of_sysfs(tmp_path: Path, name: str) -> None:
    sysfs = trees.connectx5(tmp_path).sysfs
    assert sysfs.netdevs(name) == []
    assert sysfs.switch_id(name) is None
    assert sysfs.vf_number(name) is None


def test_no_sysfs() -> None:
    sysfs = Sysfs("/nonexistent")
    assert sysfs.vf_number("0000:03:00.1") is None
    assert sysfs.physical_function("0000:03:00.1") is None
    assert sysfs.uplink("0000:03:00.0") is None


def test_the_hosts_own_sysfs_can_be_read() -> None:
    assert Sysfs().function_of("lo") == (None, False)
    assert Sysfs().switch_id("lo") in (None, "")  # reading it is EOPNOTSUPP
