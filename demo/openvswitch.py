"""An Open vSwitch of the demonstration's own, where its programs look for the host's: in /run/openvswitch.

The datapath is the one in user space, so that no kernel module is needed. The caller has a /run of its own.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from demo.guests import die_with_parent
from demo.story import NotAsSaidError

DIRECTORY = Path("/run/openvswitch")
CONNECTION = f"unix:{DIRECTORY}/db.sock"
SCHEMA = "/usr/share/openvswitch/vswitch.ovsschema"
STOP_TIMEOUT = 10.0


@contextmanager
def running() -> Iterator[None]:
    """Both daemons run, on an empty database; raises NotAsSaidError with what they said if they do not start."""
    shutil.rmtree(DIRECTORY, ignore_errors=True)  # of an act before
    DIRECTORY.mkdir()
    database, log = DIRECTORY / "conf.db", DIRECTORY / "log"
    subprocess.run(["ovsdb-tool", "create", database, SCHEMA], check=True)
    quiet = "-vsyslog:off -vconsole:warn"
    # ovsdb-server runs this when it listens, and ends when this has; setpriv has the kernel end it should
    # ovsdb-server be killed.
    run = f"echo listening; exec setpriv --pdeathsig KILL ovs-vswitchd {CONNECTION} --pidfile {quiet} >&2"
    with log.open("wb") as messages:
        process = subprocess.Popen(
            ["ovsdb-server", database, f"--remote=p{CONNECTION}", *quiet.split(), f"--run={run}"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=messages,
            preexec_fn=die_with_parent,
        )
    with process:
        assert process.stdout is not None
        is_listening = bool(process.stdout.readline())
        try:
            if is_listening:
                yield
        finally:
            _stop(process)
    if not is_listening:
        raise NotAsSaidError(f"Open vSwitch does not start: {log.read_text(errors='replace').strip()}")


def _stop(process: subprocess.Popen[bytes]) -> None:
    """End both; with --cleanup nothing that ovs-vswitchd made stays in the namespace."""
    subprocess.run(["ovs-appctl", "exit", "--cleanup"], capture_output=True, check=False)
    try:
        process.wait(STOP_TIMEOUT)
    except subprocess.TimeoutExpired:
        process.kill()
