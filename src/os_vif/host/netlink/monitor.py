"""LinkMonitor: the kernel's notifications about links.

The engine and the agent wait with it until a link appears, comes up or goes, instead of asking again and
again.
"""

from __future__ import annotations

import errno
import socket
import time
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from os_vif.host.netlink import connection, wire
from os_vif.host.netlink.link import Link, LinkParser

RTMGRP_LINK = 1


@dataclass(frozen=True, slots=True)
class LinkChanged:
    """A link is new, or something about it changed."""

    link: Link


@dataclass(frozen=True, slots=True)
class LinkDeleted:
    """A link is gone from this namespace; it was called ``name`` at the end."""

    index: int
    name: str


LinkEvent = LinkChanged | LinkDeleted


class LinkMonitor:
    """A subscription to RTNLGRP_LINK of this thread's network namespace; a context manager.

    Subscribe first, then read what is (RouteSocket), then wait: nothing is missed that way. For one reader
    at a time.
    """

    def __init__(self) -> None:
        self._socket = connection.open_socket(RTMGRP_LINK)
        self._view = memoryview(bytearray(connection.DATAGRAM))
        self._parser = LinkParser()

    def wait(self, timeout: float) -> list[LinkEvent] | None:
        """The next events, oldest first: as soon as there are any, an empty list after ``timeout`` seconds
        without.

        None: events were lost (more came than the receive buffer holds). Read everything anew.
        """
        deadline = time.monotonic() + timeout
        events: list[LinkEvent] = []
        while True:
            # What is queued already belongs to the same answer.
            self._socket.settimeout(0 if events else max(0.0, deadline - time.monotonic()))
            try:
                size, sender = self._socket.recvfrom_into(self._view, 0, socket.MSG_TRUNC)
            except InterruptedError:
                continue
            except (BlockingIOError, TimeoutError):
                return events
            except OSError as failure:
                if failure.errno == errno.ENOBUFS:
                    return None
                raise
            if size > len(self._view):
                self._view = memoryview(bytearray(2 * size))
                return None
            if sender[0] == 0:
                events += self._events(bytes(self._view[:size]))

    def fileno(self) -> int:
        """The socket's descriptor, for select."""
        return self._socket.fileno()

    def close(self) -> None:
        self._socket.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _events(self, datagram: bytes) -> list[LinkEvent]:
        events: list[LinkEvent] = []
        for kind, _flags, _sequence, payload in wire.messages(datagram):
            # A bridge speaks of its ports in this group too (AF_BRIDGE): its RTM_DELLINK is a port that left.
            if kind not in (wire.RTM_NEWLINK, wire.RTM_DELLINK) or payload[0] != socket.AF_UNSPEC:
                continue
            link = self._parser.parse(payload)
            gone = kind == wire.RTM_DELLINK
            events.append(LinkDeleted(link.index, link.name) if gone else LinkChanged(link))
        return events
