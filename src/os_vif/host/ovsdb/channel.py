"""Channel: one live connection, shared by threads; made, and replaced when it breaks, by Connection.

There is no thread of its own. Whoever waits for something reads, one at a time, and hands on what is for
others; the reader also writes what did not fit into the socket at once, since ovsdb-server reads no more
requests from a client that does not read its replies. Under eventlet's monkey-patching all of it is green.
"""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from os_vif.host.ovsdb.framing import Framer, Json, Malformed
from os_vif.host.ovsdb.remote import Stream


@dataclass(frozen=True, slots=True)
class Loss:
    """Why a channel broke; ``hopeless``: another one would break in the same way; ``malformed``: what came is
    not OVSDB.
    """

    reason: str
    hopeless: bool = False
    malformed: bool = False


class ChannelLost(Exception):  # noqa: N818 - a turn for Connection to take, never seen by a caller
    """The channel broke while something was waited for."""

    def __init__(self, loss: Loss) -> None:
        super().__init__(loss.reason)
        self.loss = loss


class Request:
    """A request under way. ``done``: ``result`` and ``error`` are the reply's."""

    __slots__ = ("_answered", "_end", "done", "error", "number", "result", "sent")

    def __init__(self, number: int, end: int, answered: Callable[[Request], None] | None) -> None:
        self.number = number
        self.done = False
        self.result: Json = None
        self.error: Json = None
        # False as soon as it is certain that the server cannot have got the whole of it
        self.sent = True
        self._end = end
        self._answered = answered

    def lost(self, handed_over: int) -> None:
        """The channel broke after it handed so many bytes to the kernel."""
        self.sent = self._end <= handed_over

    def reply(self, message: dict[str, Json]) -> None:
        self.result, self.error = message.get("result"), message.get("error")
        self.done = True
        if self._answered is not None:
            self._answered(self)


