"""A fresh network namespace for a test, and ``ip`` in it.

Functional tests take the ``netns`` fixture: the thread that runs the test is in an empty namespace with
``lo`` up, and so is every program it starts. As root, or as anyone under ``unshare -Urnm``.
"""

from __future__ import annotations

import ctypes
import json
import os
import subprocess
from collections.abc import Iterator

import pytest

CLONE_NEWNET = 0x40000000
_libc = ctypes.CDLL(None, use_errno=True)


@pytest.fixture
def netns() -> Iterator[None]:
    """The test's thread is in a fresh network namespace."""
    before = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    try:
        if _libc.unshare(CLONE_NEWNET):
            reason = os.strerror(ctypes.get_errno())
            pytest.skip(f"no new network namespace without CAP_SYS_ADMIN ({reason}): run under unshare -Urnm")
        try:
            ip("link", "set", "lo", "up")
            yield
        finally:
            enter(before)
    finally:
        os.close(before)


def new_namespace() -> None:
    """Put this thread into a new network namespace."""
    if _libc.unshare(CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), "unshare(CLONE_NEWNET)")


def enter(descriptor: int) -> None:
    """Put this thread into the network namespace of an open /proc/.../ns/net."""
    if _libc.setns(descriptor, CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), "setns()")


def ip(*args: str | int) -> str:
    """What ``ip ARGS`` prints; an AssertionError with its complaint if it fails."""
    done = subprocess.run(["ip", *map(str, args)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"ip {' '.join(map(str, args))}: {done.stderr.strip()}"
    return done.stdout


def ip_json(*args: str | int) -> list[dict[str, object]]:
    """``ip -d -j ARGS``, parsed; without the empty objects that stand for what a filter left out."""
    return [entry for entry in json.loads(ip("-d", "-j", *args) or "[]") if entry]
