"""The RouteSocket that is kept open: one for each network namespace this process works in.

Opening a socket costs more than most questions. This cache is the package's only state between calls.
"""

from __future__ import annotations

import os

from os_vif.host.netlink.connection import RouteSocket, current_namespace

# Namespaces whose sockets stay open; more than one only in tests and in an agent that serves several.
KEPT = 4

_sockets: dict[tuple[int, str], RouteSocket] = {}


def route_socket() -> RouteSocket:
    """The kept-open socket of this process for the network namespace this thread is in.

    Ask for it at each use and do not close it: after a fork, or a setns(), the answer is another one. A
    socket holds its namespace, so the name of a namespace is not given to another one while its socket is
    kept.
    """
    key = (os.getpid(), current_namespace())
    kept = _sockets.get(key)
    if kept is None:
        # Two threads may both open one: the later is kept, the other lives until its user is done.
        kept = _sockets[key] = RouteSocket()
        for old in list(_sockets)[:-KEPT]:
            _sockets.pop(old, None)
    return kept
