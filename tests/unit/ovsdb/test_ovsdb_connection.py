"""What happens to calls when the server stops in the middle, is slow, or talks rubbish."""

import json
import os
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from tests.unit.ovsdb.fake_server import SCHEMA, Peer, server

from os_vif.host.ovsdb import (
    Connection,
    ConnectionFailed,
    ConnectionLost,
    Insert,
    OvsdbError,
    ProtocolError,
    SchemaMismatch,
    Select,
    Timeout,
    Transaction,
    TransactionError,
    connection,
)

UUID = ["uuid", "123e4567-e89b-12d3-a456-426614174000"]
ROWS = [{"rows": [{"name": "tap1", "tag": 5}]}]
INSERT = [Insert("Port", {"name": "tap1"})]


def rows(peer: Peer) -> None:
    peer.serve(lambda request: ROWS)


def inserted(peer: Peer) -> None:
    peer.serve(lambda request: [{"uuid": UUID}])


def after_schema(script: Callable[[Peer, dict[str, Any]], None]) -> Callable[[Peer], None]:
    """A peer that gives the schema, and is asked one thing more."""

    def converse(peer: Peer) -> None:
        peer.reply(peer.request(), SCHEMA)
        script(peer, peer.request())

    return converse


def ask(db: Connection) -> None:
    assert db.select("Port", [("name", "==", "tap1")], ["name", "tag"]) == [{"name": "tap1", "tag": 5}]


def cut(length: int) -> Callable[[Peer, dict[str, Any]], None]:
    def script(peer: Peer, request: dict[str, Any]) -> None:
        peer.sock.sendall(json.dumps({"id": request["id"], "result": ROWS, "error": None}).encode()[:length])

    return script


@pytest.mark.parametrize("length", range(0, 70, 3))
def test_a_question_survives_a_reply_cut_at_any_byte(length: int) -> None:
    with server(after_schema(cut(length)), rows) as fake, Connection(fake.remote) as db:
        ask(db)
        assert fake.clients == 2


@pytest.mark.parametrize("length", range(0, 70, 7))
def test_a_change_whose_reply_was_cut_is_reported_and_not_repeated(length: int) -> None:
    with server(after_schema(cut(length)), inserted) as fake, Connection(fake.remote) as db:
        with pytest.raises(ConnectionLost, match="may or may not have been") as caught:
            db.transact(INSERT)
        assert caught.value.sent
        assert fake.clients == 1
        assert str(db.transact(INSERT)[0]) == UUID[1]


def test_a_change_may_be_repeated_on_request() -> None:
    with server(after_schema(cut(10)), inserted) as fake, Connection(fake.remote) as db:
        t = Transaction()
        port = t.insert("Port", {"name": "tap1"})
        assert str(db.commit(t, retry=True)[port]) == UUID[1]


def test_a_change_that_cannot_have_arrived_is_sent_again() -> None:
    def reads_little(peer: Peer) -> None:
        peer.reply(peer.request(), SCHEMA)
        peer.sock.recv(1000)

    with server(reads_little, inserted) as fake, Connection(fake.remote) as db:
        # More than the socket's buffers hold: the last byte was never handed to the kernel.
        db.transact([Insert("Port", {"name": "x" * 4_000_000})])
        assert fake.clients == 2


def test_a_reply_byte_by_byte() -> None:
    def slowly(peer: Peer, request: dict[str, Any]) -> None:
        for byte in json.dumps({"id": request["id"], "result": ROWS, "error": None}).encode():
            peer.sock.sendall(bytes([byte]))

    with server(after_schema(slowly)) as fake, Connection(fake.remote) as db:
        ask(db)


@pytest.mark.parametrize(
    "garbage", [b"HTTP/1.1 400 Bad Request\r\n", b"\x15\x03\x03", b"[1]", b'{"id":1}}', b"\xff"]
)
def test_what_is_not_ovsdb_is_said_to_be_so(garbage: bytes) -> None:
    def talk(peer: Peer) -> None:
        peer.request()
        peer.sock.sendall(garbage)
        peer.sock.recv(1)

    with server(talk) as fake, Connection(fake.remote) as db:
        with pytest.raises(ProtocolError, match="not OVSDB"):
            db.schema()
        assert fake.clients == 1


