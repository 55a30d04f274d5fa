"""From differences to steps: what has to be done, in which order, and how it would be undone.

Pure functions between `compare` and the privileged executor. Creating comes first, then what must be set before a
link is up (IPv6 off), then the attributes in the order of the plan, so that the executor can send each of these as
one batch for any number of VIFs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

from os_vif.host import diff, steps
from os_vif.host.observe import Host
from os_vif.host.plan import (
    OWNED,
    SHARED,
    SHARED_MARK,
    UNFINISHED_GROUP,
    AddressMove,
    Bridge,
    BridgePort,
    FilterRules,
    Link,
    Plan,
    Resource,
    Tap,
    Vlan,
)

Differences = Sequence[diff.Difference]


def to_make(resource: Resource, found: Differences, plan: Plan, host: Host, scope: int) -> list[steps.Step]:
    """The steps that make one resource true, given what differs about it."""
    return list(_MAKE[type(resource)](resource, found, plan, host, scope))


def merge(made: Iterable[steps.Step]) -> list[steps.Step]:
    """Join the settings of one link that stand side by side into one step, which is one message to the kernel.

    Only those of one scope: what is rolled back apart stays apart.
    """
    merged: list[steps.Step] = []
    last: dict[str, int] = {}
    for step in made:
        if not isinstance(step, steps.SetLink):
            if step.phase == steps.SET:
                last.clear()
            merged.append(step)
            continue
        at = last.get(step.name)
        before = merged[at] if at is not None else None
        if at is not None and isinstance(before, steps.SetLink) and before.scope == step.scope:
            merged[at] = _joined(before, step)
        else:
            last[step.name] = len(merged)
            merged.append(step)
    return merged


_ATTRIBUTES = ("mtu", "address", "alias", "group", "master", "arp_ignore", "arp_announce", "up")


def _joined(first: steps.SetLink, second: steps.SetLink) -> steps.SetLink:
    values = {}
    for attribute in _ATTRIBUTES:
        value = getattr(second, attribute)
        values[attribute] = getattr(first, attribute) if value is None else value
    before = dict(second.before) | dict(first.before)
    return steps.SetLink(scope=first.scope, name=first.name, before=tuple(before.items()), **values)


def _is_missing(found: Differences) -> bool:
    return any(d.attribute == "present" for d in found)


def _mark(resource: Resource, plan: Plan) -> str:
    return plan.mark if resource.ownership is OWNED else SHARED_MARK


def _settings(name: str, found: Differences, plan: Plan, scope: int) -> Iterator[steps.Step]:
    """Set what differs on a link that exists, and remember how it was."""
    values: dict[str, int | str | bool | None] = {}
    before: list[tuple[str, int | str | bool]] = []
    for difference in found:
        if difference.remedy is not diff.Remedy.MEND:
            continue
        if difference.attribute == "disable_ipv6":
            was = None if difference.actual is None else bool(difference.actual)
            yield steps.DisableIPv6(scope=scope, name=name, value=bool(difference.expected), before=was)
            continue
        attribute = "alias" if difference.attribute == "mark" else difference.attribute
        values[attribute] = difference.expected
        # an alias is put back as it was, also where there was none
        before.append((attribute, "" if difference.actual is None else difference.actual))
    if values:
        yield steps.SetLink(scope=scope, name=name, before=tuple(before), **values)  # type: ignore[arg-type]


def _bridge(bridge: Bridge, found: Differences, plan: Plan, host: Host, scope: int) -> Iterator[steps.Step]:
    if not _is_missing(found):
        yield from _settings(bridge.name, found, plan, scope)
        return
    yield steps.AddBridge(
        scope=scope,
        name=bridge.name,
        mtu=bridge.mtu,
        forward_delay=bridge.forward_delay,
        stp=bridge.stp,
        multicast_snooping=bridge.multicast_snooping,
        ageing_time=bridge.ageing_time,
    )
    if bridge.disable_ipv6 is not None:
        yield steps.DisableIPv6(scope=scope, name=bridge.name, value=bridge.disable_ipv6)
    yield steps.SetLink(
        scope=scope,
        name=bridge.name,
        alias=_mark(bridge, plan),
        group=0,
        arp_ignore=bridge.arp_ignore,
        arp_announce=bridge.arp_announce,
        up=bridge.up,
    )


def _tap(tap: Tap, found: Differences, plan: Plan, host: Host, scope: int) -> Iterator[steps.Step]:
    if not _is_missing(found):
        yield from _settings(tap.name, found, plan, scope)
        return
    yield steps.AddTap(scope=scope, name=tap.name, multiqueue=tap.multiqueue)
    if tap.disable_ipv6 is not None:
        yield steps.DisableIPv6(scope=scope, name=tap.name, value=tap.disable_ipv6)
    yield steps.SetLink(
        scope=scope,
        name=tap.name,
        mtu=tap.mtu,
        address=tap.address,
        alias=_mark(tap, plan),
        up=tap.up,
    )


def _vlan(vlan: Vlan, found: Differences, plan: Plan, host: Host, scope: int) -> Iterator[steps.Step]:
    if not _is_missing(found):
        yield from _settings(vlan.name, found, plan, scope)
        return
    yield steps.AddVlan(scope=scope, name=vlan.name, link=vlan.link, vlan_id=vlan.vlan_id, mtu=vlan.mtu)
    yield steps.SetLink(scope=scope, name=vlan.name, alias=_mark(vlan, plan), group=0, up=vlan.up)


def _link(link: Link, found: Differences, plan: Plan, host: Host, scope: int) -> Iterator[steps.Step]:
    yield from _settings(link.name, found, plan, scope)


def _bridge_port(
    member: BridgePort, found: Differences, plan: Plan, host: Host, scope: int
) -> Iterator[steps.Step]:
    for difference in found:
        before = (("master", difference.actual or ""),) if member.port in host.links else ()
        yield steps.SetLink(scope=scope, name=member.port, master=member.bridge, before=before)


def _address_move(
    move: AddressMove, found: Differences, plan: Plan, host: Host, scope: int
) -> Iterator[steps.Step]:
    if found:
        yield steps.MoveAddresses(scope=scope, source=move.source, target=move.target)


def _filter_rules(
    rules: FilterRules, found: Differences, plan: Plan, host: Host, scope: int
) -> Iterator[steps.Step]:
    if host.filters is None or found:
        yield steps.ApplyFilter(scope=scope, rules=rules)


_MAKE: dict[type, Callable[..., Iterator[steps.Step]]] = {
    Bridge: _bridge,
    Tap: _tap,
    Vlan: _vlan,
    Link: _link,
    BridgePort: _bridge_port,
    AddressMove: _address_move,
    FilterRules: _filter_rules,
}

_KINDS: dict[type, str] = {Bridge: "bridge", Tap: "tun", Vlan: "vlan"}


def to_remove(plan: Plan, host: Host, scope: int) -> list[steps.Step]:
    """The steps that take away what the VIF owns on the host.

    Objects that carry another VIF's mark, or are of another kind, are not the VIF's and stay; one without a
    mark was plugged before marks were there (by an older os-vif) and goes.
    """
    made: list[steps.Step] = []
    for resource in reversed(plan.resources):
        kind = _KINDS.get(type(resource))
        if resource.ownership is not OWNED or kind is None:
            continue
        found = diff.compare(Plan(plan.vif_id, (resource,)), host)
        foreign = {"present", "kind"} | ({"mark"} if _belongs_to_another(found) else set())
        if not any(d.attribute in foreign for d in found):
            name = resource.key[1]
            made.append(steps.DeleteLink(scope=scope, name=name, kind=kind, mark=plan.mark, adopt=True))
    return made


def _belongs_to_another(found: Differences) -> bool:
    return any(d.attribute == "mark" and d.remedy is diff.Remedy.REFUSE for d in found)


def to_remove_shared(plans: Iterable[Plan], host: Host, used: set[str], scope: int) -> list[steps.Step]:
    """The steps that take away shared objects which os-vif made and nobody uses any more.

    used: names of bridges that have other ports than those the plans put there. A bridge gives the
    layer-3 configuration back to the NIC it came from before it goes.
    """
    resources = dict.fromkeys(r for plan in plans for r in plan if r.ownership is SHARED)
    ours = {
        r.name
        for r in resources
        if isinstance(r, (Bridge, Vlan))
        and (link := host.links.get(r.name)) is not None
        and (link.alias == SHARED_MARK or link.group == UNFINISHED_GROUP)
    }
    going = ours - used
    made: list[steps.Step] = []
    for resource in reversed(resources):
        if isinstance(resource, FilterRules) and resource.bridge in going:
            made.append(steps.RemoveFilter(scope=scope, rules=resource))
        elif isinstance(resource, AddressMove) and resource.target in going:
            nic = host.links.get(resource.source)
            if nic is not None and not nic.up:  # routes cannot be over a link that is down
                made.append(steps.SetLink(scope=scope, name=nic.name, up=True, before=(("up", False),)))
            made.append(steps.MoveAddresses(scope=scope, source=resource.target, target=resource.source))
        elif isinstance(resource, BridgePort) and resource.bridge in going and resource.port not in going:
            port, bridge = host.links.get(resource.port), host.links[resource.bridge]
            if port is not None and port.master == bridge.index:
                made.append(steps.SetLink(scope=scope, name=resource.port, master=""))
    for resource in reversed(resources):
        if isinstance(resource, (Bridge, Vlan)) and resource.name in going:
            kind = _KINDS[type(resource)]
            made.append(steps.DeleteLink(scope=scope, name=resource.name, kind=kind, mark=SHARED_MARK))
    return made
