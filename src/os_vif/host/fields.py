"""Reading a VIF for its plan: fields that are set, checked, and refused by name.

For plugins, of this project and of others: what a plan is made of comes from another machine.
"""

from __future__ import annotations

from typing import Any

from os_vif import exception, objects
from os_vif.host.resources import check_field, link_name_fault


def get(source: objects.base.VersionedObject | None, field: str) -> Any:
    """A field's value, None if it is not set or there is no source: older peers do not send all of them."""
    return getattr(source, field) if source is not None and field in source else None


def needed(vif: objects.vif.VIFBase, field: str, source: objects.base.VersionedObject | None = None) -> Any:
    """The value of `field`, which may be of a `source` in the VIF: "network.vlan".

    :raises os_vif.exception.InvalidVIF: it is not set, or None or empty
    """
    value = get(vif if source is None else source, field.rpartition(".")[2])
    if value is None or value == "":
        raise invalid(vif, field, "is not set")
    return value


def vif_id(vif: objects.vif.VIFBase) -> str:
    """The id of the VIF, which what it owns is marked with.

    :raises os_vif.exception.InvalidVIF: it is not set
    """
    return str(needed(vif, "id"))


def link_name(
    vif: objects.vif.VIFBase, field: str, source: objects.base.VersionedObject | None = None
) -> str:
    """The value of a field that names a link.

    :raises os_vif.exception.InvalidVIF: it is not set, or the kernel would not take the name
    """
    name = needed(vif, field, source)
    fault = link_name_fault(name)
    if fault:
        raise invalid(vif, field, fault)
    return str(name)


def mtu(vif: objects.vif.VIFBase) -> int | None:
    """MTU of the VIF's network in bytes, None where the network does not say it.

    :raises os_vif.exception.InvalidVIF: no link can have it
    """
    size = get(get(vif, "network"), "mtu")
    try:
        check_field("network", "mtu", size or None)
    except ValueError as error:
        raise invalid(vif, "network.mtu", str(error).partition(": ")[2]) from error
    return size or None


def first_missing(
    vif: objects.vif.VIFBase, *names: str, source: objects.base.VersionedObject | None = None
) -> exception.InvalidVIF | None:
    """The refusal for the first of these fields that is not set, for a plan's obstacle; None if all are."""
    for name in names:
        try:
            needed(vif, name, source)
        except exception.InvalidVIF as error:
            return error
    return None


def invalid(vif: objects.vif.VIFBase, field: str, reason: str) -> exception.InvalidVIF:
    """The refusal of a VIF because of one of its fields."""
    return exception.InvalidVIF(vif_id=get(vif, "id"), field=field, reason=reason)
