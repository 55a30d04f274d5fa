"""This host as a picture's data: bridges, their ports, what connects them, and whose all that is.

The command line's `topology` draws it. One dump of links and addresses and one transaction of selects; nothing here
needs privileges but the database's socket. Open vSwitch's own devices (ovs-system, ovs-netdev) and lo are left out.
"""

from __future__ import annotations

import socket
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from os_vif.host.differences import Difference
from os_vif.host.netlink import Link, route_socket
from os_vif.host.plan import (
    MARK_PREFIX,
    SHARED_MARK,
    Bridge,
    BridgePort,
    OvsBridge,
    OvsDatabase,
    OvsPort,
    Plan,
    Tap,
    Veth,
)

if TYPE_CHECKING:
    from os_vif.host.ovsdb import Row

_SWITCHS_OWN = ("ovs-system", "ovs-netdev", "vxlan_sys_", "genev_sys_", "gre_sys")
_SCOPE_LINK = 253
_INTERFACE = ("_uuid", "name", "type", "options", "ofport", "error", "link_state", "mtu", "mac_in_use")


@dataclass(frozen=True, slots=True, kw_only=True)
class Port:
    """A link, a port of an Open vSwitch bridge, or both in one.

    kind: the kernel's ("tap", "veth", "vlan"; "nic" for a device), or the switch's ("patch", "internal", "vxlan").
    vif: the VIF whose mark it carries; shared: several VIFs share it; carrier: something is at its other end, at a
    tap's the guest; peer: the other end of a veth pair or patch, where it is on this host; peer_bridge: the bridge
    that one is on; below: the link it is on top of; remote: where a tunnel leads, or a vhost-user port's socket;
    missing: a plan says it should be here.
    """

    name: str
    kind: str
    bridge: str | None = None
    vif: str | None = None
    shared: bool = False
    up: bool | None = None
    carrier: bool | None = None
    mtu: int | None = None
    address: str | None = None
    addresses: tuple[str, ...] = ()
    peer: str | None = None
    peer_bridge: str | None = None
    below: str | None = None
    remote: str | None = None
    ofport: int | None = None
    tag: int | None = None
    error: str | None = None
    missing: bool = False

    @property
    def is_marked(self) -> bool:
        return self.vif is not None or self.shared


@dataclass(frozen=True, slots=True, kw_only=True)
class Switch:
    """A bridge; kind: "linux" or "ovs"; datapath: of an Open vSwitch bridge. The rest as for Port."""

    name: str
    kind: str
    datapath: str | None = None
    vif: str | None = None
    shared: bool = False
    up: bool | None = None
    mtu: int | None = None
    addresses: tuple[str, ...] = ()
    ports: tuple[Port, ...] = ()
    missing: bool = False

    @property
    def is_marked(self) -> bool:
        """Whether it, or anything on it, belongs to VIFs."""
        return self.vif is not None or self.shared or any(port.is_marked for port in self.ports)


@dataclass(frozen=True, slots=True)
class Fault:
    """What differs from the plan of a VIF; object: the name of what it is about."""

    vif: str
    object: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Topology:
    """A host: its bridges by name, and the links that are on none; compared: the VIFs whose plans were looked at."""

    host: str
    bridges: tuple[Switch, ...]
    others: tuple[Port, ...]
    faults: tuple[Fault, ...] = ()
    compared: tuple[str, ...] = ()

    def vifs(self) -> list[str]:
        """The ids of all VIFs that anything belongs to, and of those compared, in order."""
        owners = {bridge.vif for bridge in self.bridges} | {port.vif for port in self.ports()}
        return sorted({vif for vif in owners if vif is not None} | set(self.compared))

    def ports(self) -> list[Port]:
        """All ports of the bridges, and the links that are on none."""
        return [*(port for bridge in self.bridges for port in bridge.ports), *self.others]

    def unplaced(self) -> list[Fault]:
        """What differs about objects that are not on the host, nor should be on one of its bridges."""
        names = {bridge.name for bridge in self.bridges} | {port.name for port in self.ports()}
        return [fault for fault in self.faults if fault.object not in names]

    def faults_of(self, name: str) -> list[str]:
        """What differs about the object of this name, without its name before it."""
        return [f.text.removeprefix(f"{name}: ") for f in self.faults if f.object == name]


