"""The requests the engine makes, as data: each function returns a Message for RouteSocket.execute() or
request().

Links are addressed by name wherever a name is given: the kernel looks it up, no question has to be asked
before. What exists already is an error for the ``new_`` and ``add_`` requests (EEXIST). Attributes: uapi
linux/if_link.h.

An ifalias and the ARP sysctls cannot be set while a link is made (the kernel ignores them there):
``set_link`` in the same execute().
"""

from __future__ import annotations

import socket

from os_vif.host.netlink import wire
from os_vif.host.netlink.address import (
    IFA_FLAGS,
    IFA_LABEL,
    IFADDRMSG,
    RTA_OIF,
    RTMSG,
    RTNEXTHOP,
    Address,
    Route,
    next_hops,
)
from os_vif.host.netlink.link import (
    IFF_PROMISC,
    IFF_UP,
    IFLA_ADDRESS,
    IFLA_AF_SPEC,
    IFLA_ALT_IFNAME,
    IFLA_BR_AGEING_TIME,
    IFLA_BR_FORWARD_DELAY,
    IFLA_BR_MCAST_SNOOPING,
    IFLA_BR_STP_STATE,
    IFLA_GROUP,
    IFLA_IFALIAS,
    IFLA_IFNAME,
    IFLA_INET_CONF,
    IFLA_INFO_DATA,
    IFLA_INFO_KIND,
    IFLA_LINK,
    IFLA_LINKINFO,
    IFLA_MASTER,
    IFLA_MTU,
    IFLA_PROP_LIST,
    IFLA_VLAN_ID,
    IPV4_DEVCONF_ARP_ANNOUNCE,
    IPV4_DEVCONF_ARP_IGNORE,
    VETH_INFO_PEER,
)
from os_vif.host.netlink.wire import Message

IFNAMSIZ, ALTIFNAMSIZ, IFALIASZ = 16, 128, 256
RTNH_F_ONLINK = 4
RTA_CACHEINFO, RTA_NH_ID = 12, 30
NEW = wire.NLM_F_CREATE | wire.NLM_F_EXCL


def new_bridge(
    name: str,
    *,
    mtu: int | None = None,
    address: str | None = None,
    forward_delay: int | None = None,
    stp: bool | None = None,
    multicast_snooping: bool | None = None,
    ageing_time: int | None = None,
    group: int | None = None,
    up: bool = False,
) -> Message:
    """``ip link add NAME type bridge``. ``forward_delay`` and ``ageing_time`` in 1/100 s (the kernel rounds
    down to its own tick), ``mtu`` in bytes.

    None leaves a setting to the kernel (forward delay 15 s, ageing 300 s, no STP, snooping on).
    """
    data = b""
    if forward_delay is not None:
        data += wire.u32(IFLA_BR_FORWARD_DELAY, forward_delay)
    if ageing_time is not None:
        data += wire.u32(IFLA_BR_AGEING_TIME, ageing_time)
    if stp is not None:
        data += wire.u32(IFLA_BR_STP_STATE, int(stp))
    if multicast_snooping is not None:
        data += wire.u8(IFLA_BR_MCAST_SNOOPING, int(multicast_snooping))
    settings = _settings(mtu=mtu, address=address, group=group)
    return _new(f"create bridge {name}", name, settings, "bridge", data, up=up)


def new_veth(
    name: str,
    peer: str,
    *,
    mtu: int | None = None,
    address: str | None = None,
    peer_address: str | None = None,
    master: int | None = None,
    group: int | None = None,
    up: bool = False,
) -> Message:
    """``ip link add NAME type veth peer name PEER``. ``mtu`` and ``group`` are for both ends; ``address``,
    ``master`` (an interface index) and ``up`` for NAME. The kernel does not make a peer that is up:
    set_link(peer, up=True) after it.
    """
    far = _IFINFOMSG_NONE + wire.text(IFLA_IFNAME, check_new_name(peer))
    far += _settings(mtu=mtu, address=peer_address, group=group)
    settings = _settings(mtu=mtu, address=address, master=master, group=group)
    data = wire.attribute(VETH_INFO_PEER | wire.NLA_F_NESTED, far)
    return _new(f"create veth pair {name}, {peer}", name, settings, "veth", data, up=up)


