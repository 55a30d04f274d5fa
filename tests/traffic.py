"""Frames between guests' cards (tests.guests): whether they arrive, that none is lost, that none gets through.

Nothing here waits by the clock for something not to happen. That a frame did not get through is known when two
later ones, one after the other, went all the way through the same switch: ovs-vswitchd polls the ports of its
userspace datapath in turn, so when the second one arrives it has been at every port since the first. Before that
it is made to forget what it knows of flows: it does so by itself when something has changed, but not at once.
"""

from __future__ import annotations

import contextlib
import itertools
import select
import struct
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence

from tests.guests import Card
from tests.ovs import OpenVSwitch

INTERVAL = 0.0025  # seconds between two frames of a Flow
PATIENCE = 15.0  # seconds in which what should arrive has arrived
BROADCAST = "ff:ff:ff:ff:ff:ff"
_MAGIC = b"seqn"
_TOKENS = itertools.count(1)


def frame(source: str, destination: str, number: int, *, vlan: int | None = None) -> bytes:
    """An Ethernet frame with a UDP datagram that carries a number, which numbered() finds; vlan: an 802.1Q tag."""
    payload = struct.pack("!4sQ", _MAGIC, number)
    udp = struct.pack("!HHHH", 5000, 5000, 8 + len(payload), 0) + payload
    # the addresses are those of no network: what they say is only of interest to a filter on the way
    head = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(udp), 0, 0, 64, 17, 0, b"\n\0\0\1", b"\n\0\0\2")
    head = head[:10] + struct.pack("!H", _checksum(head)) + head[12:]
    tag = b"" if vlan is None else struct.pack("!HH", 0x8100, vlan)
    return _mac(destination) + _mac(source) + tag + b"\x08\0" + head + udp


def numbered(received: bytes) -> tuple[int, int | None] | None:
    """The number in a frame and its VLAN tag; None for a frame that is none of ours."""
    vlan = None
    if received[12:14] == b"\x81\0":
        vlan = struct.unpack("!H", received[14:16])[0] & 0xFFF
        received = received[:12] + received[16:]
    if received[12:14] != b"\x08\0" or received[42:46] != _MAGIC:
        return None
    return struct.unpack("!Q", received[46:54])[0], vlan


def reaches(sender: Card, receiver: Card, *, vlan: int | None = None, arrives: int | None = None) -> bool:
    """Whether a frame gets from card to card: it is sent, to the card and to all, until one of each has arrived.

    vlan: the tag it is sent with; arrives: with which it must arrive.
    """
    deadline = time.monotonic() + PATIENCE
    missing = {receiver.address, BROADCAST}
    while missing and time.monotonic() < deadline:
        tokens = {next(_TOKENS): destination for destination in missing}
        for token, destination in tokens.items():
            sender.send(frame(sender.address, destination, token, vlan=vlan))
        for number, tag in _collect(receiver, 0.05):
            if number in tokens and tag == arrives:
                missing.discard(tokens[number])
    return not missing


def hear_nothing(
    sender: Card, receivers: Sequence[Card], barrier: Barrier, *, vlan: int | None = None
) -> bool:
    """Whether nothing that the sender says gets to any of them, neither what is for them nor what is for all."""
    tokens = {next(_TOKENS): destination for destination in (*(r.address for r in receivers), BROADCAST)}
    barrier.forget_flows()
    for token, destination in tokens.items():
        sender.send(frame(sender.address, destination, token, vlan=vlan))
    barrier.wait()
    heard = [number for receiver in receivers for number, _ in _collect(receiver, 0)]
    return not set(heard) & set(tokens)


class Barrier:
    """Two cards that reach each other through the switch in question."""

    def __init__(self, switch: OpenVSwitch, one: Card, other: Card) -> None:
        self._switch = switch
        self._cards = (one, other)

    def forget_flows(self) -> None:
        """The next frame of each flow goes the way that rows and flow tables say now."""
        self._switch.appctl("ovs-vswitchd", "revalidator/purge")

    def wait(self) -> None:
        """All frames that were sent before the call are delivered by now, or never will be."""
        one, other = self._cards
        for _ in range(2):
            assert reaches(one, other), "nothing gets through the switch at all"


