"""The script plugin: VIFs that a program of the network's backend connects, a plug script.

`ScriptPlugin` plugs VIFs that say which script (VIFPortProfileScript). `BackendPlugin` is the same for backends that
have a plugin name of their own in Nova (ivs, vrouter, vhostuser_fp, contrail_vrouter) and send no such profile: the
script is called like the plugin.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar, Self

from oslo_config import cfg

from os_vif import objects
from os_vif.host.plan import Plan
from os_vif.host.scripts.fields import script_fault
from os_vif.host.scripts.finding import any_installed, directories, is_installed
from os_vif.plugin import PlannedPlugin
from vif_plug_script import options, plans
from vif_plug_script.environment import get
from vif_plug_script.plans import Request, invalid

if TYPE_CHECKING:
    from os_vif.host.passes import Runner

_Profiles = Sequence[type[objects.vif.VIFPortProfileBase]]
_Described = Mapping[type[objects.vif.VIFBase], _Profiles]

_SCRIPT: _Profiles = [objects.vif.VIFPortProfileScript]
_PLANS = {
    objects.vif.VIFGeneric: plans.generic,
    objects.vif.VIFBridge: plans.hybrid,
    objects.vif.VIFHostDevice: plans.host_device,
    objects.vif.VIFVHostUser: plans.vhost_user,
}


class ScriptPlugin(PlannedPlugin):
    """Plugs VIFGeneric, VIFBridge (hybrid), VIFHostDevice and VIFVHostUser, with VIFPortProfileScript."""

    CONFIG_OPTS: ClassVar[Sequence[cfg.Opt]] = options.OPTIONS

    def __init__(self, config: cfg.ConfigOpts.GroupAttr, name: str = "script") -> None:
        super().__init__(config)
        self.name = name

    def describe(self) -> objects.host_info.HostPluginInfo:
        """The VIF types, if any script is installed: without one, this host can plug none of them."""
        types = dict.fromkeys(_PLANS, _SCRIPT) if any_installed(self._directories()) else {}
        return _described(self.name, types)

    def runner(self) -> Runner:
        """Steps run in the privsep context of this plugin alone, which may run scripts."""
        from vif_plug_script import privsep

        return privsep.run

    def plan(
        self, vif: objects.vif.VIFBase, instance_info: objects.instance_info.InstanceInfo | None
    ) -> Plan:
        """The VIF's links, and the script that connects them; nothing on the host is looked at.

        :raises os_vif.exception.InvalidVIF: naming the field
        """
        make = next((_PLANS[kind] for kind in _PLANS if isinstance(vif, kind)), None)
        if make is None:
            known = ", ".join(kind.__name__ for kind in _PLANS)
            raise invalid(vif, "type", f"a script can connect {known}, not {type(vif).__name__}")
        mtu = get(get(vif, "network"), "mtu") or self.config.network_device_mtu or None
        if mtu is not None and not 68 <= mtu <= 65535:
            raise invalid(vif, "network.mtu", f"{mtu} is not a size in bytes from 68 to 65535")
        return make(Request(vif, instance_info, self._script(vif), mtu))

    def _script(self, vif: objects.vif.VIFBase) -> str:
        """The script that the VIF's port profile names."""
        name = get(get(vif, "port_profile"), "script") or self._default_script()
        if name is None:
            raise invalid(vif, "port_profile.script", "is not set; a VIFPortProfileScript names the script")
        fault = script_fault(name)
        if fault:
            raise invalid(vif, "port_profile.script", fault)
        return str(name)

    def _default_script(self) -> str | None:
        return None

    def _directories(self) -> tuple[str, ...]:
        return directories(self.config.script_path)


class BackendPlugin(ScriptPlugin):
    """Plugs the VIFs of a backend that Nova knows by a plugin of its own; its script has the plugin's name.

    The options are those of [os_vif_script]: the scripts of all backends are in the same directories.
    """

    CONFIG_OPTS: ClassVar[Sequence[cfg.Opt]] = ()

    @classmethod
    def load(cls, plugin_name: str) -> Self:
        """Make the plugin of the backend `plugin_name`."""
        cfg.CONF.register_opts(options.OPTIONS, group=options.SECTION)
        return cls(cfg.CONF[options.SECTION], plugin_name)

    def describe(self) -> objects.host_info.HostPluginInfo:
        """What Nova sends this backend, if its script is installed; all types for one that Nova does not know."""
        known = _BACKENDS.get(self.name, dict.fromkeys(_PLANS, _SCRIPT))
        types = known if is_installed(self.name, self._directories()) else {}
        return _described(self.name, types)

    def _default_script(self) -> str:
        return self.name


_BACKENDS: Mapping[str, _Described] = {
    "ivs": {objects.vif.VIFGeneric: _SCRIPT, objects.vif.VIFBridge: _SCRIPT},
    "vrouter": {
        objects.vif.VIFGeneric: _SCRIPT,
        objects.vif.VIFHostDevice: [objects.vif.VIFPortProfileBase, *_SCRIPT],
        objects.vif.VIFVHostUser: [objects.vif.VIFPortProfileBase, *_SCRIPT],
    },
    "contrail_vrouter": {objects.vif.VIFVHostUser: _SCRIPT},
    "vhostuser_fp": {
        objects.vif.VIFVHostUser: [
            objects.vif.VIFPortProfileFPOpenVSwitch,
            objects.vif.VIFPortProfileFPBridge,
            objects.vif.VIFPortProfileFPTap,
            *_SCRIPT,
        ]
    },
}


def _described(name: str, types: _Described) -> objects.host_info.HostPluginInfo:
    host_info = objects.host_info
    return host_info.HostPluginInfo(
        plugin_name=name,
        vif_info=[
            host_info.HostVIFInfo(
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
            for vif, profiles in types.items()
        ],
    )
