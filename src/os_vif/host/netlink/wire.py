"""How rtnetlink messages lie in memory: headers and attributes, written and read.

Used by the modules of this package only. Byte order and alignment are the kernel's own (uapi
linux/netlink.h): native order, everything padded to four bytes.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

NLMSG_ERROR, NLMSG_DONE = 2, 3
NLM_F_REQUEST, NLM_F_ACK, NLM_F_DUMP_INTR, NLM_F_DUMP_FILTERED = 0x01, 0x04, 0x10, 0x20
NLM_F_DUMP, NLM_F_REPLACE, NLM_F_EXCL, NLM_F_CREATE = 0x300, 0x100, 0x200, 0x400
NLM_F_CAPPED, NLM_F_ACK_TLVS = 0x100, 0x200
NLMSGERR_ATTR_MSG = 1
NLA_F_NESTED, NLA_TYPE_MASK = 0x8000, 0x3FFF

RTM_NEWLINK, RTM_DELLINK, RTM_GETLINK, RTM_SETLINK = 16, 17, 18, 19
RTM_NEWADDR, RTM_DELADDR, RTM_GETADDR = 20, 21, 22
RTM_NEWROUTE, RTM_DELROUTE, RTM_GETROUTE = 24, 25, 26
RTM_NEWLINKPROP, RTM_DELLINKPROP = 108, 109

# struct nlmsghdr: length, type, flags, sequence, port; ifinfomsg: family, type, index, flags, change.
HEADER = struct.Struct("=IHHII")
IFINFOMSG = struct.Struct("=BxHiII")
ATTRIBUTE = struct.Struct("=HH")
HEADER_SIZE, ATTRIBUTE_SIZE = HEADER.size, ATTRIBUTE.size
_INT, _U8, _U16, _U32 = struct.Struct("=i"), struct.Struct("=B"), struct.Struct("=H"), struct.Struct("=I")
u32_at, s32_at = _U32.unpack_from, _INT.unpack_from


@dataclass(frozen=True, slots=True)
class Message:
    """One request to the kernel: its RTM_ type, its flags beside NLM_F_REQUEST and NLM_F_ACK, the bytes
    after the header (a multiple of four), and what it does in words, for errors and logs.
    """

    type: int
    flags: int
    payload: bytes
    what: str


def request(kind: int, flags: int, sequence: int, payload: bytes) -> bytes:
    """A whole message as it is sent; the payload is padded already."""
    return HEADER.pack(HEADER_SIZE + len(payload), kind, flags, sequence, 0) + payload


def attribute(kind: int, value: bytes) -> bytes:
    return ATTRIBUTE.pack(ATTRIBUTE_SIZE + len(value), kind) + value + b"\0" * (-len(value) & 3)


def u8(kind: int, value: int) -> bytes:
    return attribute(kind, _U8.pack(value))


def u16(kind: int, value: int) -> bytes:
    return attribute(kind, _U16.pack(value))


def u32(kind: int, value: int) -> bytes:
    return attribute(kind, _U32.pack(value))


def text(kind: int, value: str) -> bytes:
    if "\0" in value:
        raise ValueError(f"the kernel would read {value!r} only up to its zero byte")
    return attribute(kind, encode(value) + b"\0")


def nest(kind: int, *attributes: bytes) -> bytes:
    return attribute(kind | NLA_F_NESTED, b"".join(attributes))


def encode(value: str) -> bytes:
    """Names and aliases are bytes to the kernel; what is not UTF-8 survives the way there and back."""
    return value.encode("utf-8", "surrogateescape")


def walk(payload: bytes, start: int, end: int | None = None) -> Iterator[tuple[int, int, int]]:
    """(type without flag bits, offset of the value, its length) of the attributes in payload[start:end]."""
    stop = len(payload) if end is None else end
    while start + ATTRIBUTE_SIZE <= stop:
        length, kind = ATTRIBUTE.unpack_from(payload, start)
        if length < ATTRIBUTE_SIZE or start + length > stop:
            return
        yield kind & NLA_TYPE_MASK, start + ATTRIBUTE_SIZE, length - ATTRIBUTE_SIZE
        start += length + 3 & -4


def decode(value: bytes) -> str:
    return value.rstrip(b"\0").decode("utf-8", "surrogateescape")


def messages(datagram: bytes) -> Iterator[tuple[int, int, int, bytes]]:
    """(type, flags, sequence, payload) of each message in a datagram; one that is cut off ends it."""
    offset, size = 0, len(datagram)
    while offset + HEADER_SIZE <= size:
        length, kind, flags, sequence, _port = HEADER.unpack_from(datagram, offset)
        end = offset + length
        if length < HEADER_SIZE or end > size:
            return
        yield kind, flags, sequence, datagram[offset + HEADER_SIZE : end]
        offset = end + 3 & -4


def outcome(kind: int, flags: int, payload: bytes) -> tuple[int, str | None]:
    """errno (0: done) and extended-ack text of an NLMSG_ERROR, or of the NLMSG_DONE that ends a dump."""
    errno = -s32_at(payload, 0)[0] if len(payload) >= 4 else 0
    if not errno or not flags & NLM_F_ACK_TLVS:
        return errno, None
    start = 4
    if kind == NLMSG_ERROR:
        # The header of the request comes back, and the rest of it too unless NETLINK_CAP_ACK was set.
        start += HEADER_SIZE if flags & NLM_F_CAPPED else (u32_at(payload, 4)[0] + 3 & -4)
    for attribute_kind, offset, length in walk(payload, start):
        if attribute_kind == NLMSGERR_ATTR_MSG:
            return errno, decode(payload[offset : offset + length])
    return errno, None
