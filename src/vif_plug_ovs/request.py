"""What one VIF asks of Open vSwitch: its fields and the plugin's options, read and checked in one place.

OvsPlugin makes a Request of each VIF; the plans (vif_plug_ovs.plans) are built from it.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from os_vif import exception, objects
from os_vif.host.plan import OWNED, SHARED, OvsBridge, OvsDatabase, OvsPort, link_name_fault
from vif_plug_ovs import constants, names
from vif_plug_ovs.exception import MissingField, MissingPortProfile, UnknownVIFType, WrongPortProfile

if TYPE_CHECKING:
    import socket

    from oslo_config import cfg

Pairs = tuple[tuple[str, str], ...]

_NO_TIMEOUT = 86400.0  # seconds, for the option's 0: nobody has waited a day for a port
_ID_MAX = 64  # a UUID has 36 characters


@dataclass(frozen=True, slots=True)
class Request:
    """A VIF with what was found out about it.

    bridge: the integration (or trunk) bridge; mtu: bytes, None to leave it alone; datapath_type: what the profile
    says, None if it says nothing; missing: the first field that is not set though a plug with a port needs it.
    """

    vif: objects.vif.VIFBase
    profile: objects.vif.VIFPortProfileOpenVSwitch
    instance_uuid: str | None
    database: OvsDatabase
    bridge: str
    mtu: int | None
    datapath_type: str | None
    isolate: bool
    config: cfg.ConfigOpts.GroupAttr

    @classmethod
    def read(
        cls,
        vif: objects.vif.VIFBase,
        instance_info: objects.instance_info.InstanceInfo | None,
        config: cfg.ConfigOpts.GroupAttr,
        database: OvsDatabase,
    ) -> Request:
        """Check what every VIF of this plugin must have.

        :raises InvalidVIF: naming the field, see vif_plug_ovs.exception for its kinds
        """
        profile = _profile(vif)
        known = (
            objects.vif.VIFBridge,
            objects.vif.VIFOpenVSwitch,
            objects.vif.VIFVHostUser,
            objects.vif.VIFHostDevice,
            objects.vif.VIFVDPA,
        )
        if not isinstance(vif, known):
            name = type(vif).__name__
            raise UnknownVIFType(vif_type=name, vif_id=get(vif, "id"), field="type")
        network = get(vif, "network")
        if network is None:
            raise MissingField(vif_id=get(vif, "id"), field="network")
        bridge = link_name(vif, "network.bridge", get(network, "bridge"))
        uuid = get(instance_info, "uuid") if instance_info is not None else None
        return cls(
            vif=vif,
            profile=profile,
            instance_uuid=None if uuid is None else str(uuid),
            database=database,
            bridge=bridge,
            mtu=_mtu(vif, get(network, "mtu") or config.network_device_mtu),
            datapath_type=get(profile, "datapath_type") or None,
            # Neutron wires a trunk's ports itself, and only takes those of the integration bridge out of that VLAN
            isolate=not names.is_trunk_bridge(bridge) and config.isolate_vif,
            config=config,
        )

    @property
    def vif_id(self) -> str:
        """The VIF's id, which names are made from.

        :raises MissingField: it has none
        """
        return _identifier(self.vif, "id", get(self.vif, "id"))

    @property
    def has_id(self) -> bool:
        return bool(get(self.vif, "id"))

    @property
    def owner(self) -> str:
        """What the VIF's objects are marked with: its id; Neutron's agent sends VIFs that have none (SmartNICs)."""
        interface_id = get(self.profile, "interface_id")
        if self.has_id or not interface_id:
            return self.vif_id
        return _identifier(self.vif, "port_profile.interface_id", interface_id)

    @property
    def is_system_datapath(self) -> bool:
        """Whether the kernel forwards, which the profile need not say, or OVS itself (DPDK)."""
        return self.datapath_type in (None, constants.OVS_DATAPATH_SYSTEM)

    @property
    def missing(self) -> MissingField | None:
        for field, source in (("address", self.vif), ("port_profile.interface_id", self.profile)):
            if not get(source, field.rpartition(".")[2]):
                return MissingField(vif_id=get(self.vif, "id"), field=field)
        return None

    def ovs_bridge(self, default: str = constants.OVS_DATAPATH_SYSTEM) -> OvsBridge:
        """The bridge of the network. One that is there keeps its datapath, which other ports live on, unless the
        profile says one; `default` is for a new one.
        """
        return OvsBridge(
            name=self.bridge,
            database=self.database,
            ownership=OWNED if names.is_trunk_bridge(self.bridge) else SHARED,
            datapath_type=self.datapath_type,
            default_datapath_type=default,
        )

    def ovs_port(
        self,
        name: str,
        *,
        interface_type: str = "",
        options: Pairs = (),
        iface_id: str | None = None,
        mtu_request: int | None = None,
        must_be_ready: bool = True,
    ) -> OvsPort:
        """The port by which the network's controller knows the VIF.

        The controller only gives it to the network once it has seen it (isolate_vif); until then it is in no VLAN
        that anybody uses. Traffic shaping (QoS) is of the kernel's datapath, and for ports that are its netdevs.
        """
        shaped = self.is_system_datapath and not interface_type
        return OvsPort(
            name=name,
            bridge=self.bridge,
            database=self.database,
            interface_type=interface_type,
            external_ids=self._external_ids(iface_id),
            options=options,
            mtu_request=mtu_request,
            tag=constants.DEAD_VLAN if self.isolate else None,
            vlan_mode="trunk" if self.isolate else None,
            trunks=(constants.DEAD_VLAN,) if self.isolate else (),
            qos_type=self.config.default_qos_type if shaped else None,
            must_be_ready=must_be_ready,
        )

    def _external_ids(self, iface_id: str | None) -> Pairs:
        ids = {
            "iface-id": iface_id or get(self.profile, "interface_id"),
            "iface-status": "active",
            "attached-mac": get(self.vif, "address"),
            "vm-uuid": self.instance_uuid,
            "bridge_name": self.bridge if names.is_trunk_bridge(self.bridge) else None,
        }
        return tuple((key, str(value)) for key, value in ids.items() if value is not None)

    def link(self, field: str, taken: Collection[str] = ()) -> str:
        """The value of a field of the VIF that is a link's name, and none of those `taken` by its other links."""
        name = link_name(self.vif, field, get(self.vif, field))
        if name in {self.bridge, *taken}:
            raise invalid(self.vif, field, f"{name!r} is the name of another link that this VIF needs")
        return name


