"""Disturbing the engine at a chosen point: a kernel operation that fails, or the death of the process.

Operations are counted from 1 in the order in which they happen: netlink requests, the making of a tap, writes
to /proc/sys, changes of filter rules, and of what goes on with an Open vSwitch database: for `failing` each
transaction that changes something, for `killed_at` each message, also sent by half, and each answer to one.
"""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from os_vif.host import filters, netlink
from os_vif.host.acts import links
from os_vif.host.netlink import Message, NetlinkError, RouteSocket
from os_vif.host.ovsdb import ConnectionLost, TransactionError
from os_vif.host.ovsdb.remote import Stream
from os_vif.host.ovsdb.session import Session


@dataclass
class Operations:
    """What happened, in words; `fired` says whether the chosen operation came."""

    names: list[str] = field(default_factory=list)
    fired: bool = False


@contextlib.contextmanager
def failing(at: int, error: int, *, carried_out: bool = False) -> Iterator[Operations]:
    """Operation number `at` (0: none) fails with `error` (an errno); `carried_out`: though the kernel did it.

    A transaction is refused by ovsdb-server; carried out, its answer is lost with the connection.
    """
    seen = Operations()

    def reached(name: str) -> bool:
        seen.names.append(name)
        hit = len(seen.names) == at
        seen.fired = seen.fired or hit
        return hit

    execute, create_tap, call = RouteSocket.execute, netlink.create_tap, Session.call

    def failing_execute(self: RouteSocket, messages: Sequence[Message]) -> list[NetlinkError | None]:
        results: list[NetlinkError | None] = []
        for message in messages:
            hit = reached(message.what)
            if not hit or carried_out:
                results += execute(self, [message])
            if hit:
                results[len(results) - carried_out :] = [NetlinkError(error, message.what, "injected")]
        return results

    def failing_tap(name: str, **options: Any) -> None:
        if reached(f"create tap {name}"):
            raise NetlinkError(error, f"create tap {name}", "injected")
        create_tap(name, **options)

    def failing_call(self: Session, method: str, *args: Any, **options: Any) -> Any:
        changes = method == "transact" and options.get("changes", False)
        hit = changes and reached("transact")
        if hit and not carried_out:
            if (meanwhile := options.get("meanwhile")) is not None:
                meanwhile()
            raise TransactionError(self.remote, "I/O error", "injected")
        result = call(self, method, *args, **options)
        if hit:
            raise ConnectionLost(self.remote, "injected", sent=True)
        return result

    with (
        pytest.MonkeyPatch.context() as patch,
        _patched(failing_execute, failing_tap, reached, lambda: OSError(error, os.strerror(error))),
    ):
        patch.setattr(Session, "call", failing_call)
        yield seen


def killed_at(at: int, act: Callable[[], object]) -> bool:
    """Run `act` in a child process that dies by SIGKILL just before operation `at`; False if it got to its end.

    What one send() carries is one operation: a process cannot die in the middle of it. It can between two, so that
    half of a message to ovsdb-server has been sent. An exception of `act` in the child is an AssertionError here.
    """
    child = os.fork()
    if child == 0:
        status = 1
        try:
            with _killing(at):
                act()
            status = 0
        finally:
            os._exit(status)
    _, ended = os.waitpid(child, 0)
    if os.WIFSIGNALED(ended):
        assert os.WTERMSIG(ended) == signal.SIGKILL
        return True
    assert os.WEXITSTATUS(ended) == 0, "the child failed before it was to be killed"
    return False


@contextlib.contextmanager
def _killing(at: int) -> Iterator[None]:
    count = 0

    def reached(_name: str = "") -> bool:
        nonlocal count
        count += 1
        if count == at:
            os.kill(os.getpid(), signal.SIGKILL)
        return False

    create_tap, send = netlink.create_tap, RouteSocket._execute_chunk

    def tap(name: str, **options: Any) -> None:
        reached()
        create_tap(name, **options)

    def execute_chunk(self: RouteSocket, messages: Sequence[Message]) -> list[NetlinkError | None]:
        reached()
        return send(self, messages)

    stream_send, receive = Stream.send, Stream.receive

    def send_message(self: Stream, data: bytearray) -> int:
        reached()
        if count + 1 == at:
            stream_send(self, data[: len(data) // 2])
        reached()
        return stream_send(self, data)

    def receive_answer(self: Stream) -> bytes | None:
        data = receive(self)
        if data is not None:
            reached()
        return data

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(RouteSocket, "_execute_chunk", execute_chunk)
        patch.setattr(Stream, "send", send_message)
        patch.setattr(Stream, "receive", receive_answer)
        with _patched(None, tap, reached, OSError):
            yield


@contextlib.contextmanager
def _patched(
    execute: Any, tap: Any, reached: Callable[[str], bool], error: Callable[[], Exception]
) -> Iterator[None]:
    def counted(change: Any, word: str) -> Any:
        def changed(target: Any, *args: Any) -> Any:
            if reached(f"{word} {target}"):
                raise error()
            return change(target, *args)

        return changed

    with pytest.MonkeyPatch.context() as patch:
        if execute is not None:
            patch.setattr(RouteSocket, "execute", execute)
        patch.setattr(netlink, "create_tap", tap)
        patch.setattr(Path, "write_text", counted(Path.write_text, "write"))
        patch.setattr(links, "_write", counted(links._write, "write"))
        patch.setattr(filters, "apply", counted(filters.apply, "apply"))
        patch.setattr(filters, "remove", counted(filters.remove, "remove"))
        yield
