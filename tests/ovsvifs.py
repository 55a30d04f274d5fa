"""VIFs of the ovs plugin, told apart by a number, and what is in an Open vSwitch database, for functional tests.

The datapath is the one in user space: no kernel module is needed, and the profile says so of every VIF.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from oslo_config import cfg
from tests.netns import ip_json
from tests.ovs import OpenVSwitch
from tests.unit.ovs import vifs
from tests.vifs import INSTANCE

import os_vif
from os_vif import objects
from os_vif.host import engine
from os_vif.host.plan import OvsPort
from vif_plug_ovs.ovs import OvsPlugin

__all__ = ["INSTANCE"]

BRIDGE = "br-int"
MTU = 1450
_TABLES = ("Bridge", "Port", "Interface", "QoS")
# what ovs-vswitchd writes, and what is different in each database
_MOVES = frozenset(
    {
        *(
            "_uuid",
            "_version",
            "statistics",
            "status",
            "ofport",
            "bfd_status",
            "cfm_fault",
            "cfm_fault_status",
        ),
        *("cfm_flap_count", "cfm_health", "cfm_mpid", "cfm_remote_mpids", "cfm_remote_opstate"),
        *("duplex", "ifindex", "lacp_current", "link_resets", "link_speed", "link_state", "mac"),
        *(
            "mac_in_use",
            "mtu",
            "admin_state",
            "error",
            "datapath_id",
            "datapath_version",
            "bond_active_slave",
        ),
        *("rstp_statistics", "rstp_status"),
    }
)

_NOTHING: tuple[Any, ...] = ([], {}, "", 0)

Row = dict[str, Any]
Database = dict[str, dict[str, Row]]


def plugin(ovs: OpenVSwitch, **options: Any) -> OvsPlugin:
    """A plugin that works with this Open vSwitch; operations may take 5 s unless told otherwise."""
    return vifs.plugin(**{"ovsdb_connection": ovs.remote, "ovs_vsctl_timeout": 5, **options})


@contextmanager
def face(ovs: OpenVSwitch) -> Iterator[None]:
    """os_vif.plug and the rest work with this Open vSwitch, as a service configured it."""
    os_vif.initialize(reset=True)
    cfg.CONF([], project="os-vif-tests", default_config_files=[])
    cfg.CONF.set_override("ovsdb_connection", ovs.remote, "os_vif_ovs")
    cfg.CONF.set_override("ovs_vsctl_timeout", 10, "os_vif_ovs")
    try:
        yield
    finally:
        for option in ("ovsdb_connection", "ovs_vsctl_timeout"):
            cfg.CONF.clear_override(option, "os_vif_ovs")


def port_id(number: int) -> str:
    """The interface_id of VIF `number`: unlike its own id, so that they are not mixed up."""
    return f"11111111-0000-4000-8000-{number:012x}"


def mac(number: int) -> str:
    return f"02:00:00:00:00:{number:02x}"


def identity(number: int) -> str:
    """The id of VIF `number`, different at its beginning: names are made of that."""
    return f"{number:08x}-0000-4000-8000-000000000000"


def short(prefix: str, number: int) -> str:
    """The name of 14 characters that VIF `number` gives a link or port."""
    return (prefix + identity(number))[:14]


def mark(number: int) -> str:
    """The ifalias of what VIF `number` owns."""
    return "os-vif:" + identity(number)


def profile(number: int, **fields: Any) -> objects.vif.VIFPortProfileOpenVSwitch:
    return vifs.profile(**{"interface_id": port_id(number), "datapath_type": "netdev", **fields})


def native(number: int = 1, *, bridge: str = BRIDGE, mtu: int | None = MTU, **fields: Any) -> Any:
    """A VIFOpenVSwitch with its port and its tap; `fields` are of its port profile."""
    made = {"create_port": True, "create_tap": True, **fields}
    return vifs.open_vswitch(**_common(number, bridge, mtu, made), vif_name=short("tap", number))


def hybrid(number: int = 1, *, bridge: str = BRIDGE, mtu: int | None = MTU, **fields: Any) -> Any:
    """A VIFBridge: the Linux bridge qbr, the veth pair qvb and qvo."""
    names = {"vif_name": short("tap", number), "bridge_name": short("qbr", number)}
    return vifs.hybrid(**_common(number, bridge, mtu, fields), **names)


def vhost_user(
    number: int = 1, *, bridge: str = BRIDGE, mtu: int | None = MTU, mode: str = "server", **fields: Any
) -> Any:
    return vifs.vhost_user(
        **_common(number, bridge, mtu, fields), mode=mode, path=f"/tmp/nobody-opens-it-{number}"
    )


def host_device(
    number: int = 1, *, address: str, representor: str | None = None, mtu: int | None = MTU, **fields: Any
) -> Any:
    """A VIFHostDevice on the PCI function `address`; representor: what its profile calls that, as Nova does."""
    common = _common(number, BRIDGE, mtu, {"datapath_type": None, **fields})
    if representor is not None:
        names = {"representor_name": representor, "representor_address": address}
        offload = objects.vif.DatapathOffloadRepresentor(**names)
        ids = {"interface_id": port_id(number), **fields}
        common["port_profile"] = vifs.representor_profile(**ids, **names, datapath_offload=offload)
    return vifs.host_device(**common, dev_address=address)


def job(it: OvsPlugin, vif: Any) -> engine.Job:
    return it.job(vif, INSTANCE)


def plug_unopened(it: OvsPlugin, vif: Any) -> None:
    """As a plug, but for the wait until ovs-vswitchd has opened the port: one without DPDK opens no port of DPDK."""
    plan = it.plan(vif, INSTANCE)
    unwaited = [replace(r, must_be_ready=False) if isinstance(r, OvsPort) else r for r in plan]
    assert engine.apply([engine.Job(replace(plan, resources=tuple(unwaited)), it.runner())]) == [None]


def check(it: OvsPlugin, vif: Any) -> list[str]:
    """What differs, in words."""
    (found,) = engine.check([job(it, vif)])
    return [str(difference) for difference in found]


def row(ovs: OpenVSwitch, table: str, name: str, *columns: str) -> Row:
    """The columns of one row as Python values: sets are lists, a column without a value is []."""
    found = ovs.vsctl("--format=json", f"--columns={','.join(columns)}", "list", table, name)
    return _rows(found)[0]


def ids(number: int, **more: str) -> dict[str, str]:
    """external_ids of an interface of VIF `number`."""
    return {
        "iface-id": port_id(number),
        "iface-status": "active",
        "attached-mac": mac(number),
        "vm-uuid": str(INSTANCE.uuid),
        **more,
    }


def database(ovs: OpenVSwitch, *first: str, identity: bool = False) -> Database:
    """All rows that say something, by table and name, with the columns that have a value; references by name.

    first: an ovs-vsctl command to carry out first, and to wait for; identity: with the rows' UUIDs.
    """
    words = first or ("--no-wait",)
    for table in _TABLES:
        words += ("--", "list", table)
    shown = ovs.vsctl("--format=json", *words).splitlines()
    tables = {t: _rows(text) for t, text in zip(_TABLES, filter(None, shown), strict=True)}
    names = {str(e["_uuid"]): _name(e) for rows in tables.values() for e in rows}
    moves = _MOVES - {"_uuid"} if identity else _MOVES
    return {
        table: {
            _name(e): {k: _named(k, v, names) for k, v in e.items() if k not in moves and v not in _NOTHING}
            for e in rows
        }
        for table, rows in tables.items()
    }


def _name(entry: Row) -> str:
    """A QoS row has none, but says whose it is."""
    return str(entry.get("name", entry.get("external_ids", {}).get("id", entry["_uuid"])))


def _named(column: str, value: Any, names: dict[str, str]) -> Any:
    if column == "_uuid":
        return value
    if isinstance(value, list):
        return sorted(names.get(str(v), v) for v in value)
    return names.get(value, value) if isinstance(value, str) else value


def links() -> dict[str, dict[str, Any]]:
    """The links of this namespace by name, without what a switch's own devices and counters do."""
    return {str(e["ifname"]): e for e in ip_json("link", "show") if not str(e["ifname"]).startswith("ovs-")}


def host(ovs: OpenVSwitch) -> tuple[Database, list[str]]:
    """All there is, once ovs-vswitchd has acted on it: what an unplug must leave as a plug found it."""
    return database(ovs, *settled(ovs)), sorted(links())


def settled(ovs: OpenVSwitch) -> tuple[str, ...]:
    """An ovs-vsctl command that returns when ovs-vswitchd has applied all there is; none if it does not run."""
    if ovs.pid("ovs-vswitchd") is None:
        return ()
    # any change will do: ovs-vsctl waits until it is applied, and with it all before it
    return ("set", "Open_vSwitch", ".", f"other_config:seen-by-test={uuid.uuid4()}")


def _common(number: int, bridge: str, mtu: int | None, fields: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": identity(number),
        "address": mac(number),
        "network": vifs.network(bridge, mtu),
        "port_profile": profile(number, **fields),
    }


def _rows(text: str) -> list[Row]:
    shown = json.loads(text)
    return [{h: _plain(v) for h, v in zip(shown["headings"], r, strict=True)} for r in shown["data"]]


def _plain(value: Any) -> Any:
    if not isinstance(value, list):
        return value
    kind, content = value
    if kind == "set":
        return [_plain(v) for v in content]
    return dict(content) if kind == "map" else content
