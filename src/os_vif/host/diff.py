"""The difference between a plan and the host, object by object, in words an operator can act on.

`compare` is a pure function of a plan and a snapshot. What it returns is what `check` shows, what `plug` turns
into steps (os_vif.host.changes) and what `wait_ready` waits to see go away.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from os_vif.host.differences import Difference, Remedy
from os_vif.host.netlink import Link as ObservedLink
from os_vif.host.observe import Host
from os_vif.host.ovs import diff as ovs_diff
from os_vif.host.plan import (
    EXTERNAL,
    MARK_PREFIX,
    OWNED,
    SHARED,
    SHARED_MARK,
    UNFINISHED_GROUP,
    AddressMove,
    Bridge,
    BridgePort,
    FilterRules,
    Link,
    OvsBridge,
    OvsPort,
    Plan,
    Rename,
    Resource,
    Script,
    SriovVf,
    Tap,
    Veth,
    Vlan,
)

_MADE = (Bridge, Tap, Vlan, Veth, Rename)  # what gives a link its name


def compare(plan: Plan, host: Host) -> list[Difference]:
    """All differences, in the order of the plan's resources."""
    found: list[Difference] = []
    for resource in plan:
        found.extend(_COMPARE[type(resource)](resource, plan, host))
    return found


def _missing(resource: Resource, what: str, name: str) -> Difference:
    if resource.ownership is EXTERNAL:
        return Difference(
            resource, "present", True, False, Remedy.WAIT, f"{name}: {what} is not there (others make it)"
        )
    return Difference(resource, "present", True, False, Remedy.MEND, f"{name}: {what} is missing")


def _value(
    resource: Resource,
    name: str,
    attribute: str,
    expected: int | str | bool | None,
    actual: int | str | bool | None,
    remedy: Remedy = Remedy.MEND,
    hint: str = "",
) -> Iterator[Difference]:
    """A difference if `expected` is asked for (not None) and is not what is there."""
    if expected is None or expected == actual:
        return
    if attribute == "up":
        text = f"{name}: is {'up' if actual else 'down'}, should be {'up' if expected else 'down'}"
    elif attribute == "disable_ipv6":
        text = f"{name}: IPv6 is {'off' if actual else 'on'}, should be {'off' if expected else 'on'}"
    else:
        text = f"{name}: {attribute} is {'not set' if actual is None else actual}, should be {expected}"
    yield Difference(resource, attribute, expected, actual, remedy, text + (f" ({hint})" if hint else ""))


def _wrong_kind(resource: Resource, name: str, expected: str, link: ObservedLink) -> Iterator[Difference]:
    actual = _kind(link)
    if actual != expected:
        article = "an" if actual[0] in "aeiou" else "a"
        text = f"{name}: is {article} {actual}, not a {expected}; remove it or choose another name"
        yield Difference(resource, "kind", expected, actual, Remedy.REFUSE, text)


def _kind(link: ObservedLink) -> str:
    if link.kind == "tun":
        return "tap" if link.tun_mode == "tap" else "tun"
    return link.kind or "network device"


def _mark(resource: Resource, plan: Plan, link: ObservedLink) -> Iterator[Difference]:
    """Owned links carry the VIF's mark; one without a mark is adopted, one with another VIF's is not ours."""
    if link.group == UNFINISHED_GROUP:
        text = f"{link.name}: is not finished; the plug that made it is at work or was interrupted"
        yield Difference(resource, "group", 0, link.group, Remedy.MEND, text)
        if resource.ownership is SHARED:
            yield Difference(resource, "mark", SHARED_MARK, link.alias, Remedy.MEND, text, implied=True)
    if resource.ownership is not OWNED or link.alias == plan.mark:
        return
    alias = link.alias or ""
    if alias.startswith(MARK_PREFIX):
        other = "a shared object" if alias == SHARED_MARK else f"VIF {alias.removeprefix(MARK_PREFIX)}"
        text = (
            f"{link.name}: belongs to {other}, not to VIF {plan.vif_id}; unplug that one or rename this one"
        )
        yield Difference(resource, "mark", plan.mark, alias, Remedy.REFUSE, text)
    elif alias:
        text = f"{link.name}: is somebody else's, it carries the alias {alias!r}; remove the alias or rename the link"
        yield Difference(resource, "mark", plan.mark, alias, Remedy.REFUSE, text)
    else:
        text = f"{link.name}: does not carry the mark of VIF {plan.vif_id}"
        yield Difference(resource, "mark", plan.mark, link.alias, Remedy.MEND, text)


