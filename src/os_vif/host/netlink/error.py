"""The one error of the netlink client: what was asked, what the kernel answered, and the kernel's own
explanation.
"""

from __future__ import annotations

import os


class NetlinkError(OSError):
    """The kernel refused a request, or its answer could not be had.

    ``what`` is the request in words ("set mtu 9000 on eth1"); ``reason`` the kernel's extended-ack text, or
    this client's explanation where the kernel gave none; ``errno`` and ``strerror`` as for every OSError.

    ENOBUFS from ``execute`` means that the answer was lost: the request may or may not have been carried out.
    """

    def __init__(self, errno: int, what: str = "", reason: str | None = None) -> None:
        super().__init__(errno, os.strerror(errno))
        # The arguments that build an equal error again: it crosses process borders (pickle, oslo.privsep).
        self.args = (errno, what, reason)
        self.what = what
        self.reason = reason

    def __str__(self) -> str:
        text = f"{self.strerror} ({self.reason})" if self.reason else str(self.strerror)
        return f"{self.what}: {text}" if self.what else text
