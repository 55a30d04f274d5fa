"""The library's data in a few words each, for the cells of tables."""

from __future__ import annotations

from os_vif.host.differences import Remedy
from os_vif.host.netlink import Link as ObservedLink
from os_vif.host.ovs.state import PortState
from os_vif.host.plan import (
    AddressMove,
    Bridge,
    BridgePort,
    FilterRules,
    Link,
    OvsBridge,
    OvsPort,
    Ownership,
    Rename,
    Resource,
    Script,
    SriovVf,
    Tap,
    Veth,
    Vlan,
)

OWNERS = {Ownership.OWNED: "this VIF", Ownership.SHARED: "shared", Ownership.EXTERNAL: "others"}

REMEDIES = {
    Remedy.MEND: "plug or repair",
    Remedy.ASK: "repair",
    Remedy.LEAVE: "repair",
    Remedy.REFUSE: "by hand",
    Remedy.SETTLE: "wait: ovs-vswitchd opens it",
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
        case Veth():
            words = [f"veth, peer {wanted.peer}"]
        case Link():
            words = [wanted.kind or "network device"]
            words += ["if it is there"] if wanted.optional else []
        case SriovVf():
            words = [f"virtual function {wanted.number} of {wanted.name}"]
            words += [f"VLAN {wanted.vlan}"] if wanted.vlan else []
            words += ["trusted"] if wanted.trusted else []
        case Rename():
            return f"new name of {wanted.found}"
        case OvsBridge():
            datapath = wanted.datapath_type or f"{wanted.default_datapath_type} if it is made"
            return f"Open vSwitch bridge, datapath {datapath}"
        case OvsPort():
            return _ovs_port(wanted)
        case BridgePort():
            return f"port of {wanted.bridge}"
        case AddressMove():
            return f"addresses and routes are on {wanted.target}"
        case Script():
            return f"connected by plug script {wanted.script}"
        case FilterRules():
            return f"filter rules: traffic {'passes' if wanted.gateway else 'is dropped'}"
    for attribute in ("mtu", "address"):
        if getattr(wanted, attribute, None) is not None:
            words.append(f"{attribute} {getattr(wanted, attribute)}")
    if getattr(wanted, "disable_ipv6", None):
        words.append("IPv6 off")
    if getattr(wanted, "up", None):
        words.append("up")
    return ", ".join(words)


def _ovs_port(port: OvsPort) -> str:
    words = [f"Open vSwitch port of {port.bridge}"]
    words += [f"type {port.interface_type}"] if port.interface_type else []
    for attribute in ("tag", "vlan_mode", "mtu_request"):
        if getattr(port, attribute) is not None:
            words.append(f"{attribute} {getattr(port, attribute)}")
    ids = dict(port.external_ids)
    words += [f"iface-id {ids['iface-id']}"] if "iface-id" in ids else []
    words += [f"{key} {value}" for key, value in port.options]
    return ", ".join(words)


def state(link: ObservedLink) -> str:
    """Whether a link is up, and whether anything is at its other end."""
    if not link.up:
        return "down"
    return "up" if link.running else "no carrier"


def port_state(port: PortState, link: ObservedLink | None) -> str:
    """What ovs-vswitchd says of a port, and of its device what the kernel does."""
    if port.error is not None:
        return port.error
    if port.ofport is None:
        return "not opened by ovs-vswitchd"
    return state(link) if link is not None else "open"
