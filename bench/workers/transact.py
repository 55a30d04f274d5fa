"""The floor with Open vSwitch: the links as `netlink` makes them, and ONE transaction for any number of VIFs.

It knows beforehand what it will find; it waits until all ports have their numbers.
`transact.py DATABASE`, where DATABASE is the path of ovsdb-server's socket.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from bench.model import Verb, Vif
from bench.workers.netlink import Floor, indexes
from bench.workers.protocol import Call, serve
from bench.workers.rpc import Rpc, checked, ofports
from bench.workers.switch import delete_ports, insert_ports

FEW = (
    8  # ports: up to here the transaction goes first, and the devices are made while ovsdb-server is at work
)


class Transact:
    """Two kept-open sockets, and the ports that were made."""

    def __init__(self, database: str) -> None:
        self.floor = Floor()
        self.rpc = Rpc(database)
        self.rpc.call("monitor", ["Open_vSwitch", "ports", {"Interface": {"columns": ["name", "ofport"]}}])
        self.rows: dict[str, str] = {}  # port -> UUID

    def prepare(self, verb: Verb, vifs: Sequence[Vif]) -> Call:
        if verb in ("plug", "plug_many"):
            return lambda: self.plug(vifs)
        return lambda: self.unplug(vifs)

    def plug(self, vifs: Sequence[Vif]) -> None:
        missing = [vif for vif in vifs if not indexes([vif.port])]
        if not missing:
            return
        if len(missing) > FEW:
            self.links(missing)
        number = self.rpc.send("transact", ["Open_vSwitch", *insert_ports(missing)])
        if len(missing) <= FEW:
            self.links(missing)
        waiting = {vif.port for vif in missing}
        self.rpc.updates.clear()
        answered = False
        while waiting or not answered:
            for message in self.rpc.receive():
                if message["id"] == number:
                    answered = True
                    rows = [result["uuid"][1] for result in checked(message)[1::2]]
                    self.rows.update(zip((vif.port for vif in missing), rows, strict=True))
            for update in self.rpc.updates:
                waiting -= {name for name, ofport in ofports(update["params"][1]).items() if ofport > 0}
            self.rpc.updates.clear()

    def links(self, vifs: Sequence[Vif]) -> None:
        self.floor.new_taps([vif for vif in vifs if vif.kind == "native"])
        self.floor.new_pairs([vif for vif in vifs if vif.kind == "hybrid"])

    def unplug(self, vifs: Sequence[Vif]) -> None:
        number = self.rpc.send(
            "transact", ["Open_vSwitch", *delete_ports([self.rows[vif.port] for vif in vifs])]
        )
        names = [name for vif in vifs if vif.kind == "hybrid" for name in vif.hybrid_links[:2]]
        self.floor.delete([*names, *(vif.tap for vif in vifs if vif.kind == "native")])
        self.rpc.answer(number)


if __name__ == "__main__":
    serve(Transact(sys.argv[1]))
