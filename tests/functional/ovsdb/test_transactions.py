"""What a user does with the database: rows come and go, and ovs-vswitchd follows; held against ovs-vsctl."""

import json
import os
import signal
import threading
import time
from uuid import UUID

import pytest
from tests.ovs import SCHEMA, OpenVSwitch

from os_vif.host.ovsdb import (
    Connection,
    ConnectionFailed,
    OvsdbError,
    Raced,
    SchemaMismatch,
    Timeout,
    Transaction,
    TransactionError,
)


def add_ports(db: Connection, bridge: str, names: list[str], kind: str = "") -> Transaction:
    """A transaction that adds ports which must not be there yet."""
    t = Transaction(comment=f"add {len(names)} ports")
    ports = []
    for name in names:
        t.assert_none("Port", [("name", "==", name)])
        interface = t.insert("Interface", {"name": name, "type": kind, "external_ids": {"iface-id": name}})
        ports.append(t.insert("Port", {"name": name, "interfaces": interface}))
    t.mutate("Bridge", [("name", "==", bridge)], [("ports", "insert", ports)])
    return t


def test_a_port_is_there_when_commit_returns(ovs: OpenVSwitch) -> None:
    ovs.bridge("br0")
    with Connection(ovs.remote) as db:
        t = Transaction(comment="plug")
        interface = t.insert(
            "Interface", {"name": "p1", "type": "internal", "external_ids": {"iface-id": "x"}}
        )
        port = t.insert("Port", {"name": "p1", "interfaces": interface, "tag": 7})
        count = t.mutate("Bridge", [("name", "==", "br0")], [("ports", "insert", port)])
        outcome = db.commit(t, wait_vswitchd=True)
        assert outcome[count] == 1
        [row] = db.select("Interface", [("name", "==", "p1")], ["_uuid", "ofport", "error", "external_ids"])
        assert row == {
            "_uuid": outcome[interface],
            "ofport": 1,
            "error": None,
            "external_ids": {"iface-id": "x"},
        }
        assert ovs.vsctl("get", "Port", "p1", "tag", "_uuid").split() == ["7", str(outcome[port])]

        t = Transaction()
        changed = t.update("Port", [("name", "==", "p1")], {"tag": None, "trunks": {3, 4}})
        t.mutate("Interface", [("name", "==", "p1")], [("external_ids", "insert", {"vm-uuid": "y"})])
        t.mutate("Interface", [("name", "==", "p1")], [("external_ids", "delete", {"iface-id"})])
        after = t.select("Interface", [("external_ids", "includes", {"vm-uuid": "y"})], ["external_ids"])
        outcome = db.commit(t)
        assert outcome[changed] == 1
        assert outcome[after] == [{"external_ids": {"vm-uuid": "y"}}]
        assert ovs.vsctl("get", "Port", "p1", "tag", "trunks").split("\n")[:2] == ["[]", "[3, 4]"]

        t = Transaction()
        t.mutate("Bridge", [("name", "==", "br0")], [("ports", "delete", row_of(db, "p1"))])
        db.commit(t, wait_vswitchd=True)
        assert db.select("Interface", [("name", "==", "p1")], ["name"]) == []
        assert ovs.vsctl("list-ports", "br0") == ""


def row_of(db: Connection, name: str) -> UUID:
    uuid = db.select("Port", [("name", "==", name)], ["_uuid"])[0]["_uuid"]
    assert isinstance(uuid, UUID)
    return uuid


def test_500_ports_are_one_transaction(ovs: OpenVSwitch) -> None:
    ovs.bridge("br0")
    names = [f"port{number}" for number in range(500)]
    with Connection(ovs.remote) as db:
        db.commit(add_ports(db, "br0", names))
        assert set(ovs.vsctl("list-ports", "br0").split()) == set(names)
        rows = db.select("Port", (), ["name", "interfaces"])
        assert {row["name"] for row in rows} == {*names, "br0"}
        with pytest.raises(Raced):
            db.commit(add_ports(db, "br0", ["new", "port7"]))
        assert db.select("Port", [("name", "==", "new")], ["name"]) == []


def test_the_comment_is_in_the_log_of_the_database(ovs: OpenVSwitch) -> None:
    with Connection(ovs.remote) as db:
        t = Transaction(comment="os-vif says \0 \udc80 hello")
        t.update("Open_vSwitch", (), {"external_ids": {"a": "b"}})
        db.commit(t)
    assert "os-vif says   ? hello" in (ovs.directory / "conf.db").read_text()


