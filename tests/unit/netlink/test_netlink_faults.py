"""What a socket can do wrong: a scripted one stands for the kernel, which does none of this when asked to."""

import errno
import os
import pickle
import struct
from collections.abc import Callable, Sequence

import pytest

from os_vif.host.netlink import LinkChanged, LinkDeleted, LinkMonitor, NetlinkError, RouteSocket, connection
from os_vif.host.netlink.requests import delete_link

DONE, ERROR, NEWLINK, DELLINK = 3, 2, 16, 17


def attr(kind: int, value: bytes) -> bytes:
    return struct.pack("=HH", len(value) + 4, kind) + value + b"\0" * (-len(value) % 4)


def message(kind: int, sequence: int, payload: bytes, flags: int = 0) -> bytes:
    return struct.pack("=IHHII", 16 + len(payload), kind, flags, sequence, 0) + payload


def link(
    sequence: int, name: str, flags: int = 0, *, kind: int = NEWLINK, family: int = 0, index: int = 5
) -> bytes:
    payload = struct.pack("=BxHiII", family, 1, index, 1, 0) + attr(3, name.encode() + b"\0")
    return message(kind, sequence, payload, flags)


def ack(sequence: int, code: int = 0) -> bytes:
    return message(ERROR, sequence, struct.pack("=i", -code) + b"\0" * 16, 0x100)


# What a script says for one send(): made from the sequence numbers in it; exceptions are raised by recv.
Reply = bytes | tuple[bytes, int] | Exception
Script = Callable[[list[int]], Sequence[Reply]]


class ScriptedSocket:
    def __init__(self, scripts: list[Script], queue: Sequence[Reply] = ()) -> None:
        self._scripts, self._queue = scripts, list(queue)
        self.timeout: float | None = None
        self.closed = False

    def settimeout(self, timeout: float | None) -> None:
        self.timeout = timeout

    def send(self, data: bytes) -> int:
        sequences, offset = [], 0
        while offset < len(data):
            length, _kind, _flags, sequence, _port = struct.unpack_from("=IHHII", data, offset)
            sequences.append(sequence)
            offset += length
        self._queue += self._scripts.pop(0)(sequences)
        return len(data)

    def recvfrom_into(self, view: memoryview, _size: int, _flags: int) -> tuple[int, tuple[int, int]]:
        if not self._queue:
            raise BlockingIOError if self.timeout == 0 else TimeoutError
        reply = self._queue.pop(0)
        if isinstance(reply, Exception):
            raise reply
        data, sender = reply if isinstance(reply, tuple) else (reply, 0)
        fits = min(len(view), len(data))
        view[:fits] = data[:fits]
        return len(data), (sender, 0)

    def close(self) -> None:
        self.closed = True


Opened = list[ScriptedSocket]
Kernel = Callable[..., Opened]


@pytest.fixture
def kernel(monkeypatch: pytest.MonkeyPatch) -> Kernel:
    """Give the scripts of the replies; all sockets opened share them, so a reopened one goes on with the next."""

    def scripted(*scripts: Script, queue: Sequence[Reply] = ()) -> Opened:
        remaining, opened = list(scripts), []

        def open_socket(_groups: int = 0) -> ScriptedSocket:
            opened.append(ScriptedSocket(remaining, queue))
            return opened[-1]

        monkeypatch.setattr(connection, "open_socket", open_socket)
        return opened

    return scripted


def listing(*names: str, flags: int = 0) -> Script:
    return lambda s: [b"".join(link(s[0], name, flags) for name in names), message(DONE, s[0], b"\0" * 4)]


OVERFLOW = OSError(errno.ENOBUFS, "No buffer space available")
THREE = [delete_link("a"), delete_link("b"), delete_link("c")]


def test_a_failure_amid_a_batch_is_told_of_that_message_only(kernel: Kernel) -> None:
    kernel(lambda s: [ack(s[0]), ack(s[1], errno.ENODEV), ack(s[2])])
    first, second, third = RouteSocket().execute(THREE)
    assert (first, third) == (None, None)
    assert second is not None
    assert (second.errno, str(second)) == (errno.ENODEV, "delete b: No such device")


def test_a_lost_answer_is_told_of_its_message_and_the_socket_goes_on(kernel: Kernel) -> None:
    kernel(lambda s: [ack(s[0]), OVERFLOW, ack(s[2], errno.EBUSY)], lambda s: [ack(s[0])])
    socket = RouteSocket()
    first, second, third = socket.execute(THREE)
    assert first is None
    assert second is not None
    assert second.errno == errno.ENOBUFS
    assert "may or may not" in str(second)
    assert third is not None
    assert third.errno == errno.EBUSY
    socket.request(delete_link("a"))


def test_a_send_the_kernel_does_not_take_fails_its_messages(kernel: Kernel) -> None:
    def refuse(_sequences: list[int]) -> Sequence[Reply]:
        raise OVERFLOW

    kernel(refuse)
    assert [r and r.errno for r in RouteSocket().execute(THREE)] == [errno.ENOBUFS] * 3


