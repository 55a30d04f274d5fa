"""What the marks on the host say: which objects are os-vif's and for which VIF, with no memory of any plug.

The command line's `list` and `gc` look through here; an agent that sweeps will too. Only the mark (a link's
ifalias, see os_vif.host.plan; a row's external_ids:os-vif) makes an object ours: what has none is never listed and
never deleted.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from os_vif import exception
from os_vif.host.netlink import Link, route_socket
from os_vif.host.plan import MARK_PREFIX, SHARED_MARK, OvsDatabase

if TYPE_CHECKING:
    from os_vif.host.ovs.state import BridgeState, OvsState, PortState
    from os_vif.host.ovs.steps import OvsStep
    from os_vif.host.passes import Runner


@dataclass(frozen=True, slots=True)
class MarkedLink:
    """A link that os-vif made or adopted.

    vif_id: the VIF that owns it, None if several share it; master: name of the bridge it is a port of, "" for none.
    """

    link: Link
    vif_id: str | None
    master: str

    @property
    def name(self) -> str:
        return self.link.name

    @property
    def kind(self) -> str:
        """The kernel's kind of link, a tap told from a tun."""
        return self.link.tun_mode or self.link.kind


@dataclass(frozen=True, slots=True)
class MarkedRows:
    """Ports and bridges of one Open vSwitch database that belong to VIFs, their `owner`; state: all that was read."""

    database: OvsDatabase
    state: OvsState
    ports: tuple[PortState, ...]
    bridges: tuple[BridgeState, ...]

    def without(self, is_kept: Callable[[str], bool]) -> MarkedRows:
        """Those of VIFs that are not kept, by their ids. A bridge stays while a VIF that is kept has a port in it."""
        kept = {port.bridge for port in self.ports if port.owner is not None and is_kept(port.owner)}
        return MarkedRows(
            self.database,
            self.state,
            tuple(p for p in self.ports if p.owner is not None and not is_kept(p.owner)),
            tuple(
                b for b in self.bridges if b.owner is not None and not is_kept(b.owner) and b.name not in kept
            ),
        )


def marked_links() -> list[MarkedLink]:
    """All links of this network namespace that carry a mark, in the kernel's order; takes no privileges."""
    links = route_socket().all_links()
    names = {link.index: link.name for link in links}
    return [
        MarkedLink(link, _vif_id(link.alias), names.get(link.master, ""))
        for link in links
        if link.alias.startswith(MARK_PREFIX)
    ]


def delete(links: Sequence[MarkedLink], runner: Runner | None = None) -> list[Exception | None]:
    """Delete links, each only if it still is of the kind and carries the mark it was seen with.

    :param runner: who has the privileges; None: this process or the daemon of [os_vif_privileged]
    :returns: for each link in order, None or why it is still there
    :raises os_vif.exception.NoPrivileges: nothing was deleted
    """
    # imported here, so that to list takes neither oslo.privsep nor the time to import it
    from os_vif.host import locks, passes, privsep, steps

    outcomes: list[Exception | None] = [None] * len(links)
    todo: list[steps.Step] = []
    for n, marked in enumerate(links):
        step = steps.DeleteLink(scope=n, name=marked.name, kind=marked.link.kind, mark=marked.link.alias)
        try:
            todo += steps.from_wire(steps.to_wire([step]))
        except ValueError:  # the privileged side would refuse the whole pass for it
            outcomes[n] = exception.EngineError(
                f"{marked.name} carries a mark, but os-vif makes no links of kind {marked.kind or 'device'}."
                " Look at it, and delete it by hand."
            )
    if todo:
        names = {marked.vif_id or f"link {marked.name}" for marked in links}
        run = runner or privsep.run
        with locks.held(names, passes.lender(run)):
            outcome = passes.call(run, todo, {step.scope: [step.scope] for step in todo})
        for n, error in outcome.errors.items():
            outcomes[n] = error
    return outcomes


def marked_rows(database: OvsDatabase) -> MarkedRows:
    """All ports and bridges that carry a mark, sorted by name.

    :raises os_vif.host.ovsdb.OvsdbError: the database could not be read
    """
    # with TLS and JSON: only hosts with Open vSwitch pay for it
    from os_vif.host.ovs.reading import connect, read
    from os_vif.host.ovs.state import MARK

    connection = connect(database)
    # a condition can ask for a key with its value, not for a key alone
    bridges = [str(row["name"]) for row in connection.select("Bridge", (), ["name"])]
    rows = connection.select("Port", (), ["name", "external_ids"])
    ports = [str(row["name"]) for row in rows if isinstance(ids := row["external_ids"], dict) and MARK in ids]
    state = read(connection, sorted(bridges), sorted(ports))
    return MarkedRows(
        database,
        state,
        tuple(state.ports[name] for name in sorted(state.ports) if state.ports[name].owner is not None),
        tuple(b for _, b in sorted(state.bridges.items()) if b.owner is not None),
    )


def delete_rows(rows: MarkedRows) -> dict[str, Exception]:
    """Delete ports, with their QoS, and bridges in one transaction; a row that has another owner by now stays.

    :returns: the names of those that could not be deleted, and why
    """
    from os_vif.host.ovs.commit import Commit, Stale

    errors: dict[int, Exception] = {}
    names: list[str] = []
    for _ in range(_ATTEMPTS):
        todo = _row_steps(rows)
        names = [port.name for port in rows.ports] + [bridge.name for bridge in rows.bridges]
        errors = Commit(todo, {rows.database: rows.state}).run() if todo else {}
        if not any(isinstance(error, Stale) for error in errors.values()):
            break
        ports, bridges = {(p.name, p.owner) for p in rows.ports}, {(b.name, b.owner) for b in rows.bridges}
        now = marked_rows(rows.database)
        rows = MarkedRows(
            now.database,
            now.state,
            tuple(p for p in now.ports if (p.name, p.owner) in ports),
            tuple(b for b in now.bridges if (b.name, b.owner) in bridges),
        )
    return {names[scope]: error for scope, error in errors.items()}


_ATTEMPTS = 4  # others may change the rows between our look and our transaction


def _row_steps(rows: MarkedRows) -> list[OvsStep]:
    from os_vif.host.ovs.steps import RemoveOvsBridge, RemoveOvsPort

    ports: list[OvsStep] = [
        RemoveOvsPort(scope=n, database=rows.database, port=port) for n, port in enumerate(rows.ports)
    ]
    return ports + [
        RemoveOvsBridge(scope=n, database=rows.database, bridge=bridge)
        for n, bridge in enumerate(rows.bridges, len(ports))
    ]


def _vif_id(alias: str) -> str | None:
    return None if alias == SHARED_MARK else alias.removeprefix(MARK_PREFIX)
