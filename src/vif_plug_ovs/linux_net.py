"""Functions on links and NICs that other projects import from the ovs plugin; its own plans go through the engine.

Those that change links run in the plugin's privsep daemon; `mtu` in bytes, 0 or None leaves it alone. They raise
os_vif.host.netlink.NetlinkError for what the kernel refuses, NetworkInterfaceNotFound for a link that is not there.
Those that look NICs up read sysfs, without privileges.
"""

from __future__ import annotations

import contextlib
import errno
from pathlib import Path

from os_vif import exception
from os_vif.host import netlink
from os_vif.host.netlink import requests
from os_vif.host.plan import link_name_fault
from os_vif.host.sysfs import Sysfs
from vif_plug_ovs import privsep
from vif_plug_ovs.exception import PciDeviceNotFoundById, RepresentorNotFound


@privsep.vif_plug.entrypoint
def ensure_bridge(bridge: str) -> None:
    """Make a Linux bridge for a hybrid VIF, if it is not there, and have it up and without addresses of its own."""
    if not _exists(bridge):
        # ageing time 0: it forwards between two ports, and need not learn
        new = requests.new_bridge(bridge, ageing_time=0, forward_delay=0, stp=False, multicast_snooping=False)
        try:
            netlink.route_socket().request(new)
        except netlink.NetlinkError as error:
            if error.errno != errno.EEXIST:
                raise
    _disable_ipv6(bridge)
    _set(bridge, arp_ignore=1, arp_announce=2, up=True)


@privsep.vif_plug.entrypoint
def delete_bridge(bridge: str, dev: str) -> None:
    """Delete a Linux bridge, if it is there, which releases its ports; and set `dev`, one of them, down."""
    if _exists(bridge):
        _delete(bridge)
        if _exists(dev):
            _set(dev, up=False)


@privsep.vif_plug.entrypoint
def add_bridge_port(bridge: str, dev: str) -> None:
    """Make `dev` a port of the Linux bridge."""
    master = netlink.route_socket().links([bridge]).get(bridge)
    if master is None:
        raise exception.NetworkInterfaceNotFound(interface=bridge)
    _set(dev, master=master.index)


@privsep.vif_plug.entrypoint
def create_veth_pair(dev1: str, dev2: str, mtu: int | None) -> None:
    """Make a veth pair, both ends up and promiscuous, in place of links that have these names."""
    for name in (dev1, dev2):
        if _exists(name):
            _delete(name)
    netlink.route_socket().request(requests.new_veth(dev1, dev2, mtu=mtu or None))
    for name in (dev1, dev2):
        _set(name, promisc=True, up=True)


@privsep.vif_plug.entrypoint
def update_veth_pair(dev1: str, dev2: str, mtu: int | None) -> None:
    """Set the MTU of both ends."""
    if mtu:
        for name in (dev1, dev2):
            _set(name, mtu=mtu)


@privsep.vif_plug.entrypoint
def create_tap(dev: str, mtu: int | None, mac: str | None, multiqueue: bool = False) -> None:
    """Make a persistent tap, if it is not there, and have it up, with this MAC address and without IPv6."""
    try:
        netlink.create_tap(dev, multiqueue=multiqueue)
    except netlink.NetlinkError as error:
        if error.errno != errno.EEXIST:
            raise
    _disable_ipv6(dev)  # before it is up: it would give itself an address and tell its neighbours
    _set(dev, address=mac.lower() if mac else None, mtu=mtu or None, up=True)


@privsep.vif_plug.entrypoint
def set_device_mtu(dev: str, mtu: int | None) -> None:
    """Set a link's MTU, if there is such a link."""
    if mtu and _exists(dev):
        _set(dev, mtu=mtu)


@privsep.vif_plug.entrypoint
def set_interface_state(dev: str, state: str) -> None:
    """Set a link "up" or "down"."""
    if state not in ("up", "down"):
        raise ValueError(f"state is {state!r}, must be 'up' or 'down'")
    _set(dev, up=state == "up")


@privsep.vif_plug.entrypoint
def delete_net_dev(dev: str) -> None:
    """Delete a link, if there is such a link."""
    if _exists(dev):
        _delete(dev)


def _exists(name: str) -> bool:
    return name in netlink.route_socket().links([name])


def _set(
    name: str,
    *,
    mtu: int | None = None,
    address: str | None = None,
    master: int | None = None,
    up: bool | None = None,
    promisc: bool | None = None,
    arp_ignore: int | None = None,
    arp_announce: int | None = None,
) -> None:
    message = requests.set_link(
        name,
        mtu=mtu,
        address=address,
        master=master,
        up=up,
        promisc=promisc,
        arp_ignore=arp_ignore,
        arp_announce=arp_announce,
    )
    try:
        netlink.route_socket().request(message)
    except netlink.NetlinkError as error:
        if error.errno == errno.ENODEV:
            raise exception.NetworkInterfaceNotFound(interface=name) from error
        raise


def _delete(name: str) -> None:
    try:
        netlink.route_socket().request(requests.delete_link(name))
    except netlink.NetlinkError as error:
        if error.errno != errno.ENODEV:  # another was first
            raise


def _disable_ipv6(name: str) -> None:
    # the name becomes part of a path that root writes to
    fault = link_name_fault(name)
    if fault:
        raise ValueError(fault)
    with contextlib.suppress(FileNotFoundError):  # a kernel without IPv6
        Path(f"/proc/sys/net/ipv6/conf/{name}/disable_ipv6").write_text("1")


# --- NICs ---------------------------------------------------------------------------------------------------------


def get_vf_num_by_pci_address(pci_addr: str) -> str:
    """The number of a virtual function among those of its physical one, as text.

    :param pci_addr: of the virtual function, DDDD:BB:SS.F
    :raises PciDeviceNotFoundById: it is not here, or is no virtual function
    """
    number = Sysfs().vf_number(pci_addr)
    if number is None:
        raise PciDeviceNotFoundById(id=pci_addr)
    return str(number)


def get_ifname_by_pci_address(pci_addr: str, pf_interface: bool = False, switchdev: bool = False) -> str:
    """The name of a PCI function's netdev.

    :param pf_interface: the netdev of the physical function that `pci_addr` is a virtual function of, instead
    :param switchdev: with pf_interface: of its netdevs the uplink, not a representor
    :raises PciDeviceNotFoundById: there is none
    """
    sysfs = Sysfs()
    function = sysfs.physical_function(pci_addr) if pf_interface else pci_addr
    if function is not None:
        if pf_interface and switchdev:
            names = [name] if (name := sysfs.uplink(function)) else []
        else:
            names = sysfs.netdevs(function)
        if names:
            return names[0]
    raise PciDeviceNotFoundById(id=pci_addr)


def get_representor_port(pf_ifname: str, vf_num: str | int) -> str:
    """The netdev that represents virtual function `vf_num` of the function with netdev `pf_ifname`.

    :raises RepresentorNotFound: there is none, or the NIC is not in mode switchdev
    """
    name = Sysfs().representor(pf_ifname, int(vf_num))
    if name is None:
        raise RepresentorNotFound(ifname=pf_ifname, vf_num=vf_num)
    return name


def get_function_by_ifname(ifname: str) -> tuple[str | None, bool]:
    """The PCI address behind a netdev, None if it is no PCI device; and whether it is a physical function."""
    return Sysfs().function_of(ifname)
