"""Rows to wait on: what a monitor tells is what the database has, over conditions, old servers and restarts."""

from __future__ import annotations

import contextlib
import random
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.ovs import SCHEMA, OpenVSwitch

from os_vif.host.ovsdb import (
    Connection,
    ConnectionFailed,
    Monitor,
    Resync,
    RowChanged,
    SchemaMismatch,
    Transaction,
    TransactionError,
)

COLUMNS = ["name", "tag", "trunks", "external_ids", "bond_active_slave"]


class OldServer(threading.Thread):
    """Stands between: to the client, the server does not know ``monitor_cond`` (before Open vSwitch 2.6)."""

    def __init__(self, ovs: OpenVSwitch) -> None:
        super().__init__()
        path = Path(ovs.directory, "old.sock")
        self.remote = f"unix:{path}"
        self._listener, self._server = socket.socket(socket.AF_UNIX), socket.socket(socket.AF_UNIX)
        self._listener.bind(str(path))
        self._listener.listen()
        self._server.connect(str(ovs.socket))

    def run(self) -> None:
        client, _ = self._listener.accept()
        back = threading.Thread(target=self._relay, args=(self._server, client))
        back.start()
        self._relay(client, self._server)
        back.join()
        for sock in (client, self._server, self._listener):
            sock.close()

    def _relay(self, source: socket.socket, sink: socket.socket) -> None:
        # The client may close with replies still on their way to it: a broken pipe, and nothing to be done.
        with contextlib.suppress(OSError):
            while data := source.recv(1 << 20):
                sink.sendall(data.replace(b'"monitor_cond"', b'"monitor_none"'))
        with contextlib.suppress(OSError):
            sink.shutdown(socket.SHUT_RDWR)


@pytest.fixture(params=["monitor_cond", "monitor"])
def db(request: pytest.FixtureRequest, ovs: OpenVSwitch) -> Iterator[Connection]:
    ovs.bridge("br0")
    if request.param == "monitor_cond":
        with Connection(ovs.remote) as connected:
            yield connected
        return
    old = OldServer(ovs)
    old.start()
    with Connection(old.remote) as connected:
        yield connected
    old.join(10)


def names(monitor: Monitor) -> set[object]:
    return {row["name"] for row in monitor.rows["Port"].values()}


def test_rows_come_change_and_go(db: Connection, ovs: OpenVSwitch) -> None:
    with db.monitor({"Port": (["name", "tag"], None)}) as monitor:
        assert names(monitor) == {"br0"}
        assert monitor.wait(0) == []
        ovs.vsctl("--no-wait", "add-port", "br0", "p1", "tag=5")
        [event] = monitor.wait(5)
        assert isinstance(event, RowChanged)
        assert (event.table, event.old, event.new) == ("Port", None, {"name": "p1", "tag": 5})
        for tag in (7, None, 9):
            ovs.vsctl("--no-wait", "set", "Port", "p1", f"tag={tag or []}")
            [changed] = monitor.wait(5)
            assert isinstance(changed, RowChanged)
            assert (changed.uuid, changed.old, changed.new) == (
                event.uuid,
                event.new,
                {"name": "p1", "tag": tag},
            )
            event = changed
        ovs.vsctl("--no-wait", "del-port", "p1")
        [gone] = monitor.wait(5)
        assert gone == RowChanged("Port", event.uuid, {"name": "p1", "tag": 9}, None)


def test_only_rows_that_meet_a_condition(db: Connection, ovs: OpenVSwitch) -> None:
    ids = {"iface-id": "mine"}
    with db.monitor(
        {"Port": (["name"], [("external_ids", "includes", ids), ("tag", "==", 4095)])}
    ) as monitor:
        assert names(monitor) == set()
        for name, setting in (("p1", "tag=4"), ("p2", "tag=4095"), ("p3", "external_ids:iface-id=mine")):
            ovs.vsctl("--no-wait", "add-port", "br0", name, "--", "set", "Port", name, setting)
        wait_for(monitor, {"p2", "p3"})
        ovs.vsctl("--no-wait", "set", "Port", "p2", "tag=4")
        wait_for(monitor, {"p3"})
        ovs.vsctl("--no-wait", "set", "Port", "p2", "tag=4095", "--", "del-port", "p3")
        wait_for(monitor, {"p2"})


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        (("name", "==", "p1"), {"p1"}),
        (("name", "!=", "p1"), {"br0", "p2"}),
        (("trunks", "includes", {5}), {"p1", "p2"}),
        (("trunks", "includes", {5, 6}), {"p2"}),
        (("trunks", "excludes", {6}), {"br0", "p1"}),
        (("trunks", "==", {5, 6}), {"p2"}),
        (("tag", "==", None), {"br0", "p2"}),
        (("external_ids", "==", {"a": "b"}), {"p1"}),
        (("external_ids", "includes", {}), {"br0", "p1", "p2"}),
        (("bond_updelay", ">=", 7), {"p1", "p2"}),
        (("bond_updelay", ">", 7), {"p2"}),
        (("bond_updelay", "<", 8), {"br0", "p1"}),
        (("bond_updelay", "<=", 0), {"br0"}),
    ],
)
def test_both_servers_mean_the_same_by_a_condition(
    ovs: OpenVSwitch, condition: tuple[str, str, object], expected: set[str]
) -> None:
    ovs.vsctl("--no-wait", "add-br", "br0")
    p1 = ("tag=3", "trunks=5", "external_ids:a=b", "bond_updelay=7")
    p2 = ("trunks=[5,6]", "external_ids={a=b,c=d}", "bond_updelay=9")
    for name, settings in (("p1", p1), ("p2", p2)):
        ovs.vsctl("--no-wait", "add-port", "br0", name, "--", "set", "Port", name, *settings)
    old = OldServer(ovs)
    old.start()
    for remote in (ovs.remote, old.remote):
        with (
            Connection(remote) as db,
            db.monitor({"Port": (["name"], [condition])}) as monitor,  # type: ignore[list-item]
        ):
            assert names(monitor) == expected
    old.join(10)