@pytest.mark.parametrize(
    "reply", [{"id": 99}, {"id": None}, {"id": [1]}, {}, {"method": 5}, {"method": "update", "params": 5}]
)
def test_messages_that_concern_nobody(reply: dict[str, Any]) -> None:
    def talk(peer: Peer, request: dict[str, Any]) -> None:
        peer.send(reply)
        peer.reply(request, ROWS)

    with server(after_schema(talk)) as fake, Connection(fake.remote) as db:
        ask(db)


def test_an_echo_is_answered_before_the_reply_comes() -> None:
    def talk(peer: Peer, request: dict[str, Any]) -> None:
        peer.send({"id": "echo", "method": "echo", "params": ["a"]})
        assert peer.request() == {"id": "echo", "result": ["a"], "error": None}
        peer.reply(request, ROWS)

    with server(after_schema(talk)) as fake, Connection(fake.remote) as db:
        ask(db)


def test_an_echo_that_came_while_nobody_read_is_answered_with_the_next_call() -> None:
    probed = threading.Event()

    def talk(peer: Peer) -> None:
        peer.reply(peer.request(), SCHEMA)
        peer.send({"id": "echo", "method": "echo", "params": []})
        probed.set()
        assert peer.request() == {"id": "echo", "result": [], "error": None}
        peer.reply(peer.request(), ROWS)

    with server(talk) as fake, Connection(fake.remote) as db:
        db.schema()
        probed.wait(5)
        ask(db)


def test_a_connection_closed_while_idle_is_made_anew_unnoticed() -> None:
    def only_schema(peer: Peer) -> None:
        peer.reply(peer.request(), SCHEMA)

    with server(only_schema, inserted) as fake, Connection(fake.remote) as db:
        db.schema()
        assert fake.hung_up.acquire(timeout=5)
        db.transact(INSERT)
        assert fake.clients == 2


def test_a_server_that_hangs_up_at_once_is_tried_for_as_long_as_there_is_time() -> None:
    with server(lambda peer: None) as fake, Connection(fake.remote) as db:
        started = time.monotonic()
        with pytest.raises(ConnectionFailed, match=r"closed the connection|reset|Broken pipe"):
            db.schema(timeout=0.5)
        assert 0.4 < time.monotonic() - started < 2
        assert 3 <= fake.clients <= 8  # with back-off


def test_no_server() -> None:
    with Connection("unix:/nonexistent/db.sock") as db:
        with pytest.raises(
            ConnectionFailed, match=r"unix:/nonexistent/db.sock: No such file .* for 0.2 s: is ovsdb-s"
        ):
            db.schema(timeout=0.2)
        with pytest.raises(ConnectionFailed):
            db.schema(timeout=0)


def test_a_server_that_comes_up_is_found() -> None:
    with server(rows) as fake:
        later = f"{fake.path}.later"
        threading.Timer(0.2, lambda: os.link(fake.path, later)).start()
        with Connection(f"unix:{later}") as db:
            ask(db)


def test_a_silent_server_is_named_and_the_request_given_up() -> None:
    given_up: list[dict[str, Any]] = []

    def talk(peer: Peer, request: dict[str, Any]) -> None:
        given_up.append(peer.request())

    with server(after_schema(talk), rows) as fake, Connection(fake.remote) as db:
        db.schema()
        with pytest.raises(
            Timeout, match=r"ovsdb-server did not answer within 0.2 s .* may or may not"
        ) as caught:
            db.transact(INSERT, timeout=0.2)
        assert caught.value.daemon == "ovsdb-server"
        assert caught.value.committed is None
        ask(db)  # over a new connection: the old one was silent
        assert fake.clients == 2
    assert given_up == [{"id": None, "method": "cancel", "params": [2]}]


def test_a_late_reply_is_not_taken_for_another() -> None:
    def talk(peer: Peer, request: dict[str, Any]) -> None:
        peer.send({"id": "e", "method": "echo", "params": []})
        while (second := peer.request()).get("method") != "transact":
            pass
        peer.reply(request, [{"rows": []}])
        peer.reply(second, ROWS)

    with server(after_schema(talk)) as fake, Connection(fake.remote) as db:
        db.schema()
        with pytest.raises(Timeout):
            db.transact([Select("Port", (), ["name", "tag"])], timeout=0.2)
        ask(db)
        assert fake.clients == 1


