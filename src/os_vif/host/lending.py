"""A socket that only a privileged process may open, lent to one that may not: the open descriptor changes hands.

A plugin's privsep entry point calls `lend` for the one socket its configuration names; the unprivileged side calls
`borrow`, which waits at a meeting place only it can reach.
"""

from __future__ import annotations

import os
import secrets
import socket
import struct
import tempfile
from collections.abc import Callable

_TIMEOUT = 10.0  # seconds
_UCRED = struct.Struct("=iII")  # struct ucred, unix(7)


def borrow(ask: Callable[[str], object]) -> socket.socket:
    """An open socket; ask: calls, through privsep, what calls `lend` with the meeting place it is given.

    :raises OSError: the lender could not open it either, or nobody came
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
                return _received(peer)


def _received(peer: socket.socket) -> socket.socket:
    _pid, uid, _gid = _UCRED.unpack(peer.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _UCRED.size))
    if uid not in (0, os.geteuid()):
        raise OSError(f"user {uid} came to lend a socket, not the privileged side")
    _, descriptors, _, _ = socket.recv_fds(peer, 1, 1)
    if not descriptors:
        raise OSError("the privileged side sent no socket")
    return socket.socket(fileno=descriptors[0])


def lend(path: str, place: str) -> None:
    """Open the socket at `path` and hand it to whoever waits at `place`. For the privileged side.

    :raises OSError: either cannot be reached
    """
    with (
        socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as wanted,
        socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as meeting,
    ):
        wanted.settimeout(_TIMEOUT)
        wanted.connect(path)
        meeting.settimeout(_TIMEOUT)
        meeting.connect(place)
        socket.send_fds(meeting, [b"."], [wanted.fileno()])
