"""Guests without a hypervisor: a network namespace whose one card is a tap, as a guest's is, and its kernel's stack.

TapGuest opens the tap that a plug made, as QEMU does, and carries frames between it and the card. Tests that need no
more of a guest than that it answers a ping take it: it is there in a millisecond. tests.dpdk has the one behind a
vhost-user socket.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import selectors
import struct
import subprocess
import threading
from types import TracebackType
from typing import Self

from tests.netns import ip, new_namespace

TUNSETIFF, IFF_TAP, IFF_NO_PI = 0x400454CA, 0x0002, 0x1000
CARD = "eth0"


class NamespaceGuest:
    """A guest that lives in a network namespace; `namespace` is the path of it in /proc."""

    def __init__(self, namespace: str) -> None:
        self.namespace = namespace

    def run(self, *command: str | int, check: bool = True) -> str:
        """What a command prints that runs in the guest."""
        inside = ["nsenter", f"--net={self.namespace}", *map(str, command)]
        done = subprocess.run(inside, capture_output=True, text=True, check=False, timeout=30)
        if check:
            assert done.returncode == 0, f"{' '.join(inside)}: {done.stderr.strip()}"
        return done.stdout

    def ping(self, address: str, *, size: int = 56, count: int = 3, patience: int = 5) -> int:
        """How many of `count` pings come back.

        size: bytes of a ping's data, never cut into fragments; patience: seconds until the last must be back.
        """
        rhythm = ("-i", "0.05", "-W", "1", "-w", patience, "-c", count)
        told = self.run("ping", "-q", "-n", "-M", "do", "-s", size, *rhythm, address, check=False)
        found = re.search(r"(\d+) received", told)
        assert found, told
        return int(found[1])


class TapGuest(NamespaceGuest):
    """A guest on a tap of the namespace that the test is in; a context manager.

    tap: made if it is not there, and then gone with the guest; address: of the card, with its prefix length;
    bridge: the Linux bridge that the hypervisor puts the tap in, where that is its task (hybrid VIFs).
    """

    def __init__(self, tap: str, mac: str, address: str, *, mtu: int, bridge: str | None = None) -> None:
        self._host = _open_tap(tap)
        if bridge is not None:
            ip("link", "set", tap, "mtu", mtu, "master", bridge, "up")
        self._card = -1
        self._stop = os.eventfd(0)
        self._inside = threading.Event()
        self._thread = threading.Thread(target=self._live, args=(mac, address, mtu))
        self._failure: BaseException | None = None

    def _live(self, mac: str, address: str, mtu: int) -> None:
        try:
            new_namespace()
            super().__init__(f"/proc/{os.getpid()}/task/{threading.get_native_id()}/ns/net")
            self._card = _open_tap(CARD)
            ip("link", "set", CARD, "address", mac, "mtu", mtu, "up")
            ip("addr", "add", address, "dev", CARD)
        except BaseException as error:  # noqa: BLE001  # the test's thread raises it
            self._failure = error
            return
        finally:
            self._inside.set()
        with selectors.DefaultSelector() as ready:
            ready.register(self._host, selectors.EVENT_READ, self._card)
            ready.register(self._card, selectors.EVENT_READ, self._host)
            ready.register(self._stop, selectors.EVENT_READ)
            while True:
                for key, _ in ready.select():
                    if key.fd == self._stop:
                        return
                    if not _carry(key.fd, key.data):
                        ready.unregister(key.fd)

    def __enter__(self) -> Self:
        self._thread.start()
        self._inside.wait()
        if self._failure is not None:
            self.__exit__(None, None, None)
            raise self._failure
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.eventfd_write(self._stop, 1)
        self._thread.join()
        for descriptor in (self._host, self._card, self._stop):
            if descriptor >= 0:
                os.close(descriptor)


def _open_tap(name: str) -> int:
    """What a hypervisor holds a guest's card by: a descriptor that reads and writes frames."""
    descriptor = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
    fcntl.ioctl(descriptor, TUNSETIFF, struct.pack("16sH22x", name.encode(), IFF_TAP | IFF_NO_PI))
    return descriptor


def _carry(source: int, target: int) -> bool:
    """Whether there is still a device behind `source`; what `target` does not take is lost, as on a wire."""
    try:
        frame = os.read(source, 65535)
    except BlockingIOError:
        return True
    except OSError:  # somebody has deleted the tap
        return False
    with contextlib.suppress(OSError):
        os.write(target, frame)
    return True
