"""Reading Open vSwitch databases: just the bridges and ports that some plans speak of.

One transaction of selects answers for any number of them; a second one finds the bridges of ports that this process
has not seen before.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping

from os_vif.host.ovs.state import MARK, BridgeState, OvsState, PortState, qos_id
from os_vif.host.ovsdb import Connection, Outcome, Row, Slot, TlsFiles, Transaction, connection
from os_vif.host.plan import OvsBridge, OvsDatabase, OvsPort, Resource

_MANY = 40  # more names than this are cheaper to find in the whole table

_BRIDGE = ["_uuid", "name", "datapath_type", "external_ids"]
_PORT = ["_uuid", "name", "interfaces", "tag", "vlan_mode", "trunks", "qos", "external_ids"]
_INTERFACE = ["_uuid", "name", "type", "external_ids", "options", "ofport", "error", "mtu_request"]


def connect(database: OvsDatabase) -> Connection:
    """The kept-open connection to the database of a plan."""
    return connection(
        database.remote, timeout=database.timeout, tls=tls_files(database), lender=database.lender
    )


def tls_files(database: OvsDatabase) -> TlsFiles | None:
    """The files for an ssl: database, if all of them are named."""
    if database.private_key and database.certificate and database.ca_certificate:
        return TlsFiles(database.private_key, database.certificate, database.ca_certificate)
    return None


def observe(
    resources: Iterable[Resource],
    known: Mapping[OvsDatabase, OvsState] | None = None,
    *,
    removing: bool = False,
) -> dict[OvsDatabase, OvsState]:
    """Read what the resources name, database by database; those without Open vSwitch are passed over.

    known: databases that have been read already. removing: what ports have left is looked for, too.
    """
    known = known or {}
    bridges: dict[OvsDatabase, dict[str, None]] = {}
    ports: dict[OvsDatabase, dict[str, None]] = {}
    for resource in resources:
        if isinstance(resource, OvsBridge):
            bridges.setdefault(resource.database, {})[resource.name] = None
        elif isinstance(resource, OvsPort):
            bridges.setdefault(resource.database, {})[resource.bridge] = None
            ports.setdefault(resource.database, {})[resource.name] = None
    return {
        db: known.get(db) or read(connect(db), list(bridges[db]), list(ports.get(db, ())), removing=removing)
        for db in bridges
    }


def read(
    database: Connection,
    bridges: list[str],
    ports: list[str],
    *,
    opened: tuple[str, int] | None = None,
    removing: bool = False,
) -> OvsState:
    """Read the bridges and ports of these names; removing: what ports have left is looked for, too.

    opened: a port, and the milliseconds that ovsdb-server may wait until ovs-vswitchd has opened it, before it
    answers; raises Raced if it has not.
    """
    has_mtu_request = database.has_column("Interface", "mtu_request")
    interface_columns = _INTERFACE if has_mtu_request else _INTERFACE[:-1]
    ask = Transaction()
    if opened is not None:
        _wait_until_open(ask, *opened)
    switch = ask.select("Open_vSwitch", (), ["external_ids"])
    bridge_rows = [ask.select("Bridge", w, _BRIDGE) for w in _by_name(bridges)]
    port_rows = [ask.select("Port", w, _PORT) for w in _by_name(ports)]
    interface_rows = [ask.select("Interface", w, interface_columns) for w in _by_name(ports)]
    qos_rows = [ask.select("QoS", w, ["external_ids"]) for w in _by_qos_id(ports)] if removing else []
    many = len(ports) > _MANY
    everywhere = ask.select("Bridge", (), ["name", "ports"]) if many else None
    # where a port is can only be asked by its row: by the one it had the last time, to save a question
    rows = [] if many else [database.rows[name] for name in ports if name in database.rows]
    holders = _ask_holders(ask, rows)
    answer = database.commit(ask)
    found_bridges = [row for slot in bridge_rows for row in answer[slot] if row["name"] in bridges]
    wanted = frozenset(ports)
    found_ports = [row for slot in port_rows for row in answer[slot] if row["name"] in wanted]
    there = {str(row["name"]) for row in found_ports}
    qos = {_strings(row["external_ids"]).get("id") for slot in qos_rows for row in answer[slot]}
    interfaces: dict[object, Row] = {row["_uuid"]: row for slot in interface_rows for row in answer[slot]}
    if everywhere is not None:
        where = {p: str(row["name"]) for row in answer[everywhere] for p in _members(row["ports"])}
    else:
        where = _names(holders, answer)
        if unknown := [_uuid(row["_uuid"]) for row in found_ports if row["_uuid"] not in holders]:
            ask = Transaction()
            holders = _ask_holders(ask, unknown)
            where |= _names(holders, database.commit(ask))
        for name in ports:
            database.rows.pop(name, None)
        database.rows.update({str(row["name"]): _uuid(row["_uuid"]) for row in found_ports})
    return OvsState(
        bridges={str(row["name"]): _bridge(row) for row in found_bridges},
        ports={
            str(row["name"]): state
            for row in found_ports
            if (state := _port(row, interfaces, where)) is not None
        },
        has_mtu_request=has_mtu_request,
        orphans=frozenset(name for name in wanted - there if qos and qos_id(name) in qos),
        controller=_strings(answer[switch][0]["external_ids"]) if answer[switch] else {},
    )


def _wait_until_open(ask: Transaction, port: str, patience: int) -> None:
    """It has an ofport that is neither unset nor -1."""
    where = [("name", "==", port)]
    for ofport in ((), -1):
        ask.wait("Interface", where, ["ofport"], [{"ofport": ofport}], "!=", patience)
    ask.wait("Interface", where, ["ofport"], [], "!=", patience)


def _by_name(names: list[str]) -> list[list[tuple[str, str, str]]]:
    """The conditions of the selects: one for each name, or one for the whole table where there are many."""
    if len(names) > _MANY:
        return [[]]
    return [[("name", "==", name)] for name in names]


def _by_qos_id(ports: list[str]) -> list[list[tuple[str, str, dict[str, str]]]]:
    """As `_by_name`, of the QoS rows of ports."""
    if len(ports) > _MANY:
        return [[]]
    return [[("external_ids", "includes", {"id": qos_id(name)})] for name in ports]


def _ask_holders(ask: Transaction, ports: Iterable[uuid.UUID]) -> dict[object, Slot[list[Row]]]:
    """Have it asked on which bridges the ports with these rows are; by row, what to look for in the answer."""
    return {port: ask.select("Bridge", [("ports", "includes", port)], ["name"]) for port in ports}


def _names(holders: Mapping[object, Slot[list[Row]]], answer: Outcome) -> dict[object, str]:
    return {port: str(answer[slot][0]["name"]) for port, slot in holders.items() if answer[slot]}


def _bridge(row: Row) -> BridgeState:
    return BridgeState(
        row=_uuid(row["_uuid"]),
        name=str(row["name"]),
        datapath_type=str(row["datapath_type"]),
        owner=_strings(row["external_ids"]).get(MARK),
    )


def _port(row: Row, interfaces: Mapping[object, Row], where: Mapping[object, str]) -> PortState | None:
    name = row["name"]
    mine = [interfaces[i] for i in _members(row["interfaces"]) if i in interfaces]
    if not mine:  # a bond, whose interfaces are called otherwise: nothing a VIF is plugged to
        return None
    interface = next((i for i in mine if i["name"] == name), mine[0])
    return PortState(
        row=_uuid(row["_uuid"]),
        interface=_uuid(interface["_uuid"]),
        name=str(name),
        bridge=where.get(row["_uuid"], ""),
        owner=_strings(row["external_ids"]).get(MARK),
        tag=_int(row["tag"]),
        vlan_mode=str(row["vlan_mode"]) if row["vlan_mode"] is not None else None,
        trunks=frozenset(v for v in _members(row["trunks"]) if isinstance(v, int)),
        qos=_uuid(row["qos"]) if row["qos"] is not None else None,
        interface_type=str(interface["type"]),
        external_ids=_strings(interface["external_ids"]),
        options=_strings(interface["options"]),
        mtu_request=_int(interface.get("mtu_request")),
        ofport=_int(interface["ofport"]),
        error=str(interface["error"]) if interface["error"] is not None else None,
    )


def _members(value: object) -> Iterable[object]:
    if value is None:
        return ()
    return value if isinstance(value, (frozenset, tuple, list)) else (value,)


def _strings(value: object) -> dict[str, str]:
    return {str(k): str(v) for k, v in value.items()} if isinstance(value, dict) else {}


def _uuid(value: object) -> uuid.UUID:
    if not isinstance(value, uuid.UUID):
        raise TypeError(f"{value!r} is not the UUID of a row")
    return value


def _int(value: object) -> int | None:
    return value if isinstance(value, int) else None
