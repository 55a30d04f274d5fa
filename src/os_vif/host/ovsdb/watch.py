"""Watch: the rows that one monitor follows, as ovsdb-server tells them; Session feeds it, Monitor shows it.

``monitor_cond`` (ovsdb-server(7), "Monitor_cond", with "update2" notifications) or, from a server older than
Open vSwitch 2.6, ``monitor`` (RFC 7047, 4.1.5) with the conditions applied here.
"""

from __future__ import annotations

import operator
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias
from uuid import UUID

from os_vif.host.ovsdb.channel import Channel, Request
from os_vif.host.ovsdb.framing import Json, Malformed, as_object
from os_vif.host.ovsdb.schema import Column, Condition, Given, Row, Schema, Value, decode_row

# (columns, conditions): None for all columns; None for all rows
Watched: TypeAlias = tuple[Sequence[str] | None, Sequence[Condition] | None]
Rows: TypeAlias = dict[str, dict[UUID, Row]]
NOTIFICATIONS = frozenset({"update", "update2"})


@dataclass(frozen=True, slots=True)
class RowChanged:
    """A row is followed now and was not (``old`` is None), is no longer (``new`` is None), or is different."""

    table: str
    uuid: UUID
    old: Row | None
    new: Row | None


@dataclass(frozen=True, slots=True)
class Resync:
    """The connection was made anew: what changed meanwhile is not known, this is what is."""

    rows: Rows


class Watch:
    """The rows of a monitor called ``name`` at the server.

    Changes to a row that nobody has fetched yet become one, so that a watch nobody looks at does not grow.
    """

    def __init__(self, name: str, schema: Schema, tables: Mapping[str, Watched]) -> None:
        """Raises SchemaMismatch."""
        self.name = name
        # Set by the server's reply: rows are there, or it refused.
        self.loaded = False
        self.failure: Json = None
        self._schema_name = schema.name
        self._tables = {table: _Table(schema, table, *watched) for table, watched in tables.items()}
        self._rows: Rows = {table: {} for table in tables}
        # What each changed row was when the changes were last fetched.
        self._changed: dict[tuple[str, UUID], Row | None] = {}
        self._resync = False
        self._lock = threading.Lock()

    def start(self, channel: Channel) -> None:
        """Have the server tell this channel; raises ChannelLost."""

        def answered(request: Request) -> None:
            if request.error is None:
                self._load("update2", request.result)
            elif "unknown method" in str(request.error):
                channel.request("monitor", self._params(conditions=False), answered_plain)
            else:
                self.failure = request.error

        def answered_plain(request: Request) -> None:
            if request.error is None:
                self._load("update", request.result)
            else:
                self.failure = request.error

        channel.request("monitor_cond", self._params(conditions=True), answered)

    def take(self, method: str, updates: Json) -> None:
        """An update notification; raises Malformed."""
        with self._lock:
            self._apply(method, updates, self._rows, self._changed)

    def settled(self) -> bool:
        """The server has answered."""
        return self.loaded or self.failure is not None

    def news(self) -> bool:
        """``fetch()`` would give something, or has to fail."""
        return self._resync or bool(self._changed) or self.failure is not None

    def fetch(self) -> list[RowChanged | Resync]:
        """What changed since the last time."""
        with self._lock:
            changed, self._changed = self._changed, {}
            if self._resync:
                self._resync = False
                return [Resync({table: dict(rows) for table, rows in self._rows.items()})]
            return [
                RowChanged(table, uuid, old, new)
                for (table, uuid), old in changed.items()
                if (new := self._rows[table].get(uuid)) != old
            ]

    def rows(self) -> Rows:
        """The rows as last told."""
        with self._lock:
            return {table: dict(rows) for table, rows in self._rows.items()}

    def after_fork(self) -> None:
        """The parent's lock may have been held by a thread that this process does not have."""
        self._lock = threading.Lock()

    def _params(self, conditions: bool) -> list[Json]:
        tables: dict[str, Json] = {table: [told.request(conditions)] for table, told in self._tables.items()}
        return [self._schema_name, self.name, tables]

    def _load(self, method: str, updates: Json) -> None:
        rows: Rows = {table: {} for table in self._tables}
        self._apply(method, updates, rows, {})
        with self._lock:
            self._rows, self._changed = rows, {}
            self._resync = self.loaded
            self.loaded, self.failure = True, None

    def _apply(
        self, method: str, updates: Json, rows: Rows, changed: dict[tuple[str, UUID], Row | None]
    ) -> None:
        try:
            for table, told in as_object(updates).items():
                following, followed = self._tables[table], rows[table]
                for text, change in as_object(told).items():
                    uuid = UUID(text)
                    old = followed.get(uuid)
                    new = following.after(method, uuid, old, as_object(change))
                    if old is None and new is None:
                        continue
                    changed.setdefault((table, uuid), old)
                    if new is None:
                        del followed[uuid]
                    else:
                        followed[uuid] = new
        except (LookupError, TypeError, ValueError) as failure:
            raise Malformed(f"an update of {self.name}: {failure!r}") from failure


