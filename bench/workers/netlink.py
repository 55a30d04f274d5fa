"""The floor: the same kernel work in the fewest messages, written directly against rtnetlink.

A contestant that knows beforehand what it will find, verifies nothing and undoes
nothing: what no library can beat. The observer also uses it to fill a host and to clear it. Message layouts: Linux
uapi headers linux/netlink.h, rtnetlink.h, if_link.h, if_tun.h.
"""

from __future__ import annotations

import fcntl
import os
import socket
import struct
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path

from bench.model import Verb, Vif
from bench.workers.protocol import Call, serve

RTM_NEWLINK, RTM_DELLINK, RTM_SETLINK = 16, 17, 19
NLM_F_REQUEST, NLM_F_ACK, NLM_F_CREATE_EXCL = 0x1, 0x4, 0x600
IFLA_ADDRESS, IFLA_IFNAME, IFLA_MTU, IFLA_MASTER = 1, 3, 4, 10
IFLA_LINKINFO, IFLA_IFALIAS, IFLA_AF_SPEC, IFLA_GROUP = 18, 20, 26, 27
IFLA_INFO_KIND, IFLA_INFO_DATA = 1, 2
IFLA_BR_FORWARD_DELAY, IFLA_BR_STP_STATE, IFLA_BR_MCAST_SNOOPING = 1, 5, 23
IFLA_INET_CONF, IPV4_DEVCONF_ARP_ANNOUNCE, IPV4_DEVCONF_ARP_IGNORE = 1, 18, 19
VETH_INFO_PEER = 1
IFF_UP, IFF_PROMISC = 0x1, 0x100
TUNSETIFF, TUNSETPERSIST, IFF_TAP_NO_PI = 0x400454CA, 0x400454CB, 0x1002
SO_RCVBUFFORCE = 33
GROUP = 0x5CA1  # any group nobody else uses: one RTM_DELLINK then removes all its members
BATCH = 100  # messages in one send(): the acknowledgements must fit the receive buffer

Message = tuple[int, int, bytes]  # type, flags, payload


class Floor:
    """One kept-open socket."""

    def __init__(self) -> None:
        self.socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE)
        # Room for the answers to a whole batch.
        self.socket.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 1 << 22)
        self.socket.bind((0, 0))
        self.sequence = 0

    def prepare(self, verb: Verb, vifs: Sequence[Vif]) -> Call:
        if verb in ("plug", "plug_many"):
            return lambda: self.plug(vifs)
        return lambda: self.unplug(vifs)

    def plug(self, vifs: Sequence[Vif]) -> None:
        """Bridges first, then all taps, then one batch that configures them; nothing for what is there."""
        bridges = sorted({vif.bridge for vif in vifs})
        taps = [vif for vif in vifs if vif.create_tap]
        found = indexes([*bridges, *(vif.tap for vif in taps)])
        missing = [name for name in bridges if name not in found]
        if missing:
            self.new_bridges(missing)
            found |= indexes(missing)
        new = [vif for vif in taps if vif.tap not in found]
        for vif in new:
            new_tap(vif.tap)
        self.run([configure_tap(vif, found[vif.bridge]) for vif in new])

    def new_taps(self, vifs: Sequence[Vif]) -> None:
        """Taps in no bridge of the kernel: for Open vSwitch, which finds them by name."""
        for vif in vifs:
            new_tap(vif.tap)
        self.run([configure_tap(vif, None) for vif in vifs])

    def new_pairs(self, vifs: Sequence[Vif]) -> None:
        """The Linux bridges and veth pairs of hybrid VIFs."""
        self.new_bridges([vif.hybrid_links[0] for vif in vifs])
        self.run([new_veth(vif) for vif in vifs])
        for vif in vifs:
            disable_ipv6(vif.hybrid_links[1])
            disable_ipv6(vif.hybrid_links[2])
        bridges = indexes(vif.hybrid_links[0] for vif in vifs)
        self.run([message for vif in vifs for message in configure_veth(vif, bridges[vif.hybrid_links[0]])])

    def unplug(self, vifs: Sequence[Vif]) -> None:
        self.delete([vif.tap for vif in vifs if vif.create_tap])

    def new_bridges(self, names: Sequence[str]) -> None:
        settings = (
            attribute(IFLA_BR_FORWARD_DELAY, struct.pack("=I", 0))
            + attribute(IFLA_BR_STP_STATE, struct.pack("=I", 0))
            + attribute(IFLA_BR_MCAST_SNOOPING, b"\0")
        )
        kind = attribute(
            IFLA_LINKINFO, attribute(IFLA_INFO_KIND, b"bridge") + attribute(IFLA_INFO_DATA, settings)
        )
        conf = attribute(IPV4_DEVCONF_ARP_IGNORE, struct.pack("=I", 1)) + attribute(
            IPV4_DEVCONF_ARP_ANNOUNCE, struct.pack("=I", 2)
        )
        arp = attribute(IFLA_AF_SPEC, attribute(socket.AF_INET, attribute(IFLA_INET_CONF, conf)))
        self.run([(RTM_NEWLINK, NLM_F_CREATE_EXCL, link() + ifname(name) + kind) for name in names])
        for name in names:
            disable_ipv6(name)
        self.run([(RTM_SETLINK, 0, link(up=True) + ifname(name) + arp) for name in names])

    def delete(self, names: Sequence[str]) -> None:
        if len(names) < 2:
            self.run([(RTM_DELLINK, 0, link() + ifname(name)) for name in names])
            return
        group = attribute(IFLA_GROUP, struct.pack("=I", GROUP))
        self.run([(RTM_SETLINK, 0, link() + ifname(name) + group) for name in names])
        self.run([(RTM_DELLINK, 0, link() + group)])

    def run(self, messages: Sequence[Message]) -> None:
        """All messages, in as few send()s as is safe. Raises the kernel's first error, after all were sent."""
        errors: list[int] = []
        for start in range(0, len(messages), BATCH):
            batch = messages[start : start + BATCH]
            self.socket.send(b"".join(self.pack(message) for message in batch))
            errors += self.receive(len(batch))
        for error in filter(None, errors):
            raise OSError(error, os.strerror(error))

    def pack(self, message: Message) -> bytes:
        kind, flags, payload = message
        self.sequence += 1
        flags |= NLM_F_REQUEST | NLM_F_ACK
        return struct.pack("=IHHII", 16 + len(payload), kind, flags, self.sequence, 0) + payload

    def receive(self, count: int) -> list[int]:
        """The errno, or 0, of as many acknowledgements: struct nlmsghdr, then struct nlmsgerr."""
        errors: list[int] = []
        while len(errors) < count:
            data = self.socket.recv(1 << 16)
            offset = 0
            while offset < len(data):
                length, error = struct.unpack_from("=I12xi", data, offset)
                errors.append(-error)
                offset += (length + 3) & ~3
        return errors


