"""Locks between processes: two that plug at once end in the same state.

The engine holds them for a whole pass, over what it does to the kernel and to Open vSwitch. The files belong to the
privileged side, so that every process on the host uses the same ones: an unprivileged process borrows them, open.
Names are spread over a few files: a pass over five hundred VIFs takes a handful of locks, and the directory does not
fill up with one file for every VIF there ever was.

A file's content is a count that moves when its lock is taken and when it is released, and is odd in between. Who
reads the counts before it looks at the host, and finds them again when it has the locks, knows that no pass has
changed what it saw: most passes take their locks only for as long as they change something, and look only once.
"""

from __future__ import annotations

import contextlib
import fcntl
import functools
import os
import struct
import tempfile
import threading
import time
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path

from oslo_utils import eventletutils

from os_vif import exception
from os_vif.host import lending

_STRIPES = 32
_COUNT = struct.Struct("=Q")

Lender = Callable[[str], object]
"""Has the privileged side call `lend` with the place it is given."""

Counts = Mapping[int, int]

# A fork copies the descriptors, and with them the locks: a child that lives on would hold them for good.
_open: set[int] = set()
_kept: list[int] = []
_turns = [
    threading.Lock() for _ in range(_STRIPES)
]  # the threads of a process share a kept descriptor's lock


def _let_go() -> None:
    global _turns
    while _open:
        with contextlib.suppress(OSError):
            os.close(_open.pop())
    _kept.clear()
    _turns = [threading.Lock() for _ in range(_STRIPES)]


os.register_at_fork(after_in_child=_let_go)


def counts(names: Iterable[str]) -> Counts | None:
    """The counts of the locks of `names`; None if this process has not had the files yet and may not open them."""
    if not _kept and os.geteuid() != 0:
        return None
    files = _files(None)
    return {stripe: _count(files[stripe]) for stripe in _stripes(names)}


def undisturbed(before: Counts | None) -> bool:
    """Whether nobody has held one of the locks since `before` was counted; False if that is not known."""
    if before is None:
        return False
    return all(count % 2 == 0 and _count(_kept[stripe]) == count for stripe, count in before.items())


@contextlib.contextmanager
def held(names: Iterable[str], lender: Lender) -> Iterator[Counts]:
    """Hold the locks of all `names` (VIF ids, keys of shared objects); waits for other holders.

    Yields the counts as they were found; -1 for one whose holder died. The kernel releases the locks of a process
    that dies.

    :raises os_vif.exception.NoPrivileges: the files cannot be borrowed
    :raises OSError: this process is root, and the files cannot be made
    """
    stripes = _stripes(names)  # in one order: no deadlock
    with contextlib.ExitStack() as stack:
        yield {stripe: stack.enter_context(_held(stripe, lender)) for stripe in stripes}


@contextlib.contextmanager
def file_lock(name: str) -> Iterator[None]:
    """Hold the lock of one file in the directory of locks, against other processes and other threads.

    For the privileged side. flock(2) on a descriptor of its own: a fifth of what oslo.concurrency's lock costs, and
    it waits in the kernel where that one polls.
    """
    descriptor = _opened(name)
    try:
        _lock(descriptor)
        yield
    finally:
        if descriptor in _open:  # else this is the child of a fork, which has closed it
            _close([descriptor])


def lend(place: str) -> None:
    """Hand the lock files, open, to whoever waits at `place`. For the privileged side.

    :raises OSError: nobody waits there
    """
    descriptors = [_opened(_name(stripe)) for stripe in range(_STRIPES)]
    try:
        lending.hand_over(descriptors, place)
    finally:
        _close(descriptors)


@contextlib.contextmanager
def _held(stripe: int, lender: Lender) -> Iterator[int]:
    turn = _turns[stripe]
    _acquire(turn)
    try:
        descriptor = _files(lender)[stripe]
        _lock(descriptor)
        while (
            os.fstat(descriptor).st_nlink == 0
        ):  # somebody has emptied the directory: others use another file
            descriptor = _renewed(stripe, lender)
            _lock(descriptor)
        try:
            found = _count(descriptor)
            os.pwrite(descriptor, _COUNT.pack(found + 1 + found % 2), 0)
            yield -1 if found % 2 else found
        finally:
            if descriptor in _open:  # else this is the child of a fork
                os.pwrite(descriptor, _COUNT.pack(_count(descriptor) + 1), 0)
                fcntl.flock(descriptor, fcntl.LOCK_UN)
    finally:
        with contextlib.suppress(RuntimeError):  # of the child of a fork, whose turns are new
            turn.release()


def _stripes(names: Iterable[str]) -> list[int]:
    return sorted({zlib.crc32(name.encode()) % _STRIPES for name in names})


def _name(stripe: int) -> str:
    return f"host-{stripe:02}.lock"


def _count(descriptor: int) -> int:
    value = os.pread(descriptor, _COUNT.size, 0)
    return int(_COUNT.unpack(value)[0]) if len(value) == _COUNT.size else 0


def _files(lender: Lender | None) -> list[int]:
    """The descriptors that this process keeps, opened or borrowed when they are first needed."""
    if not _kept:
        files = _new_files(lender)
        if _kept:  # another thread was faster
            _close(files)
        else:
            _kept.extend(files)
    return _kept


def _new_files(lender: Lender | None) -> list[int]:
    if os.geteuid() == 0 or lender is None:
        return [_opened(_name(stripe)) for stripe in range(_STRIPES)]
    try:
        borrowed = lending.borrow_files(lender, _STRIPES)
    except OSError as error:
        raise exception.NoPrivileges(reason=f"its lock files could not be borrowed: {error}") from error
    _open.update(borrowed)
    return borrowed


def _renewed(stripe: int, lender: Lender) -> int:
    """This one alone: other threads are at work with the others."""
    files = _new_files(lender)
    _close([_kept[stripe]])
    _kept[stripe] = files.pop(stripe)
    _close(files)
    return _kept[stripe]


def _close(descriptors: Iterable[int]) -> None:
    for descriptor in descriptors:
        _open.discard(descriptor)
        os.close(descriptor)


def _opened(name: str) -> int:
    path = os.path.join(directory(), name)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    _open.add(descriptor)
    return descriptor


def _lock(descriptor: int) -> None:
    if not _polls():
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        return None
    while True:
        with contextlib.suppress(BlockingIOError):
            return fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        time.sleep(0.002)


def _acquire(turn: threading.Lock) -> None:
    if not _polls():
        turn.acquire()
        return
    while not turn.acquire(blocking=False):
        time.sleep(0.002)


def _polls() -> bool:
    """Under eventlet, where to wait in the kernel would stop all green threads."""
    return bool(eventletutils.is_monkey_patched("time"))


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
