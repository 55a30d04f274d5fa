"""The ovs plugin: VIFs on Open vSwitch bridges.

What it puts on the host depends on the VIF's type and port profile (vif_plug_ovs.plans): nothing but the bridge where
the hypervisor makes the port, the port, the tap too, a Linux bridge in between (hybrid), a vhost-user socket, or the
representor of a NIC's virtual function.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import TYPE_CHECKING

from oslo_config import cfg

from os_vif import exception, objects
from os_vif.host.plan import OvsDatabase, Plan
from os_vif.host.sysfs import Sysfs
from os_vif.plugin import PlannedPlugin
from vif_plug_ovs import constants, names, plans
from vif_plug_ovs.exception import UnknownVIFType
from vif_plug_ovs.names import is_trunk_bridge
from vif_plug_ovs.options import OPTIONS
from vif_plug_ovs.request import Request, database, get

if TYPE_CHECKING:
    from os_vif.host.passes import Runner
    from vif_plug_ovs.ovsdb.ovsdb_lib import BaseOVS

__all__ = ["OvsPlugin", "is_trunk_bridge"]


class OvsPlugin(PlannedPlugin):
    """Plugs VIFOpenVSwitch, VIFBridge (hybrid), VIFVHostUser, VIFHostDevice, VIFVDPA, with VIFPortProfileOpenVSwitch.

    sysfs: where NICs' functions are looked up; anything else the plugin says of the host, it says unseen.
    """

    NIC_NAME_LEN = names.NIC_NAME_LEN

    CONFIG_OPTS = OPTIONS

    def __init__(self, config: cfg.ConfigOpts.GroupAttr) -> None:
        super().__init__(config)
        self.sysfs = Sysfs()

    def describe(self) -> objects.host_info.HostPluginInfo:
        """The VIF types, each with the port profiles that suit it."""
        vif = objects.vif
        plain = [vif.VIFPortProfileOpenVSwitch]
        offloaded = [vif.VIFPortProfileOpenVSwitch, vif.VIFPortProfileOVSRepresentor]
        return objects.host_info.HostPluginInfo(
            plugin_name=constants.PLUGIN_NAME,
            vif_info=[
                _described(vif.VIFBridge, plain),
                _described(vif.VIFOpenVSwitch, plain),
                _described(vif.VIFVHostUser, offloaded),
                _described(vif.VIFHostDevice, offloaded),
                _described(vif.VIFVDPA, plain),
            ],
        )

    def runner(self) -> Runner:
        """Steps run in the privsep context that operators have configured for this plugin."""
        from vif_plug_ovs import privsep

        return privsep.run

    def plan(
        self, vif: objects.vif.VIFBase, instance_info: objects.instance_info.InstanceInfo | None
    ) -> Plan:
        """What the VIF needs on this host; sysfs is read for a PCI function, nothing else is looked at.

        The path of a VIFVDPA that does not have one yet is filled in: the guest's card is opened by it.

        :raises os_vif.exception.InvalidVIF: or one of its kinds in vif_plug_ovs.exception
        :raises vif_plug_ovs.exception.PciDeviceNotFoundById: or RepresentorNotFound: the PCI function of the VIF
            is not here, and the VIF does not name its representor
        """
        request = Request.read(vif, instance_info, self.config, self._database)
        if isinstance(vif, objects.vif.VIFOpenVSwitch):
            return plans.open_vswitch(request, per_port_bridge=self.config.per_port_bridge)
        if isinstance(vif, objects.vif.VIFBridge):
            return plans.hybrid(request)
        if isinstance(vif, objects.vif.VIFVHostUser):
            return plans.vhost_user(request)
        if isinstance(vif, objects.vif.VIFVDPA) and get(vif, "path") is None:
            vif.path = self.sysfs.vhost_vdpa(vif.dev_address)
        return plans.host_device(request, self.sysfs)

    def plug(self, vif: objects.vif.VIFBase, instance_info: objects.instance_info.InstanceInfo) -> None:
        """Make the plan true.

        :raises os_vif.exception.PlugException: the plugin does not know the VIF's type
        """
        try:
            super().plug(vif, instance_info)
        except UnknownVIFType as error:
            raise exception.PlugException(vif=vif, err=error) from error

    def unplug(self, vif: objects.vif.VIFBase, instance_info: objects.instance_info.InstanceInfo) -> None:
        """Remove what the VIF owns.

        :raises os_vif.exception.UnplugException: the plugin does not know the VIF's type
        """
        try:
            super().unplug(vif, instance_info)
        except UnknownVIFType as error:
            raise exception.UnplugException(vif=vif, err=error) from error

    @staticmethod
    def gen_port_name(prefix: str, vif_id: str, max_length: int = names.NIC_NAME_LEN) -> str:
        """The prefix and the id, cut to `max_length` characters."""
        return names.generated(prefix, vif_id, max_length)

    @staticmethod
    def get_veth_pair_names(vif: objects.vif.VIFBase) -> tuple[str, str]:
        """The veth ends of a hybrid VIF: in the Linux bridge (qvb...), in the Open vSwitch bridge (qvo...)."""
        return names.veth_pair(vif.id)

    @functools.cached_property
    def ovsdb(self) -> BaseOVS:
        """Single operations on Open vSwitch, for other projects; connects at its first use."""
        from vif_plug_ovs.ovsdb.ovsdb_lib import BaseOVS

        return BaseOVS(self.config)

    @functools.cached_property
    def _database(self) -> OvsDatabase:
        # read at the first VIF, not when the plugin is loaded: the service may not have read its options by then
        return database(self.config)


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
