"""Ending a script that has run out of time, with whatever it has started.

Its processes are found as its session and process group, as children of children, and by the variable OS_VIF_RUN in
their environment, which also those inherit that have made a session of their own and lost their parents.
"""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from os_vif.host.scripts.fields import RUN


@dataclass(frozen=True, slots=True)
class _Process:
    pid: int
    parent: int
    group: int
    session: int


def family(leader: int, run: str) -> list[int]:
    """The processes of a script that are alive; leader: the script's own, run: the value of its OS_VIF_RUN."""
    everybody = list(_processes())
    variable = f"{RUN}={run}".encode()
    found = {
        p.pid
        for p in everybody
        if leader in (p.pid, p.group, p.session) or variable in _environment(p.pid).split(b"\0")
    }
    while True:
        children = {p.pid for p in everybody if p.parent in found} - found
        if not children:
            return sorted(found)
        found |= children


def send(pids: Iterable[int], number: signal.Signals) -> None:
    """Send them a signal; those that are gone meanwhile are not missed."""
    for pid in pids:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, number)


def end_group(leader: int) -> None:
    """Kill what is left of the process group whose leader has exited and was not yet waited for."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(leader, signal.SIGKILL)


def _processes() -> Iterator[_Process]:
    """All processes that are not dead already: proc(5), /proc/pid/stat."""
    for entry in os.listdir("/proc"):
        if entry.isdecimal():
            with contextlib.suppress(OSError):
                # the second field is the program's name in parentheses, which may hold anything
                fields = Path("/proc", entry, "stat").read_bytes().rpartition(b")")[2].split()
                if fields[0] not in (b"Z", b"X"):
                    yield _Process(int(entry), int(fields[1]), int(fields[2]), int(fields[3]))


def _environment(pid: int) -> bytes:
    try:
        return Path("/proc", str(pid), "environ").read_bytes()
    except OSError:  # gone, or of a user whom we may not look at
        return b""
