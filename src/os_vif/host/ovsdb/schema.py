"""The database's own schema (RFC 7047, section 3.2), and values to and from JSON by it (section 5.1).

Connection asks the server for it once per connection; operations are encoded, rows decoded by it, and callers
ask it what this version of Open vSwitch has (``has_column("Interface", "mtu_request")``).

=============================  =============================================================
column                         in Python
=============================  =============================================================
string, integer, real,         str, int, float, bool, uuid.UUID
boolean, uuid
the same, at most one          None if there is none
set                            frozenset (given: any set, list or tuple; one value alone; None for empty)
map                            dict
=============================  =============================================================
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import TypeAlias
from uuid import UUID

from os_vif.host.ovsdb.error import SchemaMismatch
from os_vif.host.ovsdb.framing import Json, Malformed, as_object

Atom: TypeAlias = str | int | float | UUID  # bool is an int
Value: TypeAlias = Atom | frozenset[Atom] | dict[Atom, Atom] | None
Row: TypeAlias = dict[str, Value]


class Reference:
    """A row that this transaction inserts: stands for its UUID in the transaction's later operations."""

    def __init__(self, name: str) -> None:
        self.name = name


# What may be given where a Value is wanted.
Given: TypeAlias = "Atom | Reference | Collection[Atom | Reference] | Mapping[Atom, Atom | Reference] | None"
GivenRow: TypeAlias = Mapping[str, Given]
Condition: TypeAlias = tuple[str, str, Given]


@dataclass(frozen=True, slots=True)
class Column:
    """A column's type: ``key`` is its base type, ``value`` that of a map's values, ``maximum`` None if unlimited."""

    key: str
    value: str | None = None
    minimum: int = 1
    maximum: int | None = 1

    def decode(self, datum: Json) -> Value:
        """The value in Python; raises Malformed."""
        try:
            if self.value is not None:
                of = self.value
                return {_decode(self.key, k): _decode(of, v) for k, v in map(_pair, _members(datum, "map"))}
            if self.minimum == self.maximum == 1:
                return _decode(self.key, datum)
            members = self.decode_members(datum)
        except (TypeError, ValueError, LookupError) as failure:
            raise Malformed(f"{str(datum)[:80]} is not {self.words}") from failure
        if self.maximum != 1:
            return members
        if len(members) > 1:
            raise Malformed(f"{str(datum)[:80]} is not {self.words}")
        return next(iter(members), None)

    def decode_members(self, datum: Json) -> frozenset[Atom]:
        """The elements of a set, however many this column may hold."""
        if isinstance(datum, list) and datum[0] == "set":
            return frozenset([_decode(self.key, one) for one in _members(datum, "set")])
        return frozenset((_decode(self.key, datum),))

    def encode(self, value: Given) -> Json:
        """The value in JSON; raises Malformed if this column cannot hold it."""
        if isinstance(value, Mapping):
            if self.value is None:
                raise Malformed(f"{value!r} is not {self.words}")
            of = self.value
            return ["map", [[self._encode(self.key, k), self._encode(of, v)] for k, v in value.items()]]
        if self.value is not None and value is not None:
            raise Malformed(f"{value!r} is not {self.words}")
        if value is None:
            return ["map" if self.value is not None else "set", []]
        return self.encode_members(value)

    def encode_members(self, value: Atom | Reference | Collection[Atom | Reference] | None) -> Json:
        """A set, or one element alone, in JSON; for a map a set of keys (a mutation by ``delete``)."""
        if isinstance(value, (str, int, float, UUID, Reference)):
            return self._encode(self.key, value)
        return ["set", [self._encode(self.key, one) for one in value or ()]]

    def default(self) -> Value:
        """What the server takes when nothing is said (RFC 7047, 5.2.1)."""
        if self.value is not None:
            return {}
        if self.minimum == 0:
            return None if self.maximum == 1 else frozenset()
        return _DEFAULTS[self.key] if self.maximum == 1 else frozenset((_DEFAULTS[self.key],))

    @property
    def words(self) -> str:
        """The type in words: "an integer", "a map of string to string"."""
        if self.value is not None:
            return f"a map of {self.key} to {self.value}"
        kind = f"an {self.key}" if self.key == "integer" else f"a {self.key}"
        if self.maximum == 1:
            return kind if self.minimum else f"{kind} or nothing"
        return f"a set of {self.key}"

    def _encode(self, kind: str, atom: Atom | Reference) -> Json:
        if kind == "uuid":
            if isinstance(atom, UUID):
                return ["uuid", str(atom)]
            if isinstance(atom, Reference):
                return ["named-uuid", atom.name]
        elif isinstance(atom, bool):
            if kind == "boolean":
                return atom
        elif isinstance(atom, _PYTHON[kind]):
            return _sendable(atom)
        raise Malformed(f"{atom!r} is not {self.words}")


