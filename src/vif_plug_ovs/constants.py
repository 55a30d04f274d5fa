"""Constants of the ovs plugin that other projects import."""

PLUGIN_NAME = "ovs"

OVS_VHOSTUSER_INTERFACE_TYPE = "dpdkvhostuser"
OVS_VHOSTUSER_CLIENT_INTERFACE_TYPE = "dpdkvhostuserclient"
OVS_VHOSTUSER_PREFIX = "vhu"
OVS_DPDK_INTERFACE_TYPE = "dpdk"

OVS_DATAPATH_SYSTEM = "system"
OVS_DATAPATH_NETDEV = "netdev"

DEAD_VLAN = 4095
"""The VLAN in which Neutron's agent keeps ports that are not, or not yet, to reach anything."""

TRUNK_BR_PREFIX = "tbr-"
"""Begins the names of the bridges that Neutron makes for the VLAN trunk of one instance."""
