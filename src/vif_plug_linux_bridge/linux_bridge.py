"""The linux_bridge plugin: VIFs on a Linux bridge.

What it puts on the host depends on what the VIF's network asks for: nothing but a check of the bridge where somebody
else provides it, a bridge (with its NIC, or on a VLAN of it) where the network should provide one, and the tap too if
the VIF's port profile says so.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING, Any

from oslo_config import cfg

from os_vif import exception, objects
from os_vif.host.plan import (
    EXTERNAL,
    SHARED,
    AddressMove,
    Bridge,
    BridgePort,
    FilterRules,
    Link,
    Plan,
    Resource,
    Tap,
    Vlan,
    link_name_fault,
)
from os_vif.plugin import PlannedPlugin
from vif_plug_linux_bridge import constants

if TYPE_CHECKING:
    from os_vif.host.passes import Runner

_PREFIX_MAX = 16  # what fits in the name of an iptables chain beside the chain's own name


class LinuxBridgePlugin(PlannedPlugin):
    """Plugs VIFBridge, with the port profile VIFPortProfileLinuxBridge if the tap is to be made as well."""

    CONFIG_OPTS = (
        cfg.BoolOpt(
            "use_ipv6", default=False, help="Filter IPv6 as well as IPv4.", deprecated_group="DEFAULT"
        ),
        cfg.StrOpt(
            "iptables_top_regex",
            default="",
            help="Existing iptables rules that match this regular expression are kept at the top.",
            deprecated_group="DEFAULT",
        ),
        cfg.StrOpt(
            "iptables_bottom_regex",
            default="",
            help="Existing iptables rules that match this regular expression are kept at the bottom.",
            deprecated_group="DEFAULT",
        ),
        cfg.StrOpt(
            "iptables_drop_action",
            default="DROP",
            help="The iptables target that packets are dropped with.",
            deprecated_group="DEFAULT",
        ),
        cfg.MultiStrOpt(
            "forward_bridge_interface",
            default=["all"],
            help="An interface that bridges may forward to; `all` for every interface. May be given many times.",
            deprecated_group="DEFAULT",
        ),
        cfg.StrOpt(
            "vlan_interface",
            help="The NIC for bridges of VLAN networks, instead of the network's bridge_interface.",
            deprecated_group="DEFAULT",
        ),
        cfg.StrOpt(
            "flat_interface",
            help="The NIC for bridges of flat networks, instead of the network's bridge_interface.",
            deprecated_group="DEFAULT",
        ),
        cfg.IntOpt(
            "network_device_mtu",
            default=1500,
            min=0,
            max=65535,
            help="MTU, in bytes, of what is made for networks that do not say theirs.",
            deprecated_group="DEFAULT",
        ),
    )

    def __init__(self, config: cfg.ConfigOpts.GroupAttr) -> None:
        super().__init__(config)
        self._program = _program_name()

    def describe(self) -> objects.host_info.HostPluginInfo:
        """VIFBridge, with or without a profile."""
        host_info = objects.host_info
        profile = objects.vif.VIFPortProfileLinuxBridge
        return host_info.HostPluginInfo(
            plugin_name=constants.PLUGIN_NAME,
            vif_info=[
                host_info.HostVIFInfo(
                    vif_object_name=objects.vif.VIFBridge.__name__,
                    min_version="1.0",
                    max_version=objects.vif.VIFBridge.VERSION,
                    supported_port_profiles=[
                        host_info.HostPortProfileInfo(
                            profile_object_name=profile.__name__,
                            min_version="1.0",
                            max_version=profile.VERSION,
                        )
                    ],
                )
            ],
        )

    def runner(self) -> Runner:
        """Steps run in the privsep context that operators have configured for this plugin."""
        from vif_plug_linux_bridge import privsep

        return privsep.run

    def plan(self, vif: objects.vif.VIFBase, instance_info: object) -> Plan:
        """The bridge if the network should provide one, and the tap if the port profile says so."""
        if not isinstance(vif, objects.vif.VIFBridge):
            raise _invalid(vif, "type", f"the linux_bridge plugin plugs VIFBridge, not {type(vif).__name__}")
        bridge = _link_name(vif, "bridge_name")
        network = vif.network if "network" in vif else None
        provides = (
            network is not None and _get(network, "should_provide_bridge") and not _get(network, "multi_host")
        )
        resources: list[Resource] = []
        if network is not None and provides:
            if _get(network, "should_provide_vlan"):
                resources += self._vlan_bridge(vif, network, bridge)
            else:
                resources += self._flat_bridge(vif, network, bridge)
        else:
            resources.append(Link(name=bridge, kind="bridge", up=True, ownership=EXTERNAL))
        resources += self._tap(vif, network, bridge, taken=Plan(_vif_id(vif), tuple(resources)).links())
        return Plan(_vif_id(vif), tuple(resources))

    # --- the bridge --------------------------------------------------------------------------------------------

    def _flat_bridge(
        self, vif: objects.vif.VIFBridge, network: objects.network.Network, bridge: str
    ) -> list[Resource]:
        mtu = self._mtu(vif, network)
        nic = self.config.flat_interface or _get(network, "bridge_interface")
        resources = self._bridge(bridge, mtu)
        if nic:
            _check_link_name(vif, "network.bridge_interface", nic)
            _check_unused(vif, "network.bridge_interface", nic, {bridge})
            resources += [
                Link(name=nic, mtu=mtu, up=True),
                BridgePort(port=nic, bridge=bridge, ownership=SHARED),
                AddressMove(source=nic, target=bridge),
                Link(name=bridge, kind="bridge", mtu=mtu),
            ]
        if not _get(vif, "has_traffic_filtering"):
            resources.append(self._rules(bridge, gateway=True))
        return resources

    def _vlan_bridge(
        self, vif: objects.vif.VIFBridge, network: objects.network.Network, bridge: str
    ) -> list[Resource]:
        mtu = self._mtu(vif, network)
        vlan_id = _get(network, "vlan")
        if vlan_id is None or not 1 <= int(vlan_id) <= 4094:
            raise _invalid(
                vif,
                "network.vlan",
                f"{vlan_id!r} is not a VLAN id from 1 to 4094, should_provide_vlan needs one",
            )
        nic = self.config.vlan_interface or _get(network, "bridge_interface")
        if not nic:
            raise _invalid(
                vif,
                "network.bridge_interface",
                "should_provide_vlan needs the NIC that carries the VLAN (or the option vlan_interface)",
            )
        _check_link_name(vif, "network.bridge_interface", nic)
        device = f"vlan{vlan_id}"
        _check_unused(vif, "network.bridge_interface", nic, {bridge})
        _check_unused(vif, "network.vlan", device, {bridge, nic})
        resources: list[Resource] = [
            Link(name=nic, up=True),
            Vlan(name=device, link=nic, vlan_id=int(vlan_id), mtu=mtu, ownership=SHARED),
            *self._bridge(bridge, mtu),
            BridgePort(port=device, bridge=bridge, ownership=SHARED),
            AddressMove(source=device, target=bridge),
            Link(name=bridge, kind="bridge", mtu=mtu),
        ]
        if not _get(vif, "has_traffic_filtering"):
            resources.append(self._rules(bridge, gateway=False))
        return resources

    @staticmethod
    def _bridge(bridge: str, mtu: int | None) -> list[Resource]:
        return [
            Bridge(
                name=bridge,
                ownership=SHARED,
                mtu=mtu,
                disable_ipv6=True,
                arp_ignore=1,
                arp_announce=2,
            )
        ]

    def _rules(self, bridge: str, *, gateway: bool) -> FilterRules:
        return FilterRules(
            bridge=bridge,
            gateway=gateway,
            prefix=self._program,
            forward_interfaces=tuple(self.config.forward_bridge_interface),
            drop_action=self.config.iptables_drop_action,
            ipv6=self.config.use_ipv6,
            top_regex=self.config.iptables_top_regex,
            bottom_regex=self.config.iptables_bottom_regex,
        )

    # --- the tap -----------------------------------------------------------------------------------------------

    def _tap(
        self,
        vif: objects.vif.VIFBridge,
        network: objects.network.Network | None,
        bridge: str,
        taken: Collection[str],
    ) -> list[Resource]:
        profile = vif.port_profile if "port_profile" in vif else None
        if profile is None or not isinstance(profile, objects.vif.VIFPortProfileLinuxBridge):
            return []  # as ever, the plugin reads no other profile
        if not _get(profile, "create_tap"):
            return []
        name = _link_name(vif, "vif_name")
        _check_unused(vif, "vif_name", name, taken)
        return [
            Tap(
                name=name,
                mtu=self._mtu(vif, network),
                address=_tap_address(vif),
                multiqueue=bool(_get(profile, "multiqueue")),
            ),
            BridgePort(port=name, bridge=bridge),
        ]

    def _mtu(self, vif: objects.vif.VIFBridge, network: objects.network.Network | None) -> int | None:
        mtu = (
            (_get(network, "mtu") if network is not None else None) or self.config.network_device_mtu or None
        )
        if mtu is not None and not 68 <= mtu <= 65535:
            raise _invalid(vif, "network.mtu", f"{mtu} is not a size in bytes from 68 to 65535")
        return int(mtu) if mtu is not None else None


def _get(source: objects.base.VersionedObject, field: str) -> Any:
    """A field's value, None if it is not set: peers of other versions need not send all of them."""
    return getattr(source, field) if field in source else None


