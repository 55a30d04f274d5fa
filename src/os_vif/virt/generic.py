"""The generic driver: any VIF for a libvirt guest, with nothing that an administrator has to choose.

    driver = GenericVIFDriver(os_vif)
    driver.plug(vif, instance_info)
    xml = driver.get_config(vif)

A VIF is an object of os_vif.objects, or what network services sent before there were such objects: a pair of
dictionaries, the network and the mapping of one guest to it. Out of a pair a rule, not a setting, makes the VIF. For
Open vSwitch: where the host must filter, a Linux bridge stands between tap and switch (hybrid); else libvirt makes
the port (virtualport), and before libvirt 0.9.11, which could not, os-vif makes it (ethernet). Each VIF says what
connects it, so that guests of several networks' mechanisms share a host.

Keys of `network`: id, label, mtu (bytes), bridge, bridge_interface, vlan, multi_host, interface (the device of
802.1Qbg and 802.1Qbh). Keys of `mapping`: vif_type, vif_uuid, mac, vif_devname, filtered (the switch filters). Needed
or heeded by vif_type:
    bridge      network.bridge; should_create_bridge; should_create_vlan with network.vlan, network.bridge_interface
    ovs         network.bridge, ovs_interfaceid
    802.1qbh    network.interface, qbh_params: profileid
    802.1qbg    network.interface, qbg_params: managerid, typeid, typeidversion, instanceid
"""

from __future__ import annotations

import enum
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Protocol

from os_vif import exception, objects
from os_vif.objects import fields
from os_vif.objects import vif as vifs
from os_vif.objects.instance_info import InstanceInfo
from os_vif.objects.vif import VIFBase
from os_vif.virt import libvirt
from os_vif.virt.card import Card, FilterRef

NAME_LEN = 14  # of the device names that are made of ids: one less than the kernel takes
FIRST_VIRTUALPORT = (0, 9, 11)  # the libvirt that knows Open vSwitch

Pair = tuple[Mapping[str, Any], Mapping[str, Any]]


class Plugger(Protocol):
    """Who plugs: the module os_vif, or a client of an agent that does."""

    def plug(self, vif: VIFBase, instance_info: InstanceInfo) -> None: ...

    def unplug(self, vif: VIFBase, instance_info: InstanceInfo) -> None: ...


class Setup(enum.StrEnum):
    """How a guest is connected to a bridge; the last three to one of Open vSwitch."""

    BRIDGE = "bridge"
    HYBRID = "hybrid"
    VIRTUALPORT = "virtualport"
    ETHERNET = "ethernet"


