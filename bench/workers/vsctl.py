"""`ip -batch` and one `ovs-vsctl` as a contestant: what a script of an operator would do.

`vsctl.py DATABASE`, where DATABASE is the path of ovsdb-server's socket.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from bench.model import Verb, Vif
from bench.workers.iproute import delete, exists, ip_batch, set_conf
from bench.workers.protocol import Call, serve
from bench.workers.switch import BRIDGE


class Vsctl:
    """Looks in /proc for what is there; `ovs-vsctl` itself waits until ovs-vswitchd is done."""

    def __init__(self, database: str) -> None:
        self.command = ["ovs-vsctl", f"--db=unix:{database}"]

    def prepare(self, verb: Verb, vifs: Sequence[Vif]) -> Call:
        if verb in ("plug", "plug_many"):
            return lambda: self.plug(vifs)
        return lambda: self.unplug(vifs)

    def plug(self, vifs: Sequence[Vif]) -> None:
        missing = [vif for vif in vifs if not exists(vif.port)]
        if not missing:
            return
        ip_batch([line for vif in missing for line in new_links(vif)])
        for vif in missing:
            for name in (vif.tap,) if vif.kind == "native" else vif.hybrid_links:
                Path(f"/proc/sys/net/ipv6/conf/{name}/disable_ipv6").write_text("1")
            if vif.kind == "hybrid":
                set_conf(vif.hybrid_links[0])
        ip_batch([line for vif in missing for line in links_up(vif)])
        self.run([word for vif in missing for word in add_port(vif)])

    def unplug(self, vifs: Sequence[Vif]) -> None:
        self.run([word for vif in vifs for word in ("--", "--if-exists", "del-port", BRIDGE, vif.port)])
        delete(
            [name for vif in vifs for name in ((vif.tap,) if vif.kind == "native" else vif.hybrid_links[:2])]
        )

    def run(self, words: Sequence[str]) -> None:
        subprocess.run([*self.command, *words], check=True)


def new_links(vif: Vif) -> Iterator[str]:
    if vif.kind == "native":
        yield f"tuntap add dev {vif.tap} mode tap"
        return
    bridge, inside, outside = vif.hybrid_links
    yield f"link add {bridge} type bridge forward_delay 0 stp_state 0 mcast_snooping 0 ageing_time 0"
    yield f"link add {inside} mtu {vif.mtu} type veth peer name {outside} mtu {vif.mtu}"


def links_up(vif: Vif) -> Iterator[str]:
    if vif.kind == "native":
        yield f"link set {vif.tap} mtu {vif.mtu} address {vif.host_address} up"
        return
    bridge, inside, outside = vif.hybrid_links
    yield f"link set {bridge} up"
    yield f"link set {inside} promisc on master {bridge} up"
    yield f"link set {outside} promisc on up"


def add_port(vif: Vif) -> Sequence[str]:
    ids = {"iface-id": vif.id, "iface-status": "active", "attached-mac": vif.address, "vm-uuid": vif.id}
    settings = [f'external_ids:{key}="{value}"' for key, value in ids.items()]
    return ["--", "add-port", BRIDGE, vif.port, "--", "set", "Interface", vif.port, *settings]


if __name__ == "__main__":
    serve(Vsctl(sys.argv[1]))
