"""The noop plugin: for VIFs that something else connects, such as a vhost-user switch set up by itself.

Nova sends it VIFVHostUser, and VIFHostDevice for ports that a remote (SmartNIC) Open vSwitch connects. It
takes whatever it is sent.
"""

from os_vif.objects import host_info, instance_info, vif
from os_vif.plugin import PluginBase

PLUGIN_NAME = "noop"


class NoOpPlugin(PluginBase):
    """Plugs and unplugs any VIF by doing nothing."""

    def describe(self) -> host_info.HostPluginInfo:
        return host_info.HostPluginInfo(
            plugin_name=PLUGIN_NAME,
            vif_info=[
                host_info.HostVIFInfo(
                    vif_object_name=vif.VIFVHostUser.__name__,
                    min_version="1.0",
                    max_version=vif.VIFVHostUser.VERSION,
                    supported_port_profiles=[],
                )
            ],
        )

    def plug(self, vif: vif.VIFBase, instance_info: instance_info.InstanceInfo) -> None:
        pass

    def unplug(self, vif: vif.VIFBase, instance_info: instance_info.InstanceInfo) -> None:
        pass
