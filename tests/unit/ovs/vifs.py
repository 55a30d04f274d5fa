"""VIFs for the tests of the ovs plugin, a plugin with any options, and plans as lines that a person can read."""

from __future__ import annotations

import dataclasses
import warnings
from typing import Any

from oslo_config import cfg

from os_vif import objects
from os_vif.host.plan import OvsDatabase, Plan, Resource
from vif_plug_ovs.ovs import OvsPlugin

objects.register_all()

ID = "b679325f-ca89-4ee0-a8be-6db1409b69ea"
PORT = "2f5f6a3e-1c1f-4d2e-9a44-77e0a5e8a001"  # interface_id: unlike the VIF's, to tell them apart
INSTANCE = objects.instance_info.InstanceInfo(uuid="3c9ff9f5-bb5c-4bb5-8c8a-f7b7bb4e0b24", name="guest")
MAC = "fa:16:3e:11:22:33"
UNSET: Any = object()


def plugin(**options: Any) -> OvsPlugin:
    """A plugin whose options have their defaults, and these values."""
    conf = cfg.ConfigOpts()
    conf.register_opts(OvsPlugin.CONFIG_OPTS, group="os_vif_ovs")
    conf([])
    for name, value in options.items():
        conf.set_override(name, value, group="os_vif_ovs")
    return OvsPlugin(conf.os_vif_ovs)


def profile(**fields: Any) -> objects.vif.VIFPortProfileOpenVSwitch:
    return objects.vif.VIFPortProfileOpenVSwitch(**_given({"interface_id": PORT, **fields}))


def representor_profile(**fields: Any) -> objects.vif.VIFPortProfileOVSRepresentor:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PendingDeprecationWarning)
        return objects.vif.VIFPortProfileOVSRepresentor(**_given({"interface_id": PORT, **fields}))


def network(bridge: str | None = "br-int", mtu: int | None = 1450) -> objects.network.Network:
    fields = {} if bridge is None else {"bridge": bridge}
    return objects.network.Network(id="437c6db5-4e6f-4b43-b64b-ed6a11ee5ba7", mtu=mtu, **fields)


def open_vswitch(**fields: Any) -> objects.vif.VIFOpenVSwitch:
    return _vif(objects.vif.VIFOpenVSwitch, {"vif_name": "tapb679325f-ca", "bridge_name": "br-int"}, fields)


def hybrid(**fields: Any) -> objects.vif.VIFBridge:
    names = {"vif_name": "tapb679325f-ca", "bridge_name": "qbrb679325f-ca"}
    return _vif(objects.vif.VIFBridge, names, fields)


def vhost_user(**fields: Any) -> objects.vif.VIFVHostUser:
    defaults = {"vif_name": "ignored", "path": "/run/vhu.sock", "mode": "server"}
    return _vif(objects.vif.VIFVHostUser, defaults, fields)


def vdpa(**fields: Any) -> objects.vif.VIFVDPA:
    return _vif(objects.vif.VIFVDPA, {"dev_address": "0000:03:02.1", "path": None}, fields)


def host_device(**fields: Any) -> objects.vif.VIFHostDevice:
    return _vif(objects.vif.VIFHostDevice, {"dev_address": "0000:03:02.1", "dev_type": "ethernet"}, fields)


def direct() -> objects.vif.VIFDirect:
    return _vif(objects.vif.VIFDirect, {}, {})


def _vif(kind: Any, defaults: dict[str, Any], fields: dict[str, Any]) -> Any:
    common = {"id": ID, "address": MAC, "plugin": "ovs", "network": network(), "port_profile": profile()}
    return kind(**_given({**common, **defaults, **fields}))


def _given(fields: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not UNSET}


def lines(plan: Plan) -> list[str]:
    """The plan, a resource to a line, with what is not as by default; leftovers after a minus sign."""
    return [_line(r) for r in plan] + ["- " + _line(r) for r in plan.leftovers]


def _line(resource: Resource) -> str:
    words = [type(resource).__name__]
    for field in dataclasses.fields(resource):
        value = getattr(resource, field.name)
        if field.name in ("name", "port"):
            words.append(value)
        elif not isinstance(value, OvsDatabase) and value != field.default:
            words.append(f"{field.name}={_text(value)}")
    return " ".join(words)


def _text(value: object) -> str:
    if isinstance(value, tuple):
        return ",".join(f"{v[0]}:{v[1]}" if isinstance(v, tuple) else str(v) for v in value)
    return str(value)
