"""Transaction: many changes that happen together or not at all; filled by a caller, given to commit()."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Generic, TypeVar, cast
from uuid import UUID, uuid4

from os_vif.host.ovsdb.operations import (
    Comment,
    Delete,
    Insert,
    Mutate,
    Operation,
    Result,
    Select,
    Update,
    Wait,
    Where,
)
from os_vif.host.ovsdb.schema import Condition, Given, GivenRow, Reference, Row

R = TypeVar("R", UUID, int, list[Row])


class Slot(Generic[R]):
    """The place of one operation's result: ``outcome[slot]`` gives it, once the transaction is committed."""

    __slots__ = ("number",)

    def __init__(self, number: int) -> None:
        self.number = number


class NewRow(Reference, Slot[UUID]):
    """An inserted row: a value for later rows of the same transaction, and the slot of its UUID."""

    def __init__(self, name: str, number: int) -> None:
        Reference.__init__(self, name)
        Slot.__init__(self, number)


class Outcome:
    """What a committed transaction gave: by slot, or all ``results`` in the order of the operations."""

    __slots__ = ("results",)

    def __init__(self, results: Sequence[Result]) -> None:
        self.results = tuple(results)

    def __getitem__(self, slot: Slot[R]) -> R:
        return cast(R, self.results[slot.number])


class Transaction:
    """Operations in order; a row inserted by one may be a value in those after it (and before it).

    ``comment`` goes into the database's log. See os_vif.host.ovsdb.operations for each operation.
    """

    def __init__(self, comment: str | None = None) -> None:
        self.comment = comment
        self._operations: list[Operation] = []

    @property
    def operations(self) -> tuple[Operation, ...]:
        """What is collected so far; the comment comes last."""
        return (*self._operations, *([Comment(self.comment)] if self.comment else []))

    def insert(self, table: str, row: GivenRow) -> NewRow:
        # A name of its own for every row ever: used in another transaction, it is an error there.
        name = f"row{uuid4().hex}"
        return NewRow(name, self._add(Insert(table, _own_row(row), name)))

    def update(self, table: str, where: Where, row: GivenRow) -> Slot[int]:
        return Slot(self._add(Update(table, _own(where), _own_row(row))))

    def mutate(self, table: str, where: Where, mutations: Sequence[Condition]) -> Slot[int]:
        return Slot(self._add(Mutate(table, _own(where), _own(mutations))))

    def delete(self, table: str, where: Where) -> Slot[int]:
        return Slot(self._add(Delete(table, _own(where))))

    def select(self, table: str, where: Where = (), columns: Sequence[str] | None = None) -> Slot[list[Row]]:
        return Slot(self._add(Select(table, _own(where), columns)))

    def wait(
        self,
        table: str,
        where: Where,
        columns: Sequence[str],
        rows: Sequence[GivenRow],
        until: str = "==",
        timeout: int = 0,
    ) -> None:
        """``timeout`` in milliseconds; commit() raises Raced when the condition is not met."""
        self._add(Wait(table, _own(where), columns, [_own_row(row) for row in rows], until, timeout))

    def assert_row(self, table: str, uuid: UUID, values: Mapping[str, Given]) -> None:
        """Raced unless the row is still there, and still has these values (maps and sets: exactly these)."""
        self.wait(table, [("_uuid", "==", uuid)], ["_uuid", *values], [{"_uuid": uuid, **values}])

    def assert_none(self, table: str, where: Where) -> None:
        """Raced if any row meets the conditions."""
        self.wait(table, where, ["_uuid"], [])

    def assert_any(self, table: str, where: Where) -> None:
        """Raced if no row meets the conditions."""
        self.wait(table, where, ["_uuid"], [], "!=")

    def _add(self, operation: Operation) -> int:
        self._operations.append(operation)
        return len(self._operations) - 1


# What is given now is meant, also if the caller goes on to change the map or set that he has from a select.
def _own_row(row: GivenRow) -> GivenRow:
    return {column: _own_value(value) for column, value in row.items()}


def _own(conditions: Sequence[Condition]) -> Sequence[Condition]:
    return [(column, function, _own_value(value)) for column, function, value in conditions]


def _own_value(value: Given) -> Given:
    if isinstance(value, Mapping):
        return dict(value)
    return list(value) if isinstance(value, (set, list)) else value