def observe(database: OvsDatabase | None) -> Topology:
    """Look at this network namespace and, if there is one, at its Open vSwitch.

    :raises os_vif.host.ovsdb.OvsdbError: the database could not be read
    """
    route = route_socket()
    links = [
        link for link in route.all_links() if not link.name.startswith(_SWITCHS_OWN) and link.name != "lo"
    ]
    addresses: dict[int, list[str]] = {}
    for found in route.addresses():
        if found.scope != _SCOPE_LINK:
            addresses.setdefault(found.index, []).append(f"{found.address}/{found.prefix_length}")
    ports = {port.name: port for port in _of_links(links, addresses)}
    bridges = [
        Switch(
            name=link.name,
            kind="linux",
            vif=_owner(link.alias),
            shared=link.alias == SHARED_MARK,
            up=link.up,
            mtu=link.mtu,
            addresses=tuple(addresses.get(link.index, ())),
        )
        for link in links
        if link.kind == "bridge"
    ]
    for bridge in bridges:
        ports.pop(bridge.name)
    if database is not None:
        bridges += _of_switch(database, ports)
    ports = _connected(ports)
    return Topology(
        host=socket.gethostname(),
        bridges=tuple(
            replace(bridge, ports=tuple(p for _, p in sorted(ports.items()) if p.bridge == bridge.name))
            for bridge in sorted(bridges, key=lambda bridge: bridge.name)
        ),
        others=tuple(port for _, port in sorted(ports.items()) if port.bridge is None),
    )


def compared(seen: Topology, found: Iterable[tuple[Plan, Sequence[Difference]]]) -> Topology:
    """The same host with what differs from some plans, and with what is missing where it should be."""
    faults: list[Fault] = []
    plans: list[Plan] = []
    for plan, differences in found:
        plans.append(plan)
        faults += [Fault(plan.vif_id, difference.object, difference.message) for difference in differences]
    there = {bridge.name for bridge in seen.bridges} | {port.name for port in seen.ports()}
    about = {fault.object for fault in faults}
    bridges: dict[str, Switch] = {bridge.name: bridge for bridge in seen.bridges}
    ports: dict[str, Port] = {}
    for plan in plans:
        bridges |= {b.name: b for b in _missing_bridges(plan) if b.name in about - there}
        ports |= {p.name: p for p in _missing_ports(plan) if p.name in about - there}
    return replace(
        seen,
        bridges=tuple(
            replace(b, ports=(*b.ports, *(p for p in ports.values() if p.bridge == b.name)))
            for _, b in sorted(bridges.items())
        ),
        others=(*seen.others, *(p for p in ports.values() if p.bridge not in bridges)),
        faults=tuple(dict.fromkeys(faults)),
        compared=tuple(plan.vif_id for plan in plans),
    )


# --- the kernel -----------------------------------------------------------------------------------------------


def _owner(alias: str) -> str | None:
    if not alias.startswith(MARK_PREFIX) or alias == SHARED_MARK:
        return None
    return alias.removeprefix(MARK_PREFIX)


def _of_links(links: Sequence[Link], addresses: Mapping[int, Sequence[str]]) -> Iterator[Port]:
    by_index = {link.index: link for link in links}
    for link in links:
        parent, master = by_index.get(link.parent), by_index.get(link.master)
        # the index of a veth's peer may be one of another namespace: only ends that name each other are a pair
        is_end = parent is not None and parent is not link and link.kind == parent.kind == "veth"
        peer = parent if is_end and parent is not None and parent.parent == link.index else None
        below = parent if link.kind != "veth" else None
        yield Port(
            name=link.name,
            kind=link.tun_mode or link.kind or "nic",
            bridge=master.name if master is not None and master.kind == "bridge" else None,
            vif=_owner(link.alias),
            shared=link.alias == SHARED_MARK,
            up=link.up,
            carrier=link.carrier if link.up else None,
            mtu=link.mtu,
            address=link.address,
            addresses=tuple(addresses.get(link.index, ())),
            peer=peer.name if peer is not None else None,
            below=below.name if below is not None else None,
        )


# --- Open vSwitch ---------------------------------------------------------------------------------------------


