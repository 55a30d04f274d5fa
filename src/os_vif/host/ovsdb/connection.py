"""Connection: questions and transactions to one ovsdb-server (RFC 7047); the engine and the agent keep one.

It connects when it is first used, and again when the connection broke: what reads is repeated by itself, a
transaction that may have been carried out is reported (ConnectionLost) and never sent twice unasked.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import Self
from uuid import UUID

from os_vif.host.ovsdb.channel import Channel
from os_vif.host.ovsdb.error import ConnectionFailed, OvsdbError, ProtocolError, Timeout
from os_vif.host.ovsdb.framing import Malformed
from os_vif.host.ovsdb.monitor import Monitor
from os_vif.host.ovsdb.operations import (
    Mutate,
    Operation,
    Result,
    Select,
    Wait,
    Where,
    decode_results,
    encode_transaction,
)
from os_vif.host.ovsdb.remote import Lender, TlsFiles
from os_vif.host.ovsdb.schema import Row, Schema, parse_schema
from os_vif.host.ovsdb.session import Session
from os_vif.host.ovsdb.transaction import Outcome, Transaction
from os_vif.host.ovsdb.watch import Watch, Watched

DATABASE = "Open_vSwitch"
# How long ovsdb-server may take to say that it is there, when the time is used up by waiting for ovs-vswitchd.
PROBE = 1.0


class Connection:
    """A connection to the database Open_vSwitch at ``remote``; a context manager.

    For any number of threads at once, also eventlet's; after a fork the child gets a connection of its own.
    ``timeout``: seconds that a call may take, reconnecting included, unless it is given its own. ``lender``: who
    opens a ``unix:`` socket that this process may not open. ``rows``: the row that each port had when it was last
    seen, which whoever asks may note there; it may be another by now. An invalid
    remote is InvalidRemote at once; every method that talks to the server raises ConnectionFailed, Timeout,
    ProtocolError and TransactionError, and what it says besides.
    """

    def __init__(
        self, remote: str, *, timeout: float = 10.0, tls: TlsFiles | None = None, lender: Lender | None = None
    ) -> None:
        self.remote = remote
        self.timeout = timeout
        self.rows: dict[str, UUID] = {}
        self._session = Session(remote, tls, lender)
        self._schema: tuple[Channel, Schema] | None = None
        self._names = itertools.count(1)
        self._vswitchd: Watch | None = None

    def schema(self, timeout: float | None = None) -> Schema:
        """The tables and columns this server has; asked for once per connection."""
        return self._schema_by(self._deadline(timeout))

    def has_column(self, table: str, column: str) -> bool:
        """Whether this version of the database has the column."""
        return self.schema().has_column(table, column)

    def select(self, table: str, where: Where = (), columns: Sequence[str] | None = None) -> list[Row]:
        """The rows that meet all conditions; all columns if none are named. Raises SchemaMismatch."""
        transaction = Transaction()
        rows = transaction.select(table, where, columns)
        return self.commit(transaction)[rows]

    def transact(
        self, operations: Sequence[Operation], *, timeout: float | None = None, retry: bool = False
    ) -> list[Result]:
        """Have all operations carried out as one transaction; one result for each.

        Raises TransactionError (Raced for a ``wait`` that does not hold), SchemaMismatch, and ConnectionLost
        or Timeout when it may or may not have been carried out.

        With ``retry`` a transaction that may have been carried out is sent again. That is safe if it does no
        more the second time: it only sets and deletes, or what it inserts is guarded by a ``wait``
        (``assert_none`` on the row's name), so that the second is Raced if the first was carried out.
        """
        return self._transact(operations, self._deadline(timeout), retry)

    def commit(
        self,
        transaction: Transaction,
        *,
        wait_vswitchd: bool = False,
        timeout: float | None = None,
        retry: bool = False,
        meanwhile: Callable[[], None] | None = None,
    ) -> Outcome:
        """Carry the transaction out, as ``transact`` does.

        ``meanwhile`` is called once, when the request is on its way: what it does happens while ovsdb-server works.
        It is not called if the request could not be sent, and must not raise.

        With ``wait_vswitchd`` it returns when ovs-vswitchd has applied it (``cur_cfg`` reached the
        ``next_cfg`` that the transaction has counted up, as ovs-vsctl does); Timeout says which daemon did
        not answer, and whether the transaction is committed.
        """
        deadline = self._deadline(timeout)
        operations = list(transaction.operations)
        if not wait_vswitchd:
            return Outcome(self._transact(operations, deadline, retry, meanwhile) if operations else ())
        seconds = deadline - time.monotonic()
        watch = self._watch_vswitchd(deadline)
        operations.append(Mutate(DATABASE, (), [("next_cfg", "+=", 1)]))
        operations.append(Select(DATABASE, (), ["next_cfg"]))
        *results, _count, rows = self._transact(operations, deadline, retry, meanwhile)
        wanted = rows[0]["next_cfg"] if isinstance(rows, list) and rows else None
        if not isinstance(wanted, int):
            reason = "committed, but there is no Open_vSwitch row to wait for: run ovs-vsctl --no-wait init"
            raise OvsdbError(self.remote, reason)
        self._wait_vswitchd(watch, wanted, deadline, seconds)
        return Outcome(results)

    def monitor(self, tables: Mapping[str, Watched], *, timeout: float | None = None) -> Monitor:
        """Follow rows: for each table (columns, conditions); None for all columns, None for all rows.

        A row is followed while it meets ANY of the conditions, other than in a transaction: so the server
        has it (``monitor_cond``). Raises SchemaMismatch.
        """
        deadline = self._deadline(timeout)
        return Monitor(self._session, self._follow(tables, deadline))

    def close(self) -> None:
        """Close the connection for good; whoever waits on it gets ConnectionFailed."""
        self._session.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _schema_by(self, deadline: float) -> Schema:
        known = self._schema
        # After a reconnect it may be another version that answers.
        if known is not None and known[0] is self._session.open(deadline):
            return known[1]
        document, channel = self._session.call("get_schema", [DATABASE], deadline, repeatable=True)
        try:
            schema = parse_schema(self.remote, document)
        except Malformed as failure:
            raise ProtocolError(self.remote, str(failure)) from failure
        self._schema = (channel, schema)
        return schema

    def _transact(
        self,
        operations: Sequence[Operation],
        deadline: float,
        retry: bool,
        meanwhile: Callable[[], None] | None = None,
    ) -> list[Result]:
        schema = self._schema_by(deadline)
        changes = not all(isinstance(operation, (Select, Wait)) for operation in operations)
        reply, _channel = self._session.call(
            "transact",
            encode_transaction(schema, operations),
            deadline,
            repeatable=retry or not changes,
            changes=changes,
            meanwhile=meanwhile,
        )
        return decode_results(schema, operations, reply)

    def _follow(self, tables: Mapping[str, Watched], deadline: float) -> Watch:
        watch = Watch(f"os-vif-{next(self._names)}", self._schema_by(deadline), tables)
        self._session.follow(watch, deadline)
        return watch

    def _watch_vswitchd(self, deadline: float) -> Watch:
        # Kept for the next commit: one row with one number, that the server tells at its leisure.
        if self._vswitchd is None:
            watch = self._follow({DATABASE: (["cur_cfg"], None)}, deadline)
            if self._vswitchd is None:
                self._vswitchd = watch
            else:  # another thread was first
                self._session.forget(watch)
        return self._vswitchd

    def _wait_vswitchd(self, watch: Watch, wanted: int, deadline: float, seconds: float) -> None:
        def applied() -> bool:
            reached = [row["cur_cfg"] for row in watch.rows()[DATABASE].values()]
            return any(isinstance(number, int) and number >= wanted for number in reached)

        try:
            if self._session.wait(applied, deadline):
                return
            probe = time.monotonic() + min(PROBE, max(seconds, 0.1))
            self._session.call("echo", [], probe, repeatable=True)
        except (ConnectionFailed, Timeout) as failure:
            what = "it was to tell what ovs-vswitchd has applied"
            raise Timeout(self.remote, "ovsdb-server", what, seconds, committed=True) from failure
        what = f"it has not applied configuration {wanted} (cur_cfg)"
        raise Timeout(self.remote, "ovs-vswitchd", what, seconds, committed=True)

    def _deadline(self, timeout: float | None) -> float:
        return time.monotonic() + (self.timeout if timeout is None else timeout)
