"""What can go wrong with a database, one class for each thing that the caller would do about it.

    OvsdbError                  every one of them; `.remote` says which database
     +-- InvalidRemote          the remote, or a file it needs, is not well said; also a ValueError
     +-- ConnectionFailed       no conversation with ovsdb-server
     |    +-- ConnectionLost    it broke; `.sent` says whether the request may have been carried out
     +-- Timeout                ovsdb-server, or ovs-vswitchd (`.daemon`), did not answer in time
     +-- ProtocolError          what answers is not RFC 7047
     +-- SchemaMismatch         this database has no such table or column, or it takes other values
     +-- TransactionError       ovsdb-server refused an operation; nothing of the transaction was done
          +-- Raced             a `wait` no longer holds: another writer was first. Observe again

Each is built again by its `args` (pickle, oslo.privsep).
"""

# ruff: noqa: N818  # Raced, Timeout: the states they report

from __future__ import annotations

from os_vif.exception import ExceptionBase


class OvsdbError(ExceptionBase):
    """Something about the database at ``remote``."""

    def __init__(self, remote: str, reason: str) -> None:
        self._say(remote, f"OVSDB {remote}: {reason}", (remote, reason))
        self.reason = reason

    def _say(self, remote: str, message: str, args: tuple[str | int | float | bool | None, ...]) -> None:
        super().__init__(message, remote=remote)
        self.remote = remote
        self.args = args

    def __str__(self) -> str:
        return self.message

    def format_message(self) -> str:
        """Return the text of the error."""
        return self.message


class InvalidRemote(OvsdbError, ValueError):
    """The value given for ``ovsdb_connection`` (or a TLS file with it) cannot be used."""

    def __init__(self, remote: str, reason: str) -> None:
        forms = "unix:/PATH, tcp:HOST:PORT or ssl:HOST:PORT, an IPv6 address in brackets"
        message = f"Invalid OVSDB remote {remote!r} (option ovsdb_connection): {reason}. Give {forms}."
        self._say(remote, message, (remote, reason))
        self.reason = reason


class ConnectionFailed(OvsdbError):
    """``reason`` is the system's or the peer's own word, ``hint`` what to look at."""

    def __init__(self, remote: str, reason: str, hint: str = "is ovsdb-server running?") -> None:
        self._say(remote, f"Cannot talk to OVSDB at {remote}: {reason}: {hint}", (remote, reason, hint))
        self.reason = reason
        self.hint = hint


class ConnectionLost(ConnectionFailed):
    """The connection broke under a request.

    With ``sent`` the server may have carried the request out; without it, it certainly has not.
    """

    def __init__(self, remote: str, reason: str, sent: bool) -> None:
        fate = "may or may not have been" if sent else "was not"
        message = (
            f"Lost the connection to OVSDB at {remote}: {reason}. The request {fate} carried out: look again."
        )
        self._say(remote, message, (remote, reason, sent))
        self.reason = reason
        self.hint = "look again"
        self.sent = sent


class Timeout(OvsdbError):
    """``daemon`` (``ovsdb-server`` or ``ovs-vswitchd``) did not answer within ``seconds``.

    ``committed``: the transaction is in the database; None if that is not known.
    """

    def __init__(
        self, remote: str, daemon: str, what: str, seconds: float, committed: bool | None = None
    ) -> None:
        fate = {
            True: " The transaction is committed.",
            None: " The transaction may or may not have been carried out: look again.",
            False: "",
        }[committed]
        message = (
            f"{daemon} did not answer within {in_words(seconds)} (OVSDB {remote}): {what}.{fate}"
            f" Is {daemon} running, and not overloaded?"
        )
        self._say(remote, message, (remote, daemon, what, seconds, committed))
        self.daemon = daemon
        self.what = what
        self.seconds = seconds
        self.committed = committed


class ProtocolError(OvsdbError):
    """The peer's words are not JSON-RPC, or not those of RFC 7047."""


class SchemaMismatch(OvsdbError):
    """The database's own schema says no; nothing was sent."""

    def __init__(self, remote: str, table: str, column: str | None, reason: str) -> None:
        where = f"table {table}" + (f", column {column}" if column else "")
        self._say(remote, f"OVSDB {remote}: {where}: {reason}.", (remote, table, column, reason))
        self.table = table
        self.column = column
        self.reason = reason


class TransactionError(OvsdbError):
    """An operation was refused, or the transaction as a whole when it was to be committed.

    ``error`` and ``details`` are the server's words (RFC 7047, section 3.1); ``operation`` is ``insert``,
    ``wait`` and so on, or ``commit`` for the whole; ``table`` and ``column`` are None where neither the
    operation nor the details name one.
    """

    def __init__(
        self,
        remote: str,
        error: str,
        details: str = "",
        operation: str = "commit",
        table: str | None = None,
        column: str | None = None,
    ) -> None:
        where = operation + (f" in table {table}" if table else "") + (f", column {column}" if column else "")
        message = f"OVSDB {remote} refused the transaction: {where}: {error}"
        if details:
            message += f" ({details})"
        self._say(remote, message, (remote, error, details, operation, table, column))
        self.error = error
        self.details = details
        self.operation = operation
        self.table = table
        self.column = column


class Raced(TransactionError):
    """What a ``wait`` operation asked for does not hold: somebody else changed the rows meanwhile."""


def in_words(seconds: float) -> str:
    """A time limit, without the little that was used up before it was looked at: "10 s"."""
    return f"{round(seconds, 1 if seconds >= 1 else 2):g} s"