def test_answers_of_an_earlier_question_and_of_strangers_are_not_taken(kernel: Kernel) -> None:
    kernel(
        lambda s: [ack(s[0] - 1, errno.EPERM), (ack(s[0], errno.EPERM), 4711), InterruptedError(), ack(s[0])]
    )
    RouteSocket().request(delete_link("a"))
    kernel(
        lambda s: [link(s[0] - 7, "old"), (link(s[0], "false"), 4711), InterruptedError(), link(s[0], "br0")]
    )
    assert RouteSocket().links(["br0"])["br0"].name == "br0"
    kernel(lambda s: [message(DONE, s[0] - 1, b"\0" * 4), *listing("x")(s)])
    assert [found.name for found in RouteSocket().all_links()] == ["x"]


def test_no_answer_is_a_clear_error_and_the_next_question_has_a_new_socket(kernel: Kernel) -> None:
    opened = kernel(lambda _s: [], lambda s: [link(s[0], "br0")])
    socket = RouteSocket(timeout=0.5)
    with pytest.raises(
        NetlinkError, match=r"look up br0: .* \(the kernel did not answer within 0.5 s\)"
    ) as caught:
        socket.links(["br0"])
    assert caught.value.errno == errno.ETIMEDOUT
    assert list(socket.links(["br0"])) == ["br0"]
    assert [one.closed for one in opened] == [True, False]


def test_an_interrupted_list_is_read_again(kernel: Kernel) -> None:
    kernel(listing("half", flags=0x10), listing("a", "b"))
    assert [found.name for found in RouteSocket().all_links()] == ["a", "b"]


def test_a_list_that_is_always_interrupted_is_an_error(kernel: Kernel) -> None:
    kernel(*[listing("half", flags=0x10)] * connection.DUMP_ATTEMPTS)
    with pytest.raises(NetlinkError, match="it changed during each of"):
        RouteSocket().all_links()


@pytest.mark.parametrize("fault", [OVERFLOW, b"x" * (connection.DATAGRAM + 4)], ids=["overflow", "truncated"])
def test_a_list_with_a_lost_part_is_read_again_on_a_new_socket(kernel: Kernel, fault: Reply) -> None:
    opened = kernel(lambda s: [link(s[0], "half"), fault], listing("a", "b"))
    assert [found.name for found in RouteSocket().all_links()] == ["a", "b"]
    assert len(opened) == 2


def test_a_link_larger_than_the_buffer_is_asked_for_again(kernel: Kernel) -> None:
    def large(s: list[int]) -> Sequence[Reply]:
        payload = struct.pack("=BxHiII", 0, 1, 5, 1, 0) + attr(3, b"br0\0") + attr(22, b"\0" * 60000) * 2
        return [message(NEWLINK, s[0], payload)]

    kernel(large, large)
    assert RouteSocket().links(["br0"])["br0"].index == 5


def test_an_error_at_the_end_of_a_list_is_raised_with_the_kernels_words(kernel: Kernel) -> None:
    text = struct.pack("=i", -22) + attr(1, b"bad filter\0")
    kernel(lambda s: [message(DONE, s[0], text, 0x200)])
    with pytest.raises(NetlinkError, match=r"list addresses of link 3: Invalid argument \(bad filter\)"):
        RouteSocket().addresses(3)


def test_many_messages_are_split_into_sends_that_fit(kernel: Kernel) -> None:
    sizes: list[int] = []

    def script(sequences: list[int]) -> Sequence[Reply]:
        sizes.append(len(sequences))
        return [ack(sequence, errno.ENODEV if sequence % 10 == 0 else 0) for sequence in sequences]

    kernel(*[script] * 4)
    results = RouteSocket().execute([delete_link("x")] * 300)
    assert sizes == [128, 128, 44]
    assert sum(result is not None for result in results) == 30


def test_a_closed_socket_says_so(kernel: Kernel) -> None:
    kernel()
    socket = RouteSocket()
    socket.close()
    with pytest.raises(NetlinkError, match=r"list links: .*closed"):
        socket.all_links()


def test_the_error_survives_the_way_to_another_process() -> None:
    error = NetlinkError(errno.EINVAL, "set mtu 1 on x", "mtu less than device minimum")
    again = pickle.loads(pickle.dumps(error))
    assert (again.errno, again.what, again.reason, str(again)) == (22, error.what, error.reason, str(error))
    # oslo.privsep rebuilds an exception from its class and its args.
    assert str(type(error)(*error.args)) == "set mtu 1 on x: Invalid argument (mtu less than device minimum)"
    assert again.strerror == os.strerror(errno.EINVAL)


def test_the_monitor_tells_changes_and_deletions_but_not_a_bridges_ports(kernel: Kernel) -> None:
    af_bridge = 7
    kernel(
        queue=[
            link(0, "tap0", family=af_bridge, kind=DELLINK),
            (link(0, "false"), 4711),
            InterruptedError(),
            link(0, "tap0"),
            link(0, "tap1", kind=DELLINK, index=6),
        ]
    )
    with LinkMonitor() as monitor:
        changed, deleted = monitor.wait(1) or []
        assert isinstance(changed, LinkChanged)
        assert changed.link.name == "tap0"
        assert deleted == LinkDeleted(6, "tap1")
        assert monitor.wait(0) == []


def test_the_monitor_tells_that_events_were_lost(kernel: Kernel) -> None:
    kernel(queue=[link(0, "tap0"), OVERFLOW, link(0, "tap1")])
    with LinkMonitor() as monitor:
        assert monitor.wait(1) is None
        assert [e.link.name for e in monitor.wait(1) or [] if isinstance(e, LinkChanged)] == ["tap1"]