class GenericVIFDriver:
    """Plugs VIFs and describes them to libvirt.

    :param plugger: who plugs; the module os_vif, after os_vif.initialize()
    :param libvirt_version: of the host's libvirt, e.g. (9, 0, 0); None: new enough for anything
    :param firewall: the host must filter the traffic of VIFs that their switch does not filter
    """

    def __init__(
        self, plugger: Plugger, *, libvirt_version: tuple[int, ...] | None = None, firewall: bool = False
    ) -> None:
        self._plugger = plugger
        self._libvirt_version = libvirt_version
        self._firewall = firewall
        objects.register_all()

    def plug(self, vif: VIFBase | Pair, instance_info: InstanceInfo) -> None:
        """Connect the VIF.

        :raises os_vif.exception.UnfitVIF: metadata are missing or wrong; the error names them
        :raises os_vif.exception.PlugException: as os_vif.plug
        """
        self._plugger.plug(self.vif(vif), instance_info)

    def unplug(self, vif: VIFBase | Pair, instance_info: InstanceInfo) -> None:
        """Disconnect the VIF; raises as `plug`, with an UnplugException."""
        self._plugger.unplug(self.vif(vif), instance_info)

    def get_config(
        self, vif: VIFBase | Pair, card: Card | None = None, instance_name: str | None = None
    ) -> str:
        """The XML of libvirt's <interface> or <hostdev>.

        :param card: what is wanted of it
        :param instance_name: of the guest in libvirt; where the host must filter the VIF, its filter is called
            "nova-instance-", this name, "-" and the address without colons
        :raises os_vif.exception.UnfitVIF, os_vif.exception.NotForGuest, os_vif.exception.InvalidCard: as
            os_vif.virt.libvirt.element
        """
        made, card = self.vif(vif), card or Card()
        if instance_name is not None and self._filters(made) and card.filterref is None:
            name = f"nova-instance-{instance_name}-{str(made.address).replace(':', '')}"
            card = replace(card, filterref=FilterRef(name))
        return libvirt.render(made, card)

    def vif(self, vif: VIFBase | Pair) -> VIFBase:
        """The VIF itself, or the one that a pair of dictionaries means.

        :raises os_vif.exception.UnfitVIF: a key that the pair's type needs is missing, or has an impossible value
        """
        if isinstance(vif, VIFBase):
            return vif
        said = Metadata(*vif)
        vif_type = self._vif_type(said)
        if vif_type not in _MAKERS:
            raise said.unfit("mapping.vif_type", f"{vif_type!r} is none of {', '.join(sorted(_MAKERS))}")
        try:
            return _MAKERS[vif_type](said, self._setup(said, vif_type))
        except (ValueError, TypeError) as error:  # of a field that does not take the value, which it names
            raise said.unfit("network and mapping", str(error)) from error

    def _vif_type(self, said: Metadata) -> str:
        if said.optional("mapping.vif_type") is None:
            reason = "is not set; for services that never set it there are the drivers of os_vif.virt.legacy"
            raise said.unfit("mapping.vif_type", reason)
        return said.text("mapping.vif_type")

    def _setup(self, said: Metadata, vif_type: str) -> Setup:
        if vif_type == "bridge":
            return Setup.BRIDGE
        if self._firewall and not said.flag("mapping.filtered"):
            return Setup.HYBRID
        version = self._libvirt_version
        return Setup.ETHERNET if version is not None and version < FIRST_VIRTUALPORT else Setup.VIRTUALPORT

    def _filters(self, vif: VIFBase) -> bool:
        return self._firewall and isinstance(vif, vifs.VIFBridge) and not vif.has_traffic_filtering


@dataclass(frozen=True, slots=True)
class Metadata:
    """A pair of dictionaries, read by path: "network.bridge", "mapping.qbh_params.profileid"."""

    network: Mapping[str, Any]
    mapping: Mapping[str, Any]

    def optional(self, path: str) -> Any:
        """The value; None where it, or what it is in, is missing or empty."""
        names = path.split(".")
        found: Any = getattr(self, names.pop(0))
        for number, name in enumerate(names):
            if not isinstance(found, Mapping):
                where = ".".join(path.split(".")[: number + 1])
                raise self.unfit(where, f"is a {type(found).__name__}, not a dictionary")
            found = found.get(name)
            if found is None or found == "":
                return None
        return found

    def required(self, path: str) -> Any:
        value = self.optional(path)
        if value is None:
            raise self.unfit(path, "is not set")
        return value

    def text(self, path: str) -> str:
        value = self.required(path)
        if not isinstance(value, str):
            raise self.unfit(path, f"{value!r} is not a string")
        return value

    def uuid(self, path: str) -> str:
        """A UUID; the fields of objects take anything, and names and marks on the host are made of it."""
        try:
            return str(uuid.UUID(self.text(path)))
        except ValueError:
            raise self.unfit(path, f"{self.text(path)!r} is not a UUID") from None

    def flag(self, path: str) -> bool:
        value = self.optional(path)
        if not isinstance(value, bool | None):
            raise self.unfit(path, f"{value!r} is neither True nor False")
        return bool(value)

    def device_name(self) -> str:
        """What the network service calls the device, by default "tap" and as much of the id as fits."""
        return str(self.optional("mapping.vif_devname") or f"tap{self.uuid('mapping.vif_uuid')}"[:NAME_LEN])

    def common(self, plugin: str, **network: object) -> dict[str, Any]:
        """The fields that a VIF of any type has; network: what its type adds to the network."""
        said = {name: self.optional(f"network.{name}") for name in ("id", "label", "mtu")}
        known = {name: value for name, value in (said | network).items() if value is not None}
        return {
            "id": self.uuid("mapping.vif_uuid"),
            "address": self.text("mapping.mac"),
            "plugin": plugin,
            "network": objects.network.Network(**known),
            "has_traffic_filtering": self.flag("mapping.filtered"),
        }

    def unfit(self, field: str, reason: str) -> exception.UnfitVIF:
        vif_id = self.mapping.get("vif_uuid") if isinstance(self.mapping, Mapping) else None
        return exception.UnfitVIF(vif_id=str(vif_id or "(without an id)"), field=field, reason=reason)


