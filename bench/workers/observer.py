"""The neutral party: holds the network namespace of a scenario, fills it, looks at it and clears it.

Started by `bench.arena` inside a fresh network and mount namespace. It looks with iproute2 and nftables, never with
the code that is measured.

    -> {"do": "fill", "others": 100, "commands": [["iptables", ...], ...], "switch": bool}   <- {"database": path}
    -> {"do": "settle", "ports": [names], "plugged": bool}   <- {"at": clock, "transactions": 1}
    -> {"do": "observe", "links": [names], "ports": [names], "rules": bool}
                                                   <- {"links": {name: ...}, "ports": {name: ...}, "rules": "text"}
    -> {"do": "clear", "links": [names], "ports": [names]}                                   <- {"ok": true}
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from bench.model import Vif, make_vif
from bench.workers.netlink import Floor, indexes
from bench.workers.switch import BRIDGE, Switch

FEW = 4  # up to so many links are looked up one by one instead of in a dump
OTHERS_BRIDGE, OTHERS_FIRST = "br-others", 0x8000


def main() -> None:
    # /sys shows the network namespace it was mounted in, so this one needs its own.
    subprocess.run(["mount", "-t", "sysfs", "sysfs", "/sys"], check=True)
    # Lock files are the whole machine's: who else uses os-vif here must not be waited for.
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", "/run"], check=True)
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    host = Host()
    print(json.dumps({"ok": True}), flush=True)
    for line in sys.stdin:
        request = json.loads(line)
        print(json.dumps(ANSWERS[request.pop("do")](host, **request)), flush=True)
    host.close()


class Host:
    """The namespace; each method answers one request."""

    def __init__(self) -> None:
        self.floor = Floor()
        self.others: list[Vif] = []
        self.switch: Switch | None = None

    def fill(self, others: int, commands: list[list[str]], switch: bool) -> dict[str, object]:
        """Plugged VIFs of other people: taps in a bridge of theirs, or ports of Open vSwitch."""
        if switch:
            self.switch = Switch()
            self.others = [make_vif(OTHERS_FIRST + n, BRIDGE, kind="native") for n in range(others)]
            self.floor.new_taps(self.others)
            self.switch.add(self.others)
        else:
            self.others = [make_vif(OTHERS_FIRST + n, OTHERS_BRIDGE, create_tap=True) for n in range(others)]
            self.floor.plug(self.others)
        for command in commands:
            subprocess.run(command, check=True)
        return {"database": self.switch.socket if self.switch else None}

    def settle(self, ports: list[str], plugged: bool) -> dict[str, object]:
        assert self.switch
        return dict(self.switch.watch.settled(ports, plugged=plugged))

    def observe(self, links: list[str], ports: list[str], rules: bool) -> dict[str, object]:
        return {
            "links": observe_links(links),
            "ports": self.switch.observe(ports) if self.switch else {},
            "rules": filter_rules() if rules else "",
        }

    def clear(self, links: list[str], ports: list[str]) -> dict[str, object]:
        if self.switch:
            self.switch.remove(ports)
        self.floor.delete(list(indexes(links)))
        return {"ok": True}

    def close(self) -> None:
        # The end of a namespace removes what is left in it later, in the background, and blocks whoever is
        # measured then.
        if self.switch:
            self.switch.stop()
        self.floor.delete([vif.tap for vif in self.others])


ANSWERS: dict[str, Callable[..., dict[str, object]]] = {
    "fill": Host.fill,
    "settle": Host.settle,
    "observe": Host.observe,
    "clear": Host.clear,
}


def observe_links(names: list[str]) -> dict[str, dict[str, object]]:
    """What `ip -d -j link` and /proc/sys say of those of the links that exist."""
    few = len(names) <= FEW
    shown = [link for name in names for link in ip_json("dev", name)] if few else ip_json()
    wanted = set(names)
    return {
        str(link["ifname"]): link | {"sysctl": sysctls(str(link["ifname"]))}
        for link in shown
        if link["ifname"] in wanted
    }


def ip_json(*arguments: str) -> list[dict[str, object]]:
    # Names given one by one may be absent; that is an answer, not an error.
    run = subprocess.run(
        ["ip", "-d", "-j", "link", "show", *arguments], capture_output=True, text=True, check=not arguments
    )
    links: list[dict[str, object]] = json.loads(run.stdout or "[]")
    return links


def sysctls(name: str) -> dict[str, str]:
    paths = {key: Path("/proc/sys/net", key.format(name)) for key in SYSCTLS}
    return {key.rpartition("/")[2]: path.read_text().strip() for key, path in paths.items() if path.exists()}


SYSCTLS = ("ipv6/conf/{}/disable_ipv6", "ipv4/conf/{}/arp_ignore", "ipv4/conf/{}/arp_announce")


def filter_rules() -> str:
    """The rules of every backend that is installed, as text."""
    commands = [["nft", "list", "ruleset"], ["iptables-save"]]
    return "\n".join(
        subprocess.run(command, capture_output=True, text=True, check=False).stdout
        for command in commands
        if shutil.which(command[0])
    )


if __name__ == "__main__":
    main()
