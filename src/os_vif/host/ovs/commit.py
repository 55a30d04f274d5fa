"""Carrying out the Open vSwitch steps of a pass: one transaction for each database, and its undoing.

os_vif.host.passes calls it, beside the privileged call for the kernel's steps.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from uuid import UUID

from os_vif import exception
from os_vif.host.ovs.changes import Changes
from os_vif.host.ovs.reading import connect, read
from os_vif.host.ovs.state import OvsState, PortState
from os_vif.host.ovs.steps import MakeOvs, OvsStep, RemoveOvsBridge, RemoveOvsPort, RemoveOvsQos
from os_vif.host.ovsdb import (
    ConnectionFailed,
    ConnectionLost,
    OvsdbError,
    Raced,
    Transaction,
    TransactionError,
)
from os_vif.host.plan import OvsBridge, OvsDatabase, OvsPort

_COMMENT = "os-vif"


class Stale(Exception):  # noqa: N818  # a turn for the pass to take, never seen by a caller
    """The rows are not, or perhaps not, as they were observed: look again; and what to say if that does not help."""

    def __init__(self, failure: OvsdbError) -> None:
        super().__init__(str(failure))
        self.failure = failure


class Commit:
    """The Open vSwitch steps of one pass; `states` is what the plans were compared with."""

    def __init__(self, steps: Sequence[OvsStep], states: Mapping[OvsDatabase, OvsState]) -> None:
        self._steps = steps
        self._states = states

    def run(
        self, without: Collection[int] = (), meanwhile: Callable[[], None] | None = None
    ) -> dict[int, Exception]:
        """Commit the steps of all scopes but those in `without`; the scopes that failed, and why.

        meanwhile: called while the first database is at work; not called if it cannot be reached.
        """
        errors: dict[int, Exception] = {}
        by_database: dict[OvsDatabase, list[OvsStep]] = {}
        for step in self._steps:
            if step.scope not in without:
                by_database.setdefault(step.database, []).append(step)
        for database, wanted in by_database.items():
            errors.update(self._commit(database, wanted, meanwhile))
            meanwhile = None
        return errors

    def undo(self, scopes: Collection[int]) -> list[str]:
        """Put the rows of these scopes back to what was observed; what could not be, in words."""
        problems = []
        by_database: dict[OvsDatabase, list[MakeOvs]] = {}
        for step in self._steps:
            if step.scope in scopes and isinstance(step, MakeOvs):
                by_database.setdefault(step.database, []).append(step)
        for database, made in by_database.items():
            try:
                _put_back(database, made, self._states[database])
            except OvsdbError as error:
                names = ", ".join(step.resource.name for step in made)
                problems.append(f"could not undo the Open vSwitch rows of {names}: {error}")
        return problems

    def _commit(
        self, database: OvsDatabase, wanted: Sequence[OvsStep], meanwhile: Callable[[], None] | None
    ) -> dict[int, Exception]:
        scopes = {step.scope for step in wanted}
        try:
            changes = _changes(wanted, self._states[database])
            connection = connect(database)
            outcome = connection.commit(changes.transaction(_COMMENT), meanwhile=meanwhile)
            connection.rows.update({name: outcome[row] for name, row in changes.inserted.items()})
        except (Raced, ConnectionLost) as error:  # lost: what has been carried out is seen by looking again
            return dict.fromkeys(scopes, Stale(error))
        except TransactionError as error:
            if error.error == "constraint violation":  # a name or a row that others made or removed meanwhile
                return dict.fromkeys(scopes, Stale(error))
            if len(scopes) == 1:
                return dict.fromkeys(scopes, _failure(wanted[0], error))
            return self._one_by_one(database, wanted)
        except OvsdbError as error:
            return dict.fromkeys(scopes, error)
        return {}

    def _one_by_one(self, database: OvsDatabase, wanted: Sequence[OvsStep]) -> dict[int, Exception]:
        """One of many was refused, and with it all: find out which."""
        errors: dict[int, Exception] = {}
        for scope in dict.fromkeys(step.scope for step in wanted):
            own = [step for step in wanted if step.scope == scope]
            try:
                transaction = _changes(own, _reread(database, own)).transaction(_COMMENT)
                connect(database).commit(transaction)
            except ConnectionFailed as error:
                errors[scope] = error
            except OvsdbError as error:
                errors[scope] = _failure(own[0], error)
        return errors


def _failure(step: OvsStep, error: OvsdbError) -> Exception:
    return exception.StepFailed(step=str(step), object=step.database.remote, reason=str(error))


def _changes(wanted: Iterable[OvsStep], state: OvsState) -> Changes:
    changes = Changes(state)
    for step in wanted:
        if isinstance(step, MakeOvs):
            changes.make(step.resource, step.owner)
        elif isinstance(step, RemoveOvsPort):
            changes.remove([step.port])
        elif isinstance(step, RemoveOvsQos):
            changes.remove_qos(step.port)
        elif isinstance(step, RemoveOvsBridge):
            changes.remove([], [step.bridge])
    return changes


def _reread(database: OvsDatabase, steps: Iterable[OvsStep]) -> OvsState:
    bridges: dict[str, None] = {}
    ports: dict[str, None] = {}
    for step in steps:
        if isinstance(step, MakeOvs):
            resource = step.resource
            bridges[resource.bridge if isinstance(resource, OvsPort) else resource.name] = None
            if isinstance(resource, OvsPort):
                ports[resource.name] = None
        elif isinstance(step, RemoveOvsPort):
            ports[step.port.name] = None
        elif isinstance(step, RemoveOvsBridge):
            bridges[step.bridge.name] = None
    return read(connect(database), list(bridges), list(ports))


def _put_back(database: OvsDatabase, made: Sequence[MakeOvs], before: OvsState) -> None:
    """New ports go, changed ones are put back, new bridges go if nobody uses them."""
    now = _reread(database, made)
    changes = Changes(now)
    new_ports: list[PortState] = []
    new_bridges: list[str] = []
    for step in made:
        resource = step.resource
        if isinstance(resource, OvsBridge):
            if resource.name not in before.bridges and resource.name in now.bridges:
                new_bridges.append(resource.name)
        elif resource.name in before.ports:
            changes.put_back(before.ports[resource.name], vlans=resource.own_vlans)
        elif (port := now.ports.get(resource.name)) is not None and port.owner == step.owner:
            new_ports.append(port)
    changes.remove(new_ports)
    if changes:
        connect(database).commit(changes.transaction(_COMMENT + ": undo"))
    for name in new_bridges:
        _drop_unused(database, name)


def _drop_unused(database: OvsDatabase, bridge: str) -> None:
    """Remove a bridge that has no port but its own; another process may have begun to use it."""
    connection = connect(database)
    for row in connection.select("Bridge", [("name", "==", bridge)], ["_uuid", "ports"]):
        ports = row["ports"]
        if isinstance(ports, UUID) or (isinstance(ports, frozenset) and len(ports) <= 1):
            transaction = Transaction(_COMMENT + ": undo")
            if isinstance(row["_uuid"], UUID):
                transaction.assert_row("Bridge", row["_uuid"], {"ports": ports})
                transaction.mutate("Open_vSwitch", [], [("bridges", "delete", row["_uuid"])])
                connection.commit(transaction)
