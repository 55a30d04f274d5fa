"""Several processes that do things at the same moment; for tests of what they do to each other."""

from __future__ import annotations

import os
import signal
import traceback
from collections.abc import Callable, Sequence

TIME = 60  # seconds that a process may take: one that waits for ever is a failure, not a test that hangs


def at_once(acts: Sequence[Callable[[], object]], prepare: Callable[[], object] | None = None) -> None:
    """Run each in a process of its own, all released at the same moment; AssertionError if one fails.

    prepare: what each process does first, when it need not be at the same moment (to connect, say).
    """
    gate, release = os.pipe()
    ready, told = os.pipe()
    children = []
    for act in acts:
        child = os.fork()
        if child == 0:
            os.close(release)
            os.close(ready)
            _become(act, prepare, gate, told)
        children.append(child)
    os.close(gate)
    os.close(told)
    for _ in acts:  # less than one each, if one has died: its status tells
        os.read(ready, 1)
    os.close(ready)
    os.close(release)
    ended = [os.waitpid(child, 0)[1] for child in children]
    assert ended == [0] * len(acts)


def _become(act: Callable[[], object], prepare: Callable[[], object] | None, gate: int, told: int) -> None:
    """The life of a child: it does not return."""
    status = 1
    try:
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.alarm(TIME)
        if prepare is not None:
            prepare()
        os.write(told, b".")
        os.close(told)
        os.read(gate, 1)
        act()
        status = 0
    except BaseException:  # noqa: BLE001  # told by the exit status
        traceback.print_exc()
    finally:
        os._exit(status)
