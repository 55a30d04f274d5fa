"""Links are read right whatever the order and the shape of their messages."""

import socket
import struct

from hypothesis import given
from hypothesis import strategies as st

from os_vif.host.netlink import wire
from os_vif.host.netlink.address import parse_address, parse_route
from os_vif.host.netlink.link import LinkParser


def attr(kind: int, value: bytes) -> bytes:
    return struct.pack("=HH", len(value) + 4, kind) + value + b"\0" * (-len(value) % 4)


def u32(value: int) -> bytes:
    return struct.pack("=I", value)


def conf(numbers: dict[int, int], count: int) -> bytes:
    return b"".join(u32(numbers.get(number, 0)) for number in range(count))


HEADER = struct.pack("=BxHiII", 0, 1, 12, 0x1 | 0x40 | 0x100 | 0x10000, 0)
BRIDGE = [
    attr(3, b"br0\0"),
    attr(16, b"\6"),
    attr(4, u32(1450)),
    attr(27, u32(7)),
    attr(10, u32(3)),
    attr(20, b"os-vif:1\0"),
    attr(1, bytes.fromhex("02000000000a")),
    attr(
        18,
        attr(1, b"bridge\0")
        + attr(2, attr(1, u32(200)) + attr(4, u32(0)) + attr(5, u32(1)) + attr(23, b"\0")),
    ),
    attr(
        26,
        attr(2, attr(1, conf({17: 2, 18: 1}, 33))) + attr(10, attr(1, u32(0)) + attr(2, conf({26: 1}, 60))),
    ),
    attr(52 | 0x8000, attr(53, b"one\0") + attr(53, b"two\0")),
]


@given(st.permutations(BRIDGE))
def test_a_bridge_by_hand_in_any_order(parts: list[bytes]) -> None:
    link = LinkParser().parse(HEADER + b"".join(parts))
    assert (link.index, link.name, link.kind, link.mtu, link.address) == (
        12,
        "br0",
        "bridge",
        1450,
        "02:00:00:00:00:0a",
    )
    assert (link.up, link.running, link.carrier, link.promisc, link.operstate) == (
        True,
        True,
        True,
        True,
        "UP",
    )
    assert (link.master, link.parent, link.group, link.alias) == (3, 0, 7, "os-vif:1")
    assert link.altnames == ("one", "two")
    assert (link.forward_delay, link.ageing_time, link.stp, link.multicast_snooping) == (200, 0, True, False)
    assert (link.disable_ipv6, link.arp_ignore, link.arp_announce) == (True, 1, 2)
    assert (link.tun_mode, link.multi_queue, link.vlan_id) == (None, None, None)


@given(st.lists(st.permutations(BRIDGE), min_size=2, max_size=6))
def test_a_remembered_shape_is_not_taken_for_another_of_its_length(orders: list[list[bytes]]) -> None:
    parser = LinkParser()
    for parts in orders:
        payload = HEADER + b"".join(parts)
        assert parser.parse(payload) == LinkParser().parse(payload)


def test_kinds_of_one_length_are_told_apart() -> None:
    parser = LinkParser()

    def link(kind: bytes, data: bytes) -> bytes:
        return HEADER + attr(3, b"x\0") + attr(18, attr(1, kind) + attr(2, data))

    assert parser.parse(link(b"vlan", attr(1, b"\5\0"))).vlan_id == 5
    other = parser.parse(link(b"veth", attr(1, b"\5\0")))
    assert (other.kind, other.vlan_id) == ("veth", None)
    assert parser.parse(link(b"vlan", attr(1, b"\6\0"))).vlan_id == 6


def test_tun_and_tap() -> None:
    def link(mode: int) -> bytes:
        return (
            HEADER
            + attr(3, b"x\0")
            + attr(18, attr(1, b"tun\0") + attr(2, attr(3, bytes([mode])) + attr(7, b"\1")))
        )

    assert [LinkParser().parse(link(mode)).tun_mode for mode in (1, 2)] == ["tun", "tap"]
    assert LinkParser().parse(link(2)).multi_queue is True


def test_what_the_kernel_does_not_say_is_none() -> None:
    short = attr(26, attr(2, attr(1, conf({}, 18))) + attr(10, attr(2, conf({}, 26))))
    link = LinkParser().parse(HEADER + attr(3, b"x\0") + attr(1, b"") + short)
    assert (link.address, link.arp_ignore, link.arp_announce, link.disable_ipv6) == (None, None, None, None)
    assert (link.kind, link.forward_delay, link.stp) == ("", None, None)


@given(st.binary(max_size=200))
def test_a_walk_ends_on_any_bytes(raw: bytes) -> None:
    for _kind, start, length in wire.walk(raw, 0):
        assert start + length <= len(raw)
    for _type, _flags, _sequence, payload in wire.messages(raw):
        assert len(payload) <= len(raw)


def test_extended_ack_with_and_without_the_request() -> None:
    request = struct.pack("=IHHII", 36, 16, 5, 9, 0) + b"\0" * 20
    text = attr(1, b"mtu too big\0") + attr(2, u32(4))
    error = struct.pack("=i", -22)
    assert wire.outcome(2, 0x200, error + request + text) == (22, "mtu too big")
    assert wire.outcome(2, 0x300, error + request[:16] + text) == (22, "mtu too big")
    assert wire.outcome(2, 0x100, error + request[:16]) == (22, None)
    assert wire.outcome(2, 0x100, struct.pack("=i", 0) + request[:16]) == (0, None)
    assert wire.outcome(3, 0x200, error + text) == (22, "mtu too big")


def test_an_address_by_hand() -> None:
    header = struct.pack("=BBBBI", 2, 32, 0x80, 0, 4)
    raw = (
        attr(1, bytes([10, 0, 0, 2]))
        + attr(2, bytes([10, 0, 0, 1]))
        + attr(3, b"eth0:1\0")
        + attr(8, u32(0x281))
    )
    address = parse_address(header + raw)
    assert (address.address, address.prefix_length, address.peer) == ("10.0.0.1", 32, "10.0.0.2")
    assert (address.index, address.label, address.flags, address.secondary) == (4, "eth0:1", 0x281, True)
    assert address.attributes == raw


def test_routes_by_hand() -> None:
    header = struct.pack("=BBBBBBBBI", 2, 0, 0, 0, 252, 3, 0, 1, 0)
    via6 = struct.pack("=H", socket.AF_INET6) + socket.inet_pton(socket.AF_INET6, "fe80::1")
    route = parse_route(header + attr(15, u32(1000)) + attr(18, via6) + attr(4, u32(5)) + attr(6, u32(100)))
    assert route is not None
    assert (route.destination, route.gateway, route.oif, route.table) == ("default", "fe80::1", 5, 1000)
    assert route.metric == 100
    assert parse_route(header[:8] + u32(0x200)) is None
