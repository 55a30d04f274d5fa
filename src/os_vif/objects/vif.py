"""The VIF types, one per way a guest can be given a network card, and the port profiles beside them.

The network side builds them, the compute side reads them, plugins plug them. A port profile says what a VIF
of a given type is on the network it joins; `datapath_offload` in it says how its traffic leaves the host's
processor.
"""

# ruff: noqa: RUF012  # oslo declares fields and relationships as plain dictionaries of the class

from debtcollector import removals
from oslo_versionedobjects import base as ovo_base
from oslo_versionedobjects import fields

from os_vif.objects import base, network
from os_vif.objects import fields as os_vif_fields


@ovo_base.VersionedObjectRegistry.register
class DatapathOffloadBase(base.VersionedObject, ovo_base.ComparableVersionedObject):
    """Base of the ways to offload a datapath."""

    VERSION = "1.0"


@ovo_base.VersionedObjectRegistry.register
class DatapathOffloadRepresentor(DatapathOffloadBase):
    """Offload to a NIC with a switch in it: the virtual function's representor stands in for the VIF.

    `representor_address` is the PCI address of the uplink (physical function).
    """

    VERSION = "1.0"

    representor_name: str | None
    representor_address: str | None

    fields = {
        "representor_name": fields.StringField(nullable=True),
        "representor_address": fields.StringField(nullable=True),
    }


@ovo_base.VersionedObjectRegistry.register
class VIFPortProfileBase(base.VersionedObject, ovo_base.ComparableVersionedObject):
    """Base of the port profiles."""

    VERSION = "1.1"
    obj_fields_added = {"1.1": ("datapath_offload",)}
    obj_relationships = {"datapath_offload": [("1.1", "1.0")]}

    datapath_offload: DatapathOffloadBase | None

    fields = {
        "datapath_offload": fields.ObjectField("DatapathOffloadBase", nullable=True, subclasses=True),
    }


@ovo_base.VersionedObjectRegistry.register
class VIFPortProfileOpenVSwitch(VIFPortProfileBase):
    """A port of an Open vSwitch bridge; `interface_id` is the `iface-id` its controller knows it by."""

    VERSION = "1.4"
    obj_fields_added = {
        "1.1": ("datapath_type",),
        "1.2": ("datapath_offload",),
        "1.3": ("create_port",),
        "1.4": ("create_tap", "multiqueue"),
    }
    obj_relationships = {"datapath_offload": [("1.2", "1.0")]}

    interface_id: str
    profile_id: str
    datapath_type: str | None
    create_port: bool
    create_tap: bool
    multiqueue: bool

    fields = {
        "interface_id": fields.UUIDField(),
        "profile_id": fields.StringField(),
        "datapath_type": fields.StringField(nullable=True),
        "create_port": fields.BooleanField(default=False),
        "create_tap": fields.BooleanField(default=False),
        "multiqueue": fields.BooleanField(default=False),
    }


@ovo_base.VersionedObjectRegistry.register
class VIFPortProfileFPOpenVSwitch(VIFPortProfileOpenVSwitch):
    """A vhost-user fast path port of an Open vSwitch bridge; its versions go with its parent's."""

    VERSION = "1.4"

    bridge_name: str
    hybrid_plug: bool

    fields = {
        "bridge_name": fields.StringField(),
        "hybrid_plug": fields.BooleanField(default=False),
    }


@removals.removed_class("VIFPortProfileOVSRepresentor", category=PendingDeprecationWarning)
@ovo_base.VersionedObjectRegistry.register
class VIFPortProfileOVSRepresentor(VIFPortProfileOpenVSwitch):
    """The older way to say DatapathOffloadRepresentor; its versions go with its parent's."""

    VERSION = "1.4"

    representor_name: str | None
    representor_address: str | None

    fields = {
        "representor_name": fields.StringField(nullable=True),
        "representor_address": fields.PCIAddressField(nullable=True),
    }


@ovo_base.VersionedObjectRegistry.register
class VIFPortProfileFPBridge(VIFPortProfileBase):
    """A vhost-user fast path port of a Linux bridge."""

    VERSION = "1.1"

    bridge_name: str

    fields = {
        "bridge_name": fields.StringField(),
    }


@ovo_base.VersionedObjectRegistry.register
class VIFPortProfileFPTap(VIFPortProfileBase):
    """A vhost-user fast path port that is routed (Calico)."""

    VERSION = "1.1"

    mac_address: str | None

    fields = {
        "mac_address": fields.MACAddressField(nullable=True),
    }


@ovo_base.VersionedObjectRegistry.register
class VIFPortProfile8021Qbg(VIFPortProfileBase):
    """A port of an IEEE 802.1Qbg (VEPA) switch: libvirt's virtualport of that type."""

    VERSION = "1.1"

    manager_id: int
    type_id: int
    type_id_version: int
    instance_id: str

    fields = {
        "manager_id": fields.IntegerField(),
        "type_id": fields.IntegerField(),
        "type_id_version": fields.IntegerField(),
        "instance_id": fields.UUIDField(),
    }


@ovo_base.VersionedObjectRegistry.register
class VIFPortProfile8021Qbh(VIFPortProfileBase):
    """A port of an IEEE 802.1Qbh (802.1BR) switch: libvirt's virtualport of that type."""

    VERSION = "1.1"

    profile_id: str

    fields = {
        "profile_id": fields.StringField(),
    }


@ovo_base.VersionedObjectRegistry.register
class VIFPortProfileK8sDPDK(VIFPortProfileBase):
    """A DPDK port of a Kubernetes pod (kuryr-kubernetes)."""

    VERSION = "1.1"

    l3_setup: bool
    selflink: str
    resourceversion: str

    fields = {
        "l3_setup": fields.BooleanField(),
        "selflink": fields.StringField(),
        "resourceversion": fields.StringField(),
    }


@ovo_base.VersionedObjectRegistry.register
class VIFPortProfileLinuxBridge(VIFPortProfileBase):
    """A port of a Linux bridge whose tap device the plugin creates; peers before os-vif 6 do not know it."""

    VERSION = "1.0"
    # Born after `datapath_offload`, which therefore has been here since 1.0.
    obj_fields_added = {}
    obj_relationships = {"datapath_offload": [("1.0", "1.0")]}

    create_tap: bool
    multiqueue: bool

    fields = {
        "create_tap": fields.BooleanField(default=False),
        "multiqueue": fields.BooleanField(default=False),
    }


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
