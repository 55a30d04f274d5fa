"""Virtual functions in messages, byte by byte: this kernel has no SR-IOV, so none is ever there to be seen."""

from __future__ import annotations

import struct

import pytest

from os_vif.host.netlink import wire
from os_vif.host.netlink.connection import _lookup
from os_vif.host.netlink.vf import RTEXT_FILTER_VF, Vf, parse_vfs, set_vf

IFINFOMSG_SIZE = wire.IFINFOMSG.size


def test_set_vf_says_what_iproute2_sends_by_message_since_this_kernel_has_no_sriov() -> None:
    """Recorded from iproute2 6.1 with strace: ip link set lo vf 3 mac 02:00:00:00:00:0a vlan 7 trust on

    It names the device by its index.
    """
    recorded = bytes.fromhex(
        "6c000000 10000500 2980076b 00000000 00000000 01000000 00000000 00000000"
        "4c001600 48000100 28000100 03000000 02000000 000a0000 00000000 00000000"
        "00000000 00000000 00000000 00000000 10000200 03000000 07000000 00000000"
        "0c000900 03000000 01000000"
    )
    message = set_vf("lo", 3, address="02:00:00:00:00:0a", vlan=7, trusted=True)
    assert message.type == wire.RTM_SETLINK
    named = struct.pack("=HH", 7, 3) + b"lo\0\0"
    assert message.payload == bytes(IFINFOMSG_SIZE) + named + recorded[32:]
    assert message.what == "set mac 02:00:00:00:00:0a, vlan 7, trust on on vf 3 of lo"


@pytest.mark.parametrize(
    ("settings", "kinds"),
    [({"address": "02:00:00:00:00:0a"}, [1]), ({"vlan": 0}, [2]), ({"trusted": False}, [9])],
)
def test_only_what_is_given_is_set_by_message_since_this_kernel_has_no_sriov(
    settings: dict[str, object], kinds: list[int]
) -> None:
    payload = set_vf("nic0", 0, **settings).payload  # type: ignore[arg-type]
    (listed,) = [(o, n) for kind, o, n in wire.walk(payload, IFINFOMSG_SIZE) if kind == 22]
    ((_, start, size),) = wire.walk(payload, listed[0], listed[0] + listed[1])
    assert [kind for kind, _, _ in wire.walk(payload, start, start + size)] == kinds


def test_functions_are_asked_for_with_the_bits_of_iproute2_by_message_since_this_kernel_has_no_sriov() -> (
    None
):
    """Recorded likewise, but for the order of the two attributes."""
    recorded = bytes.fromhex("08001d00 09000000 07000300 6c6f0000")
    assert _lookup("lo", RTEXT_FILTER_VF)[IFINFOMSG_SIZE:] == recorded[8:] + recorded[:8]
    assert _lookup("lo", 0)[-4:] == struct.pack("=I", 8)  # else no driver is asked about its functions


def _function(number: int, *, address: str, vlan: int, trust: int | None) -> bytes:
    """As rtnl_fill_vfinfo() of the kernel writes it, with attributes that are of no interest among them."""
    raw = bytes.fromhex(address.replace(":", ""))
    values = wire.attribute(1, struct.pack("=I32s", number, raw))
    values += wire.attribute(13, bytes(32))
    values += wire.attribute(2, struct.pack("=III", number, vlan, 0))
    values += wire.attribute(6, struct.pack("=III", number, 0, 0)) + wire.attribute(
        3, struct.pack("=II", number, 0)
    )
    values += wire.attribute(4, struct.pack("=II", number, 1))
    values += b"" if trust is None else wire.attribute(9, struct.pack("=II", number, trust))
    return wire.attribute(1, values)


def test_functions_are_read_by_message_since_this_kernel_has_no_sriov() -> None:
    listed = wire.attribute(
        22,
        _function(0, address="02:00:00:00:00:0a", vlan=7, trust=1)
        + _function(1, address="00:00:00:00:00:00", vlan=0, trust=0)
        + _function(2, address="02:00:00:00:00:0c", vlan=4094, trust=0xFFFFFFFF)
        + _function(3, address="00:00:00:00:00:00", vlan=0, trust=None),
    )
    payload = bytes(IFINFOMSG_SIZE) + wire.text(3, "nic0") + wire.u32(21, 4) + listed + wire.u32(4, 1500)
    assert parse_vfs(payload) == {
        0: Vf("02:00:00:00:00:0a", 7, True),
        1: Vf("00:00:00:00:00:00", 0, False),
        2: Vf("02:00:00:00:00:0c", 4094, None),
        3: Vf("00:00:00:00:00:00", 0, None),
    }


@pytest.mark.parametrize("end", range(0, 200, 4))
def test_a_message_cut_short_is_read_as_far_as_it_goes(end: int) -> None:
    listed = wire.attribute(22, _function(0, address="02:00:00:00:00:0a", vlan=7, trust=1))
    whole = bytes(IFINFOMSG_SIZE) + listed
    assert parse_vfs(whole[: IFINFOMSG_SIZE + end]) in ({}, {0: Vf("02:00:00:00:00:0a", 7, True)})