def new_vlan(
    name: str,
    link_index: int,
    vlan_id: int,
    *,
    mtu: int | None = None,
    address: str | None = None,
    group: int | None = None,
    up: bool = False,
) -> Message:
    """``ip link add link LINK name NAME type vlan id ID`` (802.1Q). ``link_index`` is the link below."""
    settings = wire.u32(IFLA_LINK, link_index) + _settings(mtu=mtu, address=address, group=group)
    what = f"create VLAN {vlan_id} as {name} on link {link_index}"
    return _new(what, name, settings, "vlan", wire.u16(IFLA_VLAN_ID, vlan_id), up=up)


def set_link(
    name_or_index: str | int,
    *,
    mtu: int | None = None,
    address: str | None = None,
    alias: str | None = None,
    master: int | None = None,
    up: bool | None = None,
    promisc: bool | None = None,
    group: int | None = None,
    arp_ignore: int | None = None,
    arp_announce: int | None = None,
    new_name: str | None = None,
) -> Message:
    """``ip link set``; None leaves a setting as it is. ``master`` is an interface index, 0 releases the
    link; an empty ``alias`` removes it; ``new_name`` needs the link's index (by a name the kernel cannot
    tell old from new).

    The kernel applies the settings one after the other and stops at the first it refuses: those before it
    stay.
    """
    words = {
        "mtu": mtu,
        "address": address,
        "alias": alias,
        "master": master,
        "group": group,
        "arp_ignore": arp_ignore,
        "arp_announce": arp_announce,
        "name": new_name,
    }
    said = [f"{word} {value}" for word, value in words.items() if value is not None]
    flags = change = 0
    for word, value, bit in (("up", up, IFF_UP), ("promisc on", promisc, IFF_PROMISC)):
        if value is not None:
            change |= bit
            flags |= bit if value else 0
            said.append(word if value else {"up": "down"}.get(word, "promisc off"))
    index, named = _target(name_or_index)
    payload = named + _settings(mtu=mtu, address=address, alias=alias, master=master, group=group)
    if new_name is not None:
        if not index:
            raise ValueError(f"cannot rename {name_or_index} to {new_name} by name: give the link's index")
        payload += wire.text(IFLA_IFNAME, check_new_name(new_name))
    conf = b""
    if arp_ignore is not None:
        conf += wire.u32(IPV4_DEVCONF_ARP_IGNORE, arp_ignore)
    if arp_announce is not None:
        conf += wire.u32(IPV4_DEVCONF_ARP_ANNOUNCE, arp_announce)
    if conf:
        family = wire.nest(socket.AF_INET, wire.nest(IFLA_INET_CONF, conf))
        payload += wire.nest(IFLA_AF_SPEC, family)
    header = wire.IFINFOMSG.pack(0, 0, index, flags, change)
    what = f"set {', '.join(said)} on {_called(name_or_index)}"
    return Message(wire.RTM_SETLINK, 0, header + payload, what)


def delete_link(name_or_index: str | int) -> Message:
    """``ip link delete``. The other end of a veth pair, and VLANs on the link, go with it."""
    index, named = _target(name_or_index)
    header = wire.IFINFOMSG.pack(0, 0, index, 0, 0)
    return Message(wire.RTM_DELLINK, 0, header + named, f"delete {_called(name_or_index)}")


def delete_group(group: int) -> Message:
    """``ip link delete group``: every link of the group, for the price of one RCU grace period."""
    if group <= 0:
        raise ValueError("group 0 is every link that was never put into a group: not to be deleted")
    payload = _IFINFOMSG_NONE + wire.u32(IFLA_GROUP, group)
    return Message(wire.RTM_DELLINK, 0, payload, f"delete all links of group {group}")