@pytest.mark.parametrize(
    ("error", "words"),
    [
        ("unknown method", "transact: unknown method"),
        (
            {"error": "unknown database", "details": "no Open_vSwitch"},
            r"unknown database \(no Open_vSwitch\)",
        ),
        ({"odd": 1}, "odd"),
    ],
)
def test_a_request_that_is_refused_as_a_whole(error: Any, words: str) -> None:
    def refuse(peer: Peer, request: dict[str, Any]) -> None:
        peer.reply(request, None, error)

    with (
        server(after_schema(refuse)) as fake,
        Connection(fake.remote) as db,
        pytest.raises(TransactionError, match=words),
    ):
        ask(db)


def test_a_column_the_server_does_not_have_is_not_sent() -> None:
    with server(rows) as fake, Connection(fake.remote) as db:
        assert not db.has_column("Port", "mtu_request")
        with pytest.raises(SchemaMismatch, match="column mtu_request"):
            db.transact([Insert("Port", {"mtu_request": 1450})])


def test_the_schema_is_asked_for_once_per_connection() -> None:
    asked: list[str] = []

    def talk(peer: Peer) -> None:
        for _ in range(3):
            request = peer.request()
            asked.append(request["method"])
            peer.reply(request, SCHEMA if request["method"] == "get_schema" else ROWS)

    with server(talk) as fake, Connection(fake.remote) as db:
        ask(db)
        ask(db)
        assert fake.hung_up.acquire(timeout=5)
        ask(db)  # what is there now may be another version
    assert asked == ["get_schema", "transact", "transact", "get_schema", "transact"]


def test_four_threads_share_one_connection_and_each_gets_its_own_reply() -> None:
    def talk(peer: Peer) -> None:
        peer.serve(lambda request: [{"rows": [{"name": request["params"][1]["where"][0][2]}]}])

    def work(number: int) -> None:
        for count in range(200):
            name = f"tap{number}-{count}"
            if db.select("Port", [("name", "==", name)], ["name"]) != [{"name": name}]:
                wrong.append(name)

    wrong: list[str] = []
    with server(talk) as fake, Connection(fake.remote) as db:
        threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
        assert not wrong
        assert fake.clients == 1


def test_close_wakes_who_waits() -> None:
    reached = threading.Event()

    def talk(peer: Peer, request: dict[str, Any]) -> None:
        reached.set()
        peer.sock.recv(1)

    caught: list[BaseException] = []

    def wait() -> None:
        try:
            ask(db)
        except OvsdbError as error:
            caught.append(error)

    with server(after_schema(talk)) as fake:
        db = Connection(fake.remote)
        thread = threading.Thread(target=wait)
        thread.start()
        reached.wait(5)
        db.close()
        thread.join(5)
        assert not thread.is_alive()
        assert isinstance(caught[0], ConnectionFailed)
        assert "closed" in str(caught[0])
        with pytest.raises(ConnectionFailed, match="closed"):
            db.schema()


@pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork:DeprecationWarning")
def test_a_child_has_a_connection_of_its_own() -> None:
    with server(rows) as fake, Connection(fake.remote) as db:
        ask(db)
        pid = os.fork()
        if pid == 0:
            try:
                ask(db)
                os._exit(0)
            except BaseException:  # noqa: BLE001 - told by the exit code
                os._exit(1)
        assert os.waitpid(pid, 0)[1] == 0
        ask(db)
        assert fake.clients == 2


def test_the_kept_connection_is_the_same_until_a_fork() -> None:
    with server(rows) as fake:
        first = connection(fake.remote, timeout=5)
        ask(first)
        assert connection(fake.remote, timeout=5) is first
        assert connection(fake.remote, timeout=6) is not first
        first.close()


def test_descriptors_are_given_back() -> None:
    def descriptors() -> int:
        return len(os.listdir("/proc/self/fd"))

    with server(rows) as fake:
        before = descriptors()
        for _ in range(5):
            with Connection(fake.remote) as db:
                ask(db)
        forgotten = Connection(fake.remote)
        ask(forgotten)
        del forgotten
        # The fake server's ends stay open until it stops.
        assert descriptors() == before + fake.clients