class Flow:
    """Frames sent both ways between two cards, one each INTERVAL, from one traffic() to its end."""

    def __init__(self, one: Card, other: Card) -> None:
        self._ways = (_Way(one, other), _Way(other, one))
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    @property
    def lost(self) -> list[str]:
        """What was sent and did not arrive, or arrived twice, way by way."""
        return [text for way in self._ways for text in way.faults()]

    @property
    def sent(self) -> int:
        return self._ways[0].sent

    def start(self) -> None:
        """Once frames arrive both ways, count."""
        self._thread.start()
        self._until(lambda way: bool(way.arrived), "nothing gets through")
        for way in self._ways:
            way.first = way.sent
        self.more()

    def more(self, frames: int = 20) -> None:
        """So many more are sent."""
        goal = self.sent + frames
        self._until(lambda way: way.sent >= goal, "the sender is stuck")

    def stop(self) -> None:
        """No more are sent; what is on its way arrives."""
        self._over.set()
        self._thread.join()

    def _until(self, reached: object, complaint: str) -> None:
        assert callable(reached)
        deadline = time.monotonic() + PATIENCE
        while not all(reached(way) for way in self._ways):
            assert time.monotonic() < deadline, f"{complaint}: {[str(way) for way in self._ways]}"
            assert self._thread.is_alive()
            time.sleep(INTERVAL)

    def _run(self) -> None:
        due = time.monotonic()
        while not self._over.is_set():
            for way in self._ways:
                way.send()
            due = max(due + INTERVAL, time.monotonic())
            self._receive(due)
        deadline = time.monotonic() + PATIENCE / 2
        while any(way.faults() for way in self._ways) and time.monotonic() < deadline:
            self._receive(time.monotonic() + INTERVAL)

    def _receive(self, until: float) -> None:
        by_card = {way.receiver: way for way in self._ways}
        while (left := until - time.monotonic()) > 0:
            for card in select.select(list(by_card), [], [], left)[0]:
                by_card[card].arrived.update(number for number, _ in _collect(card, 0))


class _Way:
    """One direction; first: the number of the first frame that counts."""

    def __init__(self, sender: Card, receiver: Card) -> None:
        self.sender, self.receiver = sender, receiver
        self.sent = self.first = 0
        self.arrived: Counter[int] = Counter()
        self._base = next(_TOKENS) << 32

    def send(self) -> None:
        self.sender.send(frame(self.sender.address, self.receiver.address, self._base + self.sent))
        self.sent += 1

    def faults(self) -> list[str]:
        numbers = range(self.first, self.sent)
        lost = [n for n in numbers if not self.arrived[self._base + n]]
        twice = [n for n in numbers if self.arrived[self._base + n] > 1]
        found = []
        if lost:
            found.append(
                f"{self}: {len(lost)} lost of {len(numbers)}, the first is number {lost[0] - self.first}"
            )
        if twice:
            found.append(f"{self}: {len(twice)} arrived twice")
        return found

    def __str__(self) -> str:
        return f"{self.sender.tap} to {self.receiver.tap}"


@contextlib.contextmanager
def traffic(one: Card, other: Card) -> Iterator[Flow]:
    """Frames flow both ways before, in and after the body; `lost` then says which did not arrive."""
    flow = Flow(one, other)
    try:
        flow.start()
        yield flow
        flow.more()
    finally:
        flow.stop()


def _collect(card: Card, patience: float) -> list[tuple[int, int | None]]:
    """What of ours is waiting, or comes within `patience` seconds."""
    if patience:
        select.select([card], [], [], patience)
    return [found for received in card.receive() if (found := numbered(received)) is not None]


def _mac(text: str) -> bytes:
    return bytes.fromhex(text.replace(":", ""))


def _checksum(header: bytes) -> int:
    total = sum(struct.unpack(f"!{len(header) // 2}H", header))
    total = (total & 0xFFFF) + (total >> 16)
    return ~(total + (total >> 16)) & 0xFFFF
