"""Waiting until ovs-vswitchd has given ports their ofport, on the database's own notifications."""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping

from os_vif.host.ovs.reading import connect
from os_vif.host.ovsdb import Connection, Raced, Transaction, Value
from os_vif.host.plan import OvsDatabase

_MANY = 40  # more conditions than this cost ovsdb-server more than telling us of every interface
# One port is open in milliseconds: a question that the server answers then is cheaper than a monitor
_SOON = 200  # milliseconds
# ovs-vswitchd may meet a row before its device is there, and looks again when it comes: an error that stays is one
_GRACE = 1.0


def settle(database: OvsDatabase, ports: Collection[str]) -> None:
    """Return when all these ports have an ofport, or one that cannot get it has said why, or at the timeout.

    The caller looks at the ports to see which it was.
    """
    connection = connect(database)
    if len(ports) == 1 and _is_open_soon(connection, *ports):
        return
    where = [("name", "==", name) for name in ports] if len(ports) <= _MANY else None
    deadline = time.monotonic() + database.timeout
    failing_since: dict[str, float] = {}
    with connection.monitor({"Interface": (["name", "ofport", "error"], where)}) as monitor:
        while True:
            rows = {row["name"]: row for row in monitor.rows["Interface"].values() if row["name"] in ports}
            open_ = [name for name in ports if not _is_ready(rows.get(name))]
            now = time.monotonic()
            for name in ports:
                row = rows.get(name)
                if row is not None and row["error"] is not None and name in open_:
                    failing_since.setdefault(name, now)
                else:
                    failing_since.pop(name, None)
            given_up = [name for name in open_ if now - failing_since.get(name, now) >= _GRACE]
            if len(given_up) == len(open_) or now >= deadline:
                return
            grace = min((since + _GRACE - now for since in failing_since.values()), default=deadline - now)
            monitor.wait(max(0.0, min(deadline - now, grace)) + 0.001)


def _is_open_soon(connection: Connection, port: str) -> bool:
    """Have ovsdb-server answer when the port is there and its ofport is neither unset nor -1."""
    ask = Transaction()
    where = [("name", "==", port)]
    for ofport in ((), -1):
        ask.wait("Interface", where, ["ofport"], [{"ofport": ofport}], "!=", _SOON)
    ask.wait("Interface", where, ["ofport"], [], "!=", _SOON)
    try:
        connection.commit(ask)
    except Raced:
        return False
    return True


def _is_ready(row: Mapping[str, Value] | None) -> bool:
    ofport = row["ofport"] if row is not None else None
    return isinstance(ofport, int) and ofport > 0
