"""Moving the layer-3 configuration of a link to another: all addresses and routes, and back if anything fails.

A NIC that becomes a port of a bridge no longer receives what is sent to its addresses: they must be on the bridge.
Called by the executor. Addresses are put on the new link before they leave the old one and routes are replaced, not
deleted and added, so that at no moment the host is without them.
"""

from __future__ import annotations

import errno
import socket as _socket
from collections.abc import Callable, Sequence
from dataclasses import replace
from ipaddress import ip_network
from pathlib import Path

from os_vif.host.netlink import Address, Message, NetlinkError, Route, RouteSocket, requests, wire

_SCOPE_LINK = 253
_IFA_F_TEMPORARY, _IFA_F_NODAD, _IFA_F_NOPREFIXROUTE = 0x01, 0x02, 0x200
_IFA_F_STATES = 0x04 | 0x08 | 0x20 | 0x40  # OPTIMISTIC, DADFAILED, DEPRECATED, TENTATIVE: not ours to set
_RT_TABLE_LOCAL = 255
_RTPROT_KERNEL = 2
_RTN_LOCAL, _RTN_BROADCAST, _RTN_ANYCAST, _RTN_MULTICAST = 2, 3, 4, 5


def configured(socket: RouteSocket, index: int) -> bool:
    """Whether the link with this index has addresses or routes that a bridge should have instead."""
    found = _addresses(socket, index)
    return bool(found or _routes(socket, index, found))


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
        routes = sorted(_routes(self._socket, self._source, found), key=_reached_first)
        if _socket.AF_INET6 in {address.family for address in found} | {route.family for route in routes}:
            self._turn_ipv6_on()
        for address in found:
            self._add(address)
        for route in routes:
            self._replace(route)
        for address in reversed(found):  # secondaries first: a primary takes them along
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

    def _change(self, message: Message, undo: Callable[[], object]) -> None:
        try:
            self._socket.request(message)
        except NetlinkError as error:
            if error.errno == errno.ENOBUFS:  # only the answer was lost: it may have been done
                self._log.append(undo)
            raise
        self._log.append(undo)

    def _turn_ipv6_on(self) -> None:
        """Bridges are made with IPv6 off; one that takes over addresses or routes of IPv6 needs it."""
        path = Path("/proc/sys/net/ipv6/conf", self._target_name, "disable_ipv6")
        before = path.read_text()
        if before.strip() != "0":
            path.write_text("0")
            self._log.append(lambda: path.write_text(before))

    def _add(self, address: Address) -> None:
        moved = requests.delete_address(replace(address, index=self._target))
        try:
            self._change(_undetected(address, self._target), lambda: self._socket.request(moved))
        except NetlinkError as error:
            if error.errno != errno.EEXIST:
                raise
        self._allow_detection(address, self._target)

    def _delete(self, address: Address) -> None:
        try:
            self._change(requests.delete_address(address), lambda: self._put_back(address))
        except NetlinkError as error:
            if error.errno != errno.EADDRNOTAVAIL:
                raise
            self._log.append(lambda: self._put_back(address))  # it went with its primary

    def _put_back(self, address: Address) -> None:
        self._socket.request(_undetected(address, self._source))
        self._allow_detection(address, self._source)

    def _allow_detection(self, address: Address, index: int) -> None:
        """Take the flag off again that kept the kernel from looking for duplicates of this address."""
        if address.family == _socket.AF_INET6 and not address.flags & _IFA_F_NODAD:
            plain = requests.add_address(replace(address, flags=address.flags & ~_IFA_F_STATES), index)
            self._socket.request(replace(plain, flags=wire.NLM_F_REPLACE))

    def _replace(self, route: Route) -> None:
        back = requests.replace_route(route, self._source, self._source)
        self._change(
            requests.replace_route(route, self._source, self._target), lambda: self._socket.request(back)
        )


def _undetected(address: Address, index: int) -> Message:
    """Add an address at once: the duplicate that the kernel would find is its own, on the other link."""
    flags = address.flags & ~_IFA_F_STATES
    if address.family == _socket.AF_INET6:
        flags |= _IFA_F_NODAD
    return requests.add_address(replace(address, flags=flags), index)


def _addresses(socket: RouteSocket, index: int) -> list[Address]:
    """In the order in which they must be added to get the same order: the kernel prefers the first one.

    It lists IPv4 addresses in the order of their making, IPv6 addresses of one scope latest first.
    """
    found = socket.addresses(index)
    inet6 = [
        a
        for a in found
        if a.family == _socket.AF_INET6 and a.scope != _SCOPE_LINK and not a.flags & _IFA_F_TEMPORARY
    ]
    return [a for a in found if a.family == _socket.AF_INET] + inet6[::-1]


def _routes(socket: RouteSocket, index: int, addresses: Sequence[Address]) -> list[Route]:
    """Those that do not come and go with the link's addresses."""
    # NetworkManager adds the routes to these subnets itself, and as if they were the kernel's
    by_hand = {
        str(ip_network(f"{a.address}/{a.prefix_length}", strict=False))
        for a in addresses
        if a.flags & _IFA_F_NOPREFIXROUTE
    }
    automatic = (_RTN_LOCAL, _RTN_BROADCAST, _RTN_ANYCAST, _RTN_MULTICAST)
    return [
        r
        for r in socket.routes(oif=index)
        if index in r.links
        and r.table != _RT_TABLE_LOCAL
        and r.type not in automatic
        and not r.destination.startswith(("fe80::/", "ff00::/"))
        and (r.protocol != _RTPROT_KERNEL or r.destination in by_hand)
    ]


def _reached_first(route: Route) -> tuple[bool, int]:
    """A gateway must be reachable before a route goes through it: routes without one come first."""
    return (route.gateway is not None, -route.scope)
