"""RouteSocket: the conversation with the kernel about links, addresses and routes.

The engine keeps one open and asks it everything. The kernel works on a request inside send(), and has queued
every answer (or the first part of a dump) when send() returns. So many requests go into one send(), and an
answer that is not there after the receive buffer overflowed never comes.
"""

from __future__ import annotations

import contextlib
import errno
import os
import socket
import threading
from collections.abc import Iterator, Sequence
from types import TracebackType
from typing import Self

from os_vif.host.netlink import wire
from os_vif.host.netlink.address import (
    IFADDRMSG,
    RTA_OIF,
    RTMSG,
    Address,
    Route,
    parse_address,
    parse_route,
)
from os_vif.host.netlink.error import NetlinkError
from os_vif.host.netlink.link import (
    IFLA_ALT_IFNAME,
    IFLA_EXT_MASK,
    IFLA_IFNAME,
    Link,
    LinkParser,
)
from os_vif.host.netlink.wire import Message

SOL_NETLINK = 270
NETLINK_CAP_ACK, NETLINK_EXT_ACK, NETLINK_GET_STRICT_CHK = 10, 11, 12
SO_RCVBUFFORCE = 33
RTEXT_FILTER_SKIP_STATS = 1 << 3
IFNAMSIZ = 16

RECEIVE_BUFFER = 1 << 20
DATAGRAM = 1 << 16
# What one send() carries at most: an acknowledgement takes about 1 KiB of the receive buffer, a link about 4
# KiB, and an unprivileged process may have to live with the system's default buffer of 208 KiB (416 KiB as
# the kernel counts).
REQUESTS_PER_SEND, BYTES_PER_SEND = 128, 32 << 10
LINKS_PER_SEND = 32
# Any change to any link interrupts a dump, and on a busy host several in a row.
DUMP_ATTEMPTS = 32
# Failures of send() that concern the messages in it and leave the socket whole.
REFUSED_BY_SEND = frozenset({errno.ENOBUFS, errno.ENOMEM, errno.EMSGSIZE})

_SKIP_STATS = wire.u32(IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS)
_ANY_LINK = wire.IFINFOMSG.pack(0, 0, 0, 0, 0)


