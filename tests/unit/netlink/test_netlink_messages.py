"""Requests are the bytes that the uapi headers ask for, and that iproute2 sends."""

import socket
import struct

import pytest

from os_vif.host.netlink import Address, Route, requests, wire

IFINFOMSG = struct.Struct("=BxHiII")
SIZE = IFINFOMSG.size


def attr(kind: int, value: bytes) -> bytes:
    return struct.pack("=HH", len(value) + 4, kind) + value + b"\0" * (-len(value) % 4)


def tree(raw: bytes, nests: frozenset[tuple[int, ...]], path: tuple[int, ...] = ()) -> dict[int, object]:
    """Attributes as a dictionary, so that order and the NLA_F_NESTED bit do not matter to a comparison."""
    found: dict[int, object] = {}
    for kind, start, length in wire.walk(raw, 0):
        value = raw[start : start + length]
        here = (*path, kind)
        found[kind] = tree(value, nests, here) if here in nests else value
    return found


LINKINFO = frozenset({(18,), (18, 2)})


def test_new_vlan_says_what_iproute2_sends() -> None:
    """No 8021q in every kernel these tests run on. Recorded from iproute2 6.1 with strace:
    ip link add link lo name vlan100 address 02:00:00:00:00:05 mtu 1450 up type vlan id 100
    """
    recorded = bytes.fromhex(
        "60000000 10000506 3f26016b 00000000 00000000 00000000 01000000 01000000"
        "0a000100 02000000 00050000 08000400 aa050000 08000500 01000000 0c000300"
        "766c616e 31303000 18001200 08000100 766c616e 0c000200 06000100 64000000"
    )
    message = requests.new_vlan("vlan100", 1, 100, mtu=1450, address="02:00:00:00:00:05", up=True)
    _length, kind, flags, _sequence, _port = wire.HEADER.unpack_from(recorded)
    assert (message.type, message.flags | wire.NLM_F_REQUEST | wire.NLM_F_ACK) == (kind, flags)
    assert message.payload[:SIZE] == recorded[16 : 16 + SIZE]
    assert tree(message.payload[SIZE:], LINKINFO) == tree(recorded[16 + SIZE :], LINKINFO)
    assert message.what == "create VLAN 100 as vlan100 on link 1"


def test_new_bridge_by_hand() -> None:
    message = requests.new_bridge(
        "br0", mtu=1450, forward_delay=0, stp=False, multicast_snooping=False, ageing_time=30000, up=True
    )
    data = attr(1, b"\0" * 4) + attr(4, struct.pack("=I", 30000)) + attr(5, b"\0" * 4) + attr(23, b"\0")
    assert message.type == 16
    assert message.flags == 0x400 | 0x200
    assert message.payload == (
        IFINFOMSG.pack(0, 0, 0, 1, 1)
        + attr(3, b"br0\0")
        + attr(4, struct.pack("=I", 1450))
        + attr(18 | 0x8000, attr(1, b"bridge") + attr(2 | 0x8000, data))
    )


def test_set_link_by_name_by_hand() -> None:
    message = requests.set_link("eth1", mtu=9000, master=0, up=False, promisc=True, arp_ignore=1, alias="x")
    conf = attr(26 | 0x8000, attr(2 | 0x8000, attr(1 | 0x8000, attr(19, struct.pack("=I", 1)))))
    assert message.type == 19
    assert message.payload == (
        IFINFOMSG.pack(0, 0, 0, 0x100, 0x101)
        + attr(3, b"eth1\0")
        + attr(4, struct.pack("=I", 9000))
        + attr(20, b"x")
        + attr(10, b"\0\0\0\0")
        + conf
    )
    assert message.what == "set mtu 9000, alias x, master 0, arp_ignore 1, down, promisc on on eth1"


def test_long_names_are_looked_up_as_altnames() -> None:
    assert attr(3, b"fifteen-letters\0") in requests.delete_link("fifteen-letters").payload
    assert attr(53, b"sixteen-letters-\0") in requests.delete_link("sixteen-letters-").payload


@pytest.mark.parametrize(
    "name", ["", "sixteen-letters-", "a/b", "a b", "a:b", ".", "..", "tap%d", "a\0b", "ü" * 8]
)
def test_names_the_kernel_does_not_take_as_they_are(name: str) -> None:
    with pytest.raises(ValueError, match="name"):
        requests.new_bridge(name)


def test_what_would_hit_too_much_is_refused() -> None:
    with pytest.raises(ValueError, match="group 0"):
        requests.delete_group(0)
    with pytest.raises(ValueError, match="no interface index"):
        requests.delete_link(0)
    with pytest.raises(ValueError, match="index"):
        requests.set_link("eth0", new_name="eth1")
    with pytest.raises(ValueError, match="zero byte"):
        requests.delete_link("br0\0x")
    with pytest.raises(ValueError, match="255 bytes"):
        requests.set_link("eth0", alias="x" * 256)


def test_an_address_goes_to_the_new_link_without_the_old_links_name() -> None:
    kept = attr(2, bytes([10, 0, 0, 1])) + attr(1, bytes([10, 0, 0, 1]))
    raw = kept + attr(3, b"eth0\0") + attr(8, struct.pack("=I", 0x80))
    address = Address(7, socket.AF_INET, "10.0.0.1", 24, None, 0, 0x80, "eth0", raw)
    message = requests.add_address(address, 9)
    flags = attr(8, struct.pack("=I", 0x80))
    assert message.payload == struct.pack("=BBBBI", 2, 24, 0x80, 0, 9) + kept + flags


def test_a_route_goes_over_the_new_link_without_its_state() -> None:
    gateway, linkdown = attr(5, bytes([10, 0, 0, 254])), 16
    header = struct.pack("=BBBBBBBBI", 2, 0, 0, 0, 254, 3, 0, 1, linkdown | 4)
    raw = attr(4, struct.pack("=I", 7)) + gateway + attr(12, b"\0" * 32)
    route = Route(2, "default", "10.0.0.254", 7, None, 254, 3, 0, 1, 0, False, header, raw)
    message = requests.add_route(route, 9)
    assert message.payload == header[:8] + struct.pack("=I", 4) + gateway + attr(4, struct.pack("=I", 9))
