"""VIFs on a device of the host that a guest shares with nobody, or with few: macvtap, SR-IOV, InfiniBand.

The part of the table in os_vif.openstack.types for vif_types whose ports are on a NIC, not on a switch of the host.
"""

from __future__ import annotations

from collections.abc import Mapping

from os_vif.objects import fields
from os_vif.objects import vif as vifs
from os_vif.openstack.binding import PCI, Binding

# Nova's vnic_types of a virtual function and of a whole device; the second of each is one that Cyborg programmed
FUNCTION = ("direct", "accelerator-direct")
WHOLE = ("direct-physical", "accelerator-direct-physical")

_PLUGIN = "direct"
_ETHERNET = fields.VIFHostDeviceDevType.ETHERNET
_GENERIC = fields.VIFHostDeviceDevType.GENERIC


def host_device(
    binding: Binding,
    common: Mapping[str, object],
    dev_type: str,
    profile: vifs.VIFPortProfileBase | None = None,
) -> vifs.VIFBase:
    """A PCI device that the guest is handed."""
    return vifs.VIFHostDevice(
        **common,
        dev_type=dev_type,
        dev_address=binding.pci_slot(),
        **({} if profile is None else {"port_profile": profile}),
    )


def macvtap(binding: Binding) -> vifs.VIFBase:
    """vif_type macvtap: on a NIC, or on a VLAN device of it that is made for all VIFs of the network."""
    details = binding.details
    source = details.required("macvtap_source")
    vlan, nic = details.integer("vlan", 0, 4094), details.text("physical_interface")
    more: dict[str, str | int] = {} if nic is None else {"bridge_interface": nic}
    if vlan:
        more = {
            "bridge_interface": details.required("physical_interface"),
            "vlan": vlan,
            "should_provide_vlan": True,
        }
    return vifs.VIFDirect(
        **binding.common(_PLUGIN, binding.network(None, **more)),
        vif_name=source,
        mode=details.required_typed("macvtap_mode", fields.VIFDirectMode()),
    )


def hw_veb(binding: Binding) -> vifs.VIFBase:
    """vif_type hw_veb: a virtual function, which the NIC's own switch connects."""
    return host_device(binding, binding.common(_PLUGIN), _ETHERNET, _veb_profile(binding))


def hw_veb_macvtap(binding: Binding) -> vifs.VIFBase:
    """A macvtap that has a virtual function for itself; the host finds the function's device by its address."""
    return vifs.VIFDirect(
        **binding.common(_PLUGIN),
        dev_address=binding.pci_slot(),
        mode=fields.VIFDirectMode.PASSTHROUGH,
        port_profile=_veb_profile(binding),
    )


def _veb_profile(binding: Binding) -> vifs.VIFPortProfileHWVEB:
    vlan = binding.details.integer("vlan", 0, 4094)
    return vifs.VIFPortProfileHWVEB(vlan=vlan, trusted=binding.profile.flag("trusted"))


def qbg(binding: Binding) -> vifs.VIFBase:
    """vif_type 802.1qbg: the switch outside of the host tells VIFs apart (VEPA); libvirt limits the numbers."""
    parameters = binding.details.section("qbg_params")
    instance_id = parameters.uuid("instanceid")
    if instance_id is None:
        raise parameters.invalid("instanceid", "is not set")
    return vifs.VIFDirect(
        **binding.common(_PLUGIN),
        vif_name=binding.details.required("physical_interface"),
        mode=fields.VIFDirectMode.VEPA,
        port_profile=vifs.VIFPortProfile8021Qbg(
            manager_id=parameters.required_integer("managerid", highest=2**8 - 1),
            type_id=parameters.required_integer("typeid", highest=2**24 - 1),
            type_id_version=parameters.required_integer("typeidversion", highest=2**8 - 1),
            instance_id=instance_id,
        ),
    )


def qbh(binding: Binding) -> vifs.VIFBase:
    """vif_type 802.1qbh: a port extender's channel, which the guest is handed as a virtual function."""
    return host_device(binding, binding.common(_PLUGIN), _ETHERNET, _qbh_profile(binding))


def qbh_macvtap(binding: Binding) -> vifs.VIFBase:
    """A macvtap on such a function, or on the device that is named."""
    where = {"dev_address": binding.profile.typed("pci_slot", PCI)}
    if where["dev_address"] is None:
        device = binding.details.text("physical_interface")
        if device is None:
            reason = f"is not set, nor is {binding.details.named('physical_interface')}"
            raise binding.profile.invalid("pci_slot", reason)
        where = {"vif_name": device}
    return vifs.VIFDirect(
        **binding.common(_PLUGIN),
        **where,
        mode=fields.VIFDirectMode.PASSTHROUGH,
        port_profile=_qbh_profile(binding),
    )


def _qbh_profile(binding: Binding) -> vifs.VIFPortProfile8021Qbh:
    return vifs.VIFPortProfile8021Qbh(profile_id=binding.details.required("profileid"))


def physical(binding: Binding) -> vifs.VIFBase:
    """vif_type hostdev_physical: the guest is handed a device as it is, and configures it itself."""
    return host_device(binding, binding.common(_PLUGIN), _GENERIC)


def infiniband(binding: Binding) -> vifs.VIFBase:
    """vif_type ib_hostdev: a function of an InfiniBand adapter; a script gives it its place in the fabric."""
    fabric = binding.physical_network or binding.details.text("physical_network")
    if fabric is None:
        reason = "is not set, nor is the network's provider:physical_network: it is the fabric"
        raise binding.details.invalid("physical_network", reason)
    profile = vifs.VIFPortProfileScript(script="ib_hostdev", parameters={"physical_network": fabric})
    return host_device(binding, binding.common("script"), _GENERIC, profile)
