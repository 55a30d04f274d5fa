"""The operations of a transaction (RFC 7047, section 5.2) as data, and what the server makes of them.

A caller gives them to ``Connection.transact()``, or lets a Transaction collect them. All rows that meet every
condition of ``where`` are meant; an empty ``where`` means all rows.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias
from uuid import UUID

from os_vif.host.ovsdb.error import ProtocolError, Raced, TransactionError
from os_vif.host.ovsdb.framing import Json, Malformed
from os_vif.host.ovsdb.schema import Condition, GivenRow, Row, Schema

Where: TypeAlias = Sequence[Condition]
# insert: the row's UUID; update, mutate, delete: how many rows; select: the rows; wait, comment: None
Result: TypeAlias = "UUID | int | list[Row] | None"


@dataclass(frozen=True, slots=True)
class Select:
    """Read ``columns`` (None: all) of the rows."""

    table: str
    where: Where = ()
    columns: Sequence[str] | None = None

    def encode(self, schema: Schema) -> dict[str, Json]:
        body: dict[str, Json] = {"op": "select", "table": self.table}
        body["where"] = schema.encode_where(self.table, self.where)
        if self.columns is not None:
            body["columns"] = schema.encode_columns(self.table, self.columns)
        return body

    def decode(self, schema: Schema, result: dict[str, Json]) -> Result:
        return schema.decode_rows(self.table, result["rows"])


@dataclass(frozen=True, slots=True)
class Insert:
    """Make a row; ``name`` (letters, digits, underscores) is what a Reference to it carries."""

    table: str
    row: GivenRow
    name: str | None = None

    def encode(self, schema: Schema) -> dict[str, Json]:
        body: dict[str, Json] = {"op": "insert", "table": self.table}
        body["row"] = schema.encode_row(self.table, self.row)
        if self.name is not None:
            body["uuid-name"] = self.name
        return body

    def decode(self, schema: Schema, result: dict[str, Json]) -> Result:
        told = result["uuid"]
        if not isinstance(told, list):
            raise Malformed(f"{told!r} is no uuid")
        return UUID(str(told[1]))


@dataclass(frozen=True, slots=True)
class Update:
    """Replace the values of the columns in ``row``."""

    table: str
    where: Where
    row: GivenRow

    def encode(self, schema: Schema) -> dict[str, Json]:
        return {
            "op": "update",
            "table": self.table,
            "where": schema.encode_where(self.table, self.where),
            "row": schema.encode_row(self.table, self.row),
        }

    def decode(self, schema: Schema, result: dict[str, Json]) -> Result:
        return _count(result)


@dataclass(frozen=True, slots=True)
class Mutate:
    """Change values from what they are: (column, mutator, value) with += -= *= /= %= insert delete."""

    table: str
    where: Where
    mutations: Sequence[Condition]

    def encode(self, schema: Schema) -> dict[str, Json]:
        return {
            "op": "mutate",
            "table": self.table,
            "where": schema.encode_where(self.table, self.where),
            "mutations": schema.encode_mutations(self.table, self.mutations),
        }

    def decode(self, schema: Schema, result: dict[str, Json]) -> Result:
        return _count(result)


@dataclass(frozen=True, slots=True)
class Delete:
    """Delete the rows; rows that only they referred to go with them."""

    table: str
    where: Where

    def encode(self, schema: Schema) -> dict[str, Json]:
        return {
            "op": "delete",
            "table": self.table,
            "where": schema.encode_where(self.table, self.where),
        }

    def decode(self, schema: Schema, result: dict[str, Json]) -> Result:
        return _count(result)


@dataclass(frozen=True, slots=True)
class Wait:
    """Go on only when the rows, reduced to ``columns``, are (``until`` "==") or are not ("!=") ``rows``.

    The server waits ``timeout`` milliseconds for that; 0 asks once, and is the guard against other writers.
    """

    table: str
    where: Where
    columns: Sequence[str]
    rows: Sequence[GivenRow]
    until: str = "=="
    timeout: int = 0

    def encode(self, schema: Schema) -> dict[str, Json]:
        return {
            "op": "wait",
            "timeout": self.timeout,
            "table": self.table,
            "where": schema.encode_where(self.table, self.where),
            "columns": schema.encode_columns(self.table, self.columns),
            "until": self.until,
            "rows": [schema.encode_row(self.table, row) for row in self.rows],
        }

    def decode(self, schema: Schema, result: dict[str, Json]) -> Result:
        return None


@dataclass(frozen=True, slots=True)
class Comment:
    """A line for the database's log (``ovsdb-tool show-log``)."""

    text: str

    def encode(self, schema: Schema) -> dict[str, Json]:
        return {"op": "comment", "comment": self.text}

    def decode(self, schema: Schema, result: dict[str, Json]) -> Result:
        return None


Operation: TypeAlias = Select | Insert | Update | Mutate | Delete | Wait | Comment


def encode_transaction(schema: Schema, operations: Sequence[Operation]) -> list[Json]:
    """The parameters of a ``transact`` request; raises SchemaMismatch."""
    return [schema.name, *(operation.encode(schema) for operation in operations)]


def decode_results(schema: Schema, operations: Sequence[Operation], reply: Json) -> list[Result]:
    """One result for each operation, in order, from a ``transact`` reply.

    Raises TransactionError or Raced for the operation that failed; ProtocolError for what is no such reply.
    """
    if not isinstance(reply, list) or not len(operations) <= len(reply) <= len(operations) + 1:
        raise ProtocolError(schema.remote, f"{len(operations)} operations, and the reply {str(reply)[:80]}")
    for number, result in enumerate(reply):
        if isinstance(result, dict) and "error" in result:
            failed = operations[number] if number < len(operations) else None
            raise refusal(schema.remote, "commit", failed, result)
    results: list[Result] = []
    try:
        for operation, result in zip(operations, reply, strict=False):
            if not isinstance(result, dict):
                raise Malformed(f"{str(result)[:40]} for {type(operation).__name__.lower()}")
            results.append(operation.decode(schema, result))
    except (TypeError, ValueError, LookupError) as failure:
        raise ProtocolError(schema.remote, f"the result of a transaction: {failure}") from failure
    return results


def refusal(remote: str, method: str, operation: Operation | None, told: dict[str, Json]) -> TransactionError:
    """The error for an object with ``error`` in it; ``operation`` None: it concerns ``method`` as a whole."""
    error, details = str(told["error"]), str(told.get("details", ""))
    table = getattr(operation, "table", None) or _named(_TABLE, details)
    column = _named(_COLUMN, details)
    kind = Raced if isinstance(operation, Wait) and error == "timed out" else TransactionError
    where = type(operation).__name__.lower() if operation else method
    return kind(remote, error, details, where, table, column)


# As ovsdb-server words it: table Port column tag; "Port" table; column "name"; column name.
_TABLE = re.compile(r"""\btable "?(\w+)"?|"(\w+)" table\b|\b(\w+) table\b""")
_COLUMN = re.compile(r"""\bcolumn "?(\w+)"?""")


def _named(pattern: re.Pattern[str], details: str) -> str | None:
    found = pattern.search(details)
    return next(filter(None, found.groups()), None) if found else None


def _count(result: dict[str, Json]) -> int:
    count = result["count"]
    if not isinstance(count, int):
        raise Malformed(f"{count!r} is no count")
    return count
