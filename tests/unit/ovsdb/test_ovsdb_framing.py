"""Messages come out whole and in order, however the stream is cut."""

import json
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from os_vif.host.ovsdb.framing import Framer, Malformed

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(st.sampled_from('{}[]"\\ ,:aü€\n')),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text('{"\\a}'), inner, max_size=3),
    max_leaves=8,
)
messages = st.lists(st.dictionaries(st.text('{"\\a}'), values, max_size=3), max_size=5)


@given(messages, st.sampled_from(["", " ", "\n\t "]), st.booleans(), st.lists(st.integers(1, 9)), st.data())
def test_any_messages_cut_anywhere(
    sent: list[dict[str, Any]], between: str, ascii_only: bool, cuts: list[int], data: st.DataObject
) -> None:
    stream = between.join(json.dumps(message, ensure_ascii=ascii_only) for message in sent).encode()
    framer, got, position = Framer(), [], 0
    for length in [*cuts, len(stream)]:
        got += framer.feed(stream[position : position + length])
        position += length
    assert got == sent


@given(messages)
def test_byte_by_byte(sent: list[dict[str, Any]]) -> None:
    framer = Framer()
    stream = b"".join(json.dumps(message).encode() for message in sent)
    assert [message for byte in stream for message in framer.feed(bytes([byte]))] == sent


def test_a_message_is_given_when_its_last_byte_is_there() -> None:
    framer = Framer()
    assert framer.feed(b'{"a":{"b":"}"}') == []
    assert framer.feed(b'}{"c"') == [{"a": {"b": "}"}}]
    assert framer.feed(b":1}\n") == [{"c": 1}]


@pytest.mark.parametrize(
    "garbage",
    [
        b"HTTP/1.1 400 Bad Request\r\n",
        b"[]",
        b"\xff\xfe",
        b"}",
        b'{"a":1}}',
        b'{"a":1} x',
        b'{"a" 1}',
        b'{"a":]}',
        b"\x15\x03\x03\x00\x02\x02\x46",
        b'{"a":' + b"[" * 100_000 + b"}",
    ],
)
def test_garbage_is_an_error(garbage: bytes) -> None:
    with pytest.raises(Malformed):
        Framer().feed(garbage)


def test_a_long_reply_costs_little_more_than_its_parse() -> None:
    rows = [{"name": f'a "tap" {{{n}', "ids": ["map", [["a" * 60, "b" * 60]]]} for n in range(30_000)]
    reply = json.dumps({"result": rows}).encode()
    assert len(reply) > 5e6
    started = time.process_time()
    json.loads(reply)
    parsed = time.process_time()
    framer = Framer()
    got = [
        message
        for start in range(0, len(reply), 4096)
        for message in framer.feed(reply[start : start + 4096])
    ]
    framed = time.process_time()
    assert got == [{"result": rows}]
    assert framed - parsed < 8 * (parsed - started) + 0.1  # a quadratic one takes hundreds of times as long
