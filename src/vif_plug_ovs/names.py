"""The names that the ovs plugin gives; Nova, libvirt's drivers and Neutron's agent derive the same ones."""

from __future__ import annotations

from vif_plug_ovs import constants

NIC_NAME_LEN = 14
"""One less than the kernel takes: as long as a name may be in Nova."""
PATCH_PORT_NAME_LEN = 64


def generated(prefix: str, vif_id: str, max_length: int = NIC_NAME_LEN) -> str:
    """The prefix and the VIF's id, cut to `max_length` characters."""
    return (prefix + vif_id)[:max_length]


def veth_pair(vif_id: str) -> tuple[str, str]:
    """The ends of the veth pair of a hybrid VIF: in the Linux bridge, in the Open vSwitch bridge."""
    return generated("qvb", vif_id), generated("qvo", vif_id)


def patch_ports(vif_id: str) -> tuple[str, str]:
    """The patch ports of a VIF with a bridge of its own: in the integration bridge, in its bridge."""
    return generated("ibp", vif_id, PATCH_PORT_NAME_LEN), generated("pbp", vif_id, PATCH_PORT_NAME_LEN)


def is_trunk_bridge(bridge_name: str) -> bool:
    """Whether it is the bridge of a Neutron trunk, which belongs to one instance and goes with it."""
    return bridge_name.startswith(constants.TRUNK_BR_PREFIX)
