"""The databases' side of os_vif.host.waiting: told when the bridges and ports of a plan change.

A monitor here has a connection of its own. On the kept one another thread may be the reader, and take in what a
select on the descriptor waits for.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from types import TracebackType
from typing import Self

from os_vif.host.ovs import DatabaseLostError
from os_vif.host.ovs.reading import connect, tls_files
from os_vif.host.ovsdb import Connection, ConnectionFailed, OvsdbError
from os_vif.host.plan import OvsBridge, OvsDatabase, OvsPort

_LOOK = 1.0  # seconds: who does not want to wait wants an answer all the same


def reach(resources: Sequence[OvsBridge | OvsPort], deadline: float) -> None:
    """Return when the databases answer; at the deadline raise DatabaseLostError."""
    for database in dict.fromkeys(r.database for r in resources):
        try:
            connect(database).schema(timeout=_left(deadline))
        except OvsdbError as error:
            raise DatabaseLostError(str(error)) from error


def monitors(resources: Sequence[OvsBridge | OvsPort], deadline: float) -> Iterator[DatabaseMonitor]:
    """One for each database; raises DatabaseLostError."""
    for database in dict.fromkeys(r.database for r in resources):
        yield DatabaseMonitor(database, [r for r in resources if r.database == database], deadline)


class DatabaseMonitor:
    """Tells that rows of these bridges and ports have changed; a context manager."""

    def __init__(
        self, database: OvsDatabase, resources: Sequence[OvsBridge | OvsPort], deadline: float
    ) -> None:
        ports = [("name", "==", r.name) for r in resources if isinstance(r, OvsPort)]
        bridges = [("name", "==", r.name) for r in resources if isinstance(r, OvsBridge)]
        # not a bridge's ports: on a busy switch they change all the time, and with each its Port row
        tables = {
            "Open_vSwitch": (["external_ids"], None),
            "Bridge": (["datapath_type", "external_ids"], bridges),
            "Port": (["tag", "external_ids"], ports),
            "Interface": (["type", "external_ids", "options", "ofport", "error"], ports),
        }
        self._connection = Connection(
            database.remote, timeout=_left(deadline), tls=tls_files(database), lender=database.lender
        )
        try:
            self._monitor = self._connection.monitor(tables)
        except OvsdbError as error:
            self._connection.close()
            raise DatabaseLostError(str(error)) from error

    def fileno(self) -> int:
        """Readable when there may be something to take in."""
        return self._monitor.fileno()

    def changed(self, deadline: float) -> bool:
        """Take in what has come, and say whether rows changed; waits only for a connection that broke."""
        try:
            return bool(self._monitor.wait(0))
        except ConnectionFailed:
            return self._again(deadline)

    def _again(self, deadline: float) -> bool:
        try:
            return bool(self._monitor.wait(max(0.0, deadline - time.monotonic())))
        except OvsdbError as error:
            raise DatabaseLostError(str(error)) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._connection.close()


def _left(deadline: float) -> float:
    return max(_LOOK, deadline - time.monotonic())
