"""Making a persistent tap device, which rtnetlink cannot do: it takes two ioctls on /dev/net/tun (uapi
linux/if_tun.h).
"""

from __future__ import annotations

import errno
import fcntl
import os
import struct

from os_vif.host.netlink.error import NetlinkError
from os_vif.host.netlink.kept import route_socket
from os_vif.host.netlink.requests import check_new_name

TUNSETIFF, TUNSETPERSIST, TUNSETOWNER, TUNSETGROUP = 0x400454CA, 0x400454CB, 0x400454CC, 0x400454CE
IFF_TAP, IFF_MULTI_QUEUE, IFF_NO_PI, IFF_TUN_EXCL = 0x0002, 0x0100, 0x1000, 0x8000
# struct ifreq: name, flags, the rest of its union.
_IFREQ = struct.Struct("16sH22x")


def create_tap(
    name: str, *, multiqueue: bool = False, owner: int | None = None, group: int | None = None
) -> None:
    """``ip tuntap add NAME mode tap [multi_queue] [user OWNER] [group GROUP]``: a tap that stays without a
    user, down.

    ``owner`` and ``group`` are the uid and gid that may open it. NetlinkError with EEXIST if anything has
    the name, a tap as well: it is never attached to. With ENOENT or EPERM if this host, or this process,
    cannot make taps.
    """
    what = f"create tap {check_new_name(name)}"
    flags = IFF_TAP | IFF_NO_PI | IFF_TUN_EXCL | (IFF_MULTI_QUEUE if multiqueue else 0)
    try:
        device = os.open("/dev/net/tun", os.O_RDWR | os.O_CLOEXEC)
    except OSError as failure:
        raise NetlinkError(failure.errno or 0, what, "/dev/net/tun cannot be opened") from failure
    try:
        fcntl.ioctl(device, TUNSETIFF, _IFREQ.pack(os.fsencode(name), flags))
        # Until it is persistent the tap goes away with the descriptor: a failure below leaves nothing.
        if owner is not None:
            fcntl.ioctl(device, TUNSETOWNER, owner)
        if group is not None:
            fcntl.ioctl(device, TUNSETGROUP, group)
        fcntl.ioctl(device, TUNSETPERSIST, 1)
    except OSError as failure:
        if failure.errno == errno.EBUSY:
            raise NetlinkError(errno.EEXIST, what, _holder(name)) from failure
        raise NetlinkError(failure.errno or 0, what) from failure
    finally:
        os.close(device)


def _holder(name: str) -> str:
    link = route_socket().links([name]).get(name)
    kind = (link.tun_mode or link.kind or "physical") if link else "vanished"
    return f"link {link.index} of kind {kind} has this name" if link else "a link had this name until now"
