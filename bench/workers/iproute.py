"""`ip -batch` as a contestant: what a script of an operator would do, one process for any number of VIFs."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path

from bench.model import Verb, Vif
from bench.workers.protocol import Call, serve

GROUP = 0x5CA2
CONF = {"ipv6/conf/{}/disable_ipv6": "1", "ipv4/conf/{}/arp_ignore": "1", "ipv4/conf/{}/arp_announce": "2"}


class IpBatch:
    """Looks in /proc for what is there, then one run of `ip`, then the sysctls that `ip` cannot set."""

    def prepare(self, verb: Verb, vifs: Sequence[Vif]) -> Call:
        if verb in ("plug", "plug_many"):
            return lambda: plug(vifs)
        return lambda: unplug(vifs)


def plug(vifs: Sequence[Vif]) -> None:
    bridges = [name for name in sorted({vif.bridge for vif in vifs}) if not exists(name)]
    taps = [vif for vif in vifs if vif.create_tap and not exists(vif.tap)]
    lines = [
        f"link add {name} up type bridge forward_delay 0 stp_state 0 mcast_snooping 0" for name in bridges
    ]
    for vif in taps:
        lines.append(f"tuntap add dev {vif.tap} mode tap")
        lines.append(
            f"link set {vif.tap} mtu {vif.mtu} address {vif.host_address} master {vif.bridge}"
            f" alias os-vif:{vif.id} up"
        )
    ip_batch(lines)
    for name in bridges:
        set_conf(name)
    for vif in taps:
        Path(f"/proc/sys/net/ipv6/conf/{vif.tap}/disable_ipv6").write_text("1")


def unplug(vifs: Sequence[Vif]) -> None:
    delete([vif.tap for vif in vifs if vif.create_tap])


def delete(names: Sequence[str]) -> None:
    if len(names) == 1:
        ip_batch([f"link delete {names[0]}"])
    elif names:
        ip_batch([*(f"link set {name} group {GROUP}" for name in names), f"link delete group {GROUP}"])


def set_conf(bridge: str) -> None:
    """The settings of a bridge that `ip` cannot make."""
    for path, value in CONF.items():
        Path("/proc/sys/net", path.format(bridge)).write_text(value)


def exists(name: str) -> bool:
    return Path("/proc/sys/net/ipv4/conf", name).exists()


def ip_batch(lines: Sequence[str]) -> None:
    if lines:
        subprocess.run(["ip", "-batch", "-"], input="\n".join(lines) + "\n", text=True, check=True)


if __name__ == "__main__":
    serve(IpBatch())
