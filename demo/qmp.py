"""QEMU's control channel, as far as guests need it to have network cards taken out and put in while they run.

Source: QEMU's docs/interop/qmp-spec (JSON objects, one a line, over a socket).
"""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Mapping


class QmpError(Exception):
    """QEMU refused a command, did not answer in time, or ended."""


class Qmp:
    """The client's end of a monitor in control mode; QEMU has the other end of the socket."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._unread = b""
        self._is_greeted = False

    def execute(self, command: str, arguments: Mapping[str, object], timeout: float = 10.0) -> None:
        """Have QEMU carry out a command; returns when it has. Events that come meanwhile are dropped.

        Raises QmpError with QEMU's reason, or if there is no answer within `timeout` seconds.
        """
        deadline = time.monotonic() + timeout
        if not self._is_greeted:
            self._is_greeted = True
            self._message(deadline)
            self.execute("qmp_capabilities", {}, timeout)
        self._connection.sendall(json.dumps({"execute": command, "arguments": arguments}).encode() + b"\n")
        while "return" not in (message := self._message(deadline)):
            if "error" in message:
                raise QmpError(f"{command}: {message['error']}")

    def wait_deleted(self, device: str, timeout: float) -> None:
        """Return when the guest has let go of a device that device_del asked it to.

        Raises QmpError if it has not within `timeout` seconds.
        """
        deadline = time.monotonic() + timeout
        while True:
            message = self._message(deadline)
            # The device's parts are reported too, without a "device".
            data = message.get("data")
            is_it = isinstance(data, dict) and data.get("device") == device
            if message.get("event") == "DEVICE_DELETED" and is_it:
                return

    def _message(self, deadline: float) -> dict[str, object]:
        while b"\n" not in self._unread:
            self._connection.settimeout(max(deadline - time.monotonic(), 0.001))
            try:
                received = self._connection.recv(65536)
            except TimeoutError:
                raise QmpError("QEMU does not answer") from None
            if not received:
                raise QmpError("QEMU ended")
            self._unread += received
        line, _, self._unread = self._unread.partition(b"\n")
        message: dict[str, object] = json.loads(line)
        return message
