"""Addresses and routes as the kernel lists them, kept whole so that they can be put on another link
unchanged.

Read by the engine when a host's L3 configuration moves from a NIC to its bridge. Sources: uapi
linux/if_addr.h and linux/rtnetlink.h (struct ifaddrmsg, struct rtmsg).
"""

from __future__ import annotations

import socket
import struct
import sys
from dataclasses import dataclass

from os_vif.host.netlink import wire

# ifaddrmsg: family, prefix length, flags, scope, index.
IFADDRMSG = struct.Struct("=BBBBI")
# rtmsg: family, destination and source prefix lengths, tos, table, protocol, scope, type, flags.
RTMSG = struct.Struct("=BBBBBBBBI")

IFA_ADDRESS, IFA_LOCAL, IFA_LABEL, IFA_FLAGS = 1, 2, 3, 8
IFA_F_SECONDARY, IFA_F_PERMANENT = 0x01, 0x80
RTA_DST, RTA_OIF, RTA_GATEWAY, RTA_PRIORITY = 1, 4, 5, 6
RTA_PREFSRC, RTA_MULTIPATH, RTA_TABLE, RTA_VIA = 7, 9, 15, 18
RTM_F_CLONED = 0x200
RT_SCOPE_UNIVERSE = 0
# rtnexthop, one for each next hop in RTA_MULTIPATH: length with its attributes, flags, weight less one, link.
RTNEXTHOP = struct.Struct("=HBBi")


@dataclass(frozen=True, slots=True)
class Address:
    """One IP address of a link.

    ``scope`` is the kernel's number (0 global, 253 link, 254 host), ``flags`` the IFA_F_ bits, ``peer`` the
    far end of a point-to-point address. ``attributes`` are the attributes as the kernel sent them, lifetimes
    included; when the address is added again, the flags and the header come from the fields here.
    """

    index: int
    family: int  # socket.AF_INET or AF_INET6
    address: str
    prefix_length: int
    peer: str | None
    scope: int
    flags: int
    label: str | None
    attributes: bytes

    @property
    def secondary(self) -> bool:
        """IPv4: dropped by the kernel together with the first address of its subnet."""
        return self.family == socket.AF_INET and self.flags & IFA_F_SECONDARY != 0

    @property
    def dynamic(self) -> bool:
        """It has a lifetime: DHCP or a router advertisement put it there and renews it."""
        return self.flags & IFA_F_PERMANENT == 0


@dataclass(frozen=True, slots=True)
class Route:
    """One route. ``destination`` is "default" or "prefix/length"; ``table``, ``protocol``, ``scope`` and
    ``type`` are the kernel's numbers (main is table 254, unicast type 1); ``metric`` is the kernel's
    priority, 0 if not given.

    ``oif`` is 0 for a route with several next hops (``multipath``). ``header`` and ``attributes`` are the
    route as the kernel sent it.
    """

    family: int
    destination: str
    gateway: str | None
    oif: int
    prefsrc: str | None
    table: int
    protocol: int
    scope: int
    type: int
    metric: int
    multipath: bool
    header: bytes
    attributes: bytes

    @property
    def links(self) -> frozenset[int]:
        """Indices of all links the route goes over."""
        if not self.multipath:
            return frozenset({self.oif})
        return frozenset(RTNEXTHOP.unpack_from(self.attributes, at)[3] for at in next_hops(self.attributes))


def next_hops(attributes: bytes) -> list[int]:
    """Where the rtnexthop structures lie in the attributes of a route with several next hops."""
    offsets: list[int] = []
    for kind, start, length in wire.walk(attributes, 0):
        offset = start
        while kind == RTA_MULTIPATH and offset + RTNEXTHOP.size <= start + length:
            offsets.append(offset)
            offset += max(RTNEXTHOP.unpack_from(attributes, offset)[0] + 3 & -4, RTNEXTHOP.size)
    return offsets


def parse_address(payload: bytes) -> Address:
    """The address in an RTM_NEWADDR message."""
    family, prefix_length, short_flags, scope, index = IFADDRMSG.unpack_from(payload)
    given = _values(payload, IFADDRMSG.size)
    far = _ip(family, given.get(IFA_ADDRESS))
    near = _ip(family, given.get(IFA_LOCAL)) or far
    return Address(
        index=index,
        family=family,
        address=near or "",
        prefix_length=prefix_length,
        peer=far if far != near else None,
        scope=scope,
        flags=_u32(given.get(IFA_FLAGS)) if IFA_FLAGS in given else short_flags,
        label=wire.decode(given[IFA_LABEL]) if IFA_LABEL in given else None,
        attributes=payload[IFADDRMSG.size :],
    )


def parse_route(payload: bytes) -> Route | None:
    """The route in an RTM_NEWROUTE message; None for an entry of the cache (RTM_F_CLONED)."""
    family, length, _from, _tos, table, protocol, scope, kind, flags = RTMSG.unpack_from(payload)
    if flags & RTM_F_CLONED:
        return None
    given = _values(payload, RTMSG.size)
    destination = _ip(family, given.get(RTA_DST))
    return Route(
        family=family,
        destination=f"{destination}/{length}" if destination else "default",
        gateway=_gateway(family, given),
        oif=_u32(given.get(RTA_OIF)),
        prefsrc=_ip(family, given.get(RTA_PREFSRC)),
        # Tables above 255 do not fit the header.
        table=_u32(given.get(RTA_TABLE)) or table,
        protocol=protocol,
        scope=scope,
        type=kind,
        metric=_u32(given.get(RTA_PRIORITY)),
        multipath=RTA_MULTIPATH in given,
        header=payload[: RTMSG.size],
        attributes=payload[RTMSG.size :],
    )


def _values(payload: bytes, start: int) -> dict[int, bytes]:
    return {kind: payload[offset : offset + length] for kind, offset, length in wire.walk(payload, start)}


def _ip(family: int, value: bytes | None) -> str | None:
    return socket.inet_ntop(family, value) if value is not None else None


def _gateway(family: int, given: dict[int, bytes]) -> str | None:
    """RTA_GATEWAY, or RTA_VIA (an address of another family: IPv4 over an IPv6 next hop, RFC 5549)."""
    via = given.get(RTA_VIA)
    if via is not None:
        return _ip(int.from_bytes(via[:2], sys.byteorder), via[2:])
    return _ip(family, given.get(RTA_GATEWAY))


def _u32(value: bytes | None) -> int:
    return int.from_bytes(value, sys.byteorder) if value is not None else 0