def _vif_id(vif: objects.vif.VIFBase) -> str:
    if not _get(vif, "id"):
        raise _invalid(vif, "id", "is not set")
    return str(vif.id)


def _link_name(vif: objects.vif.VIFBase, field: str) -> str:
    name = _get(vif, field)
    _check_link_name(vif, field, name)
    return str(name)


def _check_link_name(vif: objects.vif.VIFBase, field: str, name: object) -> None:
    fault = "is not set" if name is None else link_name_fault(name)
    if fault:
        raise _invalid(vif, field, fault)


def _check_unused(vif: objects.vif.VIFBase, field: str, name: str, taken: Collection[str]) -> None:
    if name in taken:
        raise _invalid(vif, field, f"{name!r} is the name of another link that this VIF needs")


def _invalid(vif: objects.vif.VIFBase, field: str, reason: str) -> exception.InvalidVIF:
    return exception.InvalidVIF(vif_id=_get(vif, "id"), field=field, reason=reason)


def _tap_address(vif: objects.vif.VIFBridge) -> str | None:
    """The guest's MAC with fe as its first byte, as libvirt does it.

    A bridge keeps for itself what is sent to the address of one of its own ports, so the tap must not have the
    guest's; and a bridge takes the lowest address of its ports, which should stay its NIC's.
    """
    address = _get(vif, "address")
    return None if address is None else "fe" + str(address)[2:]


def _program_name() -> str:
    """Base name of the program's own script, which the names of iptables chains begin with: nova-compute."""
    frame = sys._getframe()
    while frame.f_back is not None:
        frame = frame.f_back
    name = re.sub(r"[^\w.-]", "", Path(frame.f_code.co_filename).name, flags=re.ASCII)
    return name[:_PREFIX_MAX] or constants.PLUGIN_NAME