class _Table:
    def __init__(
        self, schema: Schema, table: str, columns: Sequence[str] | None, where: Sequence[Condition] | None
    ) -> None:
        names = list(schema.columns(table)) if columns is None else list(columns)
        self._columns = {name: schema.column(table, name) for name in names}
        self._defaults: Row = {name: column.default() for name, column in self._columns.items()}
        self._where = None if where is None else schema.encode_where(table, where)
        # For a server that does not apply the conditions itself: they, and the columns they look at.
        self._conditions: list[Callable[[Row], bool]] | None = None if where is None else []
        self._all_columns = dict(self._columns)
        for name, function, value in where or ():
            self._all_columns[name] = column = schema.column(table, name)
            self._conditions = [*(self._conditions or ()), _condition(name, column, function, value)]

    def request(self, conditions: bool) -> dict[str, Json]:
        # A row's UUID is told with every row, not as a column.
        columns = self._columns if conditions else self._all_columns
        request: dict[str, Json] = {"columns": [name for name in columns if name != "_uuid"]}
        return request | ({"where": self._where} if conditions and self._where is not None else {})

    def after(self, method: str, uuid: UUID, old: Row | None, change: dict[str, Json]) -> Row | None:
        """The row after a <row-update> ("update") or <row-update2> ("update2"); None if it is not followed."""
        identity: Row = {"_uuid": uuid} if "_uuid" in self._all_columns else {}
        if method == "update":
            if change.get("new") is None:
                return None
            row = decode_row(self._all_columns, change["new"]) | identity
            if self._conditions is not None and not any(holds(row) for holds in self._conditions):
                return None
            return {name: row[name] for name in self._columns}
        if "delete" in change:
            return None
        if "modify" in change:
            if old is None:
                raise Malformed("a change of a row that is not followed")
            row = dict(old)
            for name, difference in as_object(change["modify"]).items():
                row[name] = _patched(self._columns[name], old[name], difference)
            return row
        # Columns that have their default value are left out.
        row = (
            self._defaults | decode_row(self._columns, change.get("initial", change.get("insert"))) | identity
        )
        return {name: row[name] for name in self._columns}


def _patched(column: Column, old: Value, difference: Json) -> Value:
    """The value after a <row-update2> "modify".

    A column of one value, or none, has the new one there. Of a set or map what is in both goes, what is in the
    difference alone comes, and a key with another value gets it.
    """
    if column.maximum == 1:
        return column.decode(difference)
    if isinstance(old, frozenset):
        return old ^ column.decode_members(difference)
    pairs = column.decode(difference)
    if not isinstance(pairs, dict) or not isinstance(old, dict):
        raise Malformed(f"{str(difference)[:80]} is no map")
    kept = {key: value for key, value in old.items() if key not in pairs}
    return kept | {key: value for key, value in pairs.items() if old.get(key) != value}


def _condition(name: str, column: Column, function: str, value: Given) -> Callable[[Row], bool]:
    """A <condition> (RFC 7047, 5.1) as a test of a row; raises Malformed."""
    wanted = _elements(column.decode(column.encode(value)))

    def holds(row: Row) -> bool:
        found = _elements(row[name])
        match function:
            case "==":
                return found == wanted
            case "!=":
                return found != wanted
            case "includes":
                return wanted <= found
            case "excludes":
                return not wanted & found
        order = _ORDER[function]
        return any(order(_number(one), _number(other)) for one in found for other in wanted)

    return holds


def _elements(value: Value) -> frozenset[object]:
    """A value as the set that conditions look at: of elements, or of the pairs of a map."""
    if isinstance(value, dict):
        return frozenset(value.items())
    if isinstance(value, frozenset):
        return frozenset(value)
    return frozenset(() if value is None else (value,))


def _number(element: object) -> float:
    if isinstance(element, (int, float)):
        return element
    raise Malformed(f"{element!r} has no order")


_ORDER: dict[str, Callable[[float, float], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
