"""Port profiles: what a VIF of a given type is on the network it joins.

`datapath_offload` in a profile says how the VIF's traffic leaves the host's processor. Read them as
`os_vif.objects.vif.VIFPortProfile...`.
"""

# ruff: noqa: RUF012  # oslo declares fields and relationships as plain dictionaries of the class

from debtcollector import removals
from oslo_versionedobjects import base as ovo_base
from oslo_versionedobjects import fields

from os_vif.objects import base


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
class VIFPortProfileTap(VIFPortProfileBase):
    """A tap device of its own; peers before os-vif 6 do not know it.

    `mac_address` is the tap's own address, where the network's mechanism routes to it; the guest's is the VIF's.
    """

    VERSION = "1.0"
    obj_fields_added = {}
    obj_relationships = {"datapath_offload": [("1.0", "1.0")]}

    mac_address: str | None
    multiqueue: bool

    fields = {
        "mac_address": fields.MACAddressField(nullable=True),
        "multiqueue": fields.BooleanField(default=False),
    }


@ovo_base.VersionedObjectRegistry.register
class VIFPortProfileScript(VIFPortProfileBase):
    """A port that the plug script `script` connects; peers before os-vif 6 do not know it.

    `parameters` is what the network side has to say to the script beside the VIF itself.
    """

    VERSION = "1.0"
    obj_fields_added = {}
    obj_relationships = {"datapath_offload": [("1.0", "1.0")]}

    script: str
    parameters: dict[str, str]
    multiqueue: bool

    fields = {
        "script": fields.StringField(),
        "parameters": fields.DictOfStringsField(default={}),
        "multiqueue": fields.BooleanField(default=False),
    }


@ovo_base.VersionedObjectRegistry.register
class VIFPortProfileHWVEB(VIFPortProfileBase):
    """A port of the switch (Virtual Ethernet Bridge) in an SR-IOV NIC; peers before os-vif 6 do not know it.

    `vlan` is the VLAN id that the NIC tags the virtual function's traffic with; None or 0 for untagged. `trusted`
    lets the guest change its address and listen to all.
    """

    VERSION = "1.0"
    obj_fields_added = {}
    obj_relationships = {"datapath_offload": [("1.0", "1.0")]}

    vlan: int | None
    trusted: bool

    fields = {
        "vlan": fields.IntegerField(nullable=True),
        "trusted": fields.BooleanField(default=False),
    }