def test_whatever_changes_the_monitor_has_what_a_select_gives(db: Connection) -> None:
    """Random changes to values of every kind: one, at most one, a set, a map."""
    chance = random.Random(7)
    with db.monitor({"Port": ([*COLUMNS, "_uuid"], None)}) as monitor:
        for _ in range(150):
            t = Transaction()
            row = {
                "tag": chance.choice([None, 1, 2, 3]),
                "trunks": chance.sample(range(5), chance.randrange(4)),
                "external_ids": {
                    key: chance.choice("xyz") for key in chance.sample("abcd", chance.randrange(4))
                },
                "bond_active_slave": chance.choice([None, "m1", "m2"]),
            }
            columns = chance.sample(sorted(row), chance.randrange(1, 4))
            if chance.random() < 0.2:
                name = f"p{chance.randrange(10**9)}"
                interface = t.insert("Interface", {"name": name})
                port = t.insert("Port", {"name": name, "interfaces": interface, **row})
                t.mutate("Bridge", (), [("ports", "insert", port)])
            else:
                t.update("Port", [("name", "==", "br0")], {column: row[column] for column in columns})
            shown = t.select("Port", (), [*COLUMNS, "_uuid"])
            expected = {told["_uuid"]: told for told in db.commit(t)[shown]}
            deadline = time.monotonic() + 5
            while monitor.rows["Port"] != expected:
                assert time.monotonic() < deadline, (monitor.rows["Port"], expected)
                monitor.wait(1)


def test_after_a_restart_the_state_is_told_anew(ovs: OpenVSwitch) -> None:
    ovs.bridge("br0")
    with Connection(ovs.remote) as db, db.monitor({"Port": (["name"], None)}) as monitor:
        ovs.vsctl("--no-wait", "add-port", "br0", "p1")
        wait_for(monitor, {"br0", "p1"})
        ovs.kill_ovsdb()
        with pytest.raises(ConnectionFailed):
            monitor.wait(0.1)
        ovs.start_ovsdb()
        ovs.vsctl("--no-wait", "del-port", "p1", "--", "add-port", "br0", "p2")
        [event] = monitor.wait(5)
        assert isinstance(event, Resync)
        assert {row["name"] for row in event.rows["Port"].values()} == names(monitor) == {"br0", "p2"}
        ovs.vsctl("--no-wait", "add-port", "br0", "p3")
        assert [type(event) for event in monitor.wait(5)] == [RowChanged]
        assert names(monitor) == {"br0", "p2", "p3"}


def test_a_monitor_is_served_by_whoever_reads(ovs: OpenVSwitch) -> None:
    """While one thread waits on the monitor, others ask; while nobody waits, what came is kept."""
    ovs.bridge("br0")
    with Connection(ovs.remote) as db, db.monitor({"Port": (["name"], None)}) as monitor:
        seen: set[object] = set()

        def watch() -> None:
            deadline = time.monotonic() + 20
            while "last" not in seen and time.monotonic() < deadline:
                for event in monitor.wait(5):
                    assert isinstance(event, RowChanged)
                    assert event.new is not None
                    seen.add(event.new["name"])

        thread = threading.Thread(target=watch)
        thread.start()
        for name in [*(f"p{number}" for number in range(100)), "last"]:
            t = Transaction()
            interface = t.insert("Interface", {"name": name})
            port = t.insert("Port", {"name": name, "interfaces": interface})
            t.mutate("Bridge", (), [("ports", "insert", port)])
            db.commit(t)
        thread.join(30)
        assert len(seen) == 101
        assert monitor.wait(0) == []


def test_a_closed_monitor_is_told_nothing(ovs: OpenVSwitch) -> None:
    ovs.bridge("br0")
    with Connection(ovs.remote) as db:
        monitor = db.monitor({"Port": (["name"], None)})
        monitor.close()
        ovs.vsctl("--no-wait", "add-port", "br0", "p1")
        assert len(db.select("Port")) == 2
        assert monitor.wait(0) == []
        assert names(monitor) == {"br0"}


def test_a_monitor_outlives_who_asked_for_it(ovs: OpenVSwitch) -> None:
    ovs.bridge("br0")
    monitor = Connection(ovs.remote).monitor({"Port": (["name"], None)})
    ovs.vsctl("--no-wait", "add-port", "br0", "p1")
    [event] = monitor.wait(5)
    assert isinstance(event, RowChanged)


def test_what_cannot_be_monitored(ovs: OpenVSwitch) -> None:
    with Connection(ovs.remote) as db:
        with pytest.raises(SchemaMismatch, match="table Port, column colour"):
            db.monitor({"Port": (["colour"], None)})
        monitor = db.monitor({"Port": (["name"], None), "Interface": (["mtu_request"], None)})
        ovs.stop()
        old = SCHEMA.read_text().replace('"mtu_request"', '"other"')
        (ovs.directory / "old.ovsschema").write_text(old)
        ovs.create(ovs.directory / "old.ovsschema")
        ovs.start_ovsdb()
        # The server that is there now is an older one, and has not what this follows.
        with pytest.raises(TransactionError, match=r"monitor.*mtu_request"):
            monitor.wait(5)


def wait_for(monitor: Monitor, expected: set[str]) -> None:
    deadline = time.monotonic() + 5
    while names(monitor) != expected:
        assert time.monotonic() < deadline, names(monitor)
        monitor.wait(1)
