"""What Neutron says of one port, read once, and the fields of a VIF that are the same for every vif_type.

os_vif.openstack.neutron makes a Binding, os_vif.openstack.types makes a VIF of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from oslo_versionedobjects import fields as ovo_fields

from os_vif import objects
from os_vif.openstack.reading import Section

NAME_LEN = 14  # of every device name that Nova and Neutron derive: one less than the kernel takes
OVS_BRIDGE = "br-int"  # Nova's default of [neutron] ovs_bridge

MAC = ovo_fields.MACAddress()
IP = ovo_fields.IPAddress()
CIDR = ovo_fields.IPNetwork()
PCI = ovo_fields.PCIAddress()


@dataclass(frozen=True, slots=True, kw_only=True)
class Binding:
    """One port that is bound to a host.

    port: the whole of it. details, profile: binding:vif_details, from the network's mechanism, and binding:profile,
    from the compute service. network_fields: of the Network, without those that depend on the vif_type. network_id:
    None if not said. physical_network: as the network, not the binding, says it. ovs_bridge: the integration bridge
    where nobody says one. tap: the name of the guest's tap, where somebody says one.
    """

    port: Section
    port_id: str
    vif_type: str
    vnic_type: str
    details: Section
    profile: Section
    address: str | None
    network_fields: Mapping[str, object]
    network_id: str | None
    physical_network: str | None
    active: bool
    ovs_bridge: str = OVS_BRIDGE
    preserve_on_delete: bool = False
    tap: str | None = None

    def name(self, prefix: str) -> str:
        """The name that Nova, Neutron's agents and the plugins derive from the port's id."""
        return (prefix + self.port_id)[:NAME_LEN]

    @property
    def device_name(self) -> str:
        """The tap."""
        return self.tap or self.name("tap")

    @property
    def interface_id(self) -> str:
        """What the network's controller calls the port."""
        return self.port_id

    def network(self, bridge: str | None = None, **more: str | int) -> objects.network.Network:
        """The port's network; bridge, more: what the vif_type adds to it."""
        said = {"bridge": bridge} if bridge is not None else {}
        return objects.network.Network(**self.network_fields, **said, **more)

    def common(self, plugin: str, network: objects.network.Network | None = None) -> dict[str, object]:
        """The fields that a VIF of any type has."""
        return {
            "id": self.port_id,
            "address": self.address,
            "network": self.network() if network is None else network,
            "plugin": plugin,
            "active": self.active,
            "preserve_on_delete": self.preserve_on_delete,
            "has_traffic_filtering": self.details.flag("port_filter"),
        }

    def integration_bridge(self) -> str:
        """The bridge of Open vSwitch. A name that is said is not cut: cut, it is another bridge's."""
        return self.details.text("bridge_name") or self.ovs_bridge

    def linux_bridge(self) -> str:
        """The network's Linux bridge, by default the one that Neutron's Linux bridge agent makes."""
        said = self.details.text("bridge_name")
        if said is None and self.network_id is None:
            raise self.details.invalid("bridge_name", "is not set, nor is network_id, which names the bridge")
        return said or f"brq{self.network_id}"[:NAME_LEN]

    def pci_slot(self) -> str:
        """The address of the device that the compute service chose for the port."""
        return self.profile.required_typed("pci_slot", PCI)
