"""Session: what keeps a conversation with ovsdb-server going over reconnects; the machinery of Connection.

Requests that only read are repeated when the connection breaks under them, watches are started again on the
new one. A request that may have changed something is not sent twice unless its caller says that it may be.
"""

from __future__ import annotations

import contextlib
import errno
import os
import ssl
import threading
import time
from collections.abc import Callable, Iterator

from os_vif.host.ovsdb.channel import Channel, ChannelLost, Loss, Request
from os_vif.host.ovsdb.error import (
    ConnectionFailed,
    ConnectionLost,
    ProtocolError,
    Timeout,
    TransactionError,
    in_words,
)
from os_vif.host.ovsdb.framing import Json
from os_vif.host.ovsdb.operations import refusal
from os_vif.host.ovsdb.remote import Lender, Stream, TlsFiles, parse_remote, tls_context
from os_vif.host.ovsdb.watch import NOTIFICATIONS, Watch

# Seconds between attempts to connect: the first comes at once, each further waits twice as long.
BACK_OFF_FIRST, BACK_OFF_MOST = 0.02, 1.0
# What an attempt at the very end of the time may still take.
LAST_ATTEMPT = 0.05
# Trying again a moment later would not help.
HOPELESS = frozenset({errno.EACCES, errno.EPERM, errno.ENOTDIR, errno.ENOTSOCK, errno.ENAMETOOLONG})


