"""The project's rtnetlink client: links, addresses and routes of this host, and nothing else.

The engine observes and changes the kernel's network through it. ``route_socket()`` gives the socket that is
kept open; questions are its methods; changes are messages made by the functions of
``os_vif.host.netlink.requests`` and given to its ``execute()`` in one go; ``LinkMonitor`` tells what
changes. Vocabulary: that of ``ip link``, ``ip address``, ``ip route``.
"""

from os_vif.host.netlink.address import Address, Route
from os_vif.host.netlink.connection import RouteSocket
from os_vif.host.netlink.error import NetlinkError
from os_vif.host.netlink.kept import route_socket
from os_vif.host.netlink.link import Link
from os_vif.host.netlink.monitor import LinkChanged, LinkDeleted, LinkEvent, LinkMonitor
from os_vif.host.netlink.tap import create_tap
from os_vif.host.netlink.wire import Message

__all__ = [
    "Address",
    "Link",
    "LinkChanged",
    "LinkDeleted",
    "LinkEvent",
    "LinkMonitor",
    "Message",
    "NetlinkError",
    "Route",
    "RouteSocket",
    "create_tap",
    "route_socket",
]
