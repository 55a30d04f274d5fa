"""What a person, and a program, is told when something is wrong."""

import pickle
from typing import Any

import pytest
from tests.unit.ovsdb.fake_server import SCHEMA

from os_vif.host.ovsdb import (
    Connection,
    ConnectionFailed,
    ConnectionLost,
    InvalidRemote,
    OvsdbError,
    ProtocolError,
    Raced,
    SchemaMismatch,
    Timeout,
    TlsFiles,
    TransactionError,
)
from os_vif.host.ovsdb.operations import Insert, Mutate, Operation, Update, Wait, decode_results
from os_vif.host.ovsdb.remote import Address, parse_remote
from os_vif.host.ovsdb.schema import parse_schema

PORT = Insert("Port", {"name": "tap1", "trunks": []})
UPDATE = Update("Port", (), {"tag": 5000})
GUARD = Wait("Port", [("name", "==", "tap1")], ["_uuid"], [])


UUID = {"uuid": ["uuid", "123e4567-e89b-12d3-a456-426614174000"]}
TWICE = (
    'Transaction causes multiple rows in "Port" table to have identical values ("tap1") for index on '
    'column "name".  First row, with UUID ..., existed'
)
DANGLING = "Table Port column interfaces row 123e references nonexistent row 4567 in table Interface."
REFERENCED = "cannot delete Interface row 123e because of 1 remaining reference(s)"
LIMIT = (
    'transaction causes "Open_vSwitch" table to contain 2 rows, greater than the schema-defined limit of 1'
)


# The replies are those of ovsdb-server 3.1.
@pytest.mark.parametrize(
    ("operations", "error", "details", "syntax", "expected"),
    [
        ([UPDATE], "constraint violation", "5000 is not in the valid range 0 to 4,095 (inclusive)", None,
         ("update", "Port", "tag")),
        ([PORT], "constraint violation", "tap1 is not one of the allowed values ([secure, standalone])", None,
         ("insert", "Port", "name")),
        ([PORT], "syntax error", "set must have 1 to 4294967295 members but 0 are present", '["set",[]]',
         ("insert", "Port", "trunks")),
        ([PORT], "syntax error", "expected integer", '"tap1"', ("insert", "Port", "name")),
        ([PORT], "unknown column", "No column nme in table Port.", '{"nme":"p"}', ("insert", "Port", "nme")),
        ([UPDATE], "constraint violation", "Cannot update immutable column name in table Port.", "{...}",
         ("update", "Port", "name")),
        ([Mutate("Port", (), [("tag", "/=", 0)])], "domain error", "Division by zero.", None,
         ("mutate", "Port", None)),
        ([UPDATE, None], "constraint violation", TWICE, None, ("commit", "Port", "name")),
        ([UPDATE, None], "referential integrity violation", DANGLING, None, ("commit", "Port", "interfaces")),
        ([UPDATE, None], "referential integrity violation", REFERENCED, None, ("commit", "Interface", None)),
        ([UPDATE, None], "constraint violation", LIMIT, None, ("commit", "Open_vSwitch", None)),
        ([UPDATE, None], "I/O error", "conf.db: write failed (No space left on device)", None,
         ("commit", None, None)),
    ],
)  # fmt: skip
def test_a_refusal_names_operation_table_and_column(
    operations: list[Any], error: str, details: str, syntax: str | None, expected: tuple[Any, ...]
) -> None:
    told = {"error": error, "details": details} | ({"syntax": syntax} if syntax else {})
    reply: Any = [UUID if one is PORT else {"count": 1} for one in operations[:-1]] + [told]
    sent: list[Operation] = [one for one in operations if one is not None]
    with pytest.raises(TransactionError) as caught:
        decode_results(parse_schema("unix:/db", SCHEMA), sent, reply)  # type: ignore[arg-type]
    refused = caught.value
    assert (refused.operation, refused.table, refused.column) == expected
    assert (refused.error, refused.details) == (error, details)
    assert not isinstance(refused, Raced)
    words = ("unix:/db", error, details, *filter(None, expected))
    assert all(word in str(refused) for word in words)


def test_a_guard_that_does_not_hold_is_raced() -> None:
    reply: Any = [{"error": "timed out", "details": '"where" clause test failed'}, None]
    with pytest.raises(Raced) as caught:
        decode_results(parse_schema("unix:/db", SCHEMA), [GUARD, PORT], reply)  # type: ignore[arg-type]
    assert (caught.value.operation, caught.value.table) == ("wait", "Port")


@pytest.mark.parametrize(
    "reply",
    [
        None,
        [],
        {},
        [None],
        [5],
        [{}],
        [{"uuid": 5}],
        [{"uuid": ["uuid"]}],
        [{"uuid": ["uuid", "x"]}],
        [{}, {}, {}],
    ],
)
def test_a_reply_that_is_none(reply: Any) -> None:
    with pytest.raises(ProtocolError, match="unix:/db"):
        decode_results(parse_schema("unix:/db", SCHEMA), [PORT], reply)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "error",
    [
        OvsdbError("unix:/db", "why"),
        InvalidRemote("unix", "why"),
        ConnectionFailed("unix:/db", "why", "hint"),
        ConnectionLost("unix:/db", "why", sent=True),
        Timeout("unix:/db", "ovs-vswitchd", "what", 1.5, committed=True),
        ProtocolError("unix:/db", "why"),
        SchemaMismatch("unix:/db", "Port", None, "why"),
        Raced("unix:/db", "timed out", "details", "wait", "Port", None),
    ],
)
def test_errors_cross_process_borders(error: OvsdbError) -> None:
    for again in (pickle.loads(pickle.dumps(error)), type(error)(*error.args)):
        assert type(again) is type(error)
        assert str(again) == str(error) == error.format_message()
        assert vars(again) == vars(error)


@pytest.mark.parametrize(
    ("remote", "address"),
    [
        ("unix:/run/openvswitch/db.sock", Address("unix", "/run/openvswitch/db.sock")),
        ("tcp:127.0.0.1:6640", Address("tcp", "127.0.0.1", 6640)),
        ("tcp:[::1]:6640", Address("tcp", "::1", 6640)),
        ("ssl:[fe80::1%eth0]:6640", Address("ssl", "fe80::1%eth0", 6640)),
        ("ssl:db.example.org:1", Address("ssl", "db.example.org", 1)),
    ],
)
def test_good_remotes(remote: str, address: Address) -> None:
    assert parse_remote(remote) == address


@pytest.mark.parametrize(
    "remote",
    ["", "unix", "unix:", "unix:db.sock", "foo:/x", "tcp", "tcp:", "tcp:host", "tcp:host:", "tcp::6640", "tcp:h:0",
     "tcp:h:65536", "tcp:h:x", "tcp:h:²", "tcp:::1:6640", "tcp:[::1]", "tcp:[::1:5", "punix:/x", "ptcp:6640",
     "ssl:h:1"],
)  # fmt: skip
def test_bad_remotes_name_the_option(remote: str) -> None:
    with pytest.raises(ValueError, match="ovsdb_connection") as caught:
        Connection(remote)
    assert isinstance(caught.value, InvalidRemote)
    assert repr(remote) in str(caught.value)


def test_bad_certificate_files_are_named() -> None:
    with pytest.raises(InvalidRemote, match=r"CA certificate /none/ca: .*No such file"):
        Connection("ssl:h:1", tls=TlsFiles("/none/key", "/none/certificate", "/none/ca"))
