"""What is on the host, as iproute2 and nft tell it: two snapshots of an undisturbed namespace are equal.

Tests take one before and one after, and `differences` says what changed. What moves by itself (timers, counters,
carrier, duplicate address detection, link-local addresses) is left out. Read with other programs than the
project's own client, so that an error of that client cannot hide itself.
"""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

from tests.netns import ip

Snapshot = dict[str, dict[str, object]]

# of `ip -d -j link`, at any depth
_MOVES = frozenset(
    {
        "operstate",
        "state",
        *("hello_timer", "tcn_timer", "topology_change_timer", "gc_timer", "hold_timer"),
        *("message_age_timer", "forward_delay_timer", "topology_change", "topology_change_detected"),
        *("bridge_id", "root_id", "root_port", "root_path_cost", "config_pending", "cost"),
        *("designated_bridge", "designated_root", "designated_port", "designated_cost"),
        *("port_id", "port_no", "id", "no"),
    }
)
_SYSCTLS = ("ipv6/conf/{}/disable_ipv6", "ipv4/conf/{}/arp_ignore", "ipv4/conf/{}/arp_announce")


def snapshot() -> Snapshot:
    """Links with their settings, addresses, routes of all tables, and nftables rules of this namespace."""
    links = {str(link["ifname"]): link for link in _json("-d", "link", "show")}
    return {
        "link": {name: _still(link) for name, link in links.items()},
        "sysctl": {path: text for name in links for path, text in _sysctls(name)},
        "address": {str(link["ifname"]): _addresses(link) for link in _json("addr", "show")},
        "route": {
            line: True
            for family in ("-4", "-6")
            for route in _json(family, "route", "show", "table", "all")
            if (line := _route(route))
        },
        "filter": dict.fromkeys(_rules(), True),
    }


def differences(before: Snapshot, after: Snapshot) -> list[str]:
    """What is in one snapshot and not, or otherwise, in the other; one line each."""
    found = []
    for part in before:
        for key in sorted(before[part].keys() | after[part].keys()):
            was, now = before[part].get(key), after[part].get(key)
            if isinstance(was, dict) and isinstance(now, dict):
                for field in sorted(was.keys() | now.keys()):
                    if was.get(field) != now.get(field):
                        found.append(f"{part} {key}: {field} was {was.get(field)}, is {now.get(field)}")
            elif was != now:
                found.append(f"{part} {key}: was {was}, is {now}")
    return found


def _json(*args: str) -> list[dict[str, object]]:
    text = ip("-j", *args)
    return [entry for entry in json.loads(text or "[]") if entry]


def _still(value: object) -> object:
    if isinstance(value, dict):
        kept = {k: _still(v) for k, v in value.items() if k not in _MOVES}
        if isinstance(value.get("flags"), list):
            kept["flags"] = [f for f in value["flags"] if f in ("UP", "PROMISC")]
        return kept
    return [_still(v) for v in value] if isinstance(value, list) else value


def _sysctls(name: str) -> list[tuple[str, str]]:
    paths = [Path("/proc/sys/net", pattern.format(name)) for pattern in _SYSCTLS]
    return [(str(path), path.read_text().strip()) for path in paths if path.exists()]


def _addresses(link: dict[str, object]) -> list[object]:
    """In the kernel's order, which decides about source addresses."""
    infos = link.get("addr_info")
    assert isinstance(infos, list)
    return [
        {k: v for k, v in info.items() if k not in ("tentative", "valid_life_time", "preferred_life_time")}
        for info in infos
        if info and not (info["family"] == "inet6" and info["scope"] == "link")
    ]


def _route(route: dict[str, object]) -> str:
    if str(route["dst"]).startswith(("fe80::", "ff00::")):
        return ""
    route = {k: v for k, v in route.items() if k not in ("expires", "pref")}
    route["flags"] = [f for f in route.get("flags") or () if f not in ("linkdown", "dead")]  # type: ignore[attr-defined]
    return json.dumps(route, sort_keys=True)


def _rules() -> list[str]:
    done = subprocess.run(["nft", "-s", "list", "ruleset"], capture_output=True, text=True, check=True)
    return done.stdout.splitlines()
