"""Which form libvirt has for a VIF: the type of its <interface>, and what tells where it is connected.

os_vif.virt.libvirt.element writes a Form, with what is wanted of the card, as XML. The table of docs/guests.md says
the same for people. Source: https://libvirt.org/formatdomain.html#network-interfaces
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from os_vif.objects import fields
from os_vif.objects import vif as vifs
from os_vif.virt.request import Request

GUEST = "libvirt"

_EVERY = frozenset({"boot_order", "alias"})
_SIZES = frozenset({"queues", "rx_queue_size", "tx_queue_size", "packed"})
_EMULATED = _EVERY | _SIZES | {"model", "driver", "inbound", "outbound"}
_TAP = _EMULATED | {"mtu"}
_PCI = re.compile(r"([0-9a-f]{4}):([0-9a-f]{2}):([0-9a-f]{2})\.([0-7])")


@dataclass(frozen=True, slots=True)
class VirtualPort:
    """libvirt's <virtualport>: its type, and its parameters by the names that libvirt has for them."""

    type: str
    parameters: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """What libvirt is told of a VIF, card and addresses apart.

    type: of the <interface>; "pci" for a <hostdev>. takes: the wishes a card of this type can have.
    source, target: attributes of these elements. pci: the host's device that is handed over, as domain, bus, slot and
    function. model, driver: what the card is when nobody wants anything else. has_mtu: whether libvirt sets one.
    vlan: the VLAN id in the VIF itself.
    """

    type: str
    takes: frozenset[str]
    source: Mapping[str, str] = field(default_factory=dict)
    pci: tuple[str, str, str, str] | None = None
    virtualport: VirtualPort | None = None
    target: Mapping[str, str] = field(default_factory=dict)
    model: str | None = "virtio"
    driver: str | None = None
    has_mtu: bool = False
    vlan: int | None = None


def form(request: Request) -> Form:
    """The form for a VIF.

    :raises os_vif.exception.UnfitVIF: a field that the form needs is missing, or says something impossible
    :raises os_vif.exception.NotForGuest: libvirt has no card of that kind
    """
    for kind in type(request.vif).__mro__:
        if kind in _FORMS:
            return _FORMS[kind](request)
    raise request.impossible(
        "libvirt knows nothing of its kind.", "Choose a VIF type that docs/guests.md lists."
    )


def _ethernet(request: Request) -> Form:
    """A tap; one that is made here libvirt must neither make nor set up."""
    target = {"dev": request.text("vif_name")}
    if request.makes_tap:
        target["managed"] = "no"
    return Form(type="ethernet", takes=_TAP | {"filterref"}, target=target, has_mtu=True)


def _bridge(request: Request) -> Form:
    if isinstance(request.profile, vifs.VIFPortProfileLinuxBridge) and request.makes_tap:
        # it is in its bridge already, and libvirt would fail to put it there once more (EBUSY)
        return _ethernet(request)
    source, target = {"bridge": request.text("bridge_name")}, {"dev": request.text("vif_name")}
    return Form(type="bridge", takes=_TAP | {"filterref"}, source=source, target=target, has_mtu=True)


def _open_vswitch(request: Request) -> Form:
    if not isinstance(request.profile, vifs.VIFPortProfileOpenVSwitch):
        raise request.unfit("port_profile", "is not a VIFPortProfileOpenVSwitch")
    if request.makes_tap or request.flag("create_port"):
        return _ethernet(request)
    parameters = {"interfaceid": request.text("port_profile.interface_id")}
    if profile_id := request.optional("port_profile.profile_id"):
        parameters["profileid"] = str(profile_id)
    return Form(
        type="bridge",
        takes=_TAP | {"vlan"},
        source={"bridge": request.text("bridge_name")},
        target={"dev": request.text("vif_name")},
        virtualport=VirtualPort("openvswitch", parameters),
        has_mtu=True,
    )


