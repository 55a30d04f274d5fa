"""The operations of a transaction (RFC 7047, section 5.2) as data, and what the server makes of them.

A caller gives them to ``Connection.transact()``, or lets a Transaction collect them. All rows that meet every
condition of ``where`` are meant; an empty ``where`` means all rows.
"""

from __future__ import annotations

import json
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
        text = self.text.replace("\0", " ").encode(errors="replace").decode()
        return {"op": "comment", "comment": text}

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
            if number == len(operations):
                raise refusal(schema.remote, "commit", result)
            raise _operation_failed(schema, operations[number], result)
    results: list[Result] = []
    try:
        for operation, result in zip(operations, reply, strict=False):
            if not isinstance(result, dict):
                raise Malformed(f"{str(result)[:40]} for {type(operation).__name__.lower()}")
            results.append(operation.decode(schema, result))
    except (TypeError, ValueError, LookupError) as failure:
        raise ProtocolError(schema.remote, f"the result of a transaction: {failure}") from failure
    return results


def refusal(remote: str, operation: str, told: dict[str, Json]) -> TransactionError:
    """The error for an object with ``error`` in it, of which nothing is known but its own words."""
    error, details = str(told["error"]), str(told.get("details", ""))
    return TransactionError(
        remote, error, details, operation, _named(_TABLE, details), _named(_COLUMN, details)
    )


def _operation_failed(schema: Schema, operation: Operation, told: dict[str, Json]) -> TransactionError:
    error, details = str(told["error"]), str(told.get("details", ""))
    kind = Raced if isinstance(operation, Wait) and error == "timed out" else TransactionError
    table = None if isinstance(operation, Comment) else operation.table
    column = _named(_COLUMN, details) or _blamed_column(operation.encode(schema), told, details)
    return kind(schema.remote, error, details, type(operation).__name__.lower(), table, column)


# As ovsdb-server words it: "Table Port column tag", "column "name"", "in "Port" table", "cannot delete Port row"
_TABLE = re.compile(
    r"""\btable "?(\w+)"? column|"(\w+)" table\b|in table (\w+)|cannot delete (\w+) row""", re.I
)
_COLUMN = re.compile(r"""\bcolumn "?(\w+)"?""")


def _named(pattern: re.Pattern[str], details: str) -> str | None:
    found = pattern.search(details)
    return next(filter(None, found.groups()), None) if found else None


def _blamed_column(encoded: dict[str, Json], told: dict[str, Json], details: str) -> str | None:
    """The one column whose value the server quotes, in ``syntax`` or at the beginning of its details."""
    row = encoded.get("row")
    given = list(row.items()) if isinstance(row, dict) else []
    for part in ("where", "mutations"):
        listed = encoded.get(part)
        given += (
            [(str(one[0]), one[2]) for one in listed if isinstance(one, list)]
            if isinstance(listed, list)
            else []
        )
    if "syntax" not in told and not re.search(r"valid range|allowed values|length", details):
        return None
    quoted = str(told.get("syntax", details.split(" ")[0]))
    blamed = {column for column, value in given if quoted in _texts(value)}
    return blamed.pop() if len(blamed) == 1 else None


def _texts(value: Json) -> set[str]:
    """A datum and its atoms as the server quotes them."""
    texts = {json.dumps(value, separators=(",", ":")), str(value)}
    for part in value if isinstance(value, list) else ():
        texts |= _texts(part)
    return texts


def _count(result: dict[str, Json]) -> int:
    count = result["count"]
    if not isinstance(count, int):
        raise Malformed(f"{count!r} is no count")
    return count