class Session:
    """See Connection, which says what is raised. Deadlines are of time.monotonic()."""

    def __init__(self, remote: str, tls: TlsFiles | None, lender: Lender | None = None) -> None:
        self.remote = remote
        self._lender = lender
        self._address = parse_remote(remote)
        self._context = tls_context(remote, tls) if self._address.method == "ssl" else None
        self._pid = os.getpid()
        self._opening = threading.Lock()
        self._closed = threading.Event()
        self._channel: Channel | None = None
        # Connections that were made since the server last answered something.
        self._attempts = 0
        self._watches = _Watches()

    def call(
        self,
        method: str,
        params: list[Json],
        deadline: float,
        *,
        repeatable: bool,
        changes: bool = False,
        meanwhile: Callable[[], None] | None = None,
    ) -> tuple[Json, Channel]:
        """The result of a request, and which channel it came over (for what is cached with it).

        ``changes``: without an answer it is not known what the request has done. Raises TransactionError for an
        error of the whole request.
        """
        seconds = max(0.0, deadline - time.monotonic())
        loss: Loss | None = None
        while True:
            channel = self.open(deadline)
            request: Request | None = None
            try:
                request = channel.request(method, params)
                if meanwhile is not None:
                    act, meanwhile = meanwhile, None
                    act()
                answered = channel.wait(_done(request), deadline)
            except ChannelLost as lost:
                if changes and not repeatable and request is not None and request.sent:
                    raise ConnectionLost(self.remote, lost.loss.reason, sent=True) from None
                loss = lost.loss
                self._raise_if_over(loss, deadline, seconds)
                continue
            except BaseException:
                if request is not None:
                    channel.abandon(request, cancel=False)
                raise
            if not answered:
                channel.abandon(request, cancel=changes)
                if channel.idle() and channel.last_heard < deadline - seconds:
                    # Not a sound since the request: if the peer is gone, a new connection will show it.
                    channel.lose("ovsdb-server does not answer")
                if loss is not None and not channel.heard and not changes:
                    # The last of several that were closed on us; there was no time left to see it.
                    self._raise_if_over(loss, deadline, seconds)
                committed = None if changes else False
                raise Timeout(self.remote, "ovsdb-server", f"a {method} request", seconds, committed)
            if request.error is not None:
                raise self.refused(method, request.error)
            return request.result, channel

    def wait(self, ready: Callable[[], bool], deadline: float) -> bool:
        """Until ``ready()``, over any number of reconnects; False at the deadline."""
        seconds = max(0.0, deadline - time.monotonic())
        while True:
            channel = self.open(deadline)
            try:
                return channel.wait(ready, deadline)
            except ChannelLost as lost:
                self._raise_if_over(lost.loss, deadline, seconds)

    def open(self, deadline: float) -> Channel:
        """The channel, once it is known to stand; a new one if need be."""
        if self._pid != os.getpid():
            self._after_fork()
        channel = self._channel
        if channel is not None and channel.usable():
            return channel
        with self._opening_until(deadline):
            channel = self._channel
            if channel is None or channel.loss is not None:
                if channel is not None and channel.heard:
                    self._attempts = 0
                channel = self._channel = self._connect(deadline)
            return channel

    def fileno(self) -> int:
        """The descriptor of the channel there is, -1 if there is none."""
        return self._channel.fileno() if self._channel is not None else -1

    def follow(self, watch: Watch, deadline: float) -> None:
        """Start the watch, here and on every later channel, and wait for its rows."""
        self.open(deadline)
        with self._opening_until(deadline):
            self._watches.by_name[watch.name] = watch
            if self._channel is not None:
                # If it is lost, the next one starts all that are known.
                with contextlib.suppress(ChannelLost):
                    watch.start(self._channel)
        try:
            self._settle(watch, deadline)
        except BaseException:
            self.forget(watch)
            raise

    def check(self, watch: Watch) -> None:
        """Raises TransactionError if the server refused the watch."""
        if watch.failure is not None:
            raise self.refused("monitor", watch.failure)

    def forget(self, watch: Watch) -> None:
        """End the watch; the server is told if it can be."""
        known = self._watches.by_name.pop(watch.name, None)
        channel = self._channel
        if known is not None and channel is not None and self._pid == os.getpid():
            with contextlib.suppress(ChannelLost):
                channel.request("monitor_cancel", [watch.name])

    def refused(self, method: str, error: Json) -> TransactionError:
        """The error of a reply whose ``error`` is not null (RFC 7047, 4.1)."""
        told = error if isinstance(error, dict) and "error" in error else {"error": error}
        return refusal(self.remote, method, told)

    def close(self) -> None:
        """For good; who waits gets ConnectionFailed."""
        self._closed.set()
        channel = self._channel
        if channel is not None and self._pid == os.getpid():
            channel.lose("this connection was closed", hopeless=True)

    def _connect(self, deadline: float) -> Channel:
        seconds = max(0.0, deadline - time.monotonic())
        # Attempts that met nobody are not held against the next caller: the server may have come back meanwhile.
        refused = 0
        while True:
            if attempts := self._attempts + refused:
                delay = min(BACK_OFF_MOST, BACK_OFF_FIRST * 2 ** min(attempts - 1, 10))
                self._closed.wait(max(0.0, min(delay, deadline - time.monotonic())))
            if self._closed.is_set():
                raise ConnectionFailed(self.remote, "this connection was closed", "open another")
            try:
                left = max(deadline - time.monotonic(), LAST_ATTEMPT)
                stream = Stream(self._address, self._context, left, self._lender)
            except OSError as failure:
                if isinstance(failure, ssl.SSLError) or failure.errno in HOPELESS:
                    raise self._unreachable(failure, 0) from failure
                if time.monotonic() >= deadline:
                    raise self._unreachable(failure, seconds) from failure
                refused += 1
                continue
            self._attempts += 1
            channel = Channel(stream, self._watches.notified)
            try:
                for watch in list(self._watches.by_name.values()):
                    watch.start(channel)
            except ChannelLost as lost:
                self._raise_if_over(lost.loss, deadline, seconds)
                continue
            return channel

    def _settle(self, watch: Watch, deadline: float) -> None:
        seconds = max(0.0, deadline - time.monotonic())
        if not self.wait(watch.settled, deadline):
            raise Timeout(self.remote, "ovsdb-server", "a monitor request", seconds, committed=False)
        self.check(watch)

    @contextlib.contextmanager
    def _opening_until(self, deadline: float) -> Iterator[None]:
        if not self._opening.acquire(timeout=max(0.0, deadline - time.monotonic())):
            raise ConnectionFailed(self.remote, "no connection in time")
        try:
            yield
        finally:
            self._opening.release()

    def __del__(self) -> None:
        # What connection() lets go of may still be in use, also by a monitor: it is closed with its last user.
        channel = getattr(self, "_channel", None)
        if channel is not None:
            channel.release()

    def _after_fork(self) -> None:
        # The parent's connection would mix the words of two processes, and its locks may be held for ever.
        self._pid, self._opening, self._attempts = os.getpid(), threading.Lock(), 0
        if not self._closed.is_set():
            self._closed = threading.Event()
        channel, self._channel = self._channel, None
        if channel is not None:
            channel.release()
        for watch in self._watches.by_name.values():
            watch.after_fork()

    def _raise_if_over(self, loss: Loss, deadline: float, seconds: float) -> None:
        """Raise what a lost channel means, unless there is reason and time to try another."""
        if loss.malformed:
            raise ProtocolError(self.remote, loss.reason)
        if loss.hopeless:
            raise ConnectionFailed(self.remote, loss.reason, "is it meant to let this client in?")
        if time.monotonic() >= deadline:
            raise ConnectionFailed(self.remote, f"{loss.reason}, tried for {in_words(seconds)}")

    def _unreachable(self, failure: OSError, seconds: float) -> ConnectionFailed:
        reason = failure.strerror or str(failure) or "no answer"
        if seconds:
            reason += f", tried for {in_words(seconds)}"
        if isinstance(failure, ssl.SSLError):
            hint = "has the CA of each side signed the certificate of the other?"
        elif failure.errno in (errno.EACCES, errno.EPERM):
            hint = f"user {os.geteuid()} may not open it"
        else:
            hint = "is ovsdb-server running, and listening there?"
        return ConnectionFailed(self.remote, reason, hint)


class _Watches:
    """What a channel knows of its session: no more, so that no cycle keeps the socket open."""

    def __init__(self) -> None:
        self.by_name: dict[str, Watch] = {}

    def notified(self, method: str, params: Json) -> None:
        """Called under the channel's lock."""
        if method in NOTIFICATIONS and isinstance(params, list) and len(params) == 2:
            name, updates = params
            # One that has just been closed is still told of.
            if isinstance(name, str) and (watch := self.by_name.get(name)) is not None:
                watch.take(method, updates)


def _done(request: Request) -> Callable[[], bool]:
    return lambda: request.done
