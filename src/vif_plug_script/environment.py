"""What a plug script is told of a VIF: JSON for its standard input, and variables for the common fields.

The names are a contract with the authors of scripts: docs/scripts.md has them in a table. A field that the VIF does
not have is a variable that is not there.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from os_vif import exception, objects

_PARAMETER = re.compile(r"[A-Za-z0-9_.-]{1,100}\Z")


def get(source: objects.base.VersionedObject | None, field: str) -> Any:
    """A field's value, None if it is not set, or its class has none: peers of other versions need not send all."""
    if source is None or field not in source.fields or field not in source:
        return None
    return getattr(source, field)


def payload(vif: objects.vif.VIFBase, instance_info: objects.instance_info.InstanceInfo | None) -> str:
    """{"vif": ..., "instance_info": ...} in the library's JSON, as `os-vif plug FILE` takes it; sorted, so that equal
    VIFs give equal text. Without an instance if none is known, as for a check.
    """
    known = {"vif": vif} if instance_info is None else {"vif": vif, "instance_info": instance_info}
    return json.dumps(
        {key: json.loads(objects.to_json(value)) for key, value in known.items()}, sort_keys=True
    )


def variables(
    vif: objects.vif.VIFBase,
    instance_info: objects.instance_info.InstanceInfo | None,
    *,
    name: str | None,
    mtu: int | None,
) -> tuple[tuple[str, str], ...]:
    """The variables, sorted; name: the device that the script connects; mtu: bytes, that of its link.

    :raises os_vif.exception.InvalidVIF: a parameter of the port profile cannot be a variable
    """
    network, profile = get(vif, "network"), get(vif, "port_profile")
    offload = get(profile, "datapath_offload")
    found = {
        "TYPE": type(vif).__name__,
        "ID": get(vif, "id"),
        "NAME": name,
        "ADDRESS": get(vif, "address"),
        "MTU": mtu,
        "TAP": get(vif, "vif_name"),
        "LINUX_BRIDGE": get(vif, "bridge_name"),
        "BRIDGE": get(network, "bridge"),
        "NETWORK_ID": get(network, "id"),
        "NETWORK_LABEL": get(network, "label"),
        "IPV4": " ".join(_addresses(network, 4)) or None,
        "IPV6": " ".join(_addresses(network, 6)) or None,
        "INSTANCE_ID": get(instance_info, "uuid"),
        "INSTANCE_NAME": get(instance_info, "name"),
        "PROJECT_ID": get(instance_info, "project_id"),
        "DEV_ADDRESS": get(vif, "dev_address"),
        "DEV_TYPE": get(vif, "dev_type"),
        "SOCKET": get(vif, "path"),
        "MODE": get(vif, "mode"),
        "PROFILE": None if profile is None else type(profile).__name__,
        "REPRESENTOR_NAME": get(offload, "representor_name"),
        "REPRESENTOR_ADDRESS": get(offload, "representor_address"),
        **dict(_of_profile(profile)),
        **dict(_parameters(vif, profile)),
    }
    return tuple(
        (f"OS_VIF_{key}", _text(vif, key, value))
        for key, value in sorted(found.items())
        if value not in (None, "")
    )


def _text(vif: objects.vif.VIFBase, key: str, value: object) -> str:
    text = str(value).lower() if isinstance(value, bool) else str(value)
    if "\0" in text:
        raise exception.InvalidVIF(
            vif_id=get(vif, "id"), field=key.lower(), reason=f"{text!r} has a NUL character in it"
        )
    return text


def _addresses(network: objects.network.Network | None, version: int) -> Iterator[str]:
    for subnet in get(get(network, "subnets"), "objects") or ():
        for ip in get(get(subnet, "ips"), "objects") or ():
            address = get(ip, "address")
            if address is not None and address.version == version:
                yield str(address)


def _of_profile(profile: objects.vif.VIFPortProfileBase | None) -> Iterator[tuple[str, object]]:
    """The fields of any other port profile that have one value each."""
    if profile is None or isinstance(profile, objects.vif.VIFPortProfileScript):
        return
    for field in profile.fields:
        value = get(profile, field)
        if isinstance(value, str | int):
            yield f"PROFILE_{field.upper()}", value


def _parameters(
    vif: objects.vif.VIFBase, profile: objects.vif.VIFPortProfileBase | None
) -> Iterator[tuple[str, str]]:
    seen: dict[str, str] = {}
    for parameter, value in sorted((get(profile, "parameters") or {}).items()):
        key = "PARAM_" + parameter.upper().replace("-", "_").replace(".", "_")
        if not _PARAMETER.match(parameter) or key in seen:
            reason = (
                f"{parameter!r} and {seen[key]!r} would be one variable, OS_VIF_{key}"
                if key in seen
                else f"{parameter!r} cannot be a variable: use letters, digits, '_', '-' and '.'"
            )
            raise exception.InvalidVIF(vif_id=get(vif, "id"), field="port_profile.parameters", reason=reason)
        seen[key] = parameter
        yield key, value
