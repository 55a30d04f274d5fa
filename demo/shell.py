"""The shell of a small real guest: commands sent over its second serial port, as image.INIT answers them."""

from __future__ import annotations

import re
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass


class ShellError(Exception):
    """A guest did not answer, or a command failed in it."""


@dataclass(frozen=True, slots=True)
class Ping:
    """What came of a ping: packets sent and received, round-trip times in milliseconds."""

    sent: int
    received: int
    rtts: tuple[float, ...]

    def __str__(self) -> str:
        times = f", round trip {min(self.rtts):.1f} to {max(self.rtts):.1f} ms" if self.rtts else ""
        return f"{self.received} of {self.sent} packets came back{times}"


class Shell:
    """The host's end of the serial port; `ended` says why it was closed by the other end."""

    def __init__(self, port: socket.socket, ended: Callable[[], str]) -> None:
        self._port = port
        self._ended = ended
        self._unread = b""

    def wait_booted(self, timeout: float) -> None:
        """Return when the guest's network cards are up and it takes commands; raises ShellError."""
        self._answer(timeout, "boot")

    def run(self, command: str, timeout: float = 10.0) -> str:
        """Run one line of shell in the guest; returns what it printed.

        Raises ShellError if the command fails, or does not end within `timeout` seconds (the guest is then of no more
        use).
        """
        status, output = self._run(command, timeout)
        if status != 0:
            raise ShellError(f"{command}: exit code {status}: {output.strip()}")
        return output

    def ping(self, address: str, count: int = 3, size: int = 56) -> Ping:
        """Ping from the guest, five packets a second with `size` bytes of data each."""
        _, output = self._run(f"ping -c {count} -i 0.2 -W 1 -s {size} {address}", timeout=count * 0.5 + 10)
        summary = re.search(r"(\d+) packets transmitted, (\d+) packets received", output)
        if summary is None:
            raise ShellError(f"ping {address}: {output.strip()}")
        rtts = tuple(float(rtt) for rtt in re.findall(r"time=([\d.]+) ms", output))
        return Ping(int(summary[1]), int(summary[2]), rtts)

    def close(self) -> None:
        self._port.close()

    def _run(self, command: str, timeout: float) -> tuple[int, str]:
        if "\n" in command:
            raise ValueError(f"a command for a guest is one line: {command!r}")
        self._port.sendall(command.encode() + b"\n")
        return self._answer(timeout, command)

    def _answer(self, timeout: float, what: str) -> tuple[int, str]:
        """Read to the line that image.INIT ends an answer with: the command's exit status and output."""
        deadline = time.monotonic() + timeout
        while not (end := re.search(rb"\x04(\d+)\n", self._unread)):
            self._port.settimeout(max(deadline - time.monotonic(), 0.001))
            try:
                received = self._port.recv(65536)
            except TimeoutError:
                raise ShellError(f"{what}: no answer within {timeout:g} s") from None
            if not received:
                raise ShellError(f"{what}: {self._ended()}")
            self._unread += received
        output, self._unread = self._unread[: end.start()], self._unread[end.end() :]
        return int(end[1]), output.decode(errors="replace")