ROW_COLUMNS = {"_uuid": Column("uuid"), "_version": Column("uuid")}
_PYTHON: dict[str, type | tuple[type, ...]] = {
    "string": str,
    "integer": int,
    "real": (int, float),
    "boolean": bool,
    "uuid": UUID,
}
_DEFAULTS: dict[str, Atom] = {"string": "", "integer": 0, "real": 0.0, "boolean": False, "uuid": UUID(int=0)}


@dataclass(frozen=True, slots=True)
class Schema:
    """What the database at ``remote`` has: ``tables["Port"]["name"]`` is a Column."""

    remote: str
    name: str
    version: str
    tables: Mapping[str, Mapping[str, Column]]

    def has_table(self, table: str) -> bool:
        return table in self.tables

    def has_column(self, table: str, column: str) -> bool:
        return column in self.tables.get(table, {})

    def columns(self, table: str) -> Mapping[str, Column]:
        """The columns of a table; raises SchemaMismatch if there is none of that name."""
        found = self.tables.get(table)
        if found is None:
            raise SchemaMismatch(self.remote, table, None, f"no such table in {self.name} {self.version}")
        return found

    def column(self, table: str, column: str) -> Column:
        """The column, ``_uuid`` and ``_version`` included; raises SchemaMismatch if there is none."""
        found = self.columns(table).get(column) or ROW_COLUMNS.get(column)
        if found is None:
            reason = f"no such column in {self.name} {self.version}"
            raise SchemaMismatch(self.remote, table, column, reason)
        return found

    def encode_row(self, table: str, row: GivenRow) -> dict[str, Json]:
        """A <row> for insert, update or wait; raises SchemaMismatch."""
        return {name: self._encode(table, name, value) for name, value in row.items()}

    def encode_columns(self, table: str, columns: Iterable[str]) -> list[Json]:
        """The names, each of a column of the table; raises SchemaMismatch."""
        self.columns(table)
        return [name for name in columns if self.column(table, name)]

    def encode_where(self, table: str, where: Iterable[Condition]) -> list[Json]:
        """The <condition>s; raises SchemaMismatch."""
        self.columns(table)
        return [[column, function, self._encode(table, column, value)] for column, function, value in where]

    def encode_mutations(self, table: str, mutations: Iterable[Condition]) -> list[Json]:
        """The <mutation>s; ``delete`` from a map takes keys or pairs. Raises SchemaMismatch."""
        encoded: list[Json] = []
        for name, mutator, value in mutations:
            column = self.column(table, name)
            if mutator == "delete" and column.value is not None and not isinstance(value, Mapping):
                try:
                    encoded.append([name, mutator, column.encode_members(value)])
                except Malformed as failure:
                    raise SchemaMismatch(self.remote, table, name, str(failure)) from failure
            else:
                encoded.append([name, mutator, self._encode(table, name, value)])
        return encoded

    def decode_rows(self, table: str, rows: Json) -> list[Row]:
        """The rows of a reply, with the columns that are in it; raises Malformed."""
        decoders: dict[str, Column] = {**self.columns(table), **ROW_COLUMNS}
        if not isinstance(rows, list):
            raise Malformed(f"{str(rows)[:80]} is no list of rows")
        return [decode_row(decoders, row) for row in rows]

    def _encode(self, table: str, column: str, value: Given) -> Json:
        try:
            return self.column(table, column).encode(value)
        except Malformed as failure:
            raise SchemaMismatch(self.remote, table, column, str(failure)) from failure


