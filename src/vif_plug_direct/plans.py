"""The plan of each kind of VIF that the direct plugin plugs; DirectPlugin.plan chooses among them.

What a plug cannot do without, and an unplug can, is the plan's obstacle: a VIF is taken away also when its device
has died.
"""

from __future__ import annotations

from os_vif import exception, objects
from os_vif.host import fields
from os_vif.host.plan import OWNED, SHARED, Link, Plan, Resource, SriovVf, Vlan
from os_vif.host.sysfs import Sysfs

OF_DIRECT: tuple[type[objects.vif.VIFPortProfileBase], ...] = (
    objects.vif.VIFPortProfile8021Qbg,
    objects.vif.VIFPortProfile8021Qbh,
    objects.vif.VIFPortProfileHWVEB,
)
OF_HOST_DEVICE: tuple[type[objects.vif.VIFPortProfileBase], ...] = (
    objects.vif.VIFPortProfile8021Qbh,
    objects.vif.VIFPortProfileHWVEB,
)
_QBG_FIELDS = ("manager_id", "type_id", "type_id_version", "instance_id")


def macvtap(vif: objects.vif.VIFDirect, sysfs: Sysfs) -> Plan:
    """VIFDirect: the hypervisor makes a macvtap on the source, which must be there and up."""
    profile = _profile(vif, OF_DIRECT)
    missing = fields.first_missing(vif, "mode") or _incomplete(vif, profile)
    by_address = fields.get(vif, "dev_address") is not None
    if isinstance(profile, objects.vif.VIFPortProfileHWVEB):
        vf, absent = _switched(vif, profile, sysfs)
        resources, obstacle = _function(vif, sysfs, address=_guest_address(vif))
        resources, obstacle = (*vf, *resources), absent or obstacle
    else:
        resources, obstacle = _function(vif, sysfs) if by_address else _source(vif)
    return Plan(fields.vif_id(vif), resources, obstacle=missing or obstacle)


def host_device(vif: objects.vif.VIFHostDevice, sysfs: Sysfs) -> Plan:
    """VIFHostDevice: the guest is handed the device, as it is or, if it is a virtual function, as its NIC lets it."""
    profile = _profile(vif, OF_HOST_DEVICE)
    address = str(fields.needed(vif, "dev_address"))
    obstacle: Exception | None = fields.first_missing(vif, "dev_type") or _incomplete(vif, profile)
    if obstacle is None and not sysfs.has(address):
        obstacle = _no_device(address)
    resources: tuple[Resource, ...] = ()
    if isinstance(profile, objects.vif.VIFPortProfileHWVEB):
        resources, absent = _switched(vif, profile, sysfs)
        obstacle = obstacle or absent
    return Plan(fields.vif_id(vif), resources, obstacle=obstacle)


def _profile(
    vif: objects.vif.VIFBase, known: tuple[type[objects.vif.VIFPortProfileBase], ...]
) -> objects.vif.VIFPortProfileBase | None:
    """The VIF's port profile, if it has one; one that would not be heeded is refused."""
    profile: objects.vif.VIFPortProfileBase | None = fields.get(vif, "port_profile")
    if profile is None or isinstance(profile, known):
        return profile
    names = ", ".join(cls.__name__ for cls in known)
    reason = f"the direct plugin reads {names} of a {type(vif).__name__}, not {type(profile).__name__}"
    raise fields.invalid(vif, "port_profile", reason)


def _incomplete(
    vif: objects.vif.VIFBase, profile: objects.vif.VIFPortProfileBase | None
) -> exception.InvalidVIF | None:
    """What the switch beside the NIC must be told, and the profile does not say."""
    names: tuple[str, ...] = ()
    if isinstance(profile, objects.vif.VIFPortProfile8021Qbg):
        names = _QBG_FIELDS
    elif isinstance(profile, objects.vif.VIFPortProfile8021Qbh):
        names = ("profile_id",)
    return fields.first_missing(vif, *(f"port_profile.{name}" for name in names), source=profile)


def _source(vif: objects.vif.VIFDirect) -> tuple[tuple[Resource, ...], exception.InvalidVIF | None]:
    """The device that the VIF names: a NIC, or a VLAN device that is made on one for all VIFs of the network."""
    source = fields.link_name(vif, "vif_name")
    network = fields.get(vif, "network")
    vlan, nic = fields.get(network, "vlan"), fields.get(network, "bridge_interface")
    if not (vlan and nic):
        obstacle = None
        if fields.get(network, "should_provide_vlan"):
            lacking = "network.bridge_interface" if vlan else "network.vlan"
            obstacle = fields.invalid(vif, lacking, "is not set, and should_provide_vlan needs it")
        return (Link(name=source, up=True),), obstacle
    nic = fields.link_name(vif, "network.bridge_interface", network)
    if nic == source:
        raise fields.invalid(vif, "vif_name", f"{source!r} is the name of the NIC that the VLAN is on")
    if not 1 <= vlan <= 4094:
        raise fields.invalid(vif, "network.vlan", f"{vlan} is not a VLAN id from 1 to 4094")
    device = Vlan(name=source, link=nic, vlan_id=vlan, mtu=fields.mtu(vif), ownership=SHARED)
    return (Link(name=nic, up=True), device), None


def _switched(
    vif: objects.vif.VIFDirect | objects.vif.VIFHostDevice,
    profile: objects.vif.VIFPortProfileHWVEB,
    sysfs: Sysfs,
) -> tuple[tuple[Resource, ...], Exception | None]:
    """The virtual function, as the switch in its NIC (hw_veb) is to treat it."""
    address = str(fields.needed(vif, "dev_address"))
    vlan = fields.get(profile, "vlan") or 0
    if not 0 <= vlan <= 4094:
        raise fields.invalid(
            vif, "port_profile.vlan", f"{vlan} is not a VLAN id from 1 to 4094, or 0 for none"
        )
    guest = _guest_address(vif)
    found = sysfs.virtual_function(address)
    if found is None:
        return (), _no_device(address, "no virtual function of a NIC with address")
    name, number = found
    trusted = bool(fields.get(profile, "trusted"))
    return (SriovVf(name=name, number=number, address=guest, vlan=vlan, trusted=trusted),), None


def _guest_address(vif: objects.vif.VIFBase) -> str:
    return str(fields.needed(vif, "address")).lower()


def _function(
    vif: objects.vif.VIFDirect, sysfs: Sysfs, address: str | None = None
) -> tuple[tuple[Resource, ...], Exception | None]:
    """The netdev of the PCI function that the VIF names; its name is the hypervisor's to know as well.

    address: the guest's, if the function is the VIF's alone: a macvtap that passes all through has its device's.
    """
    pci = str(vif.dev_address)
    found = sysfs.netdevs(pci)
    if not found:
        return (), _no_device(pci, "no network device of PCI function")
    named = fields.get(vif, "vif_name")
    if named is not None and named not in found:
        reason = f"{named!r} is not the device of {pci}, which is {', '.join(found)}"
        return (), fields.invalid(vif, "vif_name", reason)
    ownership = SHARED if address is None else OWNED
    return (Link(name=named or found[0], address=address, up=True, ownership=ownership),), None


def _no_device(address: str, what: str = "no PCI device") -> exception.ResourceMissing:
    return exception.ResourceMissing(
        f"{address}: {what} {address} is on this host; see `lspci -D` for those that are", object=address
    )
