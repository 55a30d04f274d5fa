"""sysfs as files in a directory, for tests: NICs with virtual functions, as drivers and kernels show them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from os_vif.host.sysfs import Sysfs


@dataclass(frozen=True)
class Tree:
    """A sysfs below `root`, to which devices are added."""

    root: Path

    @property
    def sysfs(self) -> Sysfs:
        return Sysfs(str(self.root))

    def physical(self, address: str, *, vfs: int) -> None:
        """A physical function and its virtual ones, which have the next functions of the same slot."""
        (self._pci(address) / "net").mkdir(parents=True)
        (self._pci(address) / "sriov_totalvfs").write_text(f"{max(vfs, 8)}\n")
        for number in range(vfs):
            vf = vf_address(address, number)
            self._pci(vf).mkdir(parents=True)
            (self._pci(vf) / "physfn").symlink_to(f"../{address}")
            (self._pci(address) / f"virtfn{number}").symlink_to(f"../{vf}")

    def link(
        self,
        name: str,
        *,
        function: str | None = None,
        switch: str | None = None,
        port: str | None = None,
        master: str | None = None,
    ) -> None:
        """A netdev; function: on which PCI function it hangs; the rest are its attributes of those names."""
        path = self.root / "class/net" / name
        path.mkdir(parents=True)
        (path / "subsystem").symlink_to("../../net")
        for attribute, value in (("phys_switch_id", switch), ("phys_port_name", port)):
            if value is not None:
                (path / attribute).write_text(value + "\n")
        if function is not None:
            (path / "device").symlink_to(f"../../../bus/pci/devices/{function}")
            (self._pci(function) / "net").mkdir(parents=True, exist_ok=True)
            (self._pci(function) / "net" / name).symlink_to(f"../../../../class/net/{name}")
        if master is not None:
            (path / "master").symlink_to(f"../{master}")

    def rename(self, name: str, new_name: str, function: str) -> None:
        """A netdev of this PCI function is called otherwise: the kernel moves its directory, and the link to it."""
        (self.root / "class/net" / name).rename(self.root / "class/net" / new_name)
        net = self._pci(function) / "net"
        (net / name).unlink()
        (net / new_name).symlink_to(f"../../../../class/net/{new_name}")

    def _pci(self, address: str) -> Path:
        return self.root / "bus/pci/devices" / address


def vf_address(pf: str, number: int) -> str:
    """The PCI address that tests give to virtual function `number` of `pf`: behind all physical functions."""
    slot, function = divmod(16 + 8 * int(pf[-1]) + number, 8)
    return f"{pf[:-4]}{slot:02x}.{function}"


def connectx5(root: Path, *, kernel_before_5_8: bool = False) -> Tree:
    """One card of two ports, each with a switch of its own, in mode switchdev; two functions each.

    Kernels before 5.8 do not say on whose physical function a virtual one is.
    """
    tree = Tree(root)
    for pf in (0, 1):
        address, switch = f"0000:03:00.{pf}", f"e8ebd300034{pf}"
        tree.physical(address, vfs=2)
        tree.link(f"enp3s0f{pf}np{pf}", function=address, switch=switch, port=f"p{pf}")
        for vf in (0, 1):
            port = f"{vf}" if kernel_before_5_8 else f"pf{pf}vf{vf}"
            tree.link(f"eth{2 * pf + vf}", function=address, switch=switch, port=port)
    tree.link("lo")
    tree.link("eno1", function="0000:01:00.0")
    return tree


def connectx6_bonded(root: Path, *, kernel_before_5_8: bool = False) -> Tree:
    """A card whose two ports are bonded (VF LAG): two physical functions, and one switch."""
    tree = Tree(root)
    for pf in (0, 1):
        tree.physical(f"0000:3b:00.{pf}", vfs=4)
        tree.link(f"ens1f{pf}", function=f"0000:3b:00.{pf}", switch="b8cef60300aa", port=f"p{pf}")
    # the second function's come first in the directory
    for pf in (1, 0):
        for vf in range(4):
            port = f"{vf}" if kernel_before_5_8 else f"pf{pf}vf{vf}"
            tree.link(f"{'ba'[pf]}rep{vf}", function=f"0000:3b:00.{pf}", switch="b8cef60300aa", port=port)
    return tree


def connectx7_socket_direct(root: Path) -> Tree:
    """One card in two PCI slots (a multi-PF NIC): both its physical functions are function 0 and share a switch."""
    tree = Tree(root)
    for slot in ("0000:19:00.0", "0000:99:00.0"):
        tree.physical(slot, vfs=2)
        tree.link(f"up{slot[5:7]}", function=slot, switch="a088c2030075", port="p0")
        for vf in (0, 1):
            tree.link(f"rep{slot[5:7]}v{vf}", function=slot, switch="a088c2030075", port=f"pf0vf{vf}")
    return tree


def bluefield(root: Path) -> Tree:
    """A SmartNIC seen from its own processors: its own functions, and those of the host it is built into (c1)."""
    tree = Tree(root)
    tree.physical("0000:03:00.0", vfs=2)
    tree.link("p0", function="0000:03:00.0", switch="5c2573000301", port="p0")
    for name, port in (
        ("a_pf", "pf0"),
        ("b_host_pf", "c1pf0"),
        ("c_host_vf0", "c1pf0vf0"),
        ("d_host_vf1", "c1pf0vf1"),
        ("e_vf0", "pf0vf0"),
        ("f_vf1", "pf0vf1"),
        ("g_sf1", "pf0sf1"),
    ):
        tree.link(name, function="0000:03:00.0", switch="5c2573000301", port=port)
    return tree


def no_device_links(root: Path) -> Tree:
    """A driver whose representors hang on no PCI function (bnxt_en), on a card of two functions and one switch."""
    tree = Tree(root)
    for pf in (0, 1):
        tree.physical(f"0000:5e:00.{pf}", vfs=2)
        tree.link(f"ens2f{pf}np{pf}", function=f"0000:5e:00.{pf}", switch="00b0d0", port=f"p{pf}")
        for vf in (0, 1):
            tree.link(f"ens2f{pf}v{vf}rep", switch="00b0d0", port=f"pf{pf}vf{vf}")
    return tree


def legacy(root: Path) -> Tree:
    """A NIC in mode legacy: virtual functions, and nothing that stands for them."""
    tree = Tree(root)
    tree.physical("0000:04:00.0", vfs=2)
    tree.link("enp4s0f0", function="0000:04:00.0")
    tree.link("enp4s0f0v0", function=vf_address("0000:04:00.0", 0))
    return tree