class Channel:
    """``notified(method, params)`` is called with what the server says unasked, in the order it says it.

    It, and the ``answered`` of a request, are called under the channel's lock, by whoever reads: they may
    send requests, and must not wait.
    """

    def __init__(self, stream: Stream, notified: Callable[[str, Json], None]) -> None:
        self.loss: Loss | None = None
        # The server has answered something: it is there and speaks OVSDB.
        self.heard = False
        # When bytes last came (time.monotonic()).
        self.last_heard = time.monotonic()
        self._stream = stream
        self._notified = notified
        self._framer = Framer()
        self._condition = threading.Condition()
        self._reading = False
        self._released = False
        self._requests: dict[int, Request] = {}
        self._numbers = 0
        self._unsent = bytearray()
        self._queued = 0
        self._wake = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._wake, selectors.EVENT_READ)
        self._interest = selectors.EVENT_READ
        self._selector.register(stream, self._interest)

    def request(
        self, method: str, params: list[Json], answered: Callable[[Request], None] | None = None
    ) -> Request:
        """Send a request, or as much of it as goes now. Raises ChannelLost."""
        with self._condition:
            if self.loss is not None:
                raise ChannelLost(self.loss)
            self._numbers += 1
            number = self._numbers
            data = _encode({"id": number, "method": method, "params": params})
            request = Request(number, self._queued + len(data), answered)
            self._requests[number] = request
            self._send(data)
            return request

    def abandon(self, request: Request, cancel: bool) -> None:
        """Wait for this reply no longer; ``cancel`` asks the server to give the transaction up (4.1.4)."""
        with self._condition:
            known = self._requests.pop(request.number, None)
            if known is not None and cancel and self.loss is None:
                self._send(_encode({"id": None, "method": "cancel", "params": [request.number]}))

    def wait(self, ready: Callable[[], bool], deadline: float) -> bool:
        """Until ``ready()``, asked under the lock after all that comes; False when the deadline passes first.

        Raises ChannelLost.
        """
        with self._condition:
            while True:
                if ready():
                    return True
                if self.loss is not None:
                    raise ChannelLost(self.loss)
                if not self._reading:
                    self._reading = True
                    break
                if not self._condition.wait(max(0.0, deadline - time.monotonic())):
                    return ready()
        try:
            return self._read(ready, deadline)
        finally:
            self._stop_reading()

    def usable(self) -> bool:
        """Whether the connection stands, once everything that has come was taken in (echoes answered)."""
        with self._condition:
            if self.loss is not None or self._reading:
                return self.loss is None
            self._reading = True
        try:
            while self._take():
                pass
        finally:
            self._stop_reading()
        return self.loss is None

    def fileno(self) -> int:
        """The descriptor of the stream; -1 when it is closed."""
        return self._stream.fileno()

    def idle(self) -> bool:
        """Nobody waits for a reply."""
        return not self._requests

    def lose(self, reason: str, hopeless: bool = False, malformed: bool = False) -> None:
        """Give the connection up; who waits gets ChannelLost with this reason."""
        with self._condition:
            if self.loss is not None:
                return
            self.loss = Loss(reason, hopeless, malformed)
            handed_over = self._queued - len(self._unsent)
            for request in self._requests.values():
                request.lost(handed_over)
            self._requests.clear()
            if self._reading:
                os.eventfd_write(self._wake, 1)
            else:
                self.release()
            self._condition.notify_all()

    def release(self) -> None:
        """Close the descriptors, and nothing else: all that a child may do after a fork."""
        if not self._released:
            self._released = True
            self._selector.close()
            self._stream.close()
            os.close(self._wake)

    def _read(self, ready: Callable[[], bool], deadline: float) -> bool:
        while True:
            came = self._take()
            with self._condition:
                if ready():
                    return True
                if self.loss is not None:
                    raise ChannelLost(self.loss)
            remaining = deadline - time.monotonic()
            if remaining <= 0:
                return False
            if not came:
                self._poll(remaining)

    def _take(self) -> bool:
        """Take in what is there to be read; False if nothing is."""
        try:
            data = self._stream.receive()
            if data is None:
                return False
            if data:
                self.last_heard = time.monotonic()
                messages = self._framer.feed(data)
                with self._condition:
                    for message in messages:
                        self._dispatch(message)
                    if messages:
                        self._condition.notify_all()
                return True
            self.lose("ovsdb-server closed the connection")
        except Malformed as failure:
            self.lose(f"this is not OVSDB: {failure}", malformed=True)
        except OSError as failure:
            self._broken(failure)
        return False

    def _dispatch(self, message: dict[str, Json]) -> None:
        method, params, number = message.get("method"), message.get("params"), message.get("id")
        if method is None:
            if isinstance(number, int) and (request := self._requests.pop(number, None)) is not None:
                self.heard = True
                request.reply(message)
        elif method == "echo":
            self._send(_encode({"id": number, "result": params, "error": None}))
        elif isinstance(method, str):
            self._notified(method, params)

    def _poll(self, timeout: float) -> None:
        """Until there is something to read, room to write what is left, or a call by another thread."""
        with self._condition:
            interest = selectors.EVENT_READ | (selectors.EVENT_WRITE if self._unsent else 0)
        if interest != self._interest:
            self._interest = interest
            self._selector.modify(self._stream, interest)
        for key, events in self._selector.select(timeout):
            if key.fileobj == self._wake:
                with contextlib.suppress(BlockingIOError):
                    os.eventfd_read(self._wake)
            elif events & selectors.EVENT_WRITE:
                with self._condition:
                    self._flush()

    def _send(self, data: bytes) -> None:
        self._unsent += data
        self._queued += len(data)
        self._flush()
        if self._unsent and self._reading and self.loss is None:
            os.eventfd_write(self._wake, 1)

    def _flush(self) -> None:
        try:
            while self._unsent and self.loss is None and (count := self._stream.send(self._unsent)):
                del self._unsent[:count]
        except OSError as failure:
            self._broken(failure)

    def _broken(self, failure: OSError) -> None:
        # A TLS peer that refuses us says so with an alert (ssl.SSLError with a reason), maybe after the handshake.
        refused = not self.heard and getattr(failure, "reason", None) is not None
        self.lose(failure.strerror or str(failure), hopeless=refused)

    def _stop_reading(self) -> None:
        with self._condition:
            self._reading = False
            if self.loss is not None:
                self.release()
            self._condition.notify_all()


def _encode(message: dict[str, Json]) -> bytes:
    return json.dumps(message, separators=(",", ":")).encode()
