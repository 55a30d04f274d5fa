"""Files and sockets that only a privileged process may open, lent to one that may not: open descriptors change hands.

The unprivileged side calls `borrow` or `borrow_files`, which wait at a meeting place only it can reach, and tell a
privileged function of it; that one calls `lend` for the one socket its configuration names, or `hand_over`.
"""

from __future__ import annotations

import os
import secrets
import socket
import struct
import tempfile
from collections.abc import Callable, Sequence

_TIMEOUT = 10.0  # seconds
_UCRED = struct.Struct("=iII")  # struct ucred, unix(7)

Ask = Callable[[str], object]
"""Calls, through privsep, what hands over the descriptors at the meeting place it is given."""


def borrow(ask: Ask) -> socket.socket:
    """An open socket.

    :raises OSError: the lender could not open it either, or nobody came
    """
    return socket.socket(fileno=borrow_files(ask, 1)[0])


def borrow_files(ask: Ask, count: int) -> list[int]:
    """`count` open descriptors (at most 253, SCM_MAX_FD), which are not inherited by other programs.

    :raises OSError: the lender could not open them either, or nobody came
    """
    with tempfile.TemporaryDirectory(prefix="os-vif-") as directory:
        # the daemon is uid 0 without CAP_DAC_OVERRIDE: it must be let in, by a name that nobody else can list
        os.chmod(directory, 0o711)  # noqa: S103
        place = os.path.join(directory, secrets.token_hex(16))
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as meeting:
            meeting.bind(place)
            os.chmod(place, 0o777)  # noqa: S103
            meeting.listen(1)
            meeting.settimeout(_TIMEOUT)
            ask(place)
            peer, _ = meeting.accept()
            with peer:
                return _received(peer, count)


def _received(peer: socket.socket, count: int) -> list[int]:
    _pid, uid, _gid = _UCRED.unpack(peer.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _UCRED.size))
    if uid not in (0, os.geteuid()):
        raise OSError(f"user {uid} came to lend a descriptor, not the privileged side")
    _, descriptors, _, _ = socket.recv_fds(peer, 1, count)
    if len(descriptors) != count:
        for descriptor in descriptors:
            os.close(descriptor)
        raise OSError(f"the privileged side sent {len(descriptors)} descriptors, not {count}")
    for descriptor in descriptors:
        os.set_inheritable(descriptor, False)
    return list(descriptors)


def lend(path: str, place: str) -> None:
    """Open the socket at `path` and hand it to whoever waits at `place`. For the privileged side.

    :raises OSError: either cannot be reached
    """
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as wanted:
        wanted.settimeout(_TIMEOUT)
        wanted.connect(path)
        hand_over([wanted.fileno()], place)


def hand_over(descriptors: Sequence[int], place: str) -> None:
    """Give open descriptors to whoever waits at `place`. For the privileged side.

    :raises OSError: it cannot be reached
    """
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as meeting:
        meeting.settimeout(_TIMEOUT)
        meeting.connect(place)
        socket.send_fds(meeting, [b"."], list(descriptors))
