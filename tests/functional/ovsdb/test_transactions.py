"""What a user does with the database: rows come and go, and ovs-vswitchd follows; held against ovs-vsctl."""

from tests.ovs import OpenVSwitch

from os_vif.host.ovsdb import Connection, Transaction


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
        assert row["_uuid"] == outcome[interface]
        assert row["ofport"] == 1
        assert row["error"] is None
        assert row["external_ids"] == {"iface-id": "x"}
    assert ovs.vsctl("get", "Port", "p1", "tag").strip() == "7"