class RouteSocket:
    """One NETLINK_ROUTE socket, kept open; a context manager.

    It speaks to the network namespace it was opened in, from any thread, one at a time (a lock sees to
    that). After a fork the child gets a socket of its own. All methods raise NetlinkError: when the kernel
    refuses a question, and with ETIMEDOUT when nothing comes within ``timeout`` seconds.
    """

    def __init__(self, timeout: float = 10.0) -> None:
        self.namespace = current_namespace()
        self._timeout = timeout
        self._sequence = int.from_bytes(os.urandom(3), "big")
        self._view = memoryview(bytearray(DATAGRAM))
        self._parser = LinkParser()
        self._closed = False
        self._lock = threading.Lock()
        self._pid = os.getpid()
        self._socket: socket.socket | None = None
        self._reopen("open a netlink socket")

    def links(self, names: Sequence[str]) -> dict[str, Link]:
        """The links that have these names or altnames, by the name asked for. Names that no link has are
        left out.
        """
        # Never by a dump: measured, that pays only when six in ten of all links are asked for, and how many there
        # are is not known beforehand.
        wanted = list(dict.fromkeys(names))
        found: dict[str, Link] = {}
        for start in range(0, len(wanted), LINKS_PER_SEND):
            chunk = wanted[start : start + LINKS_PER_SEND]
            for name, answer in zip(chunk, self.ask(chunk), strict=True):
                if not isinstance(answer, NetlinkError):
                    found[name] = self._parser.parse(answer)
                elif answer.errno != errno.ENODEV:
                    raise answer
        return found

    def all_links(self) -> list[Link]:
        """Every link of the namespace, by one dump."""
        parse = self._parser.parse
        request = _ANY_LINK + _SKIP_STATS
        return [parse(one) for one in self._dump(wire.RTM_GETLINK, request, wire.RTM_NEWLINK, "list links")]

    def addresses(self, index: int | None = None) -> list[Address]:
        """The addresses of the link with this index (ENODEV if there is none), or of all links."""
        what = "list addresses" if index is None else f"list addresses of link {index}"
        request = IFADDRMSG.pack(socket.AF_UNSPEC, 0, 0, 0, index or 0)
        found = [parse_address(one) for one in self._dump(wire.RTM_GETADDR, request, wire.RTM_NEWADDR, what)]
        # Kernels before 4.20 do not filter; the same below.
        return [address for address in found if index is None or address.index == index]

    def routes(self, oif: int | None = None, family: int = socket.AF_UNSPEC) -> list[Route]:
        """The routes of all tables, without cache entries: those over the link with index ``oif`` (ENODEV if
        there is none) or all; of AF_INET, AF_INET6, or both (AF_UNSPEC).
        """
        what = "list routes" if oif is None else f"list routes over link {oif}"
        found: list[Route] = []
        for wanted in (socket.AF_INET, socket.AF_INET6) if family == socket.AF_UNSPEC else (family,):
            request = RTMSG.pack(wanted, 0, 0, 0, 0, 0, 0, 0, 0)
            if oif is not None:
                request += wire.u32(RTA_OIF, oif)
            listed = self._dump(wire.RTM_GETROUTE, request, wire.RTM_NEWROUTE, what)
            # A kernel without IPv6 answers for the families it has.
            found += [route for one in listed if (route := parse_route(one)) and route.family == wanted]
        return [route for route in found if oif is None or route.oif == oif or route.multipath]

    def request(self, message: Message) -> None:
        """Have one message carried out; raises NetlinkError when the kernel refuses it."""
        (failure,) = self.execute([message])
        if failure is not None:
            raise failure

    def execute(self, messages: Sequence[Message]) -> list[NetlinkError | None]:
        """Have the messages carried out in order, many to a send(). One result for each: None, or why it
        failed.

        A failed message does not keep the kernel from those after it. Raises only when the socket itself
        fails; ENOBUFS as a result means that the kernel's answer was lost, and that one has to look what was
        done.
        """
        results: list[NetlinkError | None] = [None] * len(messages)
        what = messages[0].what if len(messages) == 1 else f"carry out {len(messages)} requests"
        if messages:
            with self._conversation(what):
                for first, last in _chunks(messages):
                    results[first:last] = self._execute_chunk(messages[first:last])
        return results

    def close(self) -> None:
        """Close the socket for good."""
        self._closed = True
        self._drop()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __del__(self) -> None:
        # What route_socket() lets go of may still be in use: it is closed with its last user.
        if getattr(self, "_socket", None) is not None:
            self._drop()

    def _execute_chunk(self, messages: Sequence[Message]) -> list[NetlinkError | None]:
        count = len(messages)
        base = self._next_sequence(count)
        flags = wire.NLM_F_REQUEST | wire.NLM_F_ACK
        requests = b"".join(
            wire.request(message.type, message.flags | flags, base + number, message.payload)
            for number, message in enumerate(messages)
        )
        sock = self._connected()
        try:
            sock.send(requests)
        except OSError as failure:
            if failure.errno not in REFUSED_BY_SEND:
                raise
            refused = "not sent: the kernel did not take the request"
            return [NetlinkError(failure.errno, message.what, refused) for message in messages]

        lost = "the answer was lost: the request may or may not have been carried out"
        results: list[NetlinkError | None] = [
            NetlinkError(errno.ENOBUFS, message.what, lost) for message in messages
        ]
        pending = set(range(count))
        try:
            while pending:
                try:
                    datagram = self._receive(sock)
                except _AnswerLost:
                    # All that will come is in the queue by now.
                    sock.settimeout(0)
                    continue
                for kind, flags, sequence, payload in wire.messages(datagram):
                    number = sequence - base
                    if kind != wire.NLMSG_ERROR or number not in pending:
                        continue
                    pending.remove(number)
                    code, reason = wire.outcome(kind, flags, payload)
                    results[number] = NetlinkError(code, messages[number].what, reason) if code else None
        except BlockingIOError:
            pass
        finally:
            sock.settimeout(self._timeout)
        return results

    def ask(self, names: Sequence[str], filter_: int = 0) -> list[bytes | NetlinkError]:
        """One RTM_GETLINK per name in one send(), its answers as they came; filter_: RTEXT_FILTER_ bits."""
        what = f"look up {', '.join(names)}"
        with self._conversation(what):
            for _attempt in range(DUMP_ATTEMPTS):
                base = self._next_sequence(len(names))
                requests = [
                    wire.request(wire.RTM_GETLINK, wire.NLM_F_REQUEST, base + number, _lookup(name, filter_))
                    for number, name in enumerate(names)
                ]
                answers: dict[int, bytes | NetlinkError] = {}
                sock = self._connected()
                try:
                    sock.send(b"".join(requests))
                    while len(answers) < len(names):
                        datagram = self._receive(sock)
                        for kind, flags, sequence, payload in wire.messages(datagram):
                            number = sequence - base
                            if not 0 <= number < len(names):
                                continue
                            if kind == wire.RTM_NEWLINK:
                                answers[number] = payload
                            elif kind == wire.NLMSG_ERROR:
                                code, reason = wire.outcome(kind, flags, payload)
                                answers[number] = NetlinkError(code, f"look up {names[number]}", reason)
                except _AnswerLost:
                    self._reopen(what)
                    continue
                return [answers[number] for number in range(len(names))]
        raise NetlinkError(errno.ENOBUFS, what, "the receive buffer overflows each time")

    def _dump(self, kind: int, request: bytes, answer_kind: int, what: str) -> list[bytes]:
        """The kernel's list, read as fast as it comes and parsed by the caller: the shorter a dump takes,
        the more rarely a change interrupts it.
        """
        with self._conversation(what):
            for _attempt in range(DUMP_ATTEMPTS):
                try:
                    listed, whole = self._dump_once(kind, request, answer_kind, what)
                except _AnswerLost:
                    # A new socket is the one sure end of a dump that is under way: on this one EBUSY would
                    # follow.
                    self._reopen(what)
                    continue
                if whole:
                    return listed
        raise NetlinkError(
            errno.EAGAIN, what, f"it changed during each of {DUMP_ATTEMPTS} attempts to read it"
        )

    def _dump_once(self, kind: int, request: bytes, answer_kind: int, what: str) -> tuple[list[bytes], bool]:
        mine = self._next_sequence(1)
        sock = self._connected()
        sock.send(wire.request(kind, wire.NLM_F_REQUEST | wire.NLM_F_DUMP, mine, request))
        listed: list[bytes] = []
        whole = True
        while True:
            datagram = self._receive(sock)
            for found, flags, sequence, payload in wire.messages(datagram):
                if sequence != mine:
                    continue
                if flags & wire.NLM_F_DUMP_INTR:
                    whole = False
                if found == answer_kind:
                    listed.append(payload)
                elif found in (wire.NLMSG_DONE, wire.NLMSG_ERROR):
                    code, reason = wire.outcome(found, flags, payload)
                    if code:
                        raise NetlinkError(code, what, reason)
                    return listed, whole

    def _receive(self, sock: socket.socket) -> bytes:
        """The next datagram from the kernel, whole. Raises _AnswerLost, BlockingIOError, TimeoutError."""
        while True:
            try:
                # With MSG_TRUNC the size is that of the datagram, also if the buffer is shorter.
                size, sender = sock.recvfrom_into(self._view, 0, socket.MSG_TRUNC)
            except InterruptedError:
                continue
            except OSError as failure:
                if failure.errno == errno.ENOBUFS:
                    raise _AnswerLost from failure
                raise
            if sender[0] != 0:
                continue  # not from the kernel
            if size > len(self._view):
                self._view = memoryview(bytearray(2 * size))
                raise _AnswerLost
            return bytes(self._view[:size])

    def _next_sequence(self, count: int) -> int:
        """The first of ``count`` sequence numbers that follow each other and that no answer under way
        carries.
        """
        if self._sequence + count > 0xFFFFFFFF:
            self._sequence = 0
        first = self._sequence + 1
        self._sequence += count
        return first

    @contextlib.contextmanager
    def _conversation(self, what: str) -> Iterator[None]:
        if self._pid != os.getpid():
            # The parent's socket would mix the answers of two processes, and its lock may be held for ever.
            self._pid, self._lock = os.getpid(), threading.Lock()
            self._drop()
        with self._lock:
            if self._socket is None:
                self._reopen(what)
            try:
                yield
            except NetlinkError:
                raise
            except BaseException as failure:
                # Answers, or a dump, may still be under way (a timeout, a signal, a killed greenthread).
                self._drop()
                if isinstance(failure, TimeoutError):
                    reason = f"the kernel did not answer within {self._timeout:g} s"
                    raise NetlinkError(errno.ETIMEDOUT, what, reason) from failure
                raise

    def _connected(self) -> socket.socket:
        if self._socket is None:
            raise NetlinkError(errno.EBADF, reason="the netlink socket is closed")
        return self._socket

    def _reopen(self, what: str) -> None:
        self._drop()
        if self._closed:
            raise NetlinkError(errno.EBADF, what, "the netlink socket is closed")
        namespace = current_namespace()
        if namespace != self.namespace:
            reason = f"the socket belongs to network namespace {self.namespace}, the thread is in {namespace}"
            raise NetlinkError(errno.ENOTCONN, what, reason)
        self._socket = open_socket()
        self._socket.settimeout(self._timeout)

    def _drop(self) -> None:
        sock, self._socket = self._socket, None
        if sock is not None:
            sock.close()


