"""What plug and unplug would do to this host, found out by looking and changing nothing; `--dry-run` shows it.

It goes the engine's way (observe, compare, steps) and stops before anything runs.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from os_vif import exception
from os_vif.host import changes, diff, engine, removals, steps
from os_vif.host.conflicts import conflicts, refusal
from os_vif.host.differences import Difference, Remedy
from os_vif.host.netlink import route_socket
from os_vif.host.observe import Host, observe
from os_vif.host.ovs.state import OvsState
from os_vif.host.ovs.steps import MakeOvs, OvsStep, RemoveOvsBridge, RemoveOvsPort, RemoveOvsQos
from os_vif.host.plan import OWNED, SHARED, BridgePort, Plan, Resource

if TYPE_CHECKING:
    from os_vif.host.ovsdb import Operation


@dataclass(frozen=True, slots=True)
class Change:
    """One step that would be taken.

    text: what it is in words; vifs: the ids of the VIFs it is for; rows: for a step of Open vSwitch what it writes,
    the operations of RFC 7047 (5.2) in words.
    """

    text: str
    vifs: tuple[str, ...]
    rows: tuple[str, ...] = ()


@dataclass(slots=True)
class Preview:
    """All changes in the order in which they would be made; refused: VIF id to why it would fail."""

    changes: list[Change] = field(default_factory=list)
    refused: dict[str, Exception] = field(default_factory=dict)


def plug(jobs: Sequence[engine.Job]) -> Preview:
    """The changes that would plug these VIFs now. Filter rules and plug scripts are in the list also where nobody may
    look whether they are needed.
    """
    host = observe([job.plan for job in jobs], route_socket())
    with contextlib.suppress(exception.NoPrivileges):
        host = replace(host, hidden=engine.look(jobs)[0])
    preview = Preview()
    made: list[steps.Step] = []
    shared: dict[Resource, int] = {}
    whose: dict[int, list[str]] = {}
    contradictions = conflicts([job.plan for job in jobs])
    for number, (job, conflict) in enumerate(zip(jobs, contradictions, strict=True)):
        vif_id = job.plan.vif_id
        found = diff.compare(job.plan, host)
        refused = conflict or _refused(job.plan, found)
        if refused is not None:
            preview.refused[vif_id] = refused
            continue
        whose[number] = [vif_id]
        for resource in job.plan:
            about = [difference for difference in found if difference.resource == resource]
            if resource.ownership is OWNED:
                made += changes.to_make(resource, about, job.plan, host, number)
            elif resource.ownership is SHARED and resource in shared:
                whose[shared[resource]].append(vif_id)
            elif resource.ownership is SHARED:
                # numbered from below, as the engine does it: a scope of its own
                scope = shared[resource] = -1 - len(shared)
                whose[scope] = [vif_id]
                made += changes.to_make(resource, about, job.plan, host, scope)
    preview.changes = _changes(made, whose, host)
    return preview


def unplug(jobs: Sequence[engine.Job], *, shared: bool = False) -> Preview:
    """The changes that would unplug these VIFs now; shared: as for os_vif.host.engine.remove."""
    plans = [job.plan for job in jobs]
    socket = route_socket()
    host = observe(plans, socket, leftovers=True)
    made = [step for scope, plan in enumerate(plans) for step in removals.to_remove(plan, host, scope)]
    whose = {scope: [plan.vif_id] for scope, plan in enumerate(plans)}
    if shared:
        going = {step.name for step in made if isinstance(step, steps.DeleteLink)}
        going |= {
            r.port for plan in plans for r in plan if isinstance(r, BridgePort) and r.ownership is SHARED
        }
        used = {host.names.get(link.master, "") for link in socket.all_links() if link.name not in going}
        whose[-1] = [plan.vif_id for plan in plans]
        made += removals.to_remove_shared(plans, host, used, scope=-1)
    return Preview([_change(step, whose, host) for step in made])


def _refused(plan: Plan, found: Sequence[Difference]) -> Exception | None:
    if plan.obstacle is not None:
        return plan.obstacle
    hard = (d for d in found if d.remedy in (Remedy.REFUSE, Remedy.ASK))
    first = next(hard, None)
    return refusal(plan, first) if first is not None else None


def _changes(made: Sequence[steps.Step], whose: Mapping[int, Sequence[str]], host: Host) -> list[Change]:
    """In the executor's order, shared objects first; rows last, though they are written at the same time."""
    merged = changes.merge(sorted(made, key=lambda step: step.scope >= 0))
    in_order = sorted(merged, key=lambda step: (isinstance(step, OvsStep), step.when))
    return [_change(step, whose, host) for step in in_order]


def _change(step: steps.Step, whose: Mapping[int, Sequence[str]], host: Host) -> Change:
    rows = _rows(step, host.ovs[step.database]) if isinstance(step, OvsStep) else ()
    return Change(str(step), tuple(whose[step.scope]), rows)


# --- the rows of a step of Open vSwitch ----------------------------------------------------------------------


def _rows(step: OvsStep, state: OvsState) -> tuple[str, ...]:
    """The operations of the transaction that this step alone would be, in words."""
    from os_vif.host.ovs.changes import Changes  # with TLS and JSON: only hosts with Open vSwitch pay for it

    wanted = Changes(state)
    if isinstance(step, MakeOvs):
        wanted.make(step.resource, step.owner)
    elif isinstance(step, RemoveOvsPort):
        wanted.remove([step.port])
    elif isinstance(step, RemoveOvsQos):
        wanted.remove_qos(step.port)
    elif isinstance(step, RemoveOvsBridge):
        wanted.remove([], [step.bridge])
    operations = wanted.transaction("").operations
    names: dict[object, str] = {bridge.row: bridge.name for bridge in state.bridges.values()}
    for port in state.ports.values():
        names |= {port.row: port.name, port.interface: port.name}
        names |= {port.qos: port.name} if port.qos is not None else {}
    for operation in operations:
        row = getattr(operation, "row", {})
        names[getattr(operation, "name", None)] = str(row.get("name", "the new row"))
    return tuple(_sentence(operation, names) for operation in operations)


def _sentence(operation: Operation, names: Mapping[object, str]) -> str:
    table = getattr(operation, "table", "")
    where = " and ".join(
        _name(value, names) if function == "==" else f"with {', '.join(_values(column, value, names))}"
        for column, function, value in getattr(operation, "where", ())
    )
    subject = f"{type(operation).__name__.lower()} {table} {where}".rstrip()
    pairs: list[str] = []
    for column, value in getattr(operation, "row", {}).items():
        pairs += _values(column, value, names)
    for column, mutator, value in getattr(operation, "mutations", ()):
        pairs += [f"{mutator} {pair}" for pair in _values(column, value, names)]
    return f"{subject}: {', '.join(pairs)}" if pairs else subject


def _values(column: str, value: object, names: Mapping[object, str]) -> list[str]:
    """A column's value in the words of ovs-vsctl; nothing for an empty one."""
    if isinstance(value, Mapping):
        return [f"{column}:{key}={text}" for key, text in value.items()]
    members = value if isinstance(value, (list, tuple, set, frozenset)) else [value]
    return [f"{column}={_name(member, names)}" for member in members if member != ""]


def _name(value: object, names: Mapping[object, str]) -> str:
    """What a row is called that a value refers to, or the value itself."""
    return names.get(getattr(value, "name", value), str(value))