def _bridge(bridge: Bridge, plan: Plan, host: Host) -> Iterator[Difference]:
    link = host.links.get(bridge.name)
    if link is None:
        yield _missing(bridge, "bridge", bridge.name)
        return
    wrong = list(_wrong_kind(bridge, bridge.name, "bridge", link))
    yield from wrong
    if wrong:
        return
    yield from _mark(bridge, plan, link)
    if bridge.ownership is OWNED or link.group == UNFINISHED_GROUP:
        for attribute in ("mtu", "disable_ipv6", "arp_ignore", "arp_announce"):
            yield from _value(
                bridge, bridge.name, attribute, getattr(bridge, attribute), getattr(link, attribute)
            )
    elif link.alias == SHARED_MARK:
        # made by os-vif, changed by somebody since; not its MTU, which follows its ports', nor IPv6, which comes on
        # when the bridge takes over addresses
        for attribute in ("arp_ignore", "arp_announce"):
            expected, actual = getattr(bridge, attribute), getattr(link, attribute)
            hint = "others share it: repair does it"
            yield from _value(bridge, bridge.name, attribute, expected, actual, Remedy.LEAVE, hint)
    yield from _value(bridge, bridge.name, "up", bridge.up, link.up)


def _tap(tap: Tap, plan: Plan, host: Host) -> Iterator[Difference]:
    link = host.links.get(tap.name)
    if link is None:
        yield _missing(tap, "tap", tap.name)
        return
    wrong = [*_wrong_kind(tap, tap.name, "tap", link), *_mark(tap, plan, link)]
    yield from wrong
    if any(d.remedy is Remedy.REFUSE for d in wrong):
        return
    if link.multi_queue is not None and link.multi_queue != tap.multiqueue:
        queues = ("one queue", "many queues")
        text = (
            f"{tap.name}: has {queues[link.multi_queue]}, should have {queues[tap.multiqueue]}"
            " (cannot be changed while it exists: unplug, then plug)"
        )
        yield Difference(tap, "multi_queue", tap.multiqueue, link.multi_queue, Remedy.REFUSE, text)
    for attribute in ("mtu", "address", "disable_ipv6", "up"):
        yield from _value(tap, tap.name, attribute, getattr(tap, attribute), getattr(link, attribute))


def _vlan(vlan: Vlan, plan: Plan, host: Host) -> Iterator[Difference]:
    link = host.links.get(vlan.name)
    if link is None:
        yield _missing(vlan, f"VLAN device (id {vlan.vlan_id} on {vlan.link})", vlan.name)
        return
    wrong = [*_wrong_kind(vlan, vlan.name, "vlan", link)]
    if not wrong:
        hint = "another network uses the name: rename or remove that device"
        parent = host.names.get(link.parent, f"interface {link.parent}")
        wrong += _value(vlan, vlan.name, "vlan id", vlan.vlan_id, link.vlan_id, Remedy.REFUSE, hint)
        wrong += _value(vlan, vlan.name, "parent", vlan.link, parent, Remedy.REFUSE, hint)
    yield from wrong
    if not wrong:
        yield from _mark(vlan, plan, link)
        yield from _value(vlan, vlan.name, "mtu", vlan.mtu, link.mtu)
        yield from _value(vlan, vlan.name, "up", vlan.up, link.up)


def _veth(veth: Veth, plan: Plan, host: Host) -> Iterator[Difference]:
    ends = [host.links.get(name) for name in (veth.name, veth.peer)]
    near, far = ends
    if near is None and far is None:
        yield _missing(veth, f"veth pair with {veth.peer}", veth.name)
        return
    if near is None or far is None or near.kind != "veth" or near.parent != far.index:
        text = (
            f"{veth.name}: is not one end of a veth pair whose other end is {veth.peer}; remove what is there"
        )
        actual = None if near is None else near.kind or "network device"
        yield Difference(veth, "kind", f"veth with {veth.peer}", actual, Remedy.REFUSE, text)
        return
    for link in (near, far):
        found = [*_mark(veth, plan, link)]
        for attribute in ("mtu", "promisc", "disable_ipv6", "up"):
            found += _value(veth, link.name, attribute, getattr(veth, attribute), getattr(link, attribute))
        yield from (replace(difference, name=link.name) for difference in found)


def _rename(rename: Rename, plan: Plan, host: Host) -> Iterator[Difference]:
    current, other = host.links.get(rename.found), host.links.get(rename.name)
    if current is None and other is None:
        text = f"{rename.found}: no such network device on this host, to be called {rename.name}"
        yield Difference(rename, "present", True, False, Remedy.REFUSE, text)
    elif current is not None and rename.found != rename.name:
        if other is not None and other.index != current.index:
            text = f"{rename.name}: there is another device of that name, {rename.found} cannot get it"
            yield Difference(rename, "name", rename.name, rename.found, Remedy.REFUSE, text)
        elif current.name != rename.name:
            text = f"{rename.found}: should be called {rename.name}"
            yield Difference(rename, "name", rename.name, rename.found, Remedy.MEND, text)