def open_socket(groups: int = 0) -> socket.socket:
    """A NETLINK_ROUTE socket bound to the multicast groups (RTMGRP_ bits), with explained errors and checked
    dumps.
    """
    sock = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, socket.NETLINK_ROUTE)
    try:
        for option in (NETLINK_EXT_ACK, NETLINK_CAP_ACK, NETLINK_GET_STRICT_CHK):
            # Strict checking came with Linux 4.20: without it lists come unfiltered.
            with contextlib.suppress(OSError):
                sock.setsockopt(SOL_NETLINK, option, 1)
        try:
            sock.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, RECEIVE_BUFFER)
        except OSError:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)
        sock.bind((0, groups))
    except BaseException:
        sock.close()
        raise
    return sock


def current_namespace() -> str:
    """The network namespace of this thread, as the kernel names it ("net:[4026531840]")."""
    return os.readlink("/proc/thread-self/ns/net")


class _AnswerLost(Exception):  # noqa: N818 - a turn in the conversation, not an error for a caller
    """The receive buffer overflowed, or was too small for one datagram."""


def _lookup(name: str, filter_: int) -> bytes:
    kind = IFLA_IFNAME if len(wire.encode(name)) < IFNAMSIZ else IFLA_ALT_IFNAME
    mask = wire.u32(IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS | filter_)
    return _ANY_LINK + wire.text(kind, name) + mask


def _chunks(messages: Sequence[Message]) -> Iterator[tuple[int, int]]:
    """(first, last + 1) of the messages that one send() may carry."""
    first = size = 0
    for number, message in enumerate(messages):
        length = wire.HEADER_SIZE + len(message.payload)
        if number > first and (number - first == REQUESTS_PER_SEND or size + length > BYTES_PER_SEND):
            yield first, number
            first, size = number, 0
        size += length
    yield first, len(messages)
