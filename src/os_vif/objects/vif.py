"""The VIF types, one per way a guest can be given a network card, and the port profiles beside them.

The network side builds them, the compute side reads them, plugins plug them.
"""

# ruff: noqa: RUF012  # oslo declares fields and relationships as plain dictionaries of the class

from oslo_versionedobjects import base as ovo_base
from oslo_versionedobjects import fields

from os_vif.objects import base, network
from os_vif.objects import fields as os_vif_fields
from os_vif.objects.port_profile import (
    DatapathOffloadBase,
    DatapathOffloadRepresentor,
    VIFPortProfile8021Qbg,
    VIFPortProfile8021Qbh,
    VIFPortProfileBase,
    VIFPortProfileFPBridge,
    VIFPortProfileFPOpenVSwitch,
    VIFPortProfileFPTap,
    VIFPortProfileHWVEB,
    VIFPortProfileK8sDPDK,
    VIFPortProfileLinuxBridge,
    VIFPortProfileOpenVSwitch,
    VIFPortProfileOVSRepresentor,
    VIFPortProfileScript,
    VIFPortProfileTap,
)

__all__ = [
    "VIFDVS",
    "VIFVDPA",
    "DatapathOffloadBase",
    "DatapathOffloadRepresentor",
    "VIFBase",
    "VIFBridge",
    "VIFDirect",
    "VIFGeneric",
    "VIFHostDevice",
    "VIFNestedDPDK",
    "VIFOpenVSwitch",
    "VIFPortProfile8021Qbg",
    "VIFPortProfile8021Qbh",
    "VIFPortProfileBase",
    "VIFPortProfileFPBridge",
    "VIFPortProfileFPOpenVSwitch",
    "VIFPortProfileFPTap",
    "VIFPortProfileHWVEB",
    "VIFPortProfileK8sDPDK",
    "VIFPortProfileLinuxBridge",
    "VIFPortProfileOVSRepresentor",
    "VIFPortProfileOpenVSwitch",
    "VIFPortProfileScript",
    "VIFPortProfileTap",
    "VIFVHostUser",
]


@ovo_base.VersionedObjectRegistry.register
class VIFBase(base.VersionedObject, ovo_base.ComparableVersionedObject):
    """What every VIF type has.

    `address` is the guest's MAC address, `plugin` the name of the plugin to use, `active` whether the network
    side has already seen it work. The defaults are only declared: a field that was not given is unset.
    """

    # os-vif 1.8.0, and only that release, had a 1.1 with `fixed_ips`: it went back to 1.0, and so 1.1 is
    # burnt.
    VERSION = "1.0"
    obj_fields_optional = frozenset({"port_profile"})
    # A VIF type that changes version lists the sub-objects' versions anew. 1.0 of any type may be read by a
    # peer from before Network 1.1 and before every port profile's 1.1.
    obj_relationships = {"network": [("1.0", "1.0")], "port_profile": [("1.0", "1.0")]}

    id: str
    address: str | None
    network: "network.Network | None"
    plugin: str
    active: bool
    preserve_on_delete: bool
    has_traffic_filtering: bool
    port_profile: VIFPortProfileBase

    fields = {
        "id": fields.UUIDField(),
        "address": fields.MACAddressField(nullable=True),
        "network": fields.ObjectField("Network", nullable=True),
        "plugin": fields.StringField(),
        "active": fields.BooleanField(default=True),
        "preserve_on_delete": fields.BooleanField(default=False),
        "has_traffic_filtering": fields.BooleanField(default=False),
        "port_profile": fields.ObjectField("VIFPortProfileBase", subclasses=True),
    }


@ovo_base.VersionedObjectRegistry.register
class VIFGeneric(VIFBase):
    """A tap device and nothing more; libvirt: type ethernet."""

    VERSION = "1.0"

    vif_name: str

    fields = {
        "vif_name": fields.StringField(),
    }


@ovo_base.VersionedObjectRegistry.register
class VIFBridge(VIFBase):
    """A tap device on a Linux bridge; libvirt: type bridge."""

    VERSION = "1.0"

    vif_name: str
    bridge_name: str

    fields = {
        "vif_name": fields.StringField(),
        "bridge_name": fields.StringField(),
    }


@ovo_base.VersionedObjectRegistry.register
class VIFOpenVSwitch(VIFBase):
    """A port of an Open vSwitch bridge; libvirt: type bridge with a virtualport, or ethernet if delegated."""

    VERSION = "1.0"

    vif_name: str
    bridge_name: str

    fields = {
        "vif_name": fields.StringField(),
        "bridge_name": fields.StringField(),
    }


@ovo_base.VersionedObjectRegistry.register
class VIFDirect(VIFBase):
    """A macvtap device on a NIC or a virtual function; libvirt: type direct."""

    VERSION = "1.0"

    vif_name: str
    dev_address: str
    mode: str
    vlan_name: str

    fields = {
        "vif_name": fields.StringField(),
        "dev_address": fields.PCIAddressField(),
        "mode": os_vif_fields.VIFDirectModeField(),
        "vlan_name": fields.StringField(),
    }


@ovo_base.VersionedObjectRegistry.register
class VIFVHostUser(VIFBase):
    """A vhost-user socket at `path`; `mode` is QEMU's end of it; libvirt: type vhostuser."""

    VERSION = "1.1"
    obj_fields_added = {"1.1": ("vif_name",)}

    vif_name: str
    path: str
    mode: str

    fields = {
        "vif_name": fields.StringField(),
        "path": fields.StringField(),
        "mode": os_vif_fields.VIFVHostUserModeField(),
    }


@ovo_base.VersionedObjectRegistry.register
class VIFHostDevice(VIFBase):
    """A PCI device handed to the guest; `dev_type` says how libvirt is told of it."""

    VERSION = "1.0"

    dev_type: str
    dev_address: str

    fields = {
        "dev_type": os_vif_fields.VIFHostDeviceDevTypeField(),
        "dev_address": fields.PCIAddressField(),
    }


@ovo_base.VersionedObjectRegistry.register
class VIFNestedDPDK(VIFBase):
    """A DPDK device inside a guest that itself runs containers (kuryr-kubernetes)."""

    VERSION = "1.0"

    pci_address: str
    dev_driver: str

    fields = {
        "pci_address": fields.StringField(),
        "dev_driver": fields.StringField(),
    }


@ovo_base.VersionedObjectRegistry.register
class VIFVDPA(VIFBase):
    """A vDPA device of a NIC's virtual function, the guest's card being a virtio one; libvirt: type vdpa.

    Peers before os-vif 6 know it as a VIFHostDevice. `path` is its character device (/dev/vhost-vdpa-0), which the
    host that has it fills in.
    """

    VERSION = "1.0"

    dev_address: str
    path: str | None

    fields = {
        "dev_address": fields.PCIAddressField(),
        "path": fields.StringField(nullable=True),
    }


@ovo_base.VersionedObjectRegistry.register
class VIFDVS(VIFBase):
    """A port of a VMware vSphere distributed switch; libvirt: type vds. Peers before os-vif 6 do not know it.

    `switch_id` is the switch's UUID, `port_group_id` the key of the port group ("dvportgroup-28"), `port_id` the key
    of the port in it and `connection_id` the cookie of the connection, both None where vCenter chooses them.
    """

    VERSION = "1.0"

    switch_id: str
    port_group_id: str
    port_id: int | None
    connection_id: int | None

    fields = {
        "switch_id": fields.UUIDField(),
        "port_group_id": fields.StringField(),
        "port_id": fields.IntegerField(nullable=True),
        "connection_id": fields.IntegerField(nullable=True),
    }
