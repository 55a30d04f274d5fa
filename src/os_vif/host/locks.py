"""Locks between processes: two that plug at once end in the same state.

The privileged side takes them, so that every process on the host uses the same files, whatever its own
configuration. Names are spread over a few files: a pass over five hundred VIFs takes a handful of locks, and the
directory does not fill up with one file for every VIF there ever was.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path

from oslo_concurrency import lockutils

_STRIPES = 16


@contextlib.contextmanager
def held(names: Iterable[str]) -> Iterator[None]:
    """Hold the locks of all `names` (VIF ids, names of shared objects); waits for other holders."""
    stripes = sorted({zlib.crc32(name.encode()) % _STRIPES for name in names})  # one order: no deadlock
    path = directory()
    with contextlib.ExitStack() as stack:
        for stripe in stripes:
            stack.enter_context(
                lockutils.lock(f"host-{stripe:02}", lock_file_prefix="os-vif-", external=True, lock_path=path)
            )
        yield


def directory() -> str:
    """The first place that belongs to this user and can be written: /run for root, else the user's own."""
    candidates = ["/run/os-vif"]
    if os.environ.get("XDG_RUNTIME_DIR"):
        candidates.append(os.path.join(os.environ["XDG_RUNTIME_DIR"], "os-vif"))
    candidates.append(os.path.join(tempfile.gettempdir(), f"os-vif-{os.geteuid()}"))
    for path in candidates:
        with contextlib.suppress(OSError):
            Path(path).mkdir(mode=0o700, exist_ok=True)
            if os.stat(path).st_uid == os.geteuid() and os.access(path, os.W_OK):
                return path
    raise OSError(f"no directory for lock files can be written: tried {', '.join(candidates)}")
