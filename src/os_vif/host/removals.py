"""The steps that take things away: what a VIF owns, and shared objects that nobody uses any more.

Pure functions; the engine's `remove` calls them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from os_vif.host import diff, steps
from os_vif.host.differences import Difference, Remedy
from os_vif.host.observe import Host
from os_vif.host.ovs.steps import RemoveOvsBridge, RemoveOvsPort, RemoveOvsQos
from os_vif.host.plan import (
    FORMER_NAME,
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
    Script,
    SriovVf,
    Tap,
    Veth,
    Vlan,
    link_names,
)

_KINDS: dict[type, str] = {Bridge: "bridge", Tap: "tun", Vlan: "vlan", Veth: "veth"}


_NO_ADDRESS = "00:00:00:00:00:00"  # of a virtual function: the NIC lets it use any, or none was given


def to_remove(plan: Plan, host: Host, scope: int) -> list[steps.Step]:
    """The steps that take away what the VIF owns on the host.

    Objects that carry another VIF's mark, or are of another kind, are not the VIF's and stay; one without a
    mark was plugged before marks were there (by an older os-vif) and goes.
    """
    made: list[steps.Step] = []
    for resource in (*reversed(plan.resources), *plan.leftovers):
        if resource.ownership is not OWNED:
            continue
        if isinstance(resource, (OvsBridge, OvsPort)):
            made += _ovs(resource, plan, host, scope)
            continue
        found = diff.compare(Plan(plan.vif_id, (resource,)), host)
        if any(d.attribute in ("present", "kind") or _is_of_another(d) for d in found):
            continue
        if isinstance(resource, Script):
            if not _is_device_of_another(resource, plan, host):
                made.append(steps.Remove(scope=scope, resource=resource))
        elif isinstance(resource, Rename):
            made += _name_back(resource, host, scope)
        elif isinstance(resource, SriovVf):
            made += _given_back(resource, host, scope)
        elif isinstance(resource, Link):
            link = host.links.get(resource.name)
            if resource.up and link is not None and resource.address in (None, link.address):
                made.append(steps.SetLink(scope=scope, name=resource.name, up=False))
        elif type(resource) in _KINDS:
            name, kind = resource.key[1], _KINDS[type(resource)]
            made.append(steps.DeleteLink(scope=scope, name=name, kind=kind, mark=plan.mark, adopt=True))
    return made


def _is_of_another(difference: Difference) -> bool:
    return difference.attribute == "mark" and difference.remedy is Remedy.REFUSE


def _is_device_of_another(script: Script, plan: Plan, host: Host) -> bool:
    """Whether the device that the script would unplug belongs to another VIF, or to somebody else."""
    links = [
        r for r in plan if r.ownership is OWNED and type(r) in _KINDS and script.device in link_names([r])
    ]
    found = diff.compare(Plan(plan.vif_id, tuple(links)), host)
    return any(d.attribute == "kind" or _is_of_another(d) for d in found)


def _ovs(resource: OvsBridge | OvsPort, plan: Plan, host: Host, scope: int) -> Iterator[steps.Step]:
    """Rows of the VIF's own; one without a mark on another bridge is not what an older os-vif made for it."""
    state = host.ovs[resource.database]
    if isinstance(resource, OvsPort):
        port = state.ports.get(resource.name)
        if port is not None and (
            port.owner == plan.vif_id or (port.owner is None and port.bridge == resource.bridge)
        ):
            yield RemoveOvsPort(scope=scope, database=resource.database, port=port)
        elif resource.name in state.orphans:
            yield RemoveOvsQos(scope=scope, database=resource.database, port=resource.name)
    else:
        bridge = state.bridges.get(resource.name)
        if bridge is not None and bridge.owner in (None, plan.vif_id):
            yield RemoveOvsBridge(scope=scope, database=resource.database, bridge=bridge)


def _given_back(vf: SriovVf, host: Host, scope: int) -> Iterator[steps.Step]:
    """Take from a virtual function what it has of the VIF; one with another address is another VIF's by now."""
    found = host.vfs[vf.name][vf.number]
    if found.address == vf.address or (found.address == _NO_ADDRESS and (found.vlan or found.trusted)):
        trusted = False if found.trusted else None
        yield steps.SetVf(
            scope=scope, name=vf.name, number=vf.number, address=_NO_ADDRESS, vlan=0, trusted=trusted
        )


def _name_back(rename: Rename, host: Host, scope: int) -> Iterator[steps.Step]:
    """Give a link the name back that its altname remembers."""
    link = host.links.get(rename.name)
    for altname in link.altnames if link is not None else ():
        if altname.startswith(FORMER_NAME):
            former = altname.removeprefix(FORMER_NAME)
            yield steps.RenameLinkBack(scope=scope, name=rename.name, new_name=former, former=altname)


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
            made.append(steps.Remove(scope=scope, resource=resource))
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
