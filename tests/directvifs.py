"""VIFs of the direct plugin, told apart by a number."""

from __future__ import annotations

from typing import Any

from tests.vifs import vif_id

from os_vif import objects
from os_vif.objects.vif import (
    VIFDirect,
    VIFHostDevice,
    VIFPortProfile8021Qbg,
    VIFPortProfile8021Qbh,
    VIFPortProfileHWVEB,
)

QBG_INSTANCE = "00000000-0000-4000-8000-0000000000aa"


def _network(**fields: Any) -> objects.network.Network:
    return objects.network.Network(id="00000000-0000-4000-8000-0000000000ee", **fields)


def direct_vif(number: int = 1, *, network: dict[str, Any] | None = None, **fields: Any) -> VIFDirect:
    """VIF `number`: a macvtap, on eth0 unless fields say otherwise; one that is None is not set."""
    values: dict[str, Any] = {"vif_name": "eth0", "mode": "bridge", **fields}
    return VIFDirect(
        id=vif_id(number),
        address=f"02:00:00:00:00:{number:02x}",
        plugin="direct",
        network=_network(**(network or {})),
        **{name: value for name, value in values.items() if value is not None},
    )


def host_device_vif(number: int = 1, **fields: Any) -> VIFHostDevice:
    """VIF `number`: a PCI device that the guest is handed."""
    values: dict[str, Any] = {"dev_type": "generic", "dev_address": "0000:04:00.0", **fields}
    return VIFHostDevice(
        id=vif_id(number),
        address=f"02:00:00:00:00:{number:02x}",
        plugin="direct",
        **{name: value for name, value in values.items() if value is not None},
    )


def qbg(**fields: Any) -> VIFPortProfile8021Qbg:
    values: dict[str, Any] = {
        "manager_id": 11,
        "type_id": 1193047,
        "type_id_version": 1,
        "instance_id": QBG_INSTANCE,
        **fields,
    }
    return VIFPortProfile8021Qbg(**{name: value for name, value in values.items() if value is not None})


def qbh(profile_id: str | None = "finance") -> VIFPortProfile8021Qbh:
    return VIFPortProfile8021Qbh(**({} if profile_id is None else {"profile_id": profile_id}))


def hw_veb(vlan: int | None = None, trusted: bool = False) -> VIFPortProfileHWVEB:
    return VIFPortProfileHWVEB(vlan=vlan, trusted=trusted)
