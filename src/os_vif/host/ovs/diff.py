"""The difference between a plan's Open vSwitch objects and the database, in words an operator can act on.

Pure functions; os_vif.host.diff calls them for OvsBridge and OvsPort.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from os_vif.host.differences import Difference, Remedy
from os_vif.host.ovs import ovn
from os_vif.host.ovs.state import MARK, BridgeState, OvsState, PortState
from os_vif.host.plan import OWNED, OvsBridge, OvsPort, Plan

DEAD_VLAN = 4095  # where ml2/ovs keeps a port until its agent has wired it


def bridge(wanted: OvsBridge, plan: Plan, state: OvsState) -> Iterator[Difference]:
    """What differs about a bridge."""
    found = state.bridges.get(wanted.name)
    if found is None:
        text = f"{wanted.name}: Open vSwitch bridge is missing"
        yield Difference(wanted, "present", True, False, Remedy.MEND, text)
        return
    yield from _owner(wanted, wanted.name, plan, found)
    if wanted.datapath_type is not None and wanted.datapath_type != found.datapath_type:
        text = f"{wanted.name}: datapath_type is {found.datapath_type!r}, should be {wanted.datapath_type!r}"
        remedy = Remedy.MEND
        if wanted.ownership is not OWNED:
            remedy = Remedy.LEAVE
            text += " (its ports are cut off for a moment when it changes: repair does it)"
        yield Difference(wanted, "datapath_type", wanted.datapath_type, found.datapath_type, remedy, text)


def port(wanted: OvsPort, plan: Plan, state: OvsState) -> Iterator[Difference]:
    """What differs about a port and its interface."""
    found = state.ports.get(wanted.name)
    if found is None:
        text = f"{wanted.name}: Open vSwitch port is missing"
        yield Difference(wanted, "present", True, False, Remedy.MEND, text)
        return
    refused = False
    for difference in _owner(wanted, wanted.name, plan, found):
        refused = refused or difference.remedy is Remedy.REFUSE
        yield difference
    if refused:
        return
    if found.bridge != wanted.bridge:
        text = f"{wanted.name}: is a port of {found.bridge or 'no bridge'}, should be one of {wanted.bridge}"
        yield Difference(wanted, "bridge", wanted.bridge, found.bridge, Remedy.MEND, text)
    if found.interface_type != wanted.interface_type:
        text = f"{wanted.name}: type is {found.interface_type!r}, should be {wanted.interface_type!r}"
        yield Difference(wanted, "type", wanted.interface_type, found.interface_type, Remedy.MEND, text)
    if wanted.own_vlans:
        yield from _vlans(wanted, found)
    for column in ("external_ids", "options"):
        actual = getattr(found, column)
        for key, value in getattr(wanted, column):
            if actual.get(key) != value:
                text = f"{wanted.name}: {column}:{key} is {actual.get(key, 'not set')}, should be {value}"
                yield Difference(wanted, f"{column}:{key}", value, actual.get(key), Remedy.MEND, text)
    if wanted.mtu_request is not None and state.has_mtu_request and found.mtu_request != wanted.mtu_request:
        text = (
            f"{wanted.name}: mtu_request is {found.mtu_request or 'not set'}, should be {wanted.mtu_request}"
        )
        yield Difference(wanted, "mtu_request", wanted.mtu_request, found.mtu_request, Remedy.MEND, text)
    yield from _readiness(wanted, found, state)


def _vlans(wanted: OvsPort, found: PortState) -> Iterator[Difference]:
    columns: dict[str, tuple[int | str | None, int | str | None]] = {
        "tag": (wanted.tag, found.tag),
        "vlan_mode": (wanted.vlan_mode, found.vlan_mode),
        "trunks": (_listed(wanted.trunks), _listed(found.trunks)),
    }
    for column, (expected, actual) in columns.items():
        if expected != actual:
            is_now, should_be = ("not set" if value is None else value for value in (actual, expected))
            text = f"{wanted.name}: {column} is {is_now}, should be {should_be}"
            yield Difference(wanted, column, expected, actual, Remedy.MEND, text)


def _listed(numbers: Iterable[int]) -> str | None:
    return ",".join(map(str, sorted(numbers))) or None


def _owner(
    wanted: OvsBridge | OvsPort, name: str, plan: Plan, found: BridgeState | PortState
) -> Iterator[Difference]:
    if wanted.ownership is not OWNED or found.owner == plan.vif_id:
        return
    if found.owner is None:
        text = f"{name}: does not carry the mark of VIF {plan.vif_id} (external_ids:{MARK})"
        yield Difference(wanted, "mark", plan.vif_id, None, Remedy.MEND, text)
    else:
        text = f"{name}: belongs to VIF {found.owner}, not to VIF {plan.vif_id}; unplug that one or rename this one"
        yield Difference(wanted, "mark", plan.vif_id, found.owner, Remedy.REFUSE, text)


def _readiness(wanted: OvsPort, found: PortState, state: OvsState) -> Iterator[Difference]:
    """Ready is what ovs-vswitchd, and the network's controller if there is one, say themselves."""
    if found.ofport is None or found.ofport < 1:
        why = found.error or "ovs-vswitchd has not looked at it yet; is it running?"
        number = "not set" if found.ofport is None else found.ofport
        remedy = Remedy.SETTLE if wanted.must_be_ready else Remedy.WAIT
        text = f"{wanted.name}: ofport {number}: {why}"
        yield Difference(wanted, "ofport", "assigned", found.ofport, remedy, text)
        return
    if "iface-id" not in dict(wanted.external_ids):
        return
    if found.tag == DEAD_VLAN:
        text = f"{wanted.name}: is in the dead VLAN {DEAD_VLAN}: the network's agent has not wired it yet"
        yield Difference(wanted, "tag", "of the network", DEAD_VLAN, Remedy.WAIT, text)
    if wanted.bridge in ovn.bridges(state.controller):
        installed = found.external_ids.get("ovn-installed")
        if installed != "true":
            iface_id = found.external_ids.get("iface-id")
            text = (
                f"{wanted.name}: ovn-controller has not installed its flows yet (external_ids:ovn-installed); "
                f"does it run, and is the logical port {iface_id} one for this host?"
            )
            yield Difference(wanted, "external_ids:ovn-installed", "true", installed, Remedy.WAIT, text)
