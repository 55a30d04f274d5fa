"""The direct plugin: VIFs on a NIC of the host, with no switch of the host in between.

A macvtap device on a NIC (or on a VLAN device of it), on a port of an IEEE 802.1Qbg or 802.1Qbh switch, or a PCI
device that the guest is handed, whose NIC may have a switch in it (SR-IOV). The macvtap itself, and the hand-over,
are the hypervisor's: here is what they need.
"""

from __future__ import annotations

from collections.abc import Sequence

from oslo_config import cfg

from os_vif import objects
from os_vif.host import fields
from os_vif.host.plan import Plan
from os_vif.host.sysfs import Sysfs
from os_vif.plugin import PlannedPlugin
from vif_plug_direct import plans

PLUGIN_NAME = "direct"


class DirectPlugin(PlannedPlugin):
    """Plugs VIFDirect and VIFHostDevice.

    sysfs: where PCI devices are looked up; anything else the plugin says of the host, it says unseen.
    """

    def __init__(self, config: cfg.ConfigOpts.GroupAttr) -> None:
        super().__init__(config)
        self.sysfs = Sysfs()

    def describe(self) -> objects.host_info.HostPluginInfo:
        """Both VIF types, each with the port profiles that suit it, or none."""
        vif = objects.vif
        return objects.host_info.HostPluginInfo(
            plugin_name=PLUGIN_NAME,
            vif_info=[
                _described(vif.VIFDirect, plans.OF_DIRECT),
                _described(vif.VIFHostDevice, plans.OF_HOST_DEVICE),
            ],
        )

    def plan(self, vif: objects.vif.VIFBase, instance_info: object) -> Plan:
        """What the VIF needs of its device; sysfs is read for a VIF with a PCI address, nothing else is looked at.

        :raises os_vif.exception.InvalidVIF: naming the field
        """
        if isinstance(vif, objects.vif.VIFHostDevice):
            return plans.host_device(vif, self.sysfs)
        if not isinstance(vif, objects.vif.VIFDirect):
            name = type(vif).__name__
            raise fields.invalid(
                vif, "type", f"the direct plugin plugs VIFDirect and VIFHostDevice, not {name}"
            )
        return plans.macvtap(vif, self.sysfs)


def _described(
    vif: type[objects.vif.VIFBase], profiles: Sequence[type[objects.vif.VIFPortProfileBase]]
) -> objects.host_info.HostVIFInfo:
    host_info = objects.host_info
    return host_info.HostVIFInfo(
        vif_object_name=vif.__name__,
        min_version="1.0",
        max_version=vif.VERSION,
        supported_port_profiles=[
            host_info.HostPortProfileInfo(
                profile_object_name=profile.__name__, min_version="1.0", max_version=profile.VERSION
            )
            for profile in profiles
        ],
    )
