"""The Connection that is kept open: one for each database this process works with.

Connecting and asking for the schema costs more than most questions. This cache is the package's only state
between calls.
"""

from __future__ import annotations

import os

from os_vif.host.ovsdb.connection import Connection
from os_vif.host.ovsdb.remote import Lender, TlsFiles

# How many stay open; more than one only in tests and in an agent that serves several.
KEPT = 4

_connections: dict[tuple[int, str, str, float, TlsFiles | None], Connection] = {}


def connection(
    remote: str, *, timeout: float = 10.0, tls: TlsFiles | None = None, lender: Lender | None = None
) -> Connection:
    """The kept-open connection of this process to ``remote``, as Connection takes it.

    Ask for it at each use and do not close it: after a fork, or for tcp: and ssl: a setns(), the answer is
    another one.
    """
    namespace = "" if remote.startswith("unix:") else os.readlink("/proc/thread-self/ns/net")
    key = (os.getpid(), remote, namespace, timeout, tls)
    kept = _connections.get(key)
    if kept is None:
        # Two threads may both open one: the later is kept, the other lives until its user is done.
        kept = _connections[key] = Connection(remote, timeout=timeout, tls=tls, lender=lender)
        for old in list(_connections)[:-KEPT]:
            _connections.pop(old, None)
    return kept
