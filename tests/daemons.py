"""Daemons of Open vSwitch and OVN that a test runs in a directory of its own, and stops by their process ids.

tests.ovs, tests.ovn and tests.dpdk are made of it. Everything a daemon writes (database, socket, pidfile, log) is in
the directory, so that the machine's own Open vSwitch is never met.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path


class Daemons:
    """The daemons of one directory, known by their names; one per test."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def run(self, *command: str | Path) -> str:
        """What a command of these packages prints; an AssertionError with its complaint if it fails."""
        done = subprocess.run(
            [str(part) for part in command],
            env=self.environment(),
            capture_output=True,
            text=True,
            check=False,
            timeout=30,
        )
        assert done.returncode == 0, f"{' '.join(map(str, command))}: {done.stderr.strip()}"
        return done.stdout

    def environment(self) -> dict[str, str]:
        """That of this process, with the directory for everything these programs keep in /etc, /run and /var."""
        kept = [f"{package}_{what}" for package in ("OVS", "OVN") for what in _PLACES]
        # DPDK asks what systemd would set
        return os.environ | dict.fromkeys([*kept, "RUNTIME_DIRECTORY"], str(self.directory))

    def start(self, program: str, *args: str | Path, name: str | None = None, control: bool = True) -> None:
        """Return when the daemon answers.

        name: that of its files, the program's if not said; control: whether it lets itself be told where to put
        its control socket.
        """
        here, name = self.directory, name or program
        files = [f"--pidfile={here}/{name}.pid", f"--log-file={here}/{name}.log"]
        if control:
            files.append(f"--unixctl={here}/{name}.ctl")
        self.run(program, *args, *files, "-vconsole:off", "--detach", "--no-chdir")

    def appctl(self, name: str, *args: str) -> str:
        """``ovs-appctl -t NAME ARGS``."""
        return self.run("ovs-appctl", "-t", self.directory / f"{name}.ctl", *args)

    def pid(self, name: str) -> int | None:
        """The process, if it runs."""
        try:
            pid = int((self.directory / f"{name}.pid").read_text())
            os.kill(pid, 0)
        except (FileNotFoundError, ProcessLookupError, ValueError):
            return None
        return pid

    def kill(self, name: str) -> None:
        """SIGKILL, as in a crash; nothing if it does not run."""
        pid = self.pid(name)
        if pid is not None:
            os.kill(pid, signal.SIGKILL)
            self.gone(name)
        (self.directory / f"{name}.pid").unlink(missing_ok=True)

    def gone(self, name: str) -> None:
        """Return when the daemon has ended."""
        # Not our child, so there is no event to wait for.
        deadline = time.monotonic() + 10
        while (pid := self.pid(name)) is not None and _state(pid) != "Z":
            assert time.monotonic() < deadline, f"{name} ({pid}) does not end"
            time.sleep(0.005)


_PLACES = ("RUNDIR", "LOGDIR", "DBDIR", "SYSCONFDIR")


def _state(pid: int) -> str:
    """The process' state as /proc says it; Z, too, when it is gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return "Z"
