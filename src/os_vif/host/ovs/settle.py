"""Waiting until ovs-vswitchd has given ports their ofport, on the database's own notifications."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Collection, Mapping, Sequence

from os_vif.host.ovs.reading import connect, read
from os_vif.host.ovs.state import OvsState
from os_vif.host.ovsdb import Connection, Raced, Timeout, Transaction, Value
from os_vif.host.plan import OvsBridge, OvsDatabase, OvsPort

_MANY = 40  # more conditions than this cost ovsdb-server more than telling us of every interface
# One port is open in milliseconds: a question that the server answers then is cheaper than a monitor
_SOON = 200  # milliseconds
# ovs-vswitchd may meet a row before its device is there: it looks again by itself when the device comes
_GRACE = 0.3


def settle(
    database: OvsDatabase, ports: Collection[str], resources: Sequence[OvsBridge | OvsPort]
) -> OvsState | None:
    """Return when all these ports have an ofport, or one that cannot get it has said why, or at the timeout.

    The caller looks at the `resources`, in this database, to see which it was; for one port that opened at once the
    look was the same question, and is what is returned.
    """
    connection = connect(database)
    if len(ports) == 1:
        bridges = dict.fromkeys(r.bridge if isinstance(r, OvsPort) else r.name for r in resources)
        names = [r.name for r in resources if isinstance(r, OvsPort)]
        with contextlib.suppress(Raced):
            return read(connection, list(bridges), names, opened=(next(iter(ports)), _SOON))
    where = [("name", "==", name) for name in ports] if len(ports) <= _MANY else None
    deadline = time.monotonic() + database.timeout
    failing_since: float | None = None
    asked = False
    with connection.monitor({"Interface": (["name", "ofport", "error"], where)}) as monitor:
        while True:
            rows = {row["name"]: row for row in monitor.rows["Interface"].values() if row["name"] in ports}
            open_ = [row for row in map(rows.get, ports) if not _is_ready(row)]
            failing = all(row is not None and row["error"] is not None for row in open_)
            now = time.monotonic()
            if not open_ or now >= deadline or (failing and asked):
                return None
            failing_since = (failing_since or now) if failing else None
            if failing_since is None:
                monitor.wait(deadline - now)
            elif now < failing_since + _GRACE:
                monitor.wait(min(deadline, failing_since + _GRACE) - now)
            else:
                _have_it_look_again(connection, deadline)
                asked = True


def _have_it_look_again(connection: Connection, deadline: float) -> None:
    """Return when ovs-vswitchd has tried all ports once more; what it found is in the rows that are followed then.

    Its last word may be an old one: it is not connected to ovsdb-server for some seconds when that was restarted.
    """
    with contextlib.suppress(Timeout):
        connection.commit(Transaction(), wait_vswitchd=True, timeout=deadline - time.monotonic())
    # ovsdb-server tells of changes before it answers what it is asked after them
    connection.select("Open_vSwitch", columns=["cur_cfg"])


def _is_ready(row: Mapping[str, Value] | None) -> bool:
    ofport = row["ofport"] if row is not None else None
    return isinstance(ofport, int) and ofport > 0