def indexes(names: Iterable[str]) -> dict[str, int]:
    """Interface indexes of those that exist: an ioctl each, which takes no lock."""
    found: dict[str, int] = {}
    for name in names:
        with suppress(OSError):
            found[name] = socket.if_nametoindex(name)
    return found


def link(*, up: bool = False, promiscuous: bool = False) -> bytes:
    """struct ifinfomsg: family, pad, type, index, flags, change."""
    flags = (IFF_UP if up else 0) | (IFF_PROMISC if promiscuous else 0)
    return struct.pack("=BxHiII", 0, 0, 0, flags, flags)


def attribute(kind: int, value: bytes) -> bytes:
    """struct rtattr, padded to 4 bytes."""
    return struct.pack("=HH", 4 + len(value), kind) + value + b"\0" * (-len(value) & 3)


def ifname(name: str) -> bytes:
    return attribute(IFLA_IFNAME, name.encode() + b"\0")


def new_veth(vif: Vif) -> Message:
    _, inside, outside = vif.hybrid_links
    mtu = attribute(IFLA_MTU, struct.pack("=I", vif.mtu))
    peer = attribute(VETH_INFO_PEER, link() + ifname(outside) + mtu)
    kind = attribute(IFLA_INFO_KIND, b"veth") + attribute(IFLA_INFO_DATA, peer)
    payload = link() + ifname(inside) + mtu + attribute(IFLA_LINKINFO, kind)
    return (RTM_NEWLINK, NLM_F_CREATE_EXCL, payload)


def configure_veth(vif: Vif, bridge_index: int) -> Iterable[Message]:
    _, inside, outside = vif.hybrid_links
    mark = attribute(IFLA_IFALIAS, f"os-vif:{vif.id}".encode())
    master = attribute(IFLA_MASTER, struct.pack("=I", bridge_index))
    yield RTM_SETLINK, 0, link(up=True, promiscuous=True) + ifname(inside) + master + mark
    yield RTM_SETLINK, 0, link(up=True, promiscuous=True) + ifname(outside) + mark


def configure_tap(vif: Vif, bridge_index: int | None) -> Message:
    master = b"" if bridge_index is None else attribute(IFLA_MASTER, struct.pack("=I", bridge_index))
    payload = (
        link(up=True)
        + ifname(vif.tap)
        + attribute(IFLA_MTU, struct.pack("=I", vif.mtu))
        + attribute(IFLA_ADDRESS, bytes.fromhex(vif.host_address.replace(":", "")))
        + master
        + attribute(IFLA_IFALIAS, f"os-vif:{vif.id}".encode())
    )
    return (RTM_SETLINK, 0, payload)


def new_tap(name: str) -> None:
    """A persistent tap device without IPv6 on the host's end."""
    device = os.open("/dev/net/tun", os.O_RDWR)
    try:
        fcntl.ioctl(device, TUNSETIFF, struct.pack("=16sH22x", name.encode(), IFF_TAP_NO_PI))
        fcntl.ioctl(device, TUNSETPERSIST, 1)
    finally:
        os.close(device)
    disable_ipv6(name)


def disable_ipv6(name: str) -> None:
    Path(f"/proc/sys/net/ipv6/conf/{name}/disable_ipv6").write_text("1")


if __name__ == "__main__":
    serve(Floor())