def test_many_large_requests_at_once_do_not_stop_both_sides(ovs: OpenVSwitch) -> None:
    """ovsdb-server stops reading from who does not read; each of these gets as much as it sends."""
    with Connection(ovs.remote, timeout=60) as db, db.monitor({"Open_vSwitch": (None, None)}) as monitor:
        failures: list[OvsdbError] = []

        def write(key: str) -> None:
            try:
                for number in range(10):
                    t = Transaction()
                    value = {f"{key}{number}": "x" * 1_000_000}
                    t.mutate("Open_vSwitch", (), [("external_ids", "insert", value)])
                    t.select("Open_vSwitch")
                    t.mutate("Open_vSwitch", (), [("external_ids", "delete", value)])
                    t.update("Open_vSwitch", (), {"other_config": {"last": value[f"{key}{number}"]}})
                    db.commit(t)
            except OvsdbError as failure:
                failures.append(failure)

        threads = [threading.Thread(target=write, args=(key,)) for key in "abcd"]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert not failures
        assert monitor.wait(5)


def test_of_two_writers_none_is_lost(ovs: OpenVSwitch) -> None:
    """Read, count up in Python, write under the guard that nobody else did; from two connections."""
    raced: list[Raced] = []

    def count_up() -> None:
        with Connection(ovs.remote) as db:
            for _ in range(50):
                while not counted(db):
                    pass

    def counted(db: Connection) -> bool:
        [row] = db.select("Open_vSwitch", (), ["_uuid", "external_ids"])
        uuid, ids = row["_uuid"], row["external_ids"]
        assert isinstance(uuid, UUID)
        assert isinstance(ids, dict)
        t = Transaction()
        t.assert_row("Open_vSwitch", uuid, {"external_ids": ids})
        ids["count"] = str(int(str(ids.get("count", 0))) + 1)
        t.update("Open_vSwitch", (), {"external_ids": ids})
        try:
            db.commit(t)
        except Raced as race:
            raced.append(race)
            return False
        return True

    threads = [threading.Thread(target=count_up) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert ovs.vsctl("get", "Open_vSwitch", ".", "external_ids:count").strip() == '"100"'
    assert {(race.operation, race.table) for race in raced} <= {("wait", "Open_vSwitch")}


@pytest.mark.parametrize(
    ("table", "row", "operation", "of_table", "column", "words"),
    [
        ("Port", {"name": "p"}, "commit", "Port", "interfaces", "referential integrity"),
        ("Port", {"name": "p", "tag": 5000}, "insert", "Port", "tag", "5000 is not in the valid range"),
        (
            "Bridge",
            {"name": "b", "fail_mode": "x"},
            "insert",
            "Bridge",
            "fail_mode",
            "not one of the allowed",
        ),
        ("Bridge", {"name": "br0"}, "commit", "Bridge", "name", "identical values"),
        ("Port", {"name": "p", "interfaces": []}, "insert", "Port", "interfaces", "set must have 1"),
    ],
)
def test_what_the_server_refuses(
    ovs: OpenVSwitch,
    table: str,
    row: dict[str, object],
    operation: str,
    of_table: str,
    column: str,
    words: str,
) -> None:
    ovs.vsctl("--no-wait", "add-br", "br0")
    with Connection(ovs.remote) as db:
        t = Transaction()
        new = t.insert(table, row)  # type: ignore[arg-type]
        if table == "Bridge":
            t.mutate("Open_vSwitch", (), [("bridges", "insert", new)])
        with pytest.raises(TransactionError, match=words) as caught:
            db.commit(t)
        error = caught.value
        assert (error.operation, error.table, error.column, error.remote) == (
            operation,
            of_table,
            column,
            ovs.remote,
        )


def test_a_dead_vswitchd_is_named(ovs: OpenVSwitch) -> None:
    ovs.bridge("br0")
    with Connection(ovs.remote) as db:
        ovs.kill_vswitchd()
        with pytest.raises(
            Timeout, match=r"ovs-vswitchd did not answer within 0\.3 s .* committed"
        ) as caught:
            db.commit(add_ports(db, "br0", ["p1"]), wait_vswitchd=True, timeout=0.3)
        assert (caught.value.daemon, caught.value.committed) == ("ovs-vswitchd", True)
        assert ovs.vsctl("list-ports", "br0").split() == ["p1"]
        ovs.start_vswitchd()
        db.commit(add_ports(db, "br0", ["p2"], "internal"), wait_vswitchd=True)
        assert db.select("Interface", [("name", "==", "p2")], ["ofport"])[0]["ofport"] is not None


def test_a_stopped_ovsdb_server_is_named(ovs: OpenVSwitch) -> None:
    pid = ovs.pid("ovsdb-server")
    assert pid is not None
    with Connection(ovs.remote) as db:
        db.schema()
        os.kill(pid, signal.SIGSTOP)
        try:
            with pytest.raises(Timeout, match="ovsdb-server did not answer") as caught:
                db.commit(add_ports(db, "br0", ["p1"]), wait_vswitchd=True, timeout=0.3)
            assert caught.value.daemon == "ovsdb-server"
        finally:
            os.kill(pid, signal.SIGCONT)
        db.select("Bridge")


def test_an_ovsdb_server_that_dies_while_vswitchd_works(ovs: OpenVSwitch) -> None:
    ovs.bridge("br0")
    ovs.kill_vswitchd()
    with Connection(ovs.remote) as db:
        threading.Timer(0.2, ovs.kill_ovsdb).start()
        with pytest.raises(Timeout, match=r"ovsdb-server did not answer .* is committed") as caught:
            db.commit(add_ports(db, "br0", ["p1"]), wait_vswitchd=True, timeout=0.6)
        assert caught.value.daemon == "ovsdb-server"
        with pytest.raises(
            ConnectionFailed, match=r"Connection refused, tried for 0\.1 s: is ovsdb-server running"
        ):
            db.schema(timeout=0.1)
        ovs.start_ovsdb()
        assert ovs.vsctl("--no-wait", "list-ports", "br0").split() == ["p1"]


def test_a_wait_over_a_restart_of_both(ovs: OpenVSwitch) -> None:
    ovs.bridge("br0")
    ovs.kill_vswitchd()

    def restart() -> None:
        time.sleep(0.2)
        ovs.kill_ovsdb()
        ovs.start_ovsdb()
        ovs.start_vswitchd()

    with Connection(ovs.remote) as db:
        thread = threading.Thread(target=restart)
        thread.start()
        db.commit(add_ports(db, "br0", ["p1"], "internal"), wait_vswitchd=True)
        thread.join()
        [row] = db.select("Interface", [("name", "==", "p1")], ["ofport"])
        assert isinstance(row["ofport"], int)


def test_an_older_schema(ovs: OpenVSwitch) -> None:
    """Of a version without mtu_request; what is there works, what is not is said before anything is sent."""
    old = json.loads(SCHEMA.read_text())
    del old["tables"]["Interface"]["columns"]["mtu_request"]
    old["version"] = "7.11.1"
    (ovs.directory / "old.ovsschema").write_text(json.dumps(old))
    with Connection(ovs.remote) as db:
        assert db.has_column("Interface", "mtu_request")
        ovs.stop()
        ovs.create(ovs.directory / "old.ovsschema")
        ovs.start_ovsdb()
        ovs.vsctl("--no-wait", "init")
        # The same connection, reconnected: what it knew of the schema is forgotten.
        assert not db.has_column("Interface", "mtu_request")
        t = Transaction()
        bridge = t.insert("Bridge", {"name": "br0"})
        t.mutate("Open_vSwitch", (), [("bridges", "insert", bridge)])
        db.commit(t)
        t = Transaction()
        t.insert("Interface", {"name": "p1", "mtu_request": 1450})
        with pytest.raises(
            SchemaMismatch, match=r"table Interface, column mtu_request: .* Open_vSwitch 7.11.1"
        ):
            db.commit(t)
        assert db.select("Interface") == []


def test_a_database_that_nobody_has_initialized(ovs: OpenVSwitch) -> None:
    ovs.stop()
    ovs.create()
    ovs.start_ovsdb()
    with Connection(ovs.remote) as db, pytest.raises(OvsdbError, match="run ovs-vsctl --no-wait init"):
        db.commit(Transaction(), wait_vswitchd=True)