def _direct(request: Request) -> Form:
    """A macvtap on the device that the VIF names."""
    mode = request.text("mode")
    vlan = _vlan(request)
    alone = mode == fields.VIFDirectMode.PASSTHROUGH  # on a virtual function that is the guest's alone
    if vlan is not None and not alone:
        raise request.unfit(
            "port_profile.vlan", f"is tagged by the device's NIC in mode passthrough, not in {mode}"
        )
    return Form(
        type="direct",
        takes=_EMULATED | {"vlan"} if alone else _EMULATED,
        source={"dev": request.text("vif_name"), "mode": mode},
        virtualport=_virtualport(request),
        driver="vhost" if alone else None,
        vlan=vlan,
    )


def _vhost_user(request: Request) -> Form:
    return Form(
        type="vhostuser",
        takes=_EVERY | _SIZES | {"model"},
        source={"type": "unix", "path": request.text("path"), "mode": request.text("mode")},
        target={"dev": str(name)} if (name := request.optional("vif_name")) else {},
    )


def _vdpa(request: Request) -> Form:
    return Form(type="vdpa", takes=_EVERY | _SIZES | {"model"}, source={"dev": request.text("path")})


def _host_device(request: Request) -> Form:
    address = _pci(request)
    if request.text("dev_type") == fields.VIFHostDeviceDevType.GENERIC:
        return Form(type="pci", takes=_EVERY, pci=address, model=None)
    return Form(
        type="hostdev",
        takes=_EVERY | {"vlan"},
        pci=address,
        virtualport=_virtualport(request),
        model=None,
        vlan=_vlan(request),
    )


def _distributed_switch(request: Request) -> Form:
    source = {
        "switchid": request.text("switch_id"),
        "portid": request.text("port_id"),
        "portgroupid": request.text("port_group_id"),
        "connectionid": request.text("connection_id"),
    }
    return Form(type="vds", takes=_EVERY | {"model"}, source=source, model="vmxnet3")


def _nested_dpdk(request: Request) -> Form:
    raise request.impossible(
        "it is a device within a guest, which has it already.",
        "Give the guest itself the VIF that it is connected by.",
    )


_FORMS: Mapping[type, Callable[[Request], Form]] = {
    vifs.VIFGeneric: _ethernet,
    vifs.VIFBridge: _bridge,
    vifs.VIFOpenVSwitch: _open_vswitch,
    vifs.VIFDirect: _direct,
    vifs.VIFVHostUser: _vhost_user,
    vifs.VIFVDPA: _vdpa,
    vifs.VIFHostDevice: _host_device,
    vifs.VIFDVS: _distributed_switch,
    vifs.VIFNestedDPDK: _nested_dpdk,
}


def _virtualport(request: Request) -> VirtualPort | None:
    """What libvirt tells the switch beside a NIC, where the switch is one of IEEE 802.1Qbg or 802.1Qbh."""
    profile = request.profile
    if isinstance(profile, vifs.VIFPortProfile8021Qbg):
        names = {
            "managerid": "manager_id",
            "typeid": "type_id",
            "typeidversion": "type_id_version",
            "instanceid": "instance_id",
        }
        return VirtualPort(
            "802.1Qbg", {theirs: request.text(f"port_profile.{ours}") for theirs, ours in names.items()}
        )
    if isinstance(profile, vifs.VIFPortProfile8021Qbh):
        return VirtualPort("802.1Qbh", {"profileid": request.text("port_profile.profile_id")})
    return None


def _vlan(request: Request) -> int | None:
    """What the NIC tags the virtual function's traffic with; 0, as None, stands for nothing."""
    if not isinstance(request.profile, vifs.VIFPortProfileHWVEB):
        return None
    value = request.optional("port_profile.vlan")
    return int(str(value)) if value else None


def _pci(request: Request) -> tuple[str, str, str, str]:
    text = request.text("dev_address")
    parts = _PCI.fullmatch(text.lower())
    if parts is None:
        raise request.unfit("dev_address", f"{text} is not domain:bus:slot.function")
    domain, bus, slot, function = parts.groups()
    return domain, bus, slot, function
