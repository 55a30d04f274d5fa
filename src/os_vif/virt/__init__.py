"""The guests' side: what hypervisors are told of a VIF, and in which order a guest is brought up.

    card        what a guest wants of its card beside the VIF
    libvirt     VIF and card as XML; bringing guests up and down, hot-plugging, migration
    qemu        VIF and card as QEMU's arguments
    vmx         VIF and card as lines of a VMware configuration file
    generic     the driver that plugs and describes any VIF, also one that is sent as metadata; legacy: those of 2012

All that is needed is in the VIF: nothing here looks at the host's network, or knows a switch. Compute services, the
command line and os_vif.openstack call it.
"""

from os_vif.virt.card import Card, FilterRef, Rate

__all__ = ["Card", "FilterRef", "Rate"]
