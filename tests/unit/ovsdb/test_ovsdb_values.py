"""Every type of RFC 7047 to JSON and back, and what does not fit into a column."""

import json
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.ovsdb.fake_server import SCHEMA

from os_vif.host.ovsdb import Column, Reference, SchemaMismatch
from os_vif.host.ovsdb.framing import Malformed
from os_vif.host.ovsdb.operations import Insert, Mutate, Select, Wait
from os_vif.host.ovsdb.schema import parse_schema

ATOMS: dict[str, st.SearchStrategy[Any]] = {
    "string": st.text(st.characters(codec="utf-8", exclude_characters="\0")),
    "integer": st.integers(-(2**63), 2**63 - 1),
    "real": st.floats(allow_nan=False, allow_infinity=False),
    "boolean": st.booleans(),
    "uuid": st.uuids(),
}
ROW = UUID("123e4567-e89b-12d3-a456-426614174000")


@st.composite
def columns_and_values(draw: st.DrawFn) -> tuple[Column, Any]:
    key, value = draw(st.sampled_from(sorted(ATOMS))), draw(st.none() | st.sampled_from(sorted(ATOMS)))
    if value is not None:
        return Column(key, value, 0, None), draw(st.dictionaries(ATOMS[key], ATOMS[value], max_size=4))
    minimum, maximum = draw(st.sampled_from([(1, 1), (0, 1), (0, None), (1, None), (0, 4096)]))
    if maximum == 1:
        return Column(key, None, minimum, 1), draw(ATOMS[key] if minimum else st.none() | ATOMS[key])
    return Column(key, None, minimum, maximum), draw(st.frozensets(ATOMS[key], min_size=minimum, max_size=4))


@given(columns_and_values())
def test_there_and_back(case: tuple[Column, Any]) -> None:
    column, value = case
    told = json.loads(json.dumps(column.encode(value)))
    assert column.decode(told) == value
    assert type(column.decode(told)) is type(value)


@pytest.mark.parametrize(
    ("column", "told", "value"),
    [
        (Column("string"), "a", "a"),
        (Column("integer", None, 0, 1), 5, 5),
        (Column("integer", None, 0, 1), ["set", []], None),
        (Column("integer", None, 0, 1), ["set", [5]], 5),
        (Column("integer", None, 0, None), 5, frozenset({5})),
        (Column("integer", None, 0, None), ["set", [1, 2]], frozenset({1, 2})),
        (Column("uuid", None, 0, None), ["uuid", str(ROW)], frozenset({ROW})),
        (Column("real"), 1, 1.0),
        (Column("string", "uuid", 0, None), ["map", [["a", ["uuid", str(ROW)]]]], {"a": ROW}),
    ],
)
def test_how_the_server_says_it(column: Column, told: Any, value: Any) -> None:
    assert column.decode(told) == value


@pytest.mark.parametrize(
    ("column", "value", "told"),
    [
        (Column("string", None, 0, None), ["a", "b"], ["set", ["a", "b"]]),
        (Column("string", None, 0, None), "a", "a"),
        (Column("string", None, 0, None), None, ["set", []]),
        (
            Column("uuid", None, 0, None),
            [Reference("r1"), ROW],
            ["set", [["named-uuid", "r1"], ["uuid", str(ROW)]]],
        ),
        (Column("string", "uuid", 0, None), {"q": Reference("r1")}, ["map", [["q", ["named-uuid", "r1"]]]]),
        (Column("string", "string", 0, None), None, ["map", []]),
        (Column("real"), 1, 1),
    ],
)
def test_what_may_be_given(column: Column, value: Any, told: Any) -> None:
    assert column.encode(value) == told


@pytest.mark.parametrize(
    ("column", "value", "words"),
    [
        (Column("integer"), "5", "'5' is not an integer"),
        (Column("integer"), True, "True is not an integer"),
        (Column("boolean"), 1, "1 is not a boolean"),
        (Column("string"), 5, "5 is not a string"),
        (Column("uuid"), str(ROW), f"'{ROW}' is not a uuid"),
        (Column("integer", None, 0, 1), "x", "'x' is not an integer or nothing"),
        (Column("string", None, 0, None), {"a": "b"}, "{'a': 'b'} is not a set of string"),
        (Column("string", "string", 0, None), "a", "'a' is not a map of string to string"),
        (Column("string", "string", 0, None), {"a": 1}, "1 is not a map of string to string"),
        # ovsdb-server would drop the connection, and with it what other threads have under way.
        (Column("string"), "a\0b", "cannot be said in JSON"),
        (Column("string"), "\udc80", "cannot be said in JSON"),
        (Column("real"), float("nan"), "cannot be said in JSON"),
    ],
)
def test_what_does_not_fit(column: Column, value: Any, words: str) -> None:
    with pytest.raises(Malformed, match=words):
        column.encode(value)


@pytest.mark.parametrize(
    "told",
    [
        None,
        {},
        [],
        ["set"],
        ["set", 5],
        ["set", [[]]],
        ["map", []],
        ["uuid", 5],
        ["uuid"],
        "x",
        True,
        1.5,
        ["set", [1, 2]],
    ],
)
def test_rubbish_from_a_server(told: Any) -> None:
    with pytest.raises(Malformed):
        Column("integer", None, 0, 1).decode(told)
    with pytest.raises(Malformed):
        Column("uuid").decode(told)
    if told != ["map", []]:
        with pytest.raises(Malformed):
            Column("string", "string", 0, None).decode(told)


def test_the_schema_says_what_is_missing() -> None:
    schema = parse_schema("unix:/db", json.loads(json.dumps(SCHEMA)))
    assert schema.has_column("Port", "tag")
    assert not schema.has_column("Port", "mtu_request")
    assert not schema.has_table("Flow_Sample_Collector_Set")
    assert schema.column("Port", "_uuid").key == "uuid"
    with pytest.raises(
        SchemaMismatch, match=r"OVSDB unix:/db: table Port, column mtu: no such column in .* 1.0.0"
    ):
        Insert("Port", {"mtu": 5}).encode(schema)
    with pytest.raises(SchemaMismatch, match="table Flows: no such table"):
        Select("Flows").encode(schema)
    with pytest.raises(SchemaMismatch, match="table Port, column colour"):
        Select("Port", columns=["name", "colour"]).encode(schema)
    with pytest.raises(SchemaMismatch, match="column tag: 'x' is not an integer or nothing"):
        Wait("Port", [("tag", "==", "x")], [], []).encode(schema)


def test_deleting_from_a_map_takes_keys_or_pairs() -> None:
    schema = parse_schema("unix:/db", json.loads(json.dumps(SCHEMA)))

    def mutations(value: Any) -> Any:
        return Mutate("Port", (), [("external_ids", "delete", value)]).encode(schema)["mutations"]

    assert mutations({"a"}) == [["external_ids", "delete", ["set", ["a"]]]]
    assert mutations("a") == [["external_ids", "delete", "a"]]
    assert mutations({"a": "b"}) == [["external_ids", "delete", ["map", [["a", "b"]]]]]


@pytest.mark.parametrize(
    "document",
    [None, [], {}, {"name": "x", "version": "1"}, {"name": "x", "version": "1", "tables": {"T": {}}},
     {"name": "x", "version": "1", "tables": {"T": {"columns": {"c": {"type": "colour"}}}}},
     {"name": "x", "version": "1", "tables": {"T": {"columns": {"c": {"type": {"key": "string", "max": "x"}}}}}}],
)  # fmt: skip
def test_a_schema_that_is_none(document: Any) -> None:
    with pytest.raises(Malformed):
        parse_schema("unix:/db", document)