def _ovs_bridge(wanted: OvsBridge, plan: Plan, host: Host) -> Iterator[Difference]:
    yield from ovs_diff.bridge(wanted, plan, host.ovs[wanted.database])


def _ovs_port(wanted: OvsPort, plan: Plan, host: Host) -> Iterator[Difference]:
    yield from ovs_diff.port(wanted, plan, host.ovs[wanted.database])


def _link(wanted: Link, plan: Plan, host: Host) -> Iterator[Difference]:
    link = host.links.get(wanted.name)
    if link is None:
        if wanted.optional or any(isinstance(r, _MADE) and r.name == wanted.name for r in plan):
            return  # that resource says that it is missing, and how it is made
        if wanted.ownership is EXTERNAL:
            yield _missing(wanted, wanted.kind or "network device", wanted.name)
        else:
            text = f"{wanted.name}: no such network device on this host"
            yield Difference(wanted, "present", True, False, Remedy.REFUSE, text)
        return
    if wanted.kind is not None:
        wrong = list(_wrong_kind(wanted, wanted.name, wanted.kind, link))
        yield from wrong
        if wrong:
            return
    remedy = Remedy.WAIT if wanted.ownership is EXTERNAL else Remedy.MEND
    for attribute in ("mtu", "address", "up"):
        expected, actual = getattr(wanted, attribute), getattr(link, attribute)
        yield from _value(wanted, wanted.name, attribute, expected, actual, remedy)


def _sriov_vf(wanted: SriovVf, plan: Plan, host: Host) -> Iterator[Difference]:
    name = wanted.key[1]
    vf = host.vfs.get(wanted.name, {}).get(wanted.number)
    if vf is None:
        text = f"{name}: {wanted.name} has no such virtual function"
        yield Difference(wanted, "present", True, False, Remedy.REFUSE, text)
        return
    yield from _value(wanted, name, "address", wanted.address, vf.address)
    yield from _value(wanted, name, "vlan", wanted.vlan, vf.vlan)
    if wanted.trusted or vf.trusted is not None:  # a driver that knows no trust trusts nobody
        yield from _value(wanted, name, "trusted", wanted.trusted, vf.trusted)


def _bridge_port(member: BridgePort, plan: Plan, host: Host) -> Iterator[Difference]:
    port, bridge = host.links.get(member.port), host.links.get(member.bridge)
    made = {r.name for r in plan if isinstance(r, _MADE)}
    if bridge is None and member.bridge not in made:
        text = f"{member.bridge}: no such bridge on this host, {member.port} cannot be a port of it"
        yield Difference(member, "master", member.bridge, None, Remedy.REFUSE, text)
        return
    actual = host.master_of(port) if port is not None else ""
    if port is not None and bridge is not None and port.master == bridge.index:
        return
    implied = port is None or (bridge is None and not actual)
    where = f"in {actual}" if actual else "in no bridge"
    text = f"{member.port}: is {where}, should be in {member.bridge}"
    remedy = Remedy.MEND
    if actual and member.ownership is not OWNED:
        remedy = Remedy.ASK
        text += (
            f" (others may use it there: take it out with `ip link set {member.port} nomaster`, or repair)"
        )
    yield Difference(member, "master", member.bridge, actual or None, remedy, text, implied)


def _address_move(move: AddressMove, plan: Plan, host: Host) -> Iterator[Difference]:
    if host.configured.get(move.source):
        text = f"{move.source}: has addresses or routes, they should be on {move.target}"
        yield Difference(move, "addresses", move.target, move.source, Remedy.MEND, text)


def _filter_rules(rules: FilterRules, plan: Plan, host: Host) -> Iterator[Difference]:
    words = host.hidden.get(rules)
    if words:
        yield Difference(rules, "rules", True, False, Remedy.MEND, f"{rules.bridge}: {words}")


def _script(script: Script, plan: Plan, host: Host) -> Iterator[Difference]:
    words = host.hidden.get(script)
    if words:
        text = f"{script.device}: plug script {script.script}: {words}"
        yield Difference(script, f"script {script.script}", "plugged", "not plugged", Remedy.MEND, text)


_COMPARE: dict[type, Callable[..., Iterator[Difference]]] = {
    Bridge: _bridge,
    Tap: _tap,
    Vlan: _vlan,
    Veth: _veth,
    Link: _link,
    Rename: _rename,
    BridgePort: _bridge_port,
    AddressMove: _address_move,
    FilterRules: _filter_rules,
    OvsBridge: _ovs_bridge,
    OvsPort: _ovs_port,
    SriovVf: _sriov_vf,
    Script: _script,
}
