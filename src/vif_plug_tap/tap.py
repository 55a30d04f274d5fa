"""The tap plugin: a tap device and nothing more.

For networks whose mechanism does not bridge but routes to the tap (Calico), or wires it up by itself once it is
there. The guest's hypervisor opens it: libvirt's interface type ethernet, with managed='no'.
"""

from __future__ import annotations

from os_vif import objects
from os_vif.host import fields
from os_vif.host.plan import Plan, Tap
from os_vif.plugin import PlannedPlugin

PLUGIN_NAME = "tap"


class TapPlugin(PlannedPlugin):
    """Plugs VIFGeneric, with the port profile VIFPortProfileTap if the tap has an address or many queues."""

    def describe(self) -> objects.host_info.HostPluginInfo:
        """VIFGeneric, with or without a profile."""
        vif, host_info = objects.vif, objects.host_info
        return host_info.HostPluginInfo(
            plugin_name=PLUGIN_NAME,
            vif_info=[
                host_info.HostVIFInfo(
                    vif_object_name=vif.VIFGeneric.__name__,
                    min_version="1.0",
                    max_version=vif.VIFGeneric.VERSION,
                    supported_port_profiles=[
                        host_info.HostPortProfileInfo(
                            profile_object_name=vif.VIFPortProfileTap.__name__,
                            min_version="1.0",
                            max_version=vif.VIFPortProfileTap.VERSION,
                        )
                    ],
                )
            ],
        )

    def plan(self, vif: objects.vif.VIFBase, instance_info: object) -> Plan:
        """The tap `vif_name`. Its IPv6 is left as the host has it: what routes to a tap needs it there.

        :raises os_vif.exception.InvalidVIF: naming the field
        """
        if not isinstance(vif, objects.vif.VIFGeneric):
            name = type(vif).__name__
            raise fields.invalid(vif, "type", f"the tap plugin plugs VIFGeneric, not {name}")
        profile = fields.get(vif, "port_profile")
        if profile is not None and not isinstance(profile, objects.vif.VIFPortProfileTap):
            name = type(profile).__name__
            raise fields.invalid(vif, "port_profile", f"the tap plugin reads VIFPortProfileTap, not {name}")
        tap = Tap(
            name=fields.link_name(vif, "vif_name"),
            mtu=fields.mtu(vif),
            address=fields.get(profile, "mac_address"),
            multiqueue=bool(fields.get(profile, "multiqueue")),
            disable_ipv6=None,
        )
        return Plan(fields.vif_id(vif), (tap,))
