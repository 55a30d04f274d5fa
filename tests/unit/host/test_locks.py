"""Locks between processes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

from os_vif.host import locks

TAKE = "from os_vif.host import locks\nwith locks.file_lock('test.lock'): print('taken')"


def test_a_child_forked_meanwhile_does_not_hold_the_lock() -> None:
    with locks.file_lock("test.lock"):
        child = os.fork()
        if child == 0:
            time.sleep(60)
            os._exit(0)
    try:
        taken = subprocess.run(
            [sys.executable, "-c", TAKE], capture_output=True, text=True, timeout=20, check=True
        )
        assert taken.stdout == "taken\n"
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


def test_another_process_waits() -> None:
    with locks.file_lock("test.lock"):
        other = subprocess.Popen([sys.executable, "-c", TAKE], stdout=subprocess.PIPE, text=True)
        time.sleep(0.5)
        assert other.poll() is None
    assert other.communicate(timeout=20)[0] == "taken\n"
