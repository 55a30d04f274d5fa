"""A network link as the kernel describes it in RTM_NEWLINK, with the words of ``ip -d link``.

Read by the engine to compare what is with what should be. Attribute numbers: uapi linux/if_link.h,
linux/if_tun.h, linux/ip.h (IPV4_DEVCONF_*), linux/ipv6.h (DEVCONF_*).
"""

from __future__ import annotations

import socket
import struct
from dataclasses import dataclass

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


def parse_link(raw: bytes, start: int, end: int) -> Link:
    """The link in the payload raw[start:end] of an RTM_NEWLINK or RTM_DELLINK message."""
    u32_at = wire.u32_at
    _family, _type, index, flags, _change = wire.IFINFOMSG.unpack_from(raw, start)
    at = wire.attribute_offsets(raw, start + wire.IFINFOMSG.size, end)
    find = at.get

    name_at = at[IFLA_IFNAME]
    mtu_at, address_at, master_at = find(IFLA_MTU), find(IFLA_ADDRESS), find(IFLA_MASTER)
    parent_at, group_at, alias_at = find(IFLA_LINK), find(IFLA_GROUP), find(IFLA_IFALIAS)
    operstate_at, info_at, families_at = find(IFLA_OPERSTATE), find(IFLA_LINKINFO), find(IFLA_AF_SPEC)

    kind = ""
    tun_mode: str | None = None
    vlan_id = forward_delay = ageing_time = None
    multi_queue = stp = multicast_snooping = None
    if info_at is not None:
        info = wire.attribute_offsets(raw, info_at + 4, info_at + wire.u16_at(raw, info_at)[0])
        kind_at, data_at = info.get(IFLA_INFO_KIND), info.get(IFLA_INFO_DATA)
        if kind_at is not None:
            kind = wire.text_at(raw, kind_at)
        if data_at is not None and kind in ("bridge", "tun", "vlan"):
            data = wire.attribute_offsets(raw, data_at + 4, data_at + wire.u16_at(raw, data_at)[0])
            if kind == "bridge":
                forward_delay = _u32(raw, data, IFLA_BR_FORWARD_DELAY)
                ageing_time = _u32(raw, data, IFLA_BR_AGEING_TIME)
                stp = bool(raw[data[IFLA_BR_STP_STATE] + 4]) if IFLA_BR_STP_STATE in data else None
                multicast_snooping = _flag(raw, data, IFLA_BR_MCAST_SNOOPING)
            elif kind == "tun":
                if IFLA_TUN_TYPE in data:
                    tun_mode = TUN_MODES.get(raw[data[IFLA_TUN_TYPE] + 4])
                multi_queue = _flag(raw, data, IFLA_TUN_MULTI_QUEUE)
            elif IFLA_VLAN_ID in data:
                vlan_id = wire.u16_at(raw, data[IFLA_VLAN_ID] + 4)[0]

    disable_ipv6 = arp_ignore = arp_announce = None
    if families_at is not None:
        families = wire.attribute_offsets(
            raw, families_at + 4, families_at + wire.u16_at(raw, families_at)[0]
        )
        conf, length = _conf(raw, families.get(socket.AF_INET), IFLA_INET_CONF)
        if length >= 4 * IPV4_DEVCONF_ARP_IGNORE:
            arp_announce, arp_ignore = _ARP_PAIR(raw, conf + 4 * (IPV4_DEVCONF_ARP_ANNOUNCE - 1))
        conf, length = _conf(raw, families.get(socket.AF_INET6), IFLA_INET6_CONF)
        if length > 4 * DEVCONF_DISABLE_IPV6:
            disable_ipv6 = u32_at(raw, conf + 4 * DEVCONF_DISABLE_IPV6)[0] != 0

    operstate = raw[operstate_at + 4] if operstate_at is not None else 0
    return Link(
        index,
        wire.text_at(raw, name_at),
        kind,
        u32_at(raw, mtu_at + 4)[0] if mtu_at is not None else 0,
        wire.value_at(raw, address_at).hex(":") or None if address_at is not None else None,
        flags & IFF_UP != 0,
        flags & IFF_RUNNING != 0,
        flags & IFF_LOWER_UP != 0,
        flags & IFF_PROMISC != 0,
        OPERSTATES[operstate] if operstate < len(OPERSTATES) else "UNKNOWN",
        u32_at(raw, master_at + 4)[0] if master_at is not None else 0,
        u32_at(raw, parent_at + 4)[0] if parent_at is not None else 0,
        u32_at(raw, group_at + 4)[0] if group_at is not None else 0,
        wire.text_at(raw, alias_at) if alias_at is not None else "",
        _altnames(raw, at[IFLA_PROP_LIST]) if IFLA_PROP_LIST in at else (),
        tun_mode,
        multi_queue,
        vlan_id,
        forward_delay,
        ageing_time,
        stp,
        multicast_snooping,
        disable_ipv6,
        arp_ignore,
        arp_announce,
    )


def first_name(raw: bytes, start: int, end: int) -> str | None:
    """The name in a link message, if it is its first attribute, as the kernel writes it: found without a
    walk.
    """
    offset = start + wire.IFINFOMSG.size
    if offset < end and wire.u16_at(raw, offset + 2)[0] == IFLA_IFNAME:
        return wire.text_at(raw, offset)
    return None


_ARP_PAIR = struct.Struct("=II").unpack_from


def _u32(raw: bytes, offsets: dict[int, int], kind: int) -> int | None:
    offset = offsets.get(kind)
    return wire.u32_at(raw, offset + 4)[0] if offset is not None else None


def _flag(raw: bytes, offsets: dict[int, int], kind: int) -> bool | None:
    offset = offsets.get(kind)
    return raw[offset + 4] != 0 if offset is not None else None


def _conf(raw: bytes, family_at: int | None, kind: int) -> tuple[int, int]:
    """Offset and length in bytes of the array of 32-bit sysctls of one address family."""
    if family_at is None:
        return 0, 0
    offset = wire.attribute_offsets(raw, family_at + 4, family_at + wire.u16_at(raw, family_at)[0]).get(kind)
    return (offset + 4, wire.u16_at(raw, offset)[0] - 4) if offset is not None else (0, 0)


def _altnames(raw: bytes, list_at: int) -> tuple[str, ...]:
    # The same type once per name: a walk of its own, since the dictionary keeps the last only.
    names = []
    offset, end = list_at + 4, list_at + wire.u16_at(raw, list_at)[0]
    while offset + 4 <= end:
        length, kind = wire.ATTRIBUTE.unpack_from(raw, offset)
        if kind & wire.NLA_TYPE_MASK == IFLA_ALT_IFNAME:
            names.append(wire.text_at(raw, offset))
        offset += length + 3 & -4 or end
    return tuple(names)