def _bridge(said: Metadata, setup: Setup) -> VIFBase:
    bridge = said.text("network.bridge")
    creates_vlan = said.flag("mapping.should_create_vlan")
    network: dict[str, object] = {
        "bridge": bridge,
        "bridge_interface": said.optional("network.bridge_interface"),
        "multi_host": said.flag("network.multi_host"),
        "should_provide_bridge": said.flag("mapping.should_create_bridge"),
        "should_provide_vlan": creates_vlan,
    }
    if creates_vlan:
        network["vlan"] = said.required("network.vlan")
        network["bridge_interface"] = said.text("network.bridge_interface")
    common = said.common("linux_bridge", **network)
    return vifs.VIFBridge(**common, vif_name=said.device_name(), bridge_name=bridge)


def _open_vswitch(said: Metadata, setup: Setup) -> VIFBase:
    bridge, interface_id = said.text("network.bridge"), said.uuid("mapping.ovs_interfaceid")
    common = said.common("ovs", bridge=bridge) | {"vif_name": said.device_name()}
    profile = vifs.VIFPortProfileOpenVSwitch(interface_id=interface_id)
    if setup is Setup.HYBRID:
        between = f"qbr{said.uuid('mapping.vif_uuid')}"[:NAME_LEN]
        return vifs.VIFBridge(**common, bridge_name=between, port_profile=profile)
    profile.create_port = profile.create_tap = setup is Setup.ETHERNET
    return vifs.VIFOpenVSwitch(**common, bridge_name=bridge, port_profile=profile)


def _qbh(said: Metadata, setup: Setup) -> VIFBase:
    profile = vifs.VIFPortProfile8021Qbh(profile_id=said.text("mapping.qbh_params.profileid"))
    return _beside_nic(said, profile)


def _qbg(said: Metadata, setup: Setup) -> VIFBase:
    profile = vifs.VIFPortProfile8021Qbg(
        manager_id=said.required("mapping.qbg_params.managerid"),
        type_id=said.required("mapping.qbg_params.typeid"),
        type_id_version=said.required("mapping.qbg_params.typeidversion"),
        instance_id=said.uuid("mapping.qbg_params.instanceid"),
    )
    return _beside_nic(said, profile)


def _beside_nic(said: Metadata, profile: vifs.VIFPortProfileBase) -> VIFBase:
    """The switch is outside of the host; what leaves the guest goes there also if it is for a neighbour."""
    device = said.text("network.interface")
    common = said.common("direct")
    mode = fields.VIFDirectMode.VEPA
    return vifs.VIFDirect(**common, vif_name=device, mode=mode, port_profile=profile)


_MAKERS: Mapping[str, Callable[[Metadata, Setup], VIFBase]] = {
    "bridge": _bridge,
    "ovs": _open_vswitch,
    "802.1qbh": _qbh,
    "802.1qbg": _qbg,
}
