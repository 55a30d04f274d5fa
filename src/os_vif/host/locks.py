"""Locks between processes: two that plug at once end in the same state.

The privileged side takes them, so that every process on the host uses the same files, whatever its own
configuration. Names are spread over a few files: a pass over five hundred VIFs takes a handful of locks, and the
directory does not fill up with one file for every VIF there ever was.
"""

from __future__ import annotations

import contextlib
import fcntl
import functools
import os
import tempfile
import time
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path

from oslo_utils import eventletutils

_STRIPES = 16

# A fork copies the descriptors, and with them the locks: a child that lives on would hold them for good.
_open: set[int] = set()


def _let_go() -> None:
    while _open:
        os.close(_open.pop())


os.register_at_fork(after_in_child=_let_go)


@contextlib.contextmanager
def held(names: Iterable[str]) -> Iterator[None]:
    """Hold the locks of all `names` (VIF ids, names of shared objects); waits for other holders.

    The kernel releases the locks of a process that dies.
    """
    stripes = sorted({zlib.crc32(name.encode()) % _STRIPES for name in names})  # one order: no deadlock
    with contextlib.ExitStack() as stack:
        for stripe in stripes:
            stack.enter_context(file_lock(f"host-{stripe:02}.lock"))
        yield


@contextlib.contextmanager
def file_lock(name: str) -> Iterator[None]:
    """Hold the lock of one file in the directory of locks, against other processes and other threads.

    flock(2) on a descriptor of its own: a fifth of what oslo.concurrency's lock costs, and it waits in the kernel
    where that one polls. Only under eventlet must it poll: waiting in the kernel would stop all green threads.
    """
    path = os.path.join(directory(), name)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    _open.add(descriptor)
    try:
        if eventletutils.is_monkey_patched("time"):
            while not _taken(descriptor):
                time.sleep(0.002)
        else:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        if descriptor in _open:  # else this is the child of a fork, which has closed it
            _open.discard(descriptor)
            os.close(descriptor)


def _taken(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def directory() -> str:
    """The first place that belongs to this user and can be written: /run for root, else the user's own."""
    return _directory(os.geteuid(), os.environ.get("XDG_RUNTIME_DIR"))


@functools.lru_cache(maxsize=2)
def _directory(euid: int, runtime: str | None) -> str:
    candidates = ["/run/os-vif"]
    if runtime:
        candidates.append(os.path.join(runtime, "os-vif"))
    # in a user namespace everybody is root: the directory is named after the user outside
    outside = Path("/proc/self/uid_map").read_text().split()[1:2] if euid == 0 else [str(euid)]
    candidates.append(os.path.join(tempfile.gettempdir(), "-".join(["os-vif", *outside])))
    for path in candidates:
        with contextlib.suppress(OSError):
            Path(path).mkdir(mode=0o700, exist_ok=True)
            if os.stat(path).st_uid == euid and os.access(path, os.W_OK):
                return path
    raise OSError(f"no directory for lock files can be written: tried {', '.join(candidates)}")
