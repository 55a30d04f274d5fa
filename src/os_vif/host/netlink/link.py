"""A network link as the kernel describes it in RTM_NEWLINK, with the words of ``ip -d link``.

Read by the engine to compare what is with what should be. Attribute numbers: uapi linux/if_link.h,
linux/if_tun.h, linux/ip.h (IPV4_DEVCONF_*), linux/ipv6.h (DEVCONF_*).
"""

from __future__ import annotations

import socket
import sys
from dataclasses import dataclass
from operator import itemgetter

from os_vif.host.netlink import wire

IFF_UP, IFF_RUNNING, IFF_PROMISC, IFF_LOWER_UP = 0x1, 0x40, 0x100, 0x10000

IFLA_ADDRESS, IFLA_IFNAME, IFLA_MTU, IFLA_LINK, IFLA_MASTER = 1, 3, 4, 5, 10
IFLA_OPERSTATE, IFLA_LINKINFO, IFLA_IFALIAS, IFLA_AF_SPEC, IFLA_GROUP = 16, 18, 20, 26, 27
IFLA_EXT_MASK, IFLA_PROP_LIST, IFLA_ALT_IFNAME = 29, 52, 53
IFLA_INFO_KIND, IFLA_INFO_DATA = 1, 2
IFLA_BR_FORWARD_DELAY, IFLA_BR_AGEING_TIME, IFLA_BR_STP_STATE, IFLA_BR_MCAST_SNOOPING = 1, 4, 5, 23
IFLA_TUN_TYPE, IFLA_TUN_MULTI_QUEUE = 3, 7
IFLA_VLAN_ID = 1
VETH_INFO_PEER = 1
IFLA_INET_CONF, IFLA_INET6_CONF = 1, 2
# The IPv4 numbers count from one, and the array holds number one first; the IPv6 numbers count from zero.
IPV4_DEVCONF_ARP_ANNOUNCE, IPV4_DEVCONF_ARP_IGNORE = 18, 19
DEVCONF_DISABLE_IPV6 = 26

# RFC 2863, as iproute2 spells them; the position is the kernel's number (linux/if.h, IF_OPER_*).
OPERSTATES = ("UNKNOWN", "NOTPRESENT", "DOWN", "LOWERLAYERDOWN", "TESTING", "DORMANT", "UP")
TUN_MODES = {1: "tun", 2: "tap"}

IFINFOMSG_SIZE = wire.IFINFOMSG.size
FIRST_HEADER = IFINFOMSG_SIZE >> 2
# A host has some dozens of shapes; the bounds are against growth without end.
HINTS, SHAPES_PER_HINT = 256, 4


@dataclass(frozen=True, slots=True)
class Link:
    """One link, as observed. None stands for what the kernel did not say (a vlan_id of a bridge, for
    example).

    ``forward_delay`` and ``ageing_time`` are in the kernel's unit, 1/100 s (USER_HZ); ``mtu`` in bytes;
    ``master`` and ``parent`` are interface indexes, 0 for none (a veth's parent is its peer, a VLAN's the
    link below it). ``running`` is IFF_RUNNING (operational), ``carrier`` IFF_LOWER_UP, ``promisc`` what was
    set on the link itself, not what its users (a bridge, a packet socket) ask of it.
    """

    index: int
    name: str
    kind: str  # "" for a physical device, else as `ip link add type`: "bridge", "veth", "tun", "vlan"
    mtu: int
    address: str | None
    up: bool
    running: bool
    carrier: bool
    promisc: bool
    operstate: str
    master: int = 0
    parent: int = 0
    group: int = 0
    alias: str = ""
    altnames: tuple[str, ...] = ()
    tun_mode: str | None = None  # "tap" or "tun", for kind "tun"
    multi_queue: bool | None = None
    vlan_id: int | None = None
    forward_delay: int | None = None
    ageing_time: int | None = None
    stp: bool | None = None
    multicast_snooping: bool | None = None
    disable_ipv6: bool | None = None
    arp_ignore: int | None = None
    arp_announce: int | None = None


class LinkParser:
    """Reads links out of RTM_NEWLINK and RTM_DELLINK messages.

    A message has some forty attributes, and walking through them is most of the work. The links of a host
    come in few shapes (same attributes, same lengths), so the parser remembers where things are in each
    shape, checks in one step that every header of a message is what it was in an earlier one, and reads.
    """

    def __init__(self) -> None:
        self._layouts: dict[tuple[int, int], list[_Layout]] = {}

    def parse(self, payload: bytes) -> Link:
        """The link in the payload of a message, attributes in any order."""
        words = memoryview(payload).cast("I")
        # The size, and the first header, which has the length of the name: cheap, and tells most shapes apart. The
        # rest (a qdisc "noop" takes as much room as "noqueue") is tried one after the other.
        hint = len(words), words[FIRST_HEADER]
        layouts = self._layouts.get(hint)
        if layouts is None:
            if len(self._layouts) >= HINTS:
                self._layouts.clear()
            layouts = self._layouts[hint] = []
        for layout in layouts:
            if layout.read_headers(words) == layout.headers:
                return layout.read(payload, words)
        layout = _Layout(payload, words)
        # A new list, not a changed one: another thread may be going through the old.
        self._layouts[hint] = [layout, *layouts[: SHAPES_PER_HINT - 1]]
        return layout.read(payload, words)


