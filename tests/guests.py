"""Stand-ins for guests: who opens the tap of a VIF, as a hypervisor does, and speaks through it.

A Card sends and receives frames as they are; a Guest has a network stack behind its card, in a network namespace of
its own, so that ping and TCP run in it. Both leave the host's end of the tap as they found it.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import math
import os
import re
import select
import struct
import subprocess
import threading
import time
from collections.abc import Iterator

import pytest
from tests.netns import enter, ip, new_namespace

TUNSETIFF = 0x400454CA
IFF_TAP, IFF_NO_PI, IFF_MULTI_QUEUE = 0x0002, 0x1000, 0x0100
FRAME_MAX = 65536


class Card:
    """A guest's network card with the MAC `address`: the tap of this name, opened.

    One that is not there yet is made, and goes when it is closed: taps that the hypervisor makes itself do.
    """

    def __init__(self, tap: str, address: str, *, multiqueue: bool = False) -> None:
        self.tap = tap
        self.address = address
        self._descriptor = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
        flags = IFF_TAP | IFF_NO_PI | (IFF_MULTI_QUEUE if multiqueue else 0)
        try:
            fcntl.ioctl(self._descriptor, TUNSETIFF, struct.pack("16sH22x", tap.encode(), flags))
        except OSError:
            self.close()
            raise

    def fileno(self) -> int:
        return self._descriptor

    def send(self, frame: bytes) -> None:
        """To the host; it is lost where the tap is down, its queue is full, or it was deleted meanwhile."""
        try:
            os.write(self._descriptor, frame)
        except OSError as error:
            if error.errno not in (errno.EIO, errno.EAGAIN, errno.EBADFD):
                raise

    def receive(self) -> list[bytes]:
        """The frames that are waiting."""
        frames: list[bytes] = []
        try:
            while True:
                frames.append(os.read(self._descriptor, FRAME_MAX))
        except OSError as error:
            if error.errno not in (errno.EAGAIN, errno.EBADFD):
                raise
            return frames

    def close(self) -> None:
        os.close(self._descriptor)


class Guest:
    """A guest whose eth0 is the card, with this IP address (and prefix length) and MTU (bytes)."""

    def __init__(self, card: Card, network_address: str, mtu: int) -> None:
        self.network_address = network_address.partition("/")[0]
        self._card = card
        self._over = threading.Event()
        with _outside() as here:
            new_namespace()
            self._namespace = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
            self._inner = Card("eth0", card.address)
            ip("link", "set", "lo", "up")
            ip("link", "set", "eth0", "address", card.address, "mtu", mtu, "up")
            ip("addr", "add", network_address, "dev", "eth0", "brd", "+")
            enter(here)
        self._thread = threading.Thread(target=self._relay, daemon=True)
        self._thread.start()

    @contextlib.contextmanager
    def inside(self) -> Iterator[None]:
        """The calling thread, and what it starts, is in the guest."""
        with _outside() as here:
            enter(self._namespace)
            try:
                yield
            finally:
                enter(here)

    def ping(self, address: str, *, size: int = 56, count: int = 3, patience: int = 5) -> int:
        """How many of `count` pings come back.

        size: bytes of a ping's data, never cut into fragments; patience: seconds until the last must be back.
        """
        deadline = time.monotonic() + patience
        received = 0
        # it gives up at the first error, such as that of an address which was asked for in vain a moment ago
        while received < count and (left := deadline - time.monotonic()) > 0:
            rhythm = map(str, ("-i", 0.05, "-W", 1, "-w", math.ceil(left), "-c", count))
            command = ["ping", "-q", "-n", "-M", "do", "-s", str(size), *rhythm, address]
            with self.inside():
                told = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60).stdout
            found = re.search(r"(\d+) received", told)
            assert found, told
            received = min(int(found[1]), count)  # with a deadline, ping goes on until that many are back
        return received

    def close(self) -> None:
        self._over.set()
        self._thread.join()
        self._inner.close()
        os.close(self._namespace)

    def _relay(self) -> None:
        """The cable between the host's tap and the guest's eth0."""
        other = {self._card: self._inner, self._inner: self._card}
        while not self._over.is_set():
            for card in select.select(list(other), [], [], 0.05)[0]:
                for frame in card.receive():
                    other[card].send(frame)


@pytest.fixture
def powered() -> Iterator[contextlib.ExitStack]:
    """What is put on it (cards, guests, traffic) is closed at the end: ``powered.enter_context(closing(..))``."""
    with contextlib.ExitStack() as stack:
        yield stack


@contextlib.contextmanager
def _outside() -> Iterator[int]:
    """The namespace the thread is in, to come back to."""
    here = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    try:
        yield here
    finally:
        os.close(here)
