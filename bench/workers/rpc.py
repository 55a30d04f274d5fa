"""JSON-RPC with ovsdb-server (RFC 7047) in the fewest words: for the floor, and for the observer."""

from __future__ import annotations

import json
import socket
from typing import Any

Answer = dict[str, Any]


class Rpc:
    """One connection to a database's unix socket; `updates` collects what the server says unasked."""

    def __init__(self, path: str) -> None:
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(path)
        self.decoder = json.JSONDecoder()
        self.text = ""
        self.number = 0
        self.updates: list[Answer] = []

    def send(self, method: str, params: list[Any]) -> int:
        """The number that the answer will carry."""
        self.number += 1
        request = {"id": self.number, "method": method, "params": params}
        self.socket.sendall(json.dumps(request).encode())
        return self.number

    def receive(self) -> list[Answer]:
        """The next messages that are answers; the others are dealt with."""
        answers: list[Answer] = []
        data = self.socket.recv(1 << 20)
        if not data:
            raise ConnectionError("ovsdb-server closed the connection")
        self.text += data.decode()
        while self.text:
            try:
                message, end = self.decoder.raw_decode(self.text)
            except ValueError:  # the rest is still to come
                break
            self.text = self.text[end:].lstrip()
            if message.get("method") == "echo":
                reply = {"id": message["id"], "result": message["params"], "error": None}
                self.socket.sendall(json.dumps(reply).encode())
            elif "method" in message:
                self.updates.append(message)
            else:
                answers.append(message)
        return answers

    def answer(self, number: int) -> Any:
        """Wait for the result of this request."""
        while True:
            for message in self.receive():
                if message["id"] == number:
                    return checked(message)

    def call(self, method: str, params: list[Any]) -> Any:
        return self.answer(self.send(method, params))

    def transact(self, operations: list[Answer]) -> list[Answer]:
        results: list[Answer] = self.call("transact", ["Open_vSwitch", *operations])
        return results


def checked(message: Answer) -> Any:
    """The result, if neither the request nor one of its operations failed."""
    result = message["result"]
    failed = [part for part in result if part and "error" in part] if isinstance(result, list) else []
    if message["error"] or failed:
        raise RuntimeError(f"ovsdb-server refused: {message['error'] or failed}")
    return result


def ofports(updates: Answer) -> dict[str, int]:
    """Ports that an update of the table Interface, monitored with name and ofport, gives a number."""
    rows = updates.get("Interface", {}).values()
    news = [row["new"] for row in rows if "new" in row]
    return {row["name"]: row["ofport"] for row in news if isinstance(row["ofport"], int)}
