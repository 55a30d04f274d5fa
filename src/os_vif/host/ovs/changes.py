"""One transaction for any number of VIFs: bridges and ports that are made, mended, moved, removed or put back.

The engine fills a Changes while it goes over the VIFs and commits it once. Names are unique in the schema, so a row
that another process has inserted meanwhile fails the whole transaction, and the engine looks again.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from uuid import UUID

from os_vif.host.ovs.state import MARK, BridgeState, OvsState, PortState, qos_id
from os_vif.host.ovsdb import NewRow, Transaction
from os_vif.host.plan import OvsBridge, OvsPort


@dataclass(slots=True)
class Changes:
    """What one transaction is to do to one database, of which `state` was observed; inserted: the new ports' rows."""

    state: OvsState
    _bridges: dict[str, tuple[OvsBridge, str | None]] = field(default_factory=dict)
    _ports: dict[str, tuple[OvsPort, str | None]] = field(default_factory=dict)
    _gone_ports: dict[str, PortState] = field(default_factory=dict)
    _gone_bridges: dict[str, BridgeState] = field(default_factory=dict)
    _gone_qos: dict[str, None] = field(default_factory=dict)
    _put_back: dict[str, tuple[PortState, bool]] = field(default_factory=dict)
    inserted: dict[str, NewRow] = field(default_factory=dict)

    def __bool__(self) -> bool:
        gone = self._gone_ports or self._gone_bridges or self._gone_qos
        return bool(self._bridges or self._ports or gone or self._put_back)

    def make(self, resource: OvsBridge | OvsPort, owner: str | None) -> None:
        """Have a bridge or port be as the plan says, marked for the VIF `owner`."""
        if isinstance(resource, OvsBridge):
            known = self._bridges.get(resource.name)
            if known is None or known[0].datapath_type is None:  # one VIF may care for it, another not
                self._bridges[resource.name] = (resource, owner)
        else:
            self._ports[resource.name] = (resource, owner)

    def remove(self, ports: Iterable[PortState], bridges: Iterable[BridgeState] = ()) -> None:
        """Have these ports, with their QoS, and these bridges be gone."""
        for port in ports:
            self._gone_ports[port.name] = port
            self._gone_qos[port.name] = None
        self._gone_bridges.update({b.name: b for b in bridges})

    def remove_qos(self, port: str) -> None:
        """Have the QoS be gone of a port that is not there."""
        self._gone_qos[port] = None

    def put_back(self, before: PortState, *, vlans: bool) -> None:
        """Have a port that is still there be as it was observed before; vlans: in its VLANs too, moved or not."""
        self._put_back[before.name] = (before, vlans)

    def transaction(self, comment: str) -> Transaction:
        """All of it in one go."""
        transaction = Transaction(comment)
        members: dict[str, list[NewRow | UUID]] = {}
        for port, owner in self._ports.values():
            found = self.state.ports.get(port.name)
            if found is None:
                members.setdefault(port.bridge, []).append(self._insert_port(transaction, port, owner))
            else:
                self._mend_port(transaction, port, owner, found)
                if found.bridge != port.bridge:
                    _take_out(transaction, found)
                    if port.tag is not None:  # in the new bridge its VLAN may be that of another network
                        _set_vlans(transaction, found, port)
                    members.setdefault(port.bridge, []).append(found.row)
        for before, vlans in self._put_back.values():
            now = self.state.ports.get(before.name)
            if now is not None and now.row == before.row:
                _restore(transaction, before, now, members, vlans=vlans)
        for bridge, bridge_owner in self._bridges.values():
            self._make_bridge(transaction, bridge, bridge_owner, members.pop(bridge.name, []))
        for name, rows in members.items():
            transaction.mutate("Bridge", [("name", "==", name)], [("ports", "insert", rows)])
        self._removals(transaction)
        return transaction

    def _insert_port(self, transaction: Transaction, port: OvsPort, owner: str | None) -> NewRow:
        interface: dict[str, object] = {
            "name": port.name,
            "type": port.interface_type,
            "external_ids": dict(port.external_ids),
            "options": dict(port.options),
        }
        if port.mtu_request is not None and self.state.has_mtu_request:
            interface["mtu_request"] = port.mtu_request
        row: dict[str, object] = {
            "name": port.name,
            "interfaces": transaction.insert("Interface", interface),  # type: ignore[arg-type]
            "external_ids": {MARK: owner} if owner else {},
        }
        if port.tag is not None:
            row["tag"] = port.tag
        if port.vlan_mode is not None:
            row["vlan_mode"] = port.vlan_mode
        if port.trunks:
            row["trunks"] = port.trunks
        if port.qos_type is not None:
            # QoS rows live until they are deleted: one that an earlier port of the name left goes first
            _delete_qos(transaction, port.name)
            ids = {"id": qos_id(port.name), "_type": port.qos_type}
            row["qos"] = transaction.insert("QoS", {"type": port.qos_type, "external_ids": ids})
        new = self.inserted[port.name] = transaction.insert("Port", row)  # type: ignore[arg-type]
        return new

    def _mend_port(
        self, transaction: Transaction, port: OvsPort, owner: str | None, found: PortState
    ) -> None:
        """Set what differs; a live port's QoS is its controller's, and mostly its VLANs are."""
        changed: dict[str, str | int] = {}
        if found.interface_type != port.interface_type:
            changed["type"] = port.interface_type
        if (
            port.mtu_request is not None
            and self.state.has_mtu_request
            and found.mtu_request != port.mtu_request
        ):
            changed["mtu_request"] = port.mtu_request
        if changed:
            transaction.update("Interface", [("_uuid", "==", found.interface)], changed)
        for column, actual in (("external_ids", found.external_ids), ("options", found.options)):
            wrong = {k: v for k, v in getattr(port, column) if actual.get(k) != v}
            if wrong:
                # "insert" leaves a key that is there as it is
                mutations = [(column, "delete", list(wrong)), (column, "insert", wrong)]
                transaction.mutate("Interface", [("_uuid", "==", found.interface)], mutations)
        if port.own_vlans:
            _set_vlans(transaction, found, port)
        if owner is not None and found.owner is None:
            transaction.mutate(
                "Port", [("_uuid", "==", found.row)], [("external_ids", "insert", {MARK: owner})]
            )

    def _make_bridge(
        self,
        transaction: Transaction,
        bridge: OvsBridge,
        owner: str | None,
        members: list[NewRow | UUID],
    ) -> None:
        found = self.state.bridges.get(bridge.name)
        mark = {MARK: owner} if owner else {}
        if found is None:
            interface = transaction.insert("Interface", {"name": bridge.name, "type": "internal"})
            port = transaction.insert("Port", {"name": bridge.name, "interfaces": interface})
            row = transaction.insert(
                "Bridge",
                {
                    "name": bridge.name,
                    "datapath_type": bridge.datapath_type or bridge.default_datapath_type,
                    "ports": [port, *members],
                    "external_ids": mark,
                },
            )
            transaction.mutate("Open_vSwitch", [], [("bridges", "insert", row)])
            return
        where = [("_uuid", "==", found.row)]
        if bridge.datapath_type is not None and bridge.datapath_type != found.datapath_type:
            transaction.update("Bridge", where, {"datapath_type": bridge.datapath_type})
        if mark and found.owner is None:
            transaction.mutate("Bridge", where, [("external_ids", "insert", mark)])
        if members:
            transaction.mutate("Bridge", where, [("ports", "insert", members)])

    def _removals(self, transaction: Transaction) -> None:
        by_bridge: dict[str, list[UUID]] = {}
        for port in self._gone_ports.values():
            by_bridge.setdefault(port.bridge, []).append(port.row)
        for name, rows in by_bridge.items():
            transaction.mutate("Bridge", [("name", "==", name)], [("ports", "delete", rows)])
        if self._gone_qos:
            # a Port that only goes for want of a reference still holds on to its QoS when that is deleted
            for port in self._gone_ports.values():
                transaction.delete("Port", [("_uuid", "==", port.row)])
            for name in self._gone_qos:
                _delete_qos(transaction, name)
        if self._gone_bridges:
            gone = [b.row for b in self._gone_bridges.values()]
            transaction.mutate("Open_vSwitch", [], [("bridges", "delete", gone)])


