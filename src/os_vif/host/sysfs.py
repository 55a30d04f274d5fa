"""What sysfs says of NICs with virtual functions: which is whose, and which netdev represents it in the NIC's switch.

Plugins ask it for the devices of a VIF that is a PCI function; nothing is written. A device that is not there, or is
no NIC of that kind, is None: what that means is the plugin's to say. sysfs shows the links of the network namespace
it was mounted in.

Formats: Documentation/ABI/testing/sysfs-class-net and sysfs-bus-pci of the kernel, and for the names of ports
Documentation/networking/devlink/devlink-port.rst.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_PCI_ADDRESS = re.compile(r"[0-9a-f]{4,}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]\Z", re.IGNORECASE)

# The names that drivers give to the ports of a NIC's switch. A physical one is p0, or p0s1 if it is split; a virtual
# function's is pf0vf3, with kernels before 5.8 often just 3. One on another host that the NIC also serves (a
# SmartNIC, seen from its own processors) has that controller's number before it: c1pf0vf3.
_PHYSICAL_PORT = re.compile(r"p\d+(?:s\d+)?\Z", re.IGNORECASE)
_VF_PORT = re.compile(r"(?:(?:pf(?P<pf>\d+))?vf)?(?P<vf>\d+)\Z", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Sysfs:
    """sysfs, mounted at `root`."""

    root: str = "/sys"

    def has(self, address: str) -> bool:
        """Whether this host has a PCI function with this address."""
        return self._pci(address).exists()

    def vf_number(self, vf: str) -> int | None:
        """Which virtual function of its physical one the function with PCI address `vf` is, from 0."""
        for link in sorted(_entries(self._pci(vf) / "physfn")):
            number = link.name.removeprefix("virtfn")
            if number != link.name and number.isdigit() and _target(link) == vf.lower():
                return int(number)
        return None

    def physical_function(self, vf: str) -> str | None:
        """The PCI address of the physical function that `vf` is a virtual function of."""
        return _target(self._pci(vf) / "physfn")

    def netdevs(self, address: str) -> list[str]:
        """Names of the netdevs of the function with this PCI address, sorted.

        For a physical function whose NIC switches, the representors are among them.
        """
        return sorted(path.name for path in _entries(self._pci(address) / "net"))

    def vhost_vdpa(self, address: str) -> str | None:
        """The character device of the vDPA device that the function with this PCI address has, "/dev/vhost-vdpa-0".

        It is there when the driver vhost_vdpa has the vDPA device: Documentation/ABI/testing/sysfs-bus-vdpa.
        """
        for vdpa in sorted(_entries(self._pci(address))):
            if vdpa.name.startswith("vdpa"):
                for found in sorted(_entries(vdpa)):
                    if found.name.startswith("vhost-vdpa-"):
                        return f"/dev/{found.name}"
        return None

    def virtual_function(self, vf: str) -> tuple[str, int] | None:
        """The netdev of the physical function that `vf` is a virtual function of, and which of its it is."""
        pf, number = self.physical_function(vf), self.vf_number(vf)
        if pf is None or number is None:
            return None
        name = self.uplink(pf) or next(iter(self.netdevs(pf)), None)
        return None if name is None else (name, number)

    def uplink(self, pf: str) -> str | None:
        """The netdev of a physical function whose NIC switches (mode switchdev): the uplink's representor."""
        switching = [name for name in self.netdevs(pf) if self.switch_id(name)]
        for name in switching:
            if _PHYSICAL_PORT.match(self.port_name(name) or ""):
                return name
        return switching[0] if switching else None  # drivers that give the uplink no name

    def representor(self, uplink: str, vf_number: int) -> str | None:
        """The netdev that stands in the NIC's switch for virtual function `vf_number` of the `uplink`'s function.

        Physical functions that share a switch (of one card, or bonded) share its id. They are told apart by the PCI
        function that a representor hangs on, where its driver says, and by the number of the physical function in
        its port's name, where it has one; only that number is sure to be there with kernels since 5.8.
        """
        switch, (function, _) = self.switch_id(uplink), self.function_of(uplink)
        if not switch:
            return None
        others: list[str] = []
        for name in self._links():
            if name == uplink or self.switch_id(name) != switch:
                continue
            port = _VF_PORT.match(self.port_name(name) or "")
            if port is None or int(port["vf"]) != vf_number:
                continue
            if port["pf"] is not None and function is not None and int(port["pf"]) != int(function[-1]):
                continue
            hangs_on, _ = self.function_of(name)
            if function is not None and hangs_on == function:
                return name
            if hangs_on is None or port["pf"] is not None:
                others.append(name)
        return others[0] if others else None

    def function_of(self, name: str) -> tuple[str | None, bool]:
        """The PCI address behind a netdev (None: it is no PCI device), and whether it is a physical function."""
        address = self._device(name)
        if address is None or not _PCI_ADDRESS.match(address):
            return None, False
        total = _line(self._pci(address) / "sriov_totalvfs")
        return address, total is not None and total.isdigit() and int(total) > 0

    def master(self, name: str) -> str | None:
        """The link that `name` is a port of; `ovs-system` for one that Open vSwitch's kernel datapath has."""
        return _target(self._link(name) / "master")

    def switch_id(self, name: str) -> str | None:
        """phys_switch_id of a netdev: the same for all ports of one switch; None or "" if it is in none."""
        return _line(self._link(name) / "phys_switch_id")

    def port_name(self, name: str) -> str | None:
        """phys_port_name of a netdev, None if it has none."""
        return _line(self._link(name) / "phys_port_name")

    def _device(self, name: str) -> str | None:
        return _target(self._link(name) / "device")

    def _links(self) -> list[str]:
        return sorted(path.name for path in _entries(Path(self.root, "class/net")))

    def _link(self, name: str) -> Path:
        return Path(self.root, "class/net", _component(name))

    def _pci(self, address: str) -> Path:
        return Path(self.root, "bus/pci/devices", _component(address.lower()))


def _component(name: str) -> str:
    """`name` as one component of a path, so that a caller's text cannot lead elsewhere."""
    return name if name and "/" not in name and "\0" not in name and name not in (".", "..") else "\ufffd"


def _entries(directory: Path) -> Iterator[Path]:
    """What is in a directory; nothing if it is gone, which a device may be at any moment."""
    try:
        yield from directory.iterdir()
    except OSError:
        return


def _target(link: Path) -> str | None:
    """The last component of what a symbolic link points to."""
    try:
        return link.readlink().name
    except OSError:
        return None


def _line(path: Path) -> str | None:
    """The first line of a file, stripped. Reading an attribute that a driver has not is EOPNOTSUPP: None too."""
    try:
        return path.read_text(errors="replace").partition("\n")[0].strip()
    except OSError:
        return None
