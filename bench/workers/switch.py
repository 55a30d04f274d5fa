"""The Open vSwitch of a namespace, and who watches it: the same for all contestants. The observer starts it.

Its reader notes when it is told that a port has its number, and counts transactions: ovsdb-server sends one update
for each that changes a monitored column, and none that ovs-vswitchd writes is monitored for that.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench.model import Vif
from bench.workers.rpc import Answer, Rpc, checked, ofports

BRIDGE = "br-int"
SCHEMA = "/usr/share/openvswitch/vswitch.ovsschema"
CONFIGURATION = {
    "Bridge": {"columns": ["ports", "external_ids", "datapath_type", "other_config"]},
    "Port": {"columns": ["interfaces", "qos", "tag", "trunks", "vlan_mode", "external_ids"]},
    "Interface": {"columns": ["type", "options", "external_ids", "mtu_request"]},
    "QoS": {"columns": ["type", "external_ids"]},
}
PATIENCE = 120.0  # seconds


class Switch:
    """ovsdb-server, ovs-vswitchd and one netdev bridge, in a directory of their own."""

    def __init__(self) -> None:
        self.home = Path(tempfile.mkdtemp(prefix="os-vif-bench-"))
        self.socket = str(self.home / "db.sock")
        self.start()
        self.watch = Watch(self.socket)

    def start(self) -> None:
        run(["ovsdb-tool", "create", self.home / "conf.db", SCHEMA])
        database: list[str | Path] = ["ovsdb-server", self.home / "conf.db", f"--remote=punix:{self.socket}"]
        run([*database, *self.daemon("ovsdb-server")])
        self.vsctl("--no-wait", "init")
        run(["ovs-vswitchd", f"unix:{self.socket}", *self.daemon("ovs-vswitchd")])
        self.vsctl("add-br", BRIDGE, "--", "set", "Bridge", BRIDGE, "datapath_type=netdev")

    def daemon(self, name: str) -> list[str]:
        files = {"pidfile": "pid", "unixctl": "ctl", "log-file": "log"}
        options = [f"--{option}={self.home / name}.{suffix}" for option, suffix in files.items()]
        return [*options, "--detach", "--no-chdir", "-vconsole:off", "-vsyslog:off"]

    def vsctl(self, *arguments: str) -> str:
        done = run(["ovs-vsctl", f"--db=unix:{self.socket}", *arguments])
        return done.stdout

    def add(self, vifs: Sequence[Vif]) -> None:
        """Ports of others."""
        if vifs:
            self.watch.transact(insert_ports(vifs))
            self.watch.settled([vif.port for vif in vifs], plugged=True)

    def remove(self, ports: Sequence[str]) -> None:
        """What a contestant left."""
        left = [port for port in ports if port in self.watch.ready]
        if left:
            self.vsctl(*(word for port in left for word in ("--", "del-port", port)))
            self.watch.settled([], plugged=False)

    def observe(self, names: Sequence[str]) -> dict[str, Answer]:
        """What `ovs-vsctl` says of those of the ports that exist."""
        wanted = set(names)
        inside = set(self.vsctl("list-ports", BRIDGE).split()) & wanted
        columns = "--columns=name,external_ids,ofport"
        text = self.vsctl(
            "--format=json", "--data=json", "--if-exists", columns, "list", "Interface", *inside
        )
        return {
            name: {"external_ids": dict(ids[1]), "ofport": ofport}
            for name, ids, ofport in (json.loads(text)["data"] if inside else ())
        }

    def stop(self) -> None:
        for name in ("ovs-vswitchd", "ovsdb-server"):
            run(["ovs-appctl", "-t", self.home / f"{name}.ctl", "exit"])
            while (self.home / f"{name}.pid").exists():  # its last act
                time.sleep(0.01)
        shutil.rmtree(self.home)


class Watch:
    """Reads what ovsdb-server tells, as it comes, in a thread."""

    def __init__(self, path: str) -> None:
        self.rpc = Rpc(path)
        self.changed = threading.Condition()
        self.ready: dict[str, float] = {}  # port -> when it was seen to have its number, time.perf_counter()
        self.reached = 0
        self.reached_at = 0.0
        self.transactions = 0
        self.answers: dict[int, Answer] = {}
        for name, tables in (
            ("ports", {"Interface": {"columns": ["name", "ofport"]}}),
            ("progress", {"Open_vSwitch": {"columns": ["cur_cfg"]}}),
            ("configuration", CONFIGURATION),
        ):
            self.note(name, self.rpc.call("monitor", ["Open_vSwitch", name, tables]), time.perf_counter())
        self.transactions = 0
        threading.Thread(target=self.read, daemon=True).start()

    def read(self) -> None:
        while True:
            try:
                answers = self.rpc.receive()
            except OSError:
                return
            now = time.perf_counter()
            updates, self.rpc.updates = self.rpc.updates, []
            with self.changed:
                self.answers.update({answer["id"]: answer for answer in answers})
                for update in updates:
                    monitor, told = update["params"]
                    self.note(monitor, told, now)
                self.changed.notify_all()

    def note(self, monitor: str, update: Answer, now: float) -> None:
        if monitor == "configuration":
            self.transactions += 1
        elif monitor == "progress":
            (row,) = update["Open_vSwitch"].values()
            self.reached, self.reached_at = row["new"]["cur_cfg"], now
        else:
            for row in update.get("Interface", {}).values():
                if "new" not in row:
                    self.ready.pop(row["old"]["name"], None)
            for name, number in ofports(update).items():
                if number > 0:
                    self.ready.setdefault(name, now)
                else:
                    self.ready.pop(name, None)

    def settled(self, ports: Sequence[str], *, plugged: bool) -> dict[str, float]:
        """When Open vSwitch was done: all ports had their numbers, or what was removed was closed.

        `transactions`: how many there were since the last time. Returns when ovs-vswitchd has nothing left to do.
        """
        if plugged:
            self.wait(lambda: all(port in self.ready for port in ports))
        self.barrier()
        transactions, self.transactions = self.transactions, 0
        at = max(self.ready[port] for port in ports) if plugged else self.reached_at
        return {"at": at, "transactions": transactions}

    def barrier(self) -> None:
        """Wait until ovs-vswitchd has applied all there is, as `ovs-vsctl` does."""
        count = {"op": "mutate", "table": "Open_vSwitch", "where": [], "mutations": [["next_cfg", "+=", 1]]}
        read = {"op": "select", "table": "Open_vSwitch", "where": [], "columns": ["next_cfg"]}
        *_, selected = self.transact([count, read])
        wanted = selected["rows"][0]["next_cfg"]
        self.wait(lambda: self.reached >= wanted)

    def transact(self, operations: list[Answer]) -> list[Answer]:
        number = self.rpc.send("transact", ["Open_vSwitch", *operations])
        self.wait(lambda: number in self.answers)
        results: list[Answer] = checked(self.answers.pop(number))
        return results

    def wait(self, condition: Any) -> None:
        with self.changed:
            if not self.changed.wait_for(condition, PATIENCE):
                raise TimeoutError("Open vSwitch was not done in time")


def insert_ports(vifs: Sequence[Vif]) -> list[Answer]:
    """Their rows, in one transaction."""
    operations: list[Answer] = []
    for number, vif in enumerate(vifs):
        ids = {"iface-id": vif.id, "iface-status": "active", "attached-mac": vif.address, "vm-uuid": vif.id}
        interface = {"name": vif.port, "external_ids": ["map", [list(pair) for pair in ids.items()]]}
        port = {"name": vif.port, "interfaces": ["named-uuid", f"interface{number}"]}
        operations += [
            {"op": "insert", "table": "Interface", "row": interface, "uuid-name": f"interface{number}"},
            {"op": "insert", "table": "Port", "row": port, "uuid-name": f"port{number}"},
        ]
    ports = ["set", [["named-uuid", f"port{number}"] for number in range(len(vifs))]]
    operations.append(
        {
            "op": "mutate",
            "table": "Bridge",
            "where": [["name", "==", BRIDGE]],
            "mutations": [["ports", "insert", ports]],
        }
    )
    return operations


def delete_ports(rows: Sequence[str]) -> list[Answer]:
    """The ports with these UUIDs, in one transaction; rows nobody refers to go by themselves."""
    ports = ["set", [["uuid", row] for row in rows]]
    where = [["name", "==", BRIDGE]]
    return [
        {"op": "mutate", "table": "Bridge", "where": where, "mutations": [["ports", "delete", ports]]},
    ]


def run(arguments: Sequence[str | Path]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(arguments, check=True, capture_output=True, text=True)
