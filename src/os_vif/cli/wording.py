"""The library's data in a few words each, for the cells of tables."""

from __future__ import annotations

from os_vif.host.differences import Remedy
from os_vif.host.netlink import Link as ObservedLink
from os_vif.host.plan import (
    AddressMove,
    Bridge,
    BridgePort,
    FilterRules,
    Link,
    Ownership,
    Resource,
    Tap,
    Vlan,
)

OWNERS = {Ownership.OWNED: "this VIF", Ownership.SHARED: "shared", Ownership.EXTERNAL: "others"}

REMEDIES = {
    Remedy.MEND: "plug or repair",
    Remedy.ASK: "repair",
    Remedy.REFUSE: "by hand",
    Remedy.WAIT: "wait: others make it",
}


def resource(wanted: Resource) -> str:
    """What a resource of a plan is to be."""
    match wanted:
        case Bridge():
            words = ["bridge"]
        case Tap():
            words = ["tap with many queues" if wanted.multiqueue else "tap"]
        case Vlan():
            words = [f"VLAN {wanted.vlan_id} on {wanted.link}"]
        case Link():
            words = [wanted.kind or "network device"]
        case BridgePort():
            return f"port of {wanted.bridge}"
        case AddressMove():
            return f"addresses and routes are on {wanted.target}"
        case FilterRules():
            return f"filter rules: traffic {'passes' if wanted.gateway else 'is dropped'}"
        case _:
            words = [type(wanted).__name__]
    for attribute in ("mtu", "address"):
        if getattr(wanted, attribute, None) is not None:
            words.append(f"{attribute} {getattr(wanted, attribute)}")
    if getattr(wanted, "disable_ipv6", None):
        words.append("IPv6 off")
    if getattr(wanted, "up", None):
        words.append("up")
    return ", ".join(words)


def state(link: ObservedLink) -> str:
    """Whether a link is up, and whether anything is at its other end."""
    if not link.up:
        return "down"
    return "up" if link.running else "no carrier"
