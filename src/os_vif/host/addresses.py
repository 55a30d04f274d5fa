"""Moving the layer-3 configuration of a link to another: all addresses and routes, and back if anything fails.

A NIC that becomes a port of a bridge no longer receives what is sent to its addresses: they must be on the bridge.
Called by the executor. Addresses are put on the new link before they leave the old one and routes are replaced, not
deleted and added, so that at no moment the host is without them.
"""

from __future__ import annotations

import errno
import socket as _socket
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from os_vif.host.netlink import Address, Message, NetlinkError, Route, RouteSocket, requests

_SCOPE_LINK = 253
_IFA_F_TEMPORARY, _IFA_F_NODAD = 0x01, 0x02
_IFA_F_NOT_OURS = (
    0x08 | 0x10 | 0x20 | 0x40
)  # states of duplicate detection: DADFAILED .. TENTATIVE, DEPRECATED
_RT_TABLE_LOCAL = 255
_RTPROT_KERNEL = 2
_RTN_LOCAL, _RTN_BROADCAST, _RTN_ANYCAST, _RTN_MULTICAST = 2, 3, 4, 5


def configured(socket: RouteSocket, index: int) -> bool:
    """Whether the link with this index has addresses or routes that a bridge should have instead."""
    return bool(_addresses(socket, index)) or any(
        route.protocol != _RTPROT_KERNEL for route in _routes(socket, index)
    )


def move(socket: RouteSocket, source: str, target: str) -> Callable[[], None]:
    """Move all addresses (but IPv6 link-local ones) and routes of link `source` to link `target`.

    Returns a function that moves back what was moved. On failure everything is as before, and the error names the
    address or route.
    """
    links = socket.links([source, target])
    for name in (source, target):
        if name not in links:
            raise NetlinkError(errno.ENODEV, what=f"move addresses from {source} to {target}: no link {name}")
    move_ = _Move(socket, links[source].index, links[target].index, target)
    try:
        move_.run()
    except BaseException:
        move_.undo()
        raise
    return move_.undo


class _Move:
    def __init__(self, socket: RouteSocket, source: int, target: int, target_name: str) -> None:
        self._socket = socket
        self._source, self._target = source, target
        self._target_name = target_name
        self._log: list[Callable[[], object]] = []

    def run(self) -> None:
        found = _addresses(self._socket, self._source)
        routes = sorted(_routes(self._socket, self._source), key=_reached_first)
        if any(address.family == _socket.AF_INET6 for address in found):
            self._turn_ipv6_on()
        for address in found:
            self._add(address)
        for route in routes:
            self._replace(route)
        for address in sorted(found, key=lambda a: not a.secondary):  # a primary takes its secondaries along
            self._delete(address)

    def undo(self) -> None:
        """Undo in reverse order; goes on after a failure and raises the first one at the end."""
        failure: Exception | None = None
        while self._log:
            try:
                self._log.pop()()
            except NetlinkError as error:
                # already so: the kernel took an address along with another, or never let go of it
                if error.errno not in (errno.EEXIST, errno.EADDRNOTAVAIL, errno.ESRCH):
                    failure = failure or error
            except OSError as error:
                failure = failure or error
        if failure is not None:
            raise failure

    def _request(self, message: Message) -> None:
        self._socket.request(message)

    def _turn_ipv6_on(self) -> None:
        """Bridges are made with IPv6 off; one that takes over IPv6 addresses needs it."""
        path = Path("/proc/sys/net/ipv6/conf", self._target_name, "disable_ipv6")
        before = path.read_text()
        if before.strip() != "0":
            path.write_text("0")
            self._log.append(lambda: path.write_text(before))

    def _add(self, address: Address) -> None:
        flags = address.flags & ~_IFA_F_NOT_OURS
        if address.family == _socket.AF_INET6:
            flags |= _IFA_F_NODAD  # the twin that it would detect is its own, on the other link
        wanted = replace(address, flags=flags)
        try:
            self._request(requests.add_address(wanted, self._target))
        except NetlinkError as error:
            if error.errno != errno.EEXIST:
                raise
            return
        moved = replace(wanted, index=self._target)
        self._log.append(lambda: self._request(requests.delete_address(moved)))

    def _delete(self, address: Address) -> None:
        try:
            self._request(requests.delete_address(address))
        except NetlinkError as error:
            if error.errno != errno.EADDRNOTAVAIL:
                raise
        self._log.append(lambda: self._request(requests.add_address(address, self._source)))

    def _replace(self, route: Route) -> None:
        """The kernel's own routes came with the addresses; the others change their link in one step."""
        if route.protocol == _RTPROT_KERNEL:
            return
        self._request(requests.replace_route(route, self._source, self._target))
        moved = requests.replace_route(route, self._source, self._source)
        self._log.append(lambda: self._request(moved))


def _addresses(socket: RouteSocket, index: int) -> list[Address]:
    return [
        a
        for a in socket.addresses(index)
        if a.family == _socket.AF_INET
        or (a.family == _socket.AF_INET6 and a.scope != _SCOPE_LINK and not a.flags & _IFA_F_TEMPORARY)
    ]


def _routes(socket: RouteSocket, index: int) -> list[Route]:
    automatic = (_RTN_LOCAL, _RTN_BROADCAST, _RTN_ANYCAST, _RTN_MULTICAST)
    return [
        r
        for r in socket.routes(oif=index)
        if index in r.links
        and r.table != _RT_TABLE_LOCAL
        and r.type not in automatic
        and not r.destination.startswith(("fe80::/", "ff00::/"))
    ]


def _reached_first(route: Route) -> tuple[bool, int]:
    """A gateway must be reachable before a route goes through it: routes without one come first."""
    return (route.gateway is not None, -route.scope)
