"""Virtual functions of SR-IOV NICs, as the driver of their physical function keeps them: ``ip link set DEV vf N``.

The engine reads them only for plans that have one: the kernel asks the driver about each of them. Formats: uapi
linux/if_link.h (IFLA_VFINFO_LIST, struct ifla_vf_mac, ifla_vf_vlan, ifla_vf_trust).
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from os_vif.host.netlink import wire
from os_vif.host.netlink.connection import RouteSocket
from os_vif.host.netlink.error import NetlinkError
from os_vif.host.netlink.link import IFINFOMSG_SIZE, IFLA_IFNAME
from os_vif.host.netlink.wire import Message

IFLA_VFINFO_LIST, IFLA_VF_INFO = 22, 1
IFLA_VF_MAC, IFLA_VF_VLAN, IFLA_VF_TRUST = 1, 2, 9
RTEXT_FILTER_VF = 1 << 0

# the number of the function, then its address in the room of MAX_ADDR_LEN; id and priority; the setting
_MAC, _VLAN, _TRUST = struct.Struct("=I32s"), struct.Struct("=III"), struct.Struct("=II")
_UNKNOWN = 0xFFFFFFFF  # what the kernel says where the driver says nothing


@dataclass(frozen=True, slots=True)
class Vf:
    """A virtual function.

    address: what its NIC lets it use, all zero if none was set; vlan: the id its traffic is tagged with, 0 for none;
    trusted: whether it may change its address and listen to all, None where the driver does not say.
    """

    address: str
    vlan: int
    trusted: bool | None = None


def vfs(socket: RouteSocket, name: str) -> dict[int, Vf]:
    """The virtual functions of the physical one whose netdev is called `name`, by number; none if there is no such
    device, or it has none.
    """
    (answer,) = socket.ask([name], RTEXT_FILTER_VF)
    return {} if isinstance(answer, NetlinkError) else parse_vfs(answer)


def parse_vfs(payload: bytes) -> dict[int, Vf]:
    """The virtual functions in the payload of an RTM_NEWLINK."""
    found: dict[int, Vf] = {}
    for kind, start, length in wire.walk(payload, IFINFOMSG_SIZE):
        if kind != IFLA_VFINFO_LIST:
            continue
        for _, offset, size in wire.walk(payload, start, start + length):
            values = {k: payload[o : o + n] for k, o, n in wire.walk(payload, offset, offset + size)}
            if len(values.get(IFLA_VF_MAC, b"")) >= _MAC.size:
                number, room = _MAC.unpack_from(values[IFLA_VF_MAC])
                found[number] = Vf(
                    room[:6].hex(":"), _second(values, _VLAN, IFLA_VF_VLAN) or 0, _trust(values)
                )
    return found


def set_vf(
    name: str,
    number: int,
    *,
    address: str | None = None,
    vlan: int | None = None,
    trusted: bool | None = None,
) -> Message:
    """``ip link set NAME vf NUMBER mac ADDRESS vlan VLAN trust on``; None leaves a setting as it is.

    The kernel applies them one after the other and stops at the first that the driver refuses: those before it stay.
    """
    said, values = [], b""
    if address is not None:
        said.append(f"mac {address}")
        room = bytes.fromhex(address.replace(":", ""))
        values += wire.attribute(IFLA_VF_MAC, _MAC.pack(number, room))
    if vlan is not None:
        said.append(f"vlan {vlan}")
        values += wire.attribute(IFLA_VF_VLAN, _VLAN.pack(number, vlan, 0))
    if trusted is not None:
        said.append(f"trust {'on' if trusted else 'off'}")
        values += wire.attribute(IFLA_VF_TRUST, _TRUST.pack(number, trusted))
    # nested without NLA_F_NESTED, as iproute2 has it since before there was that bit
    listed = wire.attribute(IFLA_VFINFO_LIST, wire.attribute(IFLA_VF_INFO, values))
    payload = wire.IFINFOMSG.pack(0, 0, 0, 0, 0) + wire.text(IFLA_IFNAME, name) + listed
    return Message(wire.RTM_SETLINK, 0, payload, f"set {', '.join(said)} on vf {number} of {name}")


def _second(values: dict[int, bytes], shape: struct.Struct, kind: int) -> int | None:
    raw = values.get(kind, b"")
    return int(shape.unpack_from(raw)[1]) if len(raw) >= shape.size else None


def _trust(values: dict[int, bytes]) -> bool | None:
    setting = _second(values, _TRUST, IFLA_VF_TRUST)
    return None if setting in (None, _UNKNOWN) else setting != 0
