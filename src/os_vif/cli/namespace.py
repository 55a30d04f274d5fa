"""A network namespace of the process's own, in which a command can try things out; for `script-test`."""

from __future__ import annotations

import ctypes
import os

from os_vif import exception

_NEWNS, _NEWNET = 0x00020000, 0x40000000  # CLONE_*, uapi/linux/sched.h
_REC, _PRIVATE = 0x4000, 0x40000  # MS_*, uapi/linux/mount.h
_libc = ctypes.CDLL(None, use_errno=True)


def enter_new() -> None:
    """Put this process into a new network namespace with `lo` up, and a mount namespace whose /sys shows it.

    :raises os_vif.exception.NoPrivileges: that takes CAP_SYS_ADMIN
    """
    _call("a network namespace cannot be made", _libc.unshare(_NEWNS | _NEWNET))
    _call("mounts cannot be made private", _libc.mount(b"none", b"/", None, _REC | _PRIVATE, None))
    # scripts look at /sys/class/net, which is that of the namespace it was mounted in
    _call("/sys cannot be mounted", _libc.mount(b"sysfs", b"/sys", b"sysfs", 0, None))
    from os_vif.host.netlink import requests, route_socket

    route_socket().request(requests.set_link("lo", up=True))


def _call(what: str, result: int) -> None:
    if result:
        raise exception.NoPrivileges(reason=f"{what}: {os.strerror(ctypes.get_errno())}")