def add_altname(name: str, altname: str) -> Message:
    """``ip link property add dev NAME altname ALTNAME``; up to 127 bytes."""
    what = f"add altname {altname} to {name}"
    return Message(wire.RTM_NEWLINKPROP, NEW, _altname(name, altname), what)


def del_altname(name: str, altname: str) -> Message:
    """``ip link property del dev NAME altname ALTNAME``."""
    return Message(wire.RTM_DELLINKPROP, 0, _altname(name, altname), f"remove altname {altname} from {name}")


def add_address(address: Address, index: int) -> Message:
    """Put an address, as it was read from some link, on the link with this index."""
    what = f"add {_cidr(address)} to link {index}"
    return Message(wire.RTM_NEWADDR, NEW, _address(address, index), what)


def delete_address(address: Address) -> Message:
    """Take an address off the link it was read from."""
    what = f"delete {_cidr(address)} from link {address.index}"
    return Message(wire.RTM_DELADDR, 0, _address(address, address.index), what)


def add_route(route: Route, oif: int) -> Message:
    """Add a route, as it was read, over the link with index ``oif``. ValueError for a route with several
    next hops: each has a link of its own.
    """
    if route.multipath:
        raise ValueError(f"route {route.destination} has several next hops: move it by hand")
    what = f"add route {_via(route)} over link {oif}"
    return Message(wire.RTM_NEWROUTE, NEW, _route(route, oif), what)


def replace_route(route: Route, source: int, target: int) -> Message:
    """Have a route, as it was read, go over link ``target`` where it went over ``source``, in one step and with
    all its attributes; the other next hops of a route with several stay.
    """
    what = f"move route {_via(route)} from link {source} to link {target}"
    payload = _route(route, target)
    if route.multipath:
        payload = payload[: RTMSG.size] + _redirected(payload[RTMSG.size :], source, target)
    return Message(wire.RTM_NEWROUTE, wire.NLM_F_CREATE | wire.NLM_F_REPLACE, payload, what)


def delete_route(route: Route) -> Message:
    """Delete a route as it was read."""
    what = f"delete route {_via(route)} over link {route.oif}"
    return Message(wire.RTM_DELROUTE, 0, _route(route, route.oif), what)


_IFINFOMSG_NONE = wire.IFINFOMSG.pack(0, 0, 0, 0, 0)


def _new(what: str, name: str, settings: bytes, kind: str, data: bytes, *, up: bool) -> Message:
    header = wire.IFINFOMSG.pack(0, 0, 0, IFF_UP if up else 0, IFF_UP if up else 0)
    info = wire.attribute(IFLA_INFO_KIND, kind.encode())
    if data:
        info += wire.nest(IFLA_INFO_DATA, data)
    payload = (
        header + wire.text(IFLA_IFNAME, check_new_name(name)) + settings + wire.nest(IFLA_LINKINFO, info)
    )
    return Message(wire.RTM_NEWLINK, NEW, payload, what)


def _settings(
    *,
    mtu: int | None = None,
    address: str | None = None,
    alias: str | None = None,
    master: int | None = None,
    group: int | None = None,
) -> bytes:
    found = b""
    if address is not None:
        found += wire.attribute(IFLA_ADDRESS, bytes.fromhex(address.replace(":", "")))
    if mtu is not None:
        found += wire.u32(IFLA_MTU, mtu)
    if alias is not None:
        # Without a closing zero byte, as iproute2: the kernel would keep it as part of the alias.
        raw = wire.encode(alias)
        if len(raw) >= IFALIASZ:
            raise ValueError(f"an ifalias holds {IFALIASZ - 1} bytes, this has {len(raw)}: {alias}")
        found += wire.attribute(IFLA_IFALIAS, raw)
    if master is not None:
        found += wire.u32(IFLA_MASTER, master)
    if group is not None:
        found += wire.u32(IFLA_GROUP, group)
    return found


