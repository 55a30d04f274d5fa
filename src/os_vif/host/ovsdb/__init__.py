"""The project's OVSDB client (RFC 7047): the database of Open vSwitch on this host, and nothing else.

The engine observes and changes Open vSwitch through it. ``connection()`` gives the Connection that is kept
open; ``select`` asks, a Transaction filled with rows and given to ``commit`` changes, ``monitor`` follows rows.
Columns and values are those of ovs-vswitchd.conf.db(5).

    t = Transaction(comment="os-vif: plug 4e7f6a2c")
    interface = t.insert("Interface", {"name": "tap4e7f6a2c", "external_ids": {"iface-id": "4e7f6a2c-..."}})
    port = t.insert("Port", {"name": "tap4e7f6a2c", "interfaces": interface})
    t.mutate("Bridge", [("name", "==", "br-int")], [("ports", "insert", port)])
    uuid = connection("unix:/run/openvswitch/db.sock").commit(t, wait_vswitchd=True)[port]
"""

from os_vif.host.ovsdb.connection import Connection
from os_vif.host.ovsdb.error import (
    ConnectionFailed,
    ConnectionLost,
    InvalidRemote,
    OvsdbError,
    ProtocolError,
    Raced,
    SchemaMismatch,
    Timeout,
    TransactionError,
)
from os_vif.host.ovsdb.kept import connection
from os_vif.host.ovsdb.monitor import Monitor
from os_vif.host.ovsdb.operations import (
    Comment,
    Delete,
    Insert,
    Mutate,
    Operation,
    Select,
    Update,
    Wait,
    Where,
)
from os_vif.host.ovsdb.remote import TlsFiles
from os_vif.host.ovsdb.schema import Column, Condition, Given, GivenRow, Reference, Row, Schema, Value
from os_vif.host.ovsdb.transaction import NewRow, Outcome, Slot, Transaction
from os_vif.host.ovsdb.watch import Resync, RowChanged

__all__ = [
    "Column",
    "Comment",
    "Condition",
    "Connection",
    "ConnectionFailed",
    "ConnectionLost",
    "Delete",
    "Given",
    "GivenRow",
    "Insert",
    "InvalidRemote",
    "Monitor",
    "Mutate",
    "NewRow",
    "Operation",
    "Outcome",
    "OvsdbError",
    "ProtocolError",
    "Raced",
    "Reference",
    "Resync",
    "Row",
    "RowChanged",
    "Schema",
    "SchemaMismatch",
    "Select",
    "Slot",
    "Timeout",
    "TlsFiles",
    "Transaction",
    "TransactionError",
    "Update",
    "Value",
    "Wait",
    "Where",
    "connection",
]
