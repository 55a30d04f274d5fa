"""Where one JSON-RPC message ends and the next begins, in a stream without delimiters; for Channel.

A reply of 5 MB comes in a hundred pieces. Trying to parse at each piece is quadratic, and looking at each
brace in Python costs more than the parse; so the braces are counted by str.count(), piece by piece, and each
text is parsed once.
"""

from __future__ import annotations

import codecs
import json
import re
from typing import TypeAlias

Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"

# Two values beside each other occur only between messages: within one there is a comma.
_BETWEEN = re.compile(r"\}\s*\{")
_FIRST_BRACE = re.compile(r"\s*\{")


class Malformed(ValueError):  # noqa: N818 - becomes a ProtocolError or a SchemaMismatch
    """Not what RFC 7047 allows at this place."""


class Framer:
    """Takes bytes as they come, gives back whole messages; each is a JSON object."""

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")()
        self._parse = json.JSONDecoder()
        self._pieces: list[str] = []
        self._depth = 0
        self._in_string = False
        self._held = ""

    def feed(self, data: bytes) -> list[dict[str, Json]]:
        """The messages that these bytes complete. Raises Malformed, and is of no use afterwards."""
        try:
            text = self._held + self._decoder.decode(data)
            self._held = ""
            return self._feed(text)
        except (ValueError, RecursionError) as failure:
            if isinstance(failure, Malformed):
                raise
            raise Malformed(f"not JSON: {failure}") from failure

    def _feed(self, text: str) -> list[dict[str, Json]]:
        plain = text
        if "\\" in text:
            # A backslash at the end belongs to what is still to come.
            if (len(text) - len(text.rstrip("\\"))) % 2:
                text, self._held = text[:-1], "\\"
            plain = text.replace("\\\\", "").replace('\\"', "")
        parts = plain.split('"')
        outside = '""'.join(parts[1::2] if self._in_string else parts[::2])
        self._in_string ^= len(parts) % 2 == 0

        if not self._depth:
            text = text.lstrip()
            if text and text[0] != "{":
                raise Malformed(f"not a JSON-RPC message: {text[:40]!r}")
        self._depth += outside.count("{") - outside.count("}")
        if self._depth < 0:
            raise Malformed("a closing brace too many")
        if text:
            self._pieces.append(text)
        whole = len(_BETWEEN.findall(outside)) + (self._depth == 0)
        if not whole or not self._pieces:
            return []
        return self._messages(whole)

    def _messages(self, whole: int) -> list[dict[str, Json]]:
        text = "".join(self._pieces)
        messages: list[dict[str, Json]] = []
        position = 0
        for _ in range(whole):
            start = _FIRST_BRACE.match(text, position)
            if start is None:
                raise Malformed(f"not a JSON-RPC message: {text[position : position + 40]!r}")
            message, position = self._parse.raw_decode(text, start.end() - 1)
            messages.append(message)
        rest = text[position:]
        if self._depth == 0 and rest.strip():
            raise Malformed(f"not a JSON-RPC message: {rest[:40]!r}")
        self._pieces = [rest] if self._depth else []
        return messages


def as_object(told: Json) -> dict[str, Json]:
    """The JSON object that is expected here; raises Malformed for anything else."""
    if not isinstance(told, dict):
        raise Malformed(f"{str(told)[:80]} is no object")
    return told