def decode_row(columns: Mapping[str, Column], row: Json) -> Row:
    """One row, with the columns that are in it; raises Malformed."""
    try:
        return {name: columns[name].decode(datum) for name, datum in as_object(row).items()}
    except KeyError as failure:
        raise Malformed(f"a column {failure} that the schema does not have") from failure


def parse_schema(remote: str, document: Json) -> Schema:
    """The <database-schema> of a ``get_schema`` reply; raises Malformed."""
    try:
        name, version, tables = (_field(document, part) for part in ("name", "version", "tables"))
        parsed = {
            table: {column: _column(_field(told, "type")) for column, told in as_object(columns).items()}
            for table, body in as_object(tables).items()
            for columns in [_field(body, "columns")]
        }
    except (TypeError, ValueError, LookupError) as failure:
        raise Malformed(f"not a database schema: {failure!r}") from failure
    return Schema(remote, str(name), str(version), parsed)


def _column(told: Json) -> Column:
    if isinstance(told, str):
        return Column(_base(told))
    body = as_object(told)
    maximum = body.get("max", 1)
    minimum = body.get("min", 1)
    if not isinstance(minimum, int) or not (isinstance(maximum, int) or maximum == "unlimited"):
        raise Malformed(f"limits {minimum!r}, {maximum!r}")
    limit = maximum if isinstance(maximum, int) else None
    value = body.get("value")
    return Column(_base(body["key"]), None if value is None else _base(value), minimum, limit)


def _base(told: Json) -> str:
    kind = told if isinstance(told, str) else _field(told, "type")
    if not isinstance(kind, str) or kind not in _PYTHON:
        raise Malformed(f"unknown type {kind!r}")
    return kind


def _sendable(atom: Atom | Reference) -> Json:
    """The atom itself; raises Malformed for what would make ovsdb-server drop the connection."""
    if isinstance(atom, str) and "\0" not in atom and (atom.isascii() or _is_utf8(atom)):
        return atom
    if isinstance(atom, (int, float)) and math.isfinite(atom):
        return atom
    raise Malformed(f"{atom!r} cannot be said in JSON")


def _is_utf8(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _decode(kind: str, atom: Json) -> Atom:
    if kind == "uuid":
        if isinstance(atom, list) and atom[0] == "uuid":
            return UUID(str(atom[1]))
    elif kind == "boolean" or isinstance(atom, bool):
        if kind == "boolean" and isinstance(atom, bool):
            return atom
    elif kind == "real":
        if isinstance(atom, (int, float)):
            return float(atom)
    elif isinstance(atom, (str, int)) and isinstance(atom, _PYTHON[kind]):
        return atom
    raise Malformed(f"{atom!r} is not of type {kind}")


def _members(datum: Json, word: str) -> list[Json]:
    """The members of ["set", [...]] or ["map", [...]]."""
    if not isinstance(datum, list) or len(datum) != 2 or datum[0] != word or not isinstance(datum[1], list):
        raise Malformed(f"{str(datum)[:80]} is no {word}")
    return datum[1]


def _pair(told: Json) -> list[Json]:
    if not isinstance(told, list) or len(told) != 2:
        raise Malformed(f"{str(told)[:80]} is no pair")
    return told


def _field(told: Json, name: str) -> Json:
    return as_object(told)[name]
