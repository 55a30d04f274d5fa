"""BaseOVS: single operations on Open vSwitch, for other projects; the plugin's own plans go through the engine.

Each is one transaction, made again if another writer was first, and returns when ovs-vswitchd has acted on it. What
fails raises os_vif.host.ovsdb.OvsdbError; nothing is logged and passed over.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from os_vif.host.ovsdb import (
    Connection,
    Raced,
    Row,
    TlsFiles,
    Transaction,
    TransactionError,
    connection,
)
from os_vif.host.ovsdb.schema import Given
from vif_plug_ovs import constants, linux_net, names
from vif_plug_ovs.exception import AgentError
from vif_plug_ovs.request import database

if TYPE_CHECKING:
    from oslo_config import cfg

QOS_NAMESPACE = uuid.UUID("68da264a-847f-42a8-8ab0-5e774aee3d95")
"""The id of a port's QoS row is made from this and the port's name (RFC 4122, version 5)."""

_ATTEMPTS = 4
_VHOST_USER = (constants.OVS_VHOSTUSER_INTERFACE_TYPE, constants.OVS_VHOSTUSER_CLIENT_INTERFACE_TYPE)

Fill = Callable[[Transaction], None]


class BaseOVS:
    """Open vSwitch as the plugin's section of the configuration says it is reached; connects at its first use."""

    def __init__(self, config: cfg.ConfigOpts.GroupAttr) -> None:
        self.config = config

    @property
    def ovsdb(self) -> Connection:
        """The connection to the database, kept open."""
        of = database(self.config)
        tls = None
        if of.private_key and of.certificate and of.ca_certificate:
            tls = TlsFiles(of.private_key, of.certificate, of.ca_certificate)
        return connection(of.remote, timeout=of.timeout, tls=tls)

    def ensure_ovs_bridge(self, bridge: str, datapath_type: str | None) -> None:
        """Make the bridge, if it is not there; with this datapath type, unless that is None or empty."""
        self._commit(lambda transaction: self._add_bridge(transaction, bridge, datapath_type))

    def delete_ovs_bridge(self, bridge: str) -> None:
        """Delete the bridge and the ports on it, if it is there."""

        def fill(transaction: Transaction) -> None:
            for row in self._rows("Bridge", bridge, ["_uuid"]):
                transaction.mutate("Open_vSwitch", (), [("bridges", "delete", row["_uuid"])])

        self._commit(fill)

    def create_ovs_vif_port(
        self,
        bridge: str,
        dev: str,
        iface_id: str,
        mac: str,
        instance_id: str,
        mtu: int | None = None,
        interface_type: str | None = None,
        vhost_server_path: str | None = None,
        tag: int | None = None,
        pf_pci: str | None = None,
        vf_num: str | None = None,
        set_ids: bool = True,
        datapath_type: str | None = None,
        qos_type: str | None = None,
        vlan_mode: str | None = None,
        trunks: int | None = None,
    ) -> None:
        """Make port `dev` on `bridge`, if it is on none, and set its columns; what else they hold stays.

        The bridge must be there, except for a vhost-user port. mtu: bytes; tag, trunks: VLAN ids; pf_pci, vf_num:
        the PCI address and number of the function that a port of type dpdk represents; set_ids: whether the
        network's controller is to know it.

        :raises AgentError: there is no such bridge
        """
        options = {}
        if vhost_server_path:
            options["vhost-server-path"] = vhost_server_path
        if pf_pci and vf_num:
            options["dpdk-devargs"] = f"{pf_pci},representor=[{vf_num}]"
        interface: dict[str, Given] = {"type": interface_type} if interface_type else {}
        maps = {"options": options}
        if set_ids:
            maps["external_ids"] = _external_ids(bridge, iface_id, mac, instance_id)
        port: dict[str, Given] = {"tag": tag, "vlan_mode": vlan_mode, "trunks": trunks}

        def fill(transaction: Transaction) -> None:
            if interface_type in _VHOST_USER:
                self._add_bridge(transaction, bridge, datapath_type)
            columns: dict[str, Given] = {name: value for name, value in port.items() if value is not None}
            if qos_type:
                columns["qos"] = self._new_qos(transaction, dev, qos_type)
            self._add_port(transaction, bridge, dev, columns, interface, maps)
            self.update_device_mtu(transaction, dev, mtu, interface_type)

        self._commit(fill)

    def create_patch_port_pair(
        self,
        port_bridge: str,
        port_bridge_port: str,
        int_bridge: str,
        int_bridge_port: str,
        iface_id: str,
        mac: str,
        instance_id: str,
        tag: int | None = None,
    ) -> None:
        """Join two bridges; the network's controller knows the VIF by the port on `int_bridge`.

        :raises AgentError: there is no such bridge
        """
        ids = _external_ids(int_bridge, iface_id, mac, instance_id)
        port: dict[str, Given] = {} if tag is None else {"tag": tag}
        patch: dict[str, Given] = {"type": "patch"}

        def fill(transaction: Transaction) -> None:
            maps = {"options": {"peer": port_bridge_port}, "external_ids": ids}
            self._add_port(transaction, int_bridge, int_bridge_port, port, patch, maps)
            maps = {"options": {"peer": int_bridge_port}}
            self._add_port(transaction, port_bridge, port_bridge_port, {}, patch, maps)

        self._commit(fill)

    def update_ovs_vif_port(
        self, dev: str, mtu: int | None = None, interface_type: str | None = None
    ) -> None:
        """Set the MTU, in bytes, of a port's device."""
        self._commit(lambda transaction: self.update_device_mtu(transaction, dev, mtu, interface_type))

    def update_device_mtu(
        self, txn: Transaction, dev: str, mtu: int | None, interface_type: str | None = None
    ) -> None:
        """Have Open vSwitch set the MTU of a vhost-user port with `txn`; that of any other device is set at once."""
        if not mtu:
            return
        if interface_type not in _VHOST_USER:
            linux_net.set_device_mtu(dev, mtu)
        elif self.ovsdb.has_column("Interface", "mtu_request"):
            txn.update("Interface", [("name", "==", dev)], {"mtu_request": mtu})

    def delete_ovs_vif_port(
        self, bridge: str, dev: str, delete_netdev: bool = True, qos_type: str | None = None
    ) -> None:
        """Delete port `dev`, if it is on `bridge`, its QoS of this type, and the netdev of that name."""

        def fill(transaction: Transaction) -> None:
            for row in self._rows("Port", dev, ["_uuid"]):
                on = [("name", "==", bridge), ("ports", "includes", row["_uuid"])]
                if not self.ovsdb.select("Bridge", on, ["_uuid"]):
                    return  # it is another's: its QoS is too
                transaction.mutate("Bridge", on[:1], [("ports", "delete", row["_uuid"])])
                # a row that only goes for want of a reference to it still holds on to its QoS
                transaction.delete("Port", [("_uuid", "==", row["_uuid"])])
            if qos_type:
                _delete_qos(transaction, dev, qos_type)

        self._commit(fill)
        if delete_netdev:
            linux_net.delete_net_dev(dev)

    def port_exists(self, port_name: str, bridge: str) -> bool:
        """Whether the bridge has a port of this name."""
        return any(
            self.ovsdb.select(
                "Bridge", [("name", "==", bridge), ("ports", "includes", row["_uuid"])], ["_uuid"]
            )
            for row in self._rows("Port", port_name, ["_uuid"])
        )

    def get_qos(self, dev: str, qos_type: str) -> list[Row]:
        """The QoS rows of this type that were made for port `dev`; none, or one."""
        return self.ovsdb.select("QoS", [("external_ids", "includes", _qos_ids(dev, qos_type))])

    def delete_qos_if_exists(self, dev: str, qos_type: str) -> None:
        """Delete those rows; the port must be gone."""
        self._commit(lambda transaction: _delete_qos(transaction, dev, qos_type))

    def _rows(self, table: str, name: str, columns: list[str]) -> list[Row]:
        return self.ovsdb.select(table, [("name", "==", name)], columns)

    def _commit(self, fill: Fill) -> None:
        for attempt in range(_ATTEMPTS):
            transaction = Transaction()
            fill(transaction)
            if not transaction.operations:
                return
            try:
                self.ovsdb.commit(transaction, wait_vswitchd=True)
            except TransactionError as error:
                # names are unique in the schema: a row that another has made since our look is refused
                raced = isinstance(error, Raced) or error.error == "constraint violation"
                if not raced or attempt == _ATTEMPTS - 1:
                    raise
            else:
                return

    def _add_bridge(self, transaction: Transaction, bridge: str, datapath_type: str | None) -> None:
        for row in self._rows("Bridge", bridge, ["_uuid", "datapath_type"]):
            if datapath_type and row["datapath_type"] != datapath_type:
                where = [("_uuid", "==", row["_uuid"])]
                transaction.update("Bridge", where, {"datapath_type": datapath_type})
            return
        interface = transaction.insert("Interface", {"name": bridge, "type": "internal"})
        port = transaction.insert("Port", {"name": bridge, "interfaces": interface})
        new: dict[str, Given] = {"name": bridge, "ports": port, "datapath_type": datapath_type or ""}
        transaction.mutate("Open_vSwitch", (), [("bridges", "insert", transaction.insert("Bridge", new))])

    def _add_port(
        self,
        transaction: Transaction,
        bridge: str,
        name: str,
        port: Mapping[str, Given],
        interface: Mapping[str, Given],
        maps: Mapping[str, Mapping[str, str]],
    ) -> None:
        """A port with columns `port`; its interface with columns `interface`, and `maps` among the pairs it has."""
        if not self._rows("Port", name, ["_uuid"]):
            if not self._rows("Bridge", bridge, ["_uuid"]) and interface.get("type") not in _VHOST_USER:
                raise AgentError(method=f"add port {name}: there is no bridge {bridge}")
            row = transaction.insert("Interface", {"name": name, **interface, **maps})
            row = transaction.insert("Port", {"name": name, "interfaces": row, **port})
            transaction.mutate("Bridge", [("name", "==", bridge)], [("ports", "insert", row)])
            return
        here = [("name", "==", name)]
        if port:
            transaction.update("Port", here, port)
        if interface:
            transaction.update("Interface", here, interface)
        for column, pairs in maps.items():
            if not pairs:
                continue
            # "insert" leaves the value of a key that is there already
            transaction.mutate(
                "Interface", here, [(column, "delete", list(pairs)), (column, "insert", dict(pairs))]
            )

    def _new_qos(self, transaction: Transaction, dev: str, qos_type: str) -> Given:
        _delete_qos(transaction, dev, qos_type)
        return transaction.insert("QoS", {"type": qos_type, "external_ids": _qos_ids(dev, qos_type)})


def _delete_qos(transaction: Transaction, dev: str, qos_type: str) -> None:
    transaction.delete("QoS", [("external_ids", "includes", _qos_ids(dev, qos_type))])


def _qos_ids(dev: str, qos_type: str) -> dict[str, str]:
    return {"id": str(uuid.uuid5(QOS_NAMESPACE, dev)), "_type": qos_type}


def _external_ids(bridge: str, iface_id: str, mac: str, instance_id: str) -> dict[str, str]:
    ids = {
        "iface-id": iface_id,
        "iface-status": "active",
        "attached-mac": mac,
        "vm-uuid": instance_id,
    }
    return ids | ({"bridge_name": bridge} if names.is_trunk_bridge(bridge) else {})