def _take_out(transaction: Transaction, port: PortState) -> None:
    transaction.mutate("Bridge", [("ports", "includes", port.row)], [("ports", "delete", port.row)])


def _set_vlans(transaction: Transaction, row: PortState, wanted: OvsPort | PortState) -> None:
    values = {
        "tag": () if wanted.tag is None else wanted.tag,
        "vlan_mode": () if wanted.vlan_mode is None else wanted.vlan_mode,
        "trunks": tuple(wanted.trunks),
    }
    transaction.update("Port", [("_uuid", "==", row.row)], values)


def _delete_qos(transaction: Transaction, port: str) -> None:
    transaction.delete("QoS", [("external_ids", "includes", {"id": qos_id(port)})])


def _restore(
    transaction: Transaction,
    before: PortState,
    now: PortState,
    members: dict[str, list[NewRow | UUID]],
    *,
    vlans: bool,
) -> None:
    row: dict[str, object] = {
        "type": before.interface_type,
        "external_ids": before.external_ids,
        "options": before.options,
    }
    if before.mtu_request != now.mtu_request:
        row["mtu_request"] = before.mtu_request if before.mtu_request is not None else ()
    transaction.update("Interface", [("_uuid", "==", before.interface)], row)  # type: ignore[arg-type]
    if before.owner is None and now.owner is not None:
        transaction.mutate("Port", [("_uuid", "==", before.row)], [("external_ids", "delete", [MARK])])
    if vlans or before.bridge != now.bridge:
        _set_vlans(transaction, now, before)
    if before.bridge != now.bridge:
        _take_out(transaction, now)
        members.setdefault(before.bridge, []).append(before.row)
