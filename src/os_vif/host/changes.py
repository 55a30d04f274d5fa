"""From differences to steps: what has to be done, in which order, and how it would be undone.

Pure functions between `compare` and the privileged executor. Creating comes first, then what must be set before a
link is up (IPv6 off), then the attributes in the order of the plan, so that the executor can send each of these as
one batch for any number of VIFs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

from os_vif.host import steps
from os_vif.host.differences import Difference, Remedy
from os_vif.host.observe import Host
from os_vif.host.ovs.steps import MakeOvs
from os_vif.host.plan import (
    FORMER_NAME,
    OWNED,
    SHARED_MARK,
    AddressMove,
    Bridge,
    BridgePort,
    FilterRules,
    Hidden,
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

Differences = Sequence[Difference]


def to_make(resource: Resource, found: Differences, plan: Plan, host: Host, scope: int) -> list[steps.Step]:
    """The steps that make one resource true, given what differs about it."""
    return list(_MAKE[type(resource)](resource, found, plan, host, scope))


def make_rows(resource: OvsBridge | OvsPort, plan: Plan, scope: int) -> MakeOvs:
    """The step that makes a bridge or port of Open vSwitch true, and by which it is undone."""
    owner = plan.vif_id if resource.ownership is OWNED else None
    return MakeOvs(scope=scope, database=resource.database, resource=resource, owner=owner)


def merge(made: Iterable[steps.Step]) -> list[steps.Step]:
    """Join the settings of one link that stand side by side into one step, which is one message to the kernel.

    Only those of one scope: what is rolled back apart stays apart.
    """
    merged: list[steps.Step] = []
    last: dict[str, int] = {}
    for step in made:
        if not isinstance(step, steps.SetLink):
            if step.when == steps.SET:
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


_ATTRIBUTES = ("mtu", "address", "alias", "group", "master", "arp_ignore", "arp_announce", "promisc", "up")


def _joined(first: steps.SetLink, second: steps.SetLink) -> steps.SetLink:
    values = {}
    for attribute in _ATTRIBUTES:
        value = getattr(second, attribute)
        values[attribute] = getattr(first, attribute) if value is None else value
    before = dict(second.before) | dict(first.before)
    return steps.SetLink(scope=first.scope, name=first.name, before=tuple(before.items()), **values)


def inverse(done: Sequence[steps.Step]) -> list[steps.Step]:
    """The steps that undo steps which were carried out.

    A mark that a link got stays: it is harmless, and who had it before is not known here.
    """
    marks = {s.name: s.alias for s in done if isinstance(s, steps.SetLink) and s.alias}
    back: list[steps.Step] = []
    for step in reversed(done):
        kind = _ADDED.get(type(step))
        if kind is not None:
            name = str(getattr(step, "name", ""))
            mark = marks.get(name, SHARED_MARK)
            back.append(steps.DeleteLink(scope=step.scope, name=name, kind=kind, mark=mark, adopt=True))
        elif isinstance(step, steps.SetLink) and step.before:
            values = {k: v for k, v in step.before if k != "alias"}
            back.append(steps.SetLink(scope=step.scope, name=step.name, **values))  # type: ignore[arg-type]
        elif isinstance(step, steps.SetVf) and step.before:
            back.append(
                steps.SetVf(scope=step.scope, name=step.name, number=step.number, **dict(step.before))  # type: ignore[arg-type]
            )
        elif isinstance(step, steps.DisableIPv6) and step.before is not None:
            back.append(steps.DisableIPv6(scope=step.scope, name=step.name, value=step.before))
        elif isinstance(step, steps.RenameLink):
            names = {"name": step.new_name, "new_name": step.name, "former": step.former}
            turned = steps.RenameLink if isinstance(step, steps.RenameLinkBack) else steps.RenameLinkBack
            back.append(turned(scope=step.scope, **names))
        elif isinstance(step, steps.MoveAddresses):
            back.append(steps.MoveAddresses(scope=step.scope, source=step.target, target=step.source))
        elif isinstance(step, steps.Place) and step.resource.ownership is OWNED:
            back.append(steps.Remove(scope=step.scope, resource=step.resource))
    return back


_ADDED: dict[type[steps.Step], str] = {
    steps.AddBridge: "bridge",
    steps.AddTap: "tun",
    steps.AddVlan: "vlan",
    steps.AddVeth: "veth",
}


def _is_missing(found: Differences) -> bool:
    return any(d.attribute == "present" for d in found)


def _mark(resource: Resource, plan: Plan) -> str:
    return plan.mark if resource.ownership is OWNED else SHARED_MARK


def _settings(name: str, found: Differences, plan: Plan, scope: int) -> Iterator[steps.Step]:
    """Set what differs on a link that exists, and remember how it was."""
    values: dict[str, int | str | bool | None] = {}
    before: list[tuple[str, int | str | bool]] = []
    for difference in found:
        if difference.remedy is not Remedy.MEND:
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


def _veth(veth: Veth, found: Differences, plan: Plan, host: Host, scope: int) -> Iterator[steps.Step]:
    if not _is_missing(found):
        for name in (veth.name, veth.peer):
            yield from _settings(name, [d for d in found if d.object == name], plan, scope)
        return
    yield steps.AddVeth(scope=scope, name=veth.name, peer=veth.peer, mtu=veth.mtu)
    for name in (veth.name, veth.peer):
        if veth.disable_ipv6 is not None:
            yield steps.DisableIPv6(scope=scope, name=name, value=veth.disable_ipv6)
        yield steps.SetLink(
            scope=scope,
            name=name,
            alias=_mark(veth, plan),
            group=0,
            promisc=veth.promisc or None,
            up=veth.up,
        )


def _rename(rename: Rename, found: Differences, plan: Plan, host: Host, scope: int) -> Iterator[steps.Step]:
    if found:
        former = FORMER_NAME + rename.found
        yield steps.RenameLink(scope=scope, name=rename.found, new_name=rename.name, former=former)


def _ovs(
    resource: OvsBridge | OvsPort, found: Differences, plan: Plan, host: Host, scope: int
) -> Iterator[steps.Step]:
    if any(d.remedy is Remedy.MEND for d in found):
        yield make_rows(resource, plan, scope)


def _link(link: Link, found: Differences, plan: Plan, host: Host, scope: int) -> Iterator[steps.Step]:
    yield from _settings(link.name, found, plan, scope)


def _sriov_vf(
    wanted: SriovVf, found: Differences, plan: Plan, host: Host, scope: int
) -> Iterator[steps.Step]:
    if found:
        values = {d.attribute: d.expected for d in found}
        before = tuple((d.attribute, d.actual) for d in found if d.actual is not None)
        yield steps.SetVf(scope=scope, name=wanted.name, number=wanted.number, before=before, **values)  # type: ignore[arg-type]


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


def _hidden(resource: Hidden, found: Differences, plan: Plan, host: Host, scope: int) -> Iterator[steps.Step]:
    """Also where nobody has looked: the privileged side looks first, and leaves alone what is as it should be."""
    if resource not in host.hidden or found:
        yield steps.Place(scope=scope, resource=resource)


_MAKE: dict[type, Callable[..., Iterator[steps.Step]]] = {
    Bridge: _bridge,
    Tap: _tap,
    Vlan: _vlan,
    Link: _link,
    BridgePort: _bridge_port,
    AddressMove: _address_move,
    FilterRules: _hidden,
    Veth: _veth,
    Rename: _rename,
    OvsBridge: _ovs,
    OvsPort: _ovs,
    SriovVf: _sriov_vf,
    Script: _hidden,
}