class _Layout:
    """Where the fields of a Link are in messages of one shape: word and byte offsets, 0 for what is not
    there.
    """

    def __init__(self, payload: bytes, words: memoryview[int]) -> None:
        self._headers: list[int] = []
        top = self._walk(payload, IFINFOMSG_SIZE, len(payload))
        none = (0, 0)
        name, length = top[IFLA_IFNAME]
        self.name = slice(name, name + length - 1)
        alias, length = top.get(IFLA_IFALIAS, none)
        # From a notification, or set by other programs, with or without its closing zero byte.
        self.alias = slice(alias, alias + length)
        address, length = top.get(IFLA_ADDRESS, none)
        self.address = slice(address, address + length)
        self.mtu, self.master, self.parent, self.group = (
            top.get(kind, none)[0] >> 2 for kind in (IFLA_MTU, IFLA_MASTER, IFLA_LINK, IFLA_GROUP)
        )
        self.operstate = top.get(IFLA_OPERSTATE, none)[0]
        properties, length = top.get(IFLA_PROP_LIST, none)
        self.altnames = slice(properties, properties + length)

        self.kind = ""
        info = self._walk(payload, *_inside(top.get(IFLA_LINKINFO, none)))
        if IFLA_INFO_KIND in info:
            start, length = info[IFLA_INFO_KIND]
            self.kind = wire.decode(payload[start : start + length])
            # The kind is a part of the shape, not read anew: so its letters are compared, too.
            self._headers += range(start >> 2, start + length + 3 >> 2)
        data: dict[int, tuple[int, int]] = {}
        if self.kind in ("bridge", "tun", "vlan"):
            data = self._walk(payload, *_inside(info.get(IFLA_INFO_DATA, none)))
        bridge, tun, vlan = (data if self.kind == kind else {} for kind in ("bridge", "tun", "vlan"))
        self.forward_delay = bridge.get(IFLA_BR_FORWARD_DELAY, none)[0] >> 2
        self.ageing_time = bridge.get(IFLA_BR_AGEING_TIME, none)[0] >> 2
        self.stp = bridge.get(IFLA_BR_STP_STATE, none)[0] >> 2
        self.multicast_snooping = bridge.get(IFLA_BR_MCAST_SNOOPING, none)[0]
        self.tun_type = tun.get(IFLA_TUN_TYPE, none)[0]
        self.multi_queue = tun.get(IFLA_TUN_MULTI_QUEUE, none)[0]
        self.vlan_id = vlan.get(IFLA_VLAN_ID, none)[0]

        families = self._walk(payload, *_inside(top.get(IFLA_AF_SPEC, none)))
        inet = self._walk(payload, *_inside(families.get(socket.AF_INET, none)))
        inet6 = self._walk(payload, *_inside(families.get(socket.AF_INET6, none)))
        # The arrays grow with the kernel; an older one may end before a number.
        start, length = inet.get(IFLA_INET_CONF, none)
        self.arp = start >> 2 if length >= 4 * IPV4_DEVCONF_ARP_IGNORE else 0
        start, length = inet6.get(IFLA_INET6_CONF, none)
        self.disable_ipv6 = (start >> 2) + DEVCONF_DISABLE_IPV6 if length > 4 * DEVCONF_DISABLE_IPV6 else 0

        self.read_headers = itemgetter(*self._headers)
        self.headers = self.read_headers(words)

    def read(self, payload: bytes, words: memoryview[int]) -> Link:
        flags = words[2]
        stp, snooping, ipv6, arp = self.stp, self.multicast_snooping, self.disable_ipv6, self.arp
        operstate = payload[self.operstate] if self.operstate else 0
        vlan = self.vlan_id
        return Link(
            words[1],
            payload[self.name].decode("utf-8", "surrogateescape"),
            self.kind,
            words[self.mtu] if self.mtu else 0,
            payload[self.address].hex(":") or None,
            flags & IFF_UP != 0,
            flags & IFF_RUNNING != 0,
            flags & IFF_LOWER_UP != 0,
            flags & IFF_PROMISC != 0,
            OPERSTATES[operstate] if operstate < len(OPERSTATES) else "UNKNOWN",
            words[self.master] if self.master else 0,
            words[self.parent] if self.parent else 0,
            words[self.group] if self.group else 0,
            wire.decode(payload[self.alias]) if self.alias.start else "",
            _altnames(payload[self.altnames]) if self.altnames.start else (),
            TUN_MODES.get(payload[self.tun_type]) if self.tun_type else None,
            payload[self.multi_queue] != 0 if self.multi_queue else None,
            int.from_bytes(payload[vlan : vlan + 2], sys.byteorder) if vlan else None,
            words[self.forward_delay] if self.forward_delay else None,
            words[self.ageing_time] if self.ageing_time else None,
            words[stp] != 0 if stp else None,
            payload[snooping] != 0 if snooping else None,
            words[ipv6] != 0 if ipv6 else None,
            words[arp + IPV4_DEVCONF_ARP_IGNORE - 1] if arp else None,
            words[arp + IPV4_DEVCONF_ARP_ANNOUNCE - 1] if arp else None,
        )

    def _walk(self, payload: bytes, start: int, end: int) -> dict[int, tuple[int, int]]:
        """Type -> (offset, length) of the value; every header passed belongs to the shape."""
        found = {}
        for kind, offset, length in wire.walk(payload, start, end):
            self._headers.append((offset >> 2) - 1)
            found[kind] = offset, length
        return found


def _inside(value: tuple[int, int]) -> tuple[int, int]:
    """The bounds of a nest."""
    start, length = value
    return start, start + length


def _altnames(properties: bytes) -> tuple[str, ...]:
    return tuple(
        wire.decode(properties[offset : offset + length])
        for kind, offset, length in wire.walk(properties, 0)
        if kind == IFLA_ALT_IFNAME
    )
