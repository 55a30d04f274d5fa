"""Monitor: rows to wait on; the engine and the agent get one from ``Connection.monitor()``."""

from __future__ import annotations

import time
from types import TracebackType
from typing import Self

from os_vif.host.ovsdb.session import Session
from os_vif.host.ovsdb.watch import Resync, RowChanged, Rows, Watch


class Monitor:
    """Followed rows; a context manager. For one waiting thread at a time.

    It outlives reconnects: after one, ``wait`` gives a Resync. Events are about states, not about history: a
    row that changed twice between two calls is one RowChanged, one that came and went is none.
    """

    def __init__(self, session: Session, watch: Watch) -> None:
        self._session = session
        self._watch = watch

    @property
    def rows(self) -> Rows:
        """The followed rows by table and UUID, as last told: the initial ones, and all changes since."""
        return self._watch.rows()

    def wait(self, timeout: float) -> list[RowChanged | Resync]:
        """What changed since the last call: as soon as anything has, an empty list after ``timeout`` seconds
        without.

        Raises ConnectionFailed if the connection broke and cannot be had again in that time, TransactionError
        if the server, started anew, does not have these tables and columns any more.
        """
        deadline = time.monotonic() + timeout
        while self._session.wait(self._watch.news, deadline):
            self._session.check(self._watch)
            if events := self._watch.fetch():
                return events
        return []

    def fileno(self) -> int:
        """The connection's descriptor, for select, once ``wait(0)`` has taken in what came; another one after a
        reconnect. Only where no other thread uses the connection: it would take in what select waits for.
        """
        return self._session.fileno()

    def close(self) -> None:
        """Have the server tell no more."""
        self._session.forget(self._watch)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