def database(config: cfg.ConfigOpts.GroupAttr) -> OvsDatabase:
    """Where the plugin's section of the configuration says the database is."""
    return OvsDatabase(
        remote=config.ovsdb_connection,
        timeout=float(config.ovs_vsctl_timeout) or _NO_TIMEOUT,
        private_key=config.ssl_key_file,
        certificate=config.ssl_cert_file,
        ca_certificate=config.ssl_ca_cert_file,
        lender=_borrow_database,
    )


def _borrow_database() -> socket.socket:
    from vif_plug_ovs import (
        privsep,
    )  # with oslo.privsep: only a process that may not open the socket pays for it

    return privsep.borrow_database()


def get(source: objects.base.VersionedObject, field: str) -> Any:
    """A field's value, None if it is not set: peers of other versions need not send all of them."""
    return getattr(source, field) if field in source else None


def link_name(vif: objects.vif.VIFBase, field: str, name: object) -> str:
    """Refuse what the kernel would refuse as a link's name; an OVS bridge is a link too."""
    if name is None:
        raise MissingField(vif_id=get(vif, "id"), field=field)
    fault = link_name_fault(name)
    if fault:
        raise invalid(vif, field, fault)
    return str(name)


def invalid(vif: objects.vif.VIFBase, field: str, reason: str) -> exception.InvalidVIF:
    return exception.InvalidVIF(vif_id=get(vif, "id"), field=field, reason=reason)


def _profile(vif: objects.vif.VIFBase) -> objects.vif.VIFPortProfileOpenVSwitch:
    profile = get(vif, "port_profile")
    if profile is None:
        raise MissingPortProfile(vif_id=get(vif, "id"), field="port_profile")
    if not isinstance(profile, objects.vif.VIFPortProfileOpenVSwitch):
        name = type(profile).__name__
        raise WrongPortProfile(profile=name, vif_id=get(vif, "id"), field="port_profile")
    return profile


def _identifier(vif: objects.vif.VIFBase, field: str, value: str | None) -> str:
    """An id, which names and marks on the host are made from; the objects only warn of one that is no UUID."""
    if not value:
        raise MissingField(vif_id=get(vif, "id"), field=field)
    if len(value) > _ID_MAX or not re.fullmatch(r"[\w.-]+", value, re.ASCII):
        raise invalid(vif, field, f"{value!r} is not a UUID")
    return value


def _mtu(vif: objects.vif.VIFBase, mtu: int) -> int | None:
    if mtu and not 68 <= mtu <= 65535:
        raise invalid(vif, "network.mtu", f"{mtu} is not a size in bytes from 68 to 65535")
    return mtu or None