def _target(name_or_index: str | int) -> tuple[int, bytes]:
    """Index and name attribute that address an existing link: one of the two."""
    if isinstance(name_or_index, int):
        if name_or_index <= 0:
            raise ValueError(f"{name_or_index} is no interface index")
        return name_or_index, b""
    raw = wire.encode(name_or_index)
    if not raw or len(raw) >= ALTIFNAMSIZ:
        raise ValueError(f"a link's name has 1 to {ALTIFNAMSIZ - 1} bytes: {name_or_index!r}")
    return 0, wire.text(IFLA_IFNAME if len(raw) < IFNAMSIZ else IFLA_ALT_IFNAME, name_or_index)


def check_new_name(name: str) -> str:
    """Refuse a name that the kernel refuses without saying why, or does not take as it is (``tap%d``)."""
    raw = wire.encode(name)
    if not 0 < len(raw) < IFNAMSIZ:
        raise ValueError(f"a link's name has 1 to {IFNAMSIZ - 1} bytes, this has {len(raw)}: {name!r}")
    if name in (".", "..") or any(char.isspace() or char in "/:%\0" for char in name):
        raise ValueError(f"the kernel does not take {name!r} as the name of a link")
    return name


def _altname(name: str, altname: str) -> bytes:
    index, named = _target(name)
    properties = wire.nest(IFLA_PROP_LIST, wire.text(IFLA_ALT_IFNAME, altname))
    return wire.IFINFOMSG.pack(0, 0, index, 0, 0) + named + properties


def _address(address: Address, index: int) -> bytes:
    """The attributes as read, but the flags, which the caller may have changed, and a label that is only the
    name of the old link: the kernel fills in the new one.
    """
    header = IFADDRMSG.pack(address.family, address.prefix_length, address.flags & 0xFF, address.scope, index)
    own_label = address.label is not None and ":" in address.label
    dropped = frozenset({IFA_FLAGS}) if own_label else frozenset({IFA_FLAGS, IFA_LABEL})
    return header + _without(address.attributes, dropped) + wire.u32(IFA_FLAGS, address.flags)


def _route(route: Route, oif: int) -> bytes:
    """The route as read, over another link, without what is state and not configuration: flags such as "link
    down" (the kernel refuses them), cache times, and the id of a nexthop object, which belongs to the old
    link.
    """
    family, to, source, tos, table, protocol, scope, kind, flags = RTMSG.unpack(route.header)
    header = RTMSG.pack(family, to, source, tos, table, protocol, scope, kind, flags & RTNH_F_ONLINK)
    if route.multipath:
        return header + _without(route.attributes, frozenset({RTA_CACHEINFO}))
    attributes = _without(route.attributes, frozenset({RTA_CACHEINFO, RTA_NH_ID, RTA_OIF}))
    return header + attributes + wire.u32(RTA_OIF, oif)


def _redirected(attributes: bytes, source: int, target: int) -> bytes:
    changed = bytearray(attributes)
    for offset in next_hops(attributes):
        size, flags, weight, index = RTNEXTHOP.unpack_from(attributes, offset)
        index = target if index == source else index
        RTNEXTHOP.pack_into(changed, offset, size, flags & RTNH_F_ONLINK, weight, index)
    return bytes(changed)


def _without(attributes: bytes, kinds: frozenset[int]) -> bytes:
    return b"".join(
        attributes[offset - wire.ATTRIBUTE_SIZE : offset + (length + 3 & -4)]
        for kind, offset, length in wire.walk(attributes, 0)
        if kind not in kinds
    )


def _called(name_or_index: str | int) -> str:
    return name_or_index if isinstance(name_or_index, str) else f"link {name_or_index}"


def _cidr(address: Address) -> str:
    return f"{address.address}/{address.prefix_length}"


def _via(route: Route) -> str:
    return f"{route.destination} via {route.gateway}" if route.gateway else route.destination