def _of_switch(database: OvsDatabase, ports: dict[str, Port]) -> list[Switch]:
    """The bridges of the database; their ports are put among `ports`, each with its link where it has one."""
    # with TLS and JSON: only hosts with Open vSwitch pay for it
    from os_vif.host.ovs.reading import connect
    from os_vif.host.ovs.state import MARK
    from os_vif.host.ovsdb import Transaction

    connection = connect(database)
    ask = Transaction()
    bridge_rows = ask.select("Bridge", (), ["name", "datapath_type", "ports", "external_ids"])
    port_rows = ask.select("Port", (), ["_uuid", "name", "interfaces", "tag", "external_ids"])
    columns = [name for name in _INTERFACE if name == "_uuid" or connection.has_column("Interface", name)]
    interface_rows = ask.select("Interface", (), columns)
    answer = connection.commit(ask)
    interfaces: dict[object, Row] = {row["_uuid"]: row for row in answer[interface_rows]}
    rows: dict[object, Row] = {row["_uuid"]: row for row in answer[port_rows]}
    bridges: list[Switch] = []
    for row in answer[bridge_rows]:
        name = str(row["name"])
        local = ports.pop(name, None)
        bridges.append(
            Switch(
                name=name,
                kind="ovs",
                datapath=str(row["datapath_type"]) or "system",
                vif=_text(row["external_ids"], MARK),
                mtu=local.mtu if local is not None else None,
                addresses=local.addresses if local is not None else (),
            )
        )
        for port in (rows[key] for key in _members(row["ports"]) if key in rows):
            for key in _members(port["interfaces"]):
                interface = interfaces.get(key)
                if interface is not None and interface["name"] != name:
                    link = ports.get(str(interface["name"]))
                    owner = _text(port["external_ids"], MARK)
                    found = _of_interface(interface, link, name, owner, _number(port["tag"]))
                    ports[found.name] = found
    return bridges


def _of_interface(
    row: Mapping[str, object], link: Port | None, bridge: str, owner: str | None, tag: int | None
) -> Port:
    kind, options = str(row["type"]), row["options"]
    seen = link or Port(
        name=str(row["name"]),
        kind=kind or "port",
        up=None,
        carrier=row["link_state"] == "up" if row.get("link_state") is not None else None,
        mtu=_number(row.get("mtu")),
        address=str(row["mac_in_use"]) if row.get("mac_in_use") is not None else None,
    )
    return replace(
        seen,
        kind=kind or seen.kind,
        bridge=bridge,
        vif=owner or seen.vif,
        peer=_text(options, "peer") or seen.peer,
        remote=_text(options, "remote_ip") or _text(options, "vhost-server-path"),
        ofport=_number(row["ofport"]),
        tag=tag,
        error=str(row["error"]) if row.get("error") is not None else None,
    )


def _members(value: object) -> Iterable[object]:
    return value if isinstance(value, frozenset) else (value,)


def _text(pairs: object, key: str) -> str | None:
    return str(pairs[key]) if isinstance(pairs, dict) and key in pairs else None


def _number(value: object) -> int | None:
    return value if isinstance(value, int) else None


def _connected(ports: Mapping[str, Port]) -> dict[str, Port]:
    """Each with the bridge of its peer; a patch to a port that is not there has none."""
    bridges = {name: port.bridge for name, port in ports.items()}
    return {name: replace(port, peer_bridge=bridges.get(port.peer or "")) for name, port in ports.items()}


# --- plans ----------------------------------------------------------------------------------------------------


def _missing_bridges(plan: Plan) -> Iterator[Switch]:
    for resource in plan:
        if isinstance(resource, (Bridge, OvsBridge)):
            kind = "linux" if isinstance(resource, Bridge) else "ovs"
            yield Switch(name=resource.name, kind=kind, missing=True)


def _missing_ports(plan: Plan) -> Iterator[Port]:
    """What the plan puts on bridges, and links that are on none."""
    where: dict[str, str] = {}
    kinds: dict[str, str] = {}
    for resource in plan:
        if isinstance(resource, (Tap, Veth)):
            kind = "tap" if isinstance(resource, Tap) else "veth"
            kinds |= dict.fromkeys([resource.name, getattr(resource, "peer", resource.name)], kind)
        elif isinstance(resource, OvsPort):
            kinds.setdefault(resource.name, resource.interface_type or "port")
            where[resource.name] = resource.bridge
        elif isinstance(resource, BridgePort):
            where[resource.port] = resource.bridge
    for name, kind in kinds.items():
        yield Port(name=name, kind=kind, bridge=where.get(name), vif=plan.vif_id, missing=True)
